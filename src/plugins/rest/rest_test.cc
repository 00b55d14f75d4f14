#include "plugins/rest/rest.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include "envoy/extensions/filters/http/dynamic_modules/v3/dynamic_modules.pb.h"
#include "src/plugins/rest.pb.h"
#include "template/transformation.h"

namespace gloo::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using From = tmpl::Extractor::From;

constexpr char kFilter[] = "gloo.transformation";

const translator::Registry& Plugins() {
  static const translator::Registry* registry = [] {
    auto* made = new translator::Registry();
    AddRest(*made);
    return made;
  }();
  return *registry;
}

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

v1::Function Function(const std::string& text) {
  v1::Function function;
  function.set_name("f");
  function.mutable_spec()->PackFrom(Parse<RestFunction>(text));
  return function;
}

v1::Route Route(const std::string& extensions, bool to_function = true) {
  v1::Route route;
  if (to_function) {
    route.mutable_single_destination()->mutable_function()->set_function_name("f");
  } else {
    route.mutable_single_destination()->mutable_upstream()->set_name("u");
  }
  if (!extensions.empty()) route.add_extensions()->PackFrom(Parse<RestExtensions>(extensions));
  return route;
}

std::vector<std::string> Texts(const Issues& issues) {
  std::vector<std::string> texts;
  for (const Issue& issue : issues.items()) texts.push_back(ToString(issue));
  return texts;
}

std::vector<std::string> Check(const std::string& text) {
  model::Object upstream;
  v1::Function function = Function(text);
  Issues issues;
  Plugins().function("rest")->Check({upstream, &function, "f"}, issues);
  return Texts(issues);
}

tmpl::TransformationConfig ConfigOf(const translator::FilterConfigs& filters) {
  tmpl::TransformationConfig config;
  auto it = filters.find(kFilter);
  EXPECT_NE(it, filters.end());
  if (it == filters.end()) return config;
  envoy::extensions::filters::http::dynamic_modules::v3::DynamicModuleFilterPerRoute per_route;
  EXPECT_TRUE(it->second.UnpackTo(&per_route));
  EXPECT_EQ(per_route.dynamic_module_config().name(), "gloo_filters");
  const auto& later_fields = per_route.GetReflection()->GetUnknownFields(per_route);
  EXPECT_TRUE(later_fields.field_count() == 1 && later_fields.field(0).length_delimited() == kFilter);
  google::protobuf::StringValue json;
  EXPECT_TRUE(per_route.filter_config().UnpackTo(&json));
  std::string error;
  EXPECT_TRUE(tmpl::FromJson(json.value(), &config, &error)) << error;
  return config;
}

struct Called {
  translator::FilterConfigs filters;
  envoy::config::route::v3::Route route;
  std::vector<std::string> issues;
};

Called Call(const std::string& function_text, const std::string& extensions) {
  model::Object upstream;
  v1::Function function = Function(function_text);
  Called out;
  Issues issues("spec.routes[0]");
  Plugins().function("REST")->Call({upstream, &function, "f"}, Route(extensions), &out.route, &out.filters, issues);
  out.issues = Texts(issues);
  return out;
}

TEST(RestTest, PseudoHeadersAreMethodAndPath) {
  Called out = Call(
      "headers { key: ':path' value: '/a/{{ id }}' } headers { key: ':method' value: 'PUT' } "
      "headers { key: 'X-A' value: 'b' } query { key: 'q' value: '{{ id }}' } body: '{}'",
      "parameters { headers { key: ':path' value: '/x/{id}' } query { key: 'page' value: 'p{n}' } }");
  EXPECT_THAT(out.issues, IsEmpty());
  tmpl::TransformationConfig config = ConfigOf(out.filters);
  ASSERT_TRUE(config.request.has_value());
  EXPECT_FALSE(config.response.has_value());
  EXPECT_EQ(config.request->path, "/a/{{ id }}");
  EXPECT_EQ(config.request->method, "PUT");
  EXPECT_EQ(config.request->body, "{}");
  EXPECT_THAT(config.request->headers, ElementsAre(Pair("x-a", "b")));
  EXPECT_THAT(config.request->query, ElementsAre(Pair("q", "{{ id }}")));
  EXPECT_THAT(config.request->extractors,
              ElementsAre(tmpl::Extractor{From::kPath, "", "/x/{id}"}, tmpl::Extractor{From::kQuery, "page", "p{n}"}));
}

