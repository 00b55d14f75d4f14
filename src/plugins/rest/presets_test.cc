#include "plugins/rest/presets.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "src/plugins/rest/presets.pb.h"

namespace gloo::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What Check() says of a function `name` whose spec is `text`; and, where that is nothing, what a call is configured
// as.
template <typename Spec>
std::vector<std::string> Said(const std::string& type, const std::string& text, const std::string& properties = "",
                              const std::string& name = "hello") {
  translator::Registry registry;
  AddPresets(registry);
  Spec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  KnativeService service;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(properties, &service));
  v1::Upstream upstream;
  upstream.mutable_spec()->mutable_service_info()->mutable_properties()->PackFrom(service);
  v1::Function* function = upstream.mutable_spec()->add_functions();
  function->set_name(name);
  function->mutable_spec()->PackFrom(spec);
  model::Object object;
  object.body = model::Body(upstream);
  const translator::FunctionCall call{object, function, name};
  Issues issues;
  registry.function(type)->Check(call, issues);
  std::vector<std::string> out;
  for (const Issue& issue : issues.items()) out.push_back(ToString(issue));
  if (!out.empty()) return out;
  envoy::config::route::v3::Route route;
  translator::FilterConfigs filters;
  registry.function(type)->Call(call, {}, &route, &filters, issues);
  for (const auto& [filter, config] : filters) out.push_back(config.value());
  return out;
}

TEST(PresetsTest, RequestsOfEach) {
  EXPECT_THAT(Said<OpenFaasFunction>("openfaas", ""), ElementsAre(HasSubstr("/function/hello{{")));
  EXPECT_THAT(Said<OpenFaasFunction>("openfaas", "function_name: 'x' namespace: 'ns' async: true"),
              ElementsAre(HasSubstr("/async-function/x.ns{{")));
  EXPECT_THAT(Said<FissionFunction>("fission", ""), ElementsAre(HasSubstr("/fission-function/hello{{")));
  EXPECT_THAT(Said<FissionFunction>("fission", "namespace: 'ns'"),
              ElementsAre(HasSubstr("/fission-function/ns/hello{{")));
  EXPECT_THAT(Said<FnFunction>("fn", "app_name: 'app'"), ElementsAre(HasSubstr("/t/app/hello{{")));
  EXPECT_THAT(Said<FnFunction>("fn", "app_name: 'app' trigger: '/a/b' legacy_route: true"),
              ElementsAre(HasSubstr("/r/app/a/b{{")));
  EXPECT_THAT(Said<FnFunction>("fn", "function_id: '01ABC'"), ElementsAre(HasSubstr("/invoke/01ABC{{")));
  EXPECT_THAT(Said<KnativeFunction>("knative", "", "domain: 'example.com'"),
              ElementsAre(HasSubstr("hello.default.example.com")));
  EXPECT_THAT(Said<KnativeFunction>("knative", "namespace: 'x' path: '/p'", "domain: 'example.com' namespace: 'ns'"),
              ElementsAre(HasSubstr("hello.x.example.com")));
}

TEST(PresetsTest, SayWhatIsWrong) {
  EXPECT_THAT(Said<OpenFaasFunction>("openfaas", "namespace: 'a.b'", "", "../x"),
              ElementsAre("error: functionName: \"../x\" cannot stand here: letters, digits and - _ can (BadName)",
                          "error: namespace: \"a.b\" cannot stand here: letters, digits and - can (BadName)"));
  EXPECT_THAT(Said<FissionFunction>("fission", "function_name: '{{ x }}' namespace: '/'"),
              ElementsAre(HasSubstr("functionName"), HasSubstr("namespace")));
  EXPECT_THAT(Said<FnFunction>("fn", ""),
              ElementsAre("error: appName: names no app; write appName and trigger, or functionId (Required)"));
  EXPECT_THAT(Said<FnFunction>("fn", "app_name: 'a' function_id: 'b'"),
              ElementsAre(HasSubstr("functionId: there is a trigger too")));
  EXPECT_THAT(Said<FnFunction>("fn", "app_name: 'a' trigger: '{{ x }}'"), ElementsAre(HasSubstr("trigger")));
  EXPECT_THAT(Said<KnativeFunction>("knative", "path: 'x'", "domain: '*.test'"),
              ElementsAre(HasSubstr("serviceInfo.properties.domain: \"*.test\" is no domain"),
                          HasSubstr("path: must start with \"/\"")));
}

}  // namespace
}  // namespace gloo::plugins