TEST(RestTest, TheRoutesParametersComeFirst) {
  Called out = Call("path: '/{{ id }}' parameters { path: '/a/{id}' headers { key: 'x-t' value: '{t}' } }",
                    "parameters { path: '/b/{id}' }");
  EXPECT_THAT(ConfigOf(out.filters).request->extractors,
              ElementsAre(tmpl::Extractor{From::kHeader, "x-t", "{t}"}, tmpl::Extractor{From::kPath, "", "/b/{id}"}));
}

TEST(RestTest, TheRoutesResponseReplacesTheFunctions) {
  Called out = Call("response { body: 'function' }", "");
  EXPECT_EQ(ConfigOf(out.filters).response->body, "function");
  out = Call("response { body: 'function' }",
             "response_template { body: '{{ a }}' } response_parameters { headers { key: 'X-A' value: '{a}' } }");
  EXPECT_EQ(ConfigOf(out.filters).response->body, "{{ a }}");
  EXPECT_THAT(ConfigOf(out.filters).response->extractors, ElementsAre(tmpl::Extractor{From::kHeader, "x-a", "{a}"}));
}

TEST(RestTest, AFunctionThatChangesNothingNeedsNoFilter) { EXPECT_TRUE(Call("", "").filters.empty()); }

TEST(RestTest, LargeBodiesAreSaidToTheRoute) {
  Called out = Call("body: '{{ a }}' max_body_bytes: 5000000", "");
  EXPECT_EQ(out.route.request_body_buffer_limit().value(), 5000000u);
  EXPECT_EQ(ConfigOf(out.filters).max_body_bytes, 5000000u);
  EXPECT_FALSE(Call("body: '{{ a }}'", "").route.has_request_body_buffer_limit());
}

TEST(RestTest, MistakesStandWhereTheyWereWritten) {
  EXPECT_THAT(Check("path: '/{{ id'"), ElementsAre(HasSubstr("error: path: ")));
  EXPECT_THAT(Check("headers { key: ':path' value: '/{{ id' }"), ElementsAre(HasSubstr("error: headers[\":path\"]: ")));
  EXPECT_THAT(Check("headers { key: 'X-Bad' value: '{{ hedaer(\"x\") }}' }"), ElementsAre(HasSubstr("did you mean")));
  EXPECT_THAT(Check("body: 'x' passthrough_body: true"),
              ElementsAre("error: passthroughBody: there is a body too; write one of them (Contradiction)"));
  EXPECT_THAT(Check("path: '/a' headers { key: ':path' value: '/b' }"),
              ElementsAre("error: headers[\":path\"]: there is path too; write one of them (Contradiction)"));
  EXPECT_THAT(Check("response { body: '{{ x' }"), ElementsAre(HasSubstr("error: response.body: ")));
  EXPECT_THAT(Check("headers { key: 'x-gloo-scope' value: 'a' }"), ElementsAre(HasSubstr("(ProtectedHeader)")));
  EXPECT_THAT(Check("max_body_bytes: 100000000"), ElementsAre(HasSubstr("maxBodyBytes: must be at most 16777216")));
  EXPECT_THAT(Check("path: '/{{ default(id, \"\") }}' parameters { path: '/{id' }"),
              ElementsAre(HasSubstr("error: parameters.path: ")));
  EXPECT_THAT(Check("path: '/{{ id }}' parameters { path: '/q?id={id}' }"),
              ElementsAre("error: parameters.path: the path has no query here; use `query` (BadTemplate)"));
}

TEST(RestTest, AppendedHeadersAndMetadata) {
  const tmpl::TransformationConfig config =
      ConfigOf(Call("append_headers { key: 'Via' value: 'a' } metadata { key: 'm' value: '{{ path }}' }"
                    "response { append_headers { key: 'x-b' value: 'b' } metadata { key: 'n' value: 'c' } }",
                    "")
                   .filters);
  EXPECT_THAT(config.request->append_headers, ElementsAre(Pair("via", "a")));
  EXPECT_THAT(config.request->metadata, ElementsAre(Pair("m", "{{ path }}")));
  EXPECT_THAT(config.response->append_headers, ElementsAre(Pair("x-b", "b")));
  EXPECT_THAT(config.response->metadata, ElementsAre(Pair("n", "c")));
  EXPECT_THAT(Check("append_headers { key: 'x-a' value: '{{ b' }"),
              ElementsAre(HasSubstr("error: appendHeaders[\"x-a\"]: ")));
  EXPECT_THAT(Check("append_headers { key: 'x-gloo-scope' value: 'a' }"), ElementsAre(HasSubstr("(ProtectedHeader)")));
  EXPECT_THAT(
      Check("response { append_headers { key: 'x' value: '{{ b' } metadata { key: 'm' value: '{{ b' } }"),
      ElementsAre(HasSubstr("error: response.appendHeaders[\"x\"]: "), HasSubstr("error: response.metadata[\"m\"]: ")));
}

TEST(RestTest, TheFunctionsMistakesAreNotTheRoutes) {
  EXPECT_THAT(Call("path: '/{{ id'", "parameters { path: '/{id}' }").issues, IsEmpty());
  EXPECT_THAT(Call("path: '/{{ id }}'", "response_template { body: '{{ x' }").issues,
              ElementsAre(HasSubstr("error: spec.routes[0].extensions.responseTemplate.body: ")));
}

TEST(RestTest, PlainUpstreamsHaveResponsesToo) {
  auto apply = [](const std::string& extensions, translator::FilterConfigs* filters) {
    envoy::config::route::v3::Route out;
    Issues issues("spec.routes[0].extensions");
    v1::Route route = Route(extensions, false);
    Plugins()
        .route(RestExtensions::descriptor()->full_name())
        ->Apply(Parse<RestExtensions>(extensions), route, &out, filters, issues);
    return Texts(issues);
  };
  translator::FilterConfigs filters;
  EXPECT_THAT(apply("response_template { headers { key: 'x-a' value: 'b' } }", &filters), IsEmpty());
  EXPECT_THAT(ConfigOf(filters).response->headers, ElementsAre(Pair("x-a", "b")));
  filters.clear();
  EXPECT_THAT(apply("parameters { path: '/{id}' }", &filters),
              ElementsAre("warning: spec.routes[0].extensions.parameters: has no effect: the route calls no function "
                          "(NoEffect)"));
  EXPECT_TRUE(filters.empty());
}

constexpr char kInput[] =
    "input { fields { key: 'required' value { list_value { values { string_value: 'id' } values { string_value: 'q' } "
    "} } } fields { key: 'properties' value { struct_value { fields { key: 'q' value { struct_value { fields { key: "
    "'x-in' value { string_value: 'query' } } fields { key: 'maxLength' value { number_value: 20 } } } } } } } } } ";

TEST(RestTest, ARouteThatCannotGiveWhatIsNeededIsAWarning) {
  const auto call = [](const std::string& function_text, const std::string& verbs, const std::string& extensions) {
    model::Object upstream;
    v1::Function function = Function(function_text);
    v1::Route route = Route(extensions);
    for (const char verb : verbs) route.mutable_request_matcher()->add_verbs(verb == 'G' ? "get" : "POST");
    envoy::config::route::v3::Route out;
    translator::FilterConfigs filters;
    Issues issues("spec.routes[0]");
    Plugins().function("REST")->Call({upstream, &function, "f"}, route, &out, &filters, issues);
    return Texts(issues);
  };
  const auto missing = [](const std::string& name) {
    return "warning: spec.routes[0].extensions.parameters: function \"f\" needs \"" + name +
           "\", which no request of this route can give: it has no body, and the route takes no such parameter from "
           "it; "
           "write {" +
           name + "} where it stands in the path, a header or the query (InputMissing)";
  };
  const std::string function = std::string("path: '/{{ id }}/{{ user.name }}' ") + kInput;
  EXPECT_THAT(call(function, "G", ""), ElementsAre(missing("id"), missing("user.name")));
  EXPECT_THAT(call(function, "G", "parameters { path: '/{id}' query { key: 'u' value: '{user.name}' } }"), IsEmpty());
  EXPECT_THAT(call(function, "GP", ""), IsEmpty());
  EXPECT_THAT(call(function, "", ""), IsEmpty());
  EXPECT_THAT(call("path: '/{{ default(id, 1) }}'", "G", ""), IsEmpty());
}

TEST(RestTest, TheInputIsCheckedWhereTheRouteSaysSo) {
  EXPECT_FALSE(ConfigOf(Call(std::string("path: '/a' ") + kInput, "").filters).request->input_schema.has_value());
  Called out = Call(kInput, "validate_input: true");
  EXPECT_THAT(out.issues, IsEmpty());
  EXPECT_EQ(ConfigOf(out.filters).request->input_schema,
            R"({"properties":{"q":{"maxLength":20,"x-in":"query"}},"required":["id","q"]})");
  EXPECT_THAT(
      Call("path: '/a'", "validate_input: true").issues,
      ElementsAre("warning: spec.routes[0].extensions.validateInput: has no effect: the function has no `input` "
                  "(NoEffect)"));
  EXPECT_THAT(Check("input { fields { key: 'pattern' value { string_value: '(' } } }"),
              ElementsAre("error: input: /pattern: is no regular expression of RE2: missing ): ( (BadSchema)"));
}

TEST(RestTest, ParametersByRegularExpressionsAndFromTheBody) {
  Called out =
      Call("path: '/a/{{ token }}/{{ city }}'",
           "parameters { extract { header: 'Authorization' regex: '^Bearer (?P<token>.+)$' } "
           "extract { json_pointer: '/user/city' name: 'city' } extract { header: 'authorization' name: 'all' } } "
           "response_template { body: '{{ code }}' } response_parameters { extract { body: true regex: "
           "'code=([0-9]+)' name: 'code' } }");
  EXPECT_THAT(out.issues, IsEmpty());
  const tmpl::TransformationConfig config = ConfigOf(out.filters);
  using From = tmpl::Extractor::From;
  EXPECT_THAT(config.request->extractors,
              ElementsAre(tmpl::Extractor{From::kHeader, "authorization", "", "^Bearer (?P<token>.+)$", ""},
                          tmpl::Extractor{From::kPointer, "/user/city", "", "", "city"},
                          tmpl::Extractor{From::kHeader, "authorization", "", "", "all"}));
  EXPECT_THAT(config.response->extractors, ElementsAre(tmpl::Extractor{From::kBody, "", "", "code=([0-9]+)", "code"}));
  EXPECT_THAT(
      Call("path: '/a'",
           "parameters { extract { name: 'x' } extract { path: false name: 'y' } extract { query: 'q' "
           "regex: '(' } }")
          .issues,
      ElementsAre(HasSubstr("error: spec.routes[0].extensions.parameters.extract[0]: does not say where: write one of"),
                  HasSubstr("extensions.parameters.extract[1]: does not say where"),
                  HasSubstr("extensions.parameters.extract[2]: \"(\" is no regular expression")));
  EXPECT_THAT(Check("path: '/a' parameters { extract { body: true } }"),
              ElementsAre(HasSubstr("error: parameters.extract[0]: is missing")));
}

TEST(RestTest, WhatBecomesOfFailures) {
  EXPECT_EQ(ConfigOf(Call("path: '/a' on_error: 'pass'", "").filters).on_error, tmpl::OnError::kPass);
  EXPECT_EQ(ConfigOf(Call("path: '/a' on_error: 'pass'", "on_error: 'default'").filters).on_error,
            tmpl::OnError::kDefault);
  EXPECT_THAT(Check("on_error: 'ignore'"),
              ElementsAre("error: onError: \"ignore\" must be `fail`, `pass` or `default` (BadOnError)"));
  EXPECT_THAT(
      Call(std::string("on_error: 'pass' ") + kInput, "validate_input: true").issues,
      ElementsAre(HasSubstr("extensions.validateInput: `onError: pass` would let pass what the check refuses")));
}

TEST(RestTest, TheFilterIsInTheChainAndDisabled) {
  ASSERT_EQ(Plugins().filters().size(), 1u);
  auto filters = Plugins().filters()[0]->Filters();
  ASSERT_EQ(filters.size(), 1u);
  EXPECT_EQ(filters[0].name, kFilter);
  EXPECT_TRUE(filters[0].disabled);
}

}  // namespace
}  // namespace gloo::plugins
