// Transformations of requests and responses, whole outcomes and whole errors.
#include "template/transformation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "template/extractor.h"
#include "template/test_support.h"

namespace gloo::tmpl {
namespace {

using From = Extractor::From;

TransformationConfig Request(MessageTemplates templates) {
  TransformationConfig config;
  config.request = std::move(templates);
  return config;
}

TransformationConfig Response(MessageTemplates templates) {
  TransformationConfig config;
  config.response = std::move(templates);
  return config;
}

std::string Apply(const TransformationConfig& config, const MapHeaders& headers, std::string_view body = "") {
  std::vector<CompileError> errors;
  auto compiled = Transformation::Compile(config, &errors);
  if (compiled == nullptr) return CompileErrors(config);
  Outcome outcome;
  if (config.request.has_value()) {
    compiled->Request(headers, body, &outcome);
  } else {
    compiled->Response(headers, body, &outcome);
  }
  return Describe(outcome);
}

const MapHeaders kJsonPost{{":method", "POST"},
                           {":path", "/v1/users/42?page=3"},
                           {":authority", "shop.example.com"},
                           {"content-type", "application/json"},
                           {"x-token", "t-1"}};

TEST(Transformation, TemplatesThatDiscoveryWrites) {
  MessageTemplates t;
  t.extractors = {{From::kPath, "", "/v1/users/{id}"}};
  t.path = "/api/pets/{{ default(id, \"\") }}?name={{default(name, \"\")}}&tag={{ default(tag, \"\") }}";
  t.headers = {{":method", "GET"}, {"x-a", "{{ default(a.b, \"\") }}"}};
  t.body = "";
  EXPECT_EQ(
      Apply(Request(t), kJsonPost, R"({"name":"Rex & Co","a":{"b":7}})"),
      "set :path: /api/pets/42?name=Rex%20%26%20Co&tag=\nset :method: GET\nset x-a: 7\nremove content-type\nbody \n");
  EXPECT_EQ(Apply(Request(t), {{":path", "/other"}}),
            "set :path: /api/pets/?name=&tag=\nset :method: GET\nremove x-a\nremove content-type\nbody \n");
}

TEST(Transformation, Extractors) {
  MessageTemplates t;
  t.extractors = {{From::kPath, "", "/v1/{kind}/{user.id}"},
                  {From::kAuthority, "", "{shop}.example.com"},
                  {From::kHeader, "X-Token", "t-{token}"},
                  {From::kQuery, "page", "{page}"},
                  {From::kHeader, ":method", ""},
                  {From::kHeader, "x-none", ""}};
  t.headers = {{"x-all", "{{ kind }} {{ user.id }} {{ page }} {{ method }} {{ token }} {{ extraction(\"user.id\") }}"},
               {"x-none", "{{ default(x-none, \"none\") }}"}};
  t.extractors[1].pattern = "shop.{rest}";
  EXPECT_EQ(Apply(Request(t), kJsonPost), "set x-all: users 42 3 POST 1 42\nset x-none: none\n");
  t.headers = {{"x", "{{ x-none }}"}};
  EXPECT_EQ(Apply(Request(t), kJsonPost, "{\"x-none\": \"body\"}"),
            "status 400: bad request: variable \"x-none\" is missing\n");
}

TEST(Transformation, RegularExpressions) {
  MessageTemplates t;
  t.extractors = {{From::kHeader, "x-token", "", "^t-(?P<token>\\d+)(?P<rest>x)?"},
                  {From::kPath, "", "", "/v1/([a-z]+)/", "kind"},
                  {From::kQuery, "page", "", "[0-9]+", "page"},
                  {From::kAuthority, "", "", "(?P<first>[^.]+)[.](?P<user_id>.*)"},
                  {From::kBody, "", "", "\"name\":\"(?P<name>[^\"]*)"}};
  t.headers = {
      {"x", "{{ token }} {{ default(rest, \"-\") }} {{ kind }} {{ page }} {{ first }} {{ user_id }} {{ name }}"}};
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"name":"Rex"})"), "set x: 1 - users 3 shop example.com Rex\n");
  EXPECT_EQ(Apply(Request(t), kJsonPost, "{}"), "status 400: bad request: variable \"name\" is missing\n");
}

TEST(Transformation, PointersIntoTheBody) {
  MessageTemplates t;
  t.extractors = {{From::kPointer, "/a~1b/0/c", "", "", "c"},
                  {From::kPointer, "/n", "", "^(?P<sign>-?)[0-9]", ""},
                  {From::kPointer, "/a~1b", "", "", "all"},
                  {From::kPointer, "/none", "", "", "none"}};
  t.headers = {{"x", "{{ c }} {{ sign }} {{ all }} {{ default(none, 7) }} {{ extraction(\"c\") }}"}};
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"a/b":[{"c":"d"}],"n":-5})"), "set x: d - [{\"c\":\"d\"}] 7 d\n");
  t.extractors = {{From::kPointer, "", "", "", "whole"}};
  t.headers = {{"x", "{{ whole }}"}};
  EXPECT_EQ(Apply(Request(t), kJsonPost, "[1,2]"), "set x: [1,2]\n");
  EXPECT_EQ(Apply(Request(t), kJsonPost, "{"), "status 400: bad request: variable \"whole\" is missing\n");
}

TEST(Transformation, MistakesOfExtractors) {
  const auto mistake = [](Extractor extractor, bool response = false) {
    TransformationConfig config;
    auto& message = (response ? config.response : config.request).emplace();
    message.extractors = {std::move(extractor)};
    message.headers = {{"x", "y"}};
    std::vector<CompileError> errors;
    if (Transformation::Compile(config, &errors) != nullptr) return std::string("none");
    return errors[0].field + ": " + errors[0].message;
  };
  EXPECT_EQ(mistake({From::kBody, "", "", "(", "x"}),
            "request.extractors[0].regex: \"(\" is no regular expression: missing ): (");
  EXPECT_EQ(mistake({From::kBody, "", "", "a", ""}),
            "request.extractors[0].name: is missing: the regular expression has no group with a name, (?P<name>...)");
  EXPECT_EQ(mistake({From::kBody, "", "", "(?P<a>b)", "c"}),
            "request.extractors[0].name: has no effect: the groups of the regular expression have names");
  EXPECT_EQ(mistake({From::kBody, "", "{a}", "b", "c"}),
            "request.extractors[0].pattern: there is a regular expression too");
  EXPECT_EQ(mistake({From::kBody, "", "", "", ""}), "request.extractors[0].name: is missing");
  EXPECT_EQ(mistake({From::kBody, "", "", "a", "a b"}),
            "request.extractors[0].name: \"a b\" must be letters, digits, \"-\", \"_\" and single dots");
  EXPECT_EQ(mistake({From::kPointer, "a", "", "", "b"}),
            "request.extractors[0].key: \"a\" is no JSON Pointer; they are as /user/name");
  EXPECT_EQ(mistake({From::kPath, "", "", "(?P<a>b)", ""}, true),
            "response.extractors[0].from: a response has headers and a body only");
  EXPECT_EQ(mistake({From::kPointer, "/a", "", "", "b"}, true), "none");
  EXPECT_THAT(mistake({From::kBody, "", "", std::string(1025, 'a'), "x"}),
              testing::HasSubstr("more than 1024 characters"));
  EXPECT_THAT(mistake({From::kBody, "", "", "((((((((((a{1000}){1000}){1000})))))))", "x"}),
              testing::HasSubstr("regex"));
}

TEST(Transformation, ParametersLieOverTheBody) {
  MessageTemplates t;
  t.extractors = {{From::kPath, "", "/v1/users/{user.id}"}, {From::kQuery, "page", ""}};
  t.body = "{{ context() }}|{{ user }}|{{ user.name }}|{{ page }}";
  EXPECT_EQ(
      Apply(Request(t), kJsonPost, R"({"user":{"id":"body","name":"Ann"},"page":"body","n":1})"),
      "body "
      "{\"user\":{\"id\":\"42\",\"name\":\"Ann\"},\"page\":\"3\",\"n\":1}|{\"id\":\"42\",\"name\":\"Ann\"}|Ann|3\n");
}

TEST(Transformation, VariablesThatAreThereUnasked) {
  MessageTemplates t;
  t.path = "/base{{ path }}";
  t.headers = {{"x", "{{ method }} {{ authority }} {{ default(scheme, \"none\") }}"}};
  auto compiled = Transformation::Compile(Request(t), nullptr);
  ASSERT_NE(compiled, nullptr);
  EXPECT_FALSE(compiled->request_needs_body());
  EXPECT_TRUE(compiled->RequiredBodyFields().empty());
  EXPECT_EQ(Apply(Request(t), kJsonPost), "set :path: /base/v1/users/42\nset x: POST shop.example.com none\n");
  t.path.reset();
  t.headers = {{"x", "{{ method }} {{ context().method }} {{ context() }} {{ path.x }}"}};
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"method":"sum","path":{"x":1}})"),
            "set x: POST sum {\"method\":\"sum\",\"path\":{\"x\":1}} 1\n");
  t.headers = {};
  t.merge_extractors_to_body = true;
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"a":1})"), "body {\"a\":1}\n");
}

TEST(Transformation, PathValuesAreEscaped) {
  MessageTemplates t;
  t.path = "/x/{{ id }}";
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"id":"a b/../c?d#e%\n"})"),
            "set :path: /x/a%20b%2F..%2Fc%3Fd%23e%25%0A\n");
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"id":".."})"),
            "status 400: bad request: the path would hold a \".\" or \"..\" segment\n");
  t.path = "/x/{{ raw(id) }}";
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"id":"a/b?c=%20"})"), "set :path: /x/a/b?c=%20\n");
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"id":"%2e%2E/b"})"),
            "status 400: bad request: the path would hold a \".\" or \"..\" segment\n");
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"id":"a b"})"),
            "status 400: bad request: the path would hold a space or a control character\n");
  t.path = "{{ raw(id) }}";
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"id":"x"})"),
            "status 400: bad request: the path would not begin with \"/\"\n");
  // What is cut from the request's path is encoded already.
  t.extractors = {{From::kPath, "", ""}};
  t.path = "/base{{ path }}";
  EXPECT_EQ(Apply(Request(t), {{":path", "/a%20b/c?q=1"}}), "set :path: /base/a%20b/c\n");
  t.extractors = {};
  t.path = "{{ header(\":path\") }}";
  EXPECT_EQ(Apply(Request(t), {{":path", "/a%20b/c?q=1"}}), "set :path: /a%20b/c?q=1\n");
}

TEST(Transformation, Query) {
  MessageTemplates t;
  t.query = {{"page", "{{ next }}"}, {"q", "a&b {{ term }}"}, {"gone", ""}};
  EXPECT_EQ(Apply(Request(t), {{":path", "/s?page=1&keep=%41&gone=1&pa%67e=2"}}, R"({"next":4,"term":"x=y z"})"),
            "set :path: /s?keep=%41&page=4&q=a%26b%20x%3Dy%20z\n");
  t.query[1].second = "{{ raw(term) }}";
  EXPECT_EQ(Apply(Request(t), {{":path", "/s"}}, R"({"next":4,"term":"x y"})"),
            "status 400: bad request: the query parameter \"q\" would hold a space or a control character\n");
  EXPECT_EQ(Apply(Request(t), {{":path", "/s\x01"}}, R"({"next":4,"term":"x"})"),
            "status 400: bad request: the path holds a control character\n");
  t.query[1].second = "{{ term }}";
  EXPECT_EQ(Apply(Request(t), {{":path", "/s?page=1&keep=%41&gone=1&pa%67e=2"}}, R"({"next":4,"term":"x=y z"})"),
            "set :path: /s?keep=%41&page=4&q=x%3Dy%20z\n");
  t.path = "/t";
  EXPECT_EQ(Apply(Request(t), {{":path", "/s?page=1"}}, R"({"next":4,"term":"x"})"), "set :path: /t?page=4&q=x\n");
}

TEST(Transformation, Headers) {
  MessageTemplates t;
  t.headers = {{"X-Up", "{{ upper(header(\"X-Token\")) }}"},
               {"x-empty", "{{ default(nix, \"\") }}"},
               {"host", "{{ tenant }}.internal"}};
  t.remove_headers = {"Authorization", "x-up"};
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"tenant":"acme"})"),
            "set x-up: T-1\nset :authority: acme.internal\nremove authorization\nremove x-empty\n");
  t.headers = {{"x-a", "{{ a }}"}};
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"a":"x\r\nset-cookie: y"})"),
            "status 400: bad request: the header \"x-a\" would hold a control character\n");
  for (const char* control : {"\\u0000", "\\u001b[0m", "\\u007f", "\\n"}) {
    EXPECT_EQ(Apply(Request(t), kJsonPost, "{\"a\":\"x" + std::string(control) + "\"}"),
              "status 400: bad request: the header \"x-a\" would hold a control character\n");
  }
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"a":"x\ty\u00e9"})"),
            "set x-a: x\ty\u00e9\nremove authorization\nremove x-up\n");
  t.headers = {{":authority", "{{ default(a, \"\") }}"}};
  EXPECT_EQ(Apply(Request(t), kJsonPost, "{}"), "status 400: bad request: the header \":authority\" would be empty\n");
}

TEST(Transformation, AppendedHeadersAndMetadata) {
  MessageTemplates t;
  t.append_headers = {{"Via", "1.1 {{ header(\"x-token\") }}"}, {"x-none", "{{ default(none, \"\") }}"}};
  t.metadata = {{"tenant", "{{ id }}"}, {"nothing", ""}};
  t.extractors = {{From::kPath, "", "/v1/users/{id}"}};
  EXPECT_EQ(Apply(Request(t), kJsonPost), "append via: 1.1 t-1\nmetadata tenant: 42\n");
  t.append_headers = {{"via", "{{ text }}"}};
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"text":"a\nb"})"),
            "status 400: bad request: the header \"via\" would hold a control character\n");
  t = {};
  t.append_headers = {{":path", "/"}, {"Host", "a"}, {"content-type", "a"}, {"x", "a\n"}, {"y", "{{ a"}};
  t.metadata = {{"", "x"}, {"b", "{{ b() }}"}};
  EXPECT_EQ(CompileErrors(Request(t)),
            "request.append_headers[\":path\"]: \":path\" is not the name of a header\n"
            "request.append_headers[\"Host\"]: \"Host\" cannot have several values; set it among the headers\n"
            "request.append_headers[\"content-type\"]: \"content-type\" cannot have several values; set it among the "
            "headers\n"
            "request.append_headers[\"x\"]: a header cannot hold a control character\n"
            "request.append_headers[\"y\"]: line 1, column 5: the tag does not end\n"
            "request.metadata[\"\"]: metadata needs a name\n"
            "request.metadata[\"b\"]: line 1, column 4: unknown function \"b\"\n");
}

TEST(Transformation, WhatIsMissingIsNullWhereTheRouteWantsThat) {
  MessageTemplates t;
  t.body = R"({"a": {{ a }}, "b": "{{ b.c }}", "c": {{ list[7] }}, "d": {{ exists("a") }}, "e": {{ default(a, 1) }}})";
  TransformationConfig config = Request(t);
  config.on_error = OnError::kDefault;
  EXPECT_EQ(Apply(config, kJsonPost, R"({"list":[]})"), R"(body {"a": null, "b": "", "c": null, "d": false, "e": 1})"
                                                        "\n");
  t.body = "{{ first(list) }}|{{ last(list) }}";
  config.request = t;
  EXPECT_EQ(Apply(config, kJsonPost, R"({"list":[]})"), "body |\n");
  t.body = "{{ upper(a) }}";
  config.request = t;
  EXPECT_EQ(Apply(config, kJsonPost, "{}"), "status 400: bad request: upper() needs a string, got null\n");
  EXPECT_EQ(Apply(config, kJsonPost, "{"),
            "status 400: bad request: body is not JSON: the object does not end at byte 1\n");
}

TEST(Transformation, Method) {
  MessageTemplates t;
  t.method = "{{ verb }}";
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"verb":"PATCH"})"), "set :method: PATCH\n");
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"verb":"P T"})"),
            "status 400: bad request: the method would be \"P T\"\n");
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"verb":""})"), "status 400: bad request: the method would be \"\"\n");
}

TEST(Transformation, JsonBodies) {
  MessageTemplates t;
  t.body = R"({"say": "{{ text }}", "n": {{ n }}, "o": {{ o }}, "raw": "{{ raw(text) }}"})";
  TransformationConfig config = Request(t);
  std::string body = R"({"text":"a\"b","n":1.50,"o":{"x":[1,null]}})";
  EXPECT_EQ(Apply(config, kJsonPost, body), R"(body {"say": "a\"b", "n": 1.50, "o": {"x":[1,null]}, "raw": "a"b"})"
                                            "\n");
  config.escape_json = false;
  EXPECT_EQ(Apply(config, kJsonPost, body), R"(body {"say": "a"b", "n": 1.50, "o": {"x":[1,null]}, "raw": "a"b"})"
                                            "\n");
  // A content type that is set tells more than the first letter of the template.
  t.headers = {{"Content-Type", "text/plain"}};
  EXPECT_EQ(Apply(Request(t), kJsonPost, body),
            "set content-type: text/plain\nbody {\"say\": \"a\"b\", \"n\": 1.50, \"o\": {\"x\":[1,null]}, \"raw\": "
            "\"a\"b\"}\n");
  t.headers = {{"content-type", "application/json; charset=utf-8"}};
  t.body = "\"{{ text }}\"";
  EXPECT_EQ(Apply(Request(t), kJsonPost, body), "set content-type: application/json; charset=utf-8\nbody \"a\\\"b\"\n");
}

TEST(Transformation, WhatABodyIs) {
  MessageTemplates t;
  t.headers = {{"x-id", "{{ id }}"}};
  auto apply = [&](const char* type, std::string_view body, const char* encoding = nullptr) {
    MapHeaders headers{{":path", "/"}};
    if (type != nullptr) headers.Set("content-type", type);
    if (encoding != nullptr) headers.Set("content-encoding", encoding);
    return Apply(Request(t), headers, body);
  };
  EXPECT_EQ(apply("application/json", "{\"id\":1}"), "set x-id: 1\n");
  EXPECT_EQ(apply("Application/JSON; charset=utf-8", "{\"id\":1}"), "set x-id: 1\n");
  EXPECT_EQ(apply("application/problem+json", "{\"id\":1}"), "set x-id: 1\n");
  EXPECT_EQ(apply(nullptr, "{\"id\":1}"), "set x-id: 1\n");
  EXPECT_EQ(apply("application/x-www-form-urlencoded", "a=b&id=x+y%21"), "set x-id: x y!\n");
  EXPECT_EQ(apply("application/x-www-form-urlencoded", "id=1&id=2&&x"), "set x-id: [\"1\",\"2\"]\n");
  EXPECT_EQ(apply("text/plain; charset=utf-8", "{\"id\":1}"),
            "status 400: bad request: variable \"id\" is missing: a body of type \"text/plain\" has no fields\n");
  EXPECT_EQ(apply("application/json", "\x1f\x8b", "gzip"),
            "status 400: bad request: variable \"id\" is missing: the fields of a body with content-encoding \"gzip\" "
            "are not read\n");
  EXPECT_EQ(apply("application/json", "{\"id\":1}", "Identity, ,IDENTITY"), "set x-id: 1\n");
  EXPECT_EQ(apply("application/json", "\x1f\x8b", "identity,gzip"),
            "status 400: bad request: variable \"id\" is missing: the fields of a body with content-encoding "
            "\"identity,gzip\" are not read\n");
  EXPECT_EQ(apply("application/json", ""), "status 400: bad request: variable \"id\" is missing\n");
  EXPECT_EQ(apply("application/json", "{}"), "status 400: bad request: variable \"id\" is missing\n");
  EXPECT_EQ(apply("application/json", "[1]"), "status 400: bad request: variable \"id\" is missing\n");
  EXPECT_EQ(apply("application/json", "{\"id\":1"),
            "status 400: bad request: body is not JSON: the object does not end at byte 7\n");
  t.headers = {{"x-n", "{{ length(body()) }}"}};
  EXPECT_EQ(apply("application/json", "no json"), "set x-n: 7\n");
  t.headers = {{"x-id", "{{ default(id, \"none\") }}"}};
  EXPECT_EQ(apply("text/plain", "no json"), "set x-id: none\n");
  EXPECT_EQ(apply("application/json", "no json"),
            "status 400: bad request: body is not JSON: expected a value at byte 0\n");
}

TEST(Transformation, MergesParametersIntoTheBody) {
  MessageTemplates t;
  t.extractors = {{From::kPath, "", "/v1/users/{user.id}"}, {From::kQuery, "none", "{none}"}};
  t.merge_extractors_to_body = true;
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"user":{"id":1,"n":"a"},"none":2})"),
            "body {\"user\":{\"id\":\"42\",\"n\":\"a\"},\"none\":2}\n");
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"user":1})"), "body {\"user\":{\"id\":\"42\"}}\n");
  EXPECT_EQ(Apply(Request(t), {{":path", "/v1/users/42"}}),
            "set content-type: application/json\nbody {\"user\":{\"id\":\"42\"}}\n");
  EXPECT_EQ(
      Apply(Request(t), {{":path", "/v1/users/42"}, {"content-type", "application/x-www-form-urlencoded"}}, "a=b"),
      "set content-type: application/json\nbody {\"a\":\"b\",\"user\":{\"id\":\"42\"}}\n");
  EXPECT_EQ(Apply(Request(t), kJsonPost, "[1]"),
            "status 400: bad request: parameters cannot be merged into a body that is not a JSON object\n");
  EXPECT_EQ(Apply(Request(t), kJsonPost, "{"),
            "status 400: bad request: body is not JSON: the object does not end at byte 1\n");
  EXPECT_EQ(Apply(Request(t), {{"content-type", "text/plain"}}, "x"),
            "status 400: bad request: parameters cannot be merged into a body of type \"text/plain\"\n");
}

TEST(Transformation, Responses) {
  MessageTemplates t;
  t.extractors = {{From::kHeader, "x-region", "r-{region}"}};
  t.headers = {
      {":status", "{{ code }}"}, {"x-region", "{{ region }}"}, {"x-from", "{{ request_header(\"X-Token\") }}"}};
  t.body = "{\"ok\": {{ code < 300 }}}";
  auto compiled = Transformation::Compile(Response(t), nullptr);
  ASSERT_NE(compiled, nullptr);
  EXPECT_FALSE(compiled->has_request());
  EXPECT_TRUE(compiled->has_response());
  EXPECT_TRUE(compiled->response_reads_request());
  MapHeaders headers{{":status", "200"}, {"x-region", "r-eu"}};
  Outcome outcome;
  compiled->Response(headers, &kJsonPost, "{\"code\": 201}", &outcome);
  EXPECT_EQ(Describe(outcome), "set :status: 201\nset x-region: eu\nset x-from: t-1\nbody {\"ok\": true}\n");
  compiled->Response(headers, "{\"code\": 201}", &outcome);
  EXPECT_EQ(Describe(outcome), "set :status: 201\nset x-region: eu\nremove x-from\nbody {\"ok\": true}\n");
  compiled->Response(headers, "{\"code\": 99}", &outcome);
  EXPECT_EQ(Describe(outcome), "status 502: bad response: the status would be \"99\"\n");
  compiled->Response(headers, "<html>", &outcome);
  EXPECT_EQ(Describe(outcome), "status 502: bad response: body is not JSON: expected a value at byte 0\n");
  compiled->Response(headers, "{}", &outcome);
  EXPECT_EQ(Describe(outcome), "status 502: bad response: variable \"code\" is missing\n");
  compiled->Request(headers, "{}", &outcome);
  EXPECT_EQ(Describe(outcome), "");
}

TEST(Transformation, TooLarge) {
  MessageTemplates t;
  t.body = "{{ body() }}";
  TransformationConfig config = Request(t);
  config.max_body_bytes = 4;
  EXPECT_EQ(Apply(config, kJsonPost, "12345"), "status 413: payload too large: the body has more than 4 bytes\n");
  EXPECT_EQ(Apply(config, kJsonPost, "1234"), "body 1234\n");
  config = Response(t);
  config.max_body_bytes = 4;
  EXPECT_EQ(Apply(config, kJsonPost, "12345"), "status 502: bad response: the body has more than 4 bytes\n");
  t.body = "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}";
  EXPECT_EQ(Apply(Request(t), kJsonPost, "12345"),
            "status 413: bad request: the loops of the template run more than 100000 times\n");
}

TEST(Transformation, KnowsWhenItNeedsTheBody) {
  auto needs = [](MessageTemplates t) { return Transformation::Compile(Request(t), nullptr)->request_needs_body(); };
  MessageTemplates t;
  t.extractors = {{From::kPath, "", "/{id}"}};
  t.path = "/x/{{ id }}/{{ default(id, \"\") }}";
  t.headers = {{"x", "{{ header(\"y\") }}"}};
  EXPECT_FALSE(needs(t));
  t.headers = {{"x", "{{ default(name, \"\") }}"}};
  EXPECT_TRUE(needs(t));
  t.headers = {};
  t.body = "";
  EXPECT_TRUE(needs(t));
  t.body.reset();
  t.merge_extractors_to_body = true;
  EXPECT_TRUE(needs(t));
}

TEST(Transformation, RequiredBodyFields) {
  MessageTemplates t;
  t.extractors = {{From::kPath, "", "/{id}/{user.name}"}};
  t.path = "/{{ id }}/{{ b }}";
  t.query = {{"q", "{{ c.d }}"}};
  t.headers = {{"x", "{{ b }}{{ default(e, \"\") }}{{ user }}{{ id.x }}{{ upper(f) }}"}};
  t.body = "{% if g %}{{ h }}{% endif %}{% set i = 1 %}{{ i }}{% for j in k %}{{ j }}{{ l }}{% endfor %}";
  EXPECT_EQ(Transformation::Compile(Request(t), nullptr)->RequiredBodyFields(),
            (std::vector<std::string>{"b", "c.d", "f", "g", "k"}));
}

TEST(Transformation, CompileErrors) {
  MessageTemplates t;
  t.extractors = {{From::kPath, "", "/{a"},      {From::kHeader, "", "{b}"},    {From::kHeader, "x y", "{c}"},
                  {From::kQuery, "q", "{d}}"},   {From::kPath, "", "/{e}"},     {From::kQuery, "q", "{e}"},
                  {From::kQuery, "q", "{e.f}"},  {From::kPath, "", "{g}{h}"},   {From::kPath, "", "{i j}"},
                  {From::kPath, "", "/{k}/{k}"}, {From::kPath, "", "/q?id={l}"}};
  t.method = "GE T";
  t.path = "users/{{ x }}";
  t.query = {{"a", "{{ foo() }}"}, {"", "x"}};
  t.headers = {{":path", "/x"}, {"x a", "b"},    {":scheme2", "b"}, {"x-a", "1"},
               {"X-A", "2"},    {"x-b", "a\nb"}, {"x-c", "{{"}};
  t.remove_headers = {"a b", ":path"};
  t.body = "{% if x %}";
  t.merge_extractors_to_body = true;
  EXPECT_EQ(CompileErrors(Request(t)),
            "request.extractors[0].pattern: \"{\" without \"}\"\n"
            "request.extractors[1].key: is missing\n"
            "request.extractors[2].key: \"x y\" is not the name of a header\n"
            "request.extractors[3].pattern: \"}\" without \"{\"\n"
            "request.extractors[5].pattern: the parameter \"e\" is there already\n"
            "request.extractors[6].pattern: the parameter \"e\" cannot hold \"e.f\"\n"
            "request.extractors[7].pattern: \"{h}\" follows a marker with nothing between them\n"
            "request.extractors[8].pattern: \"{i j}\" is not a name of letters, digits, \"-\", \"_\" and single dots\n"
            "request.extractors[9].pattern: \"{k}\" stands twice\n"
            "request.extractors[10].pattern: the path has no query here; use `query`\n"
            "request.method: \"GE T\" is not a method\n"
            "request.path: must begin with \"/\"\n"
            "request.query[\"a\"]: line 1, column 4: unknown function \"foo\"\n"
            "request.query[\"\"]: a query parameter needs a name\n"
            "request.headers[\":path\"]: is the same as path\n"
            "request.headers[\"x a\"]: \"x a\" is not the name of a header\n"
            "request.headers[\":scheme2\"]: \":scheme2\" cannot be set; of the pseudo headers \":path\", \":method\", "
            "\":authority\" and \":scheme\" can\n"
            "request.headers[\"X-A\"]: stands twice\n"
            "request.headers[\"x-b\"]: a header cannot hold a control character\n"
            "request.headers[\"x-c\"]: line 1, column 3: expected a value, got the end of the template\n"
            "request.remove_headers[0]: \"a b\" is not the name of a header\n"
            "request.remove_headers[1]: \":path\" is not the name of a header\n"
            "request.body: line 1, column 4: \"if\" without \"endif\"\n"
            "request.merge_extractors_to_body: cannot stand beside body\n");
  for (const char* path : {"/a b", "/a\x7f", "/a\tb?c"}) {
    MessageTemplates p;
    p.path = path;
    EXPECT_EQ(CompileErrors(Request(p)), "request.path: a path cannot hold a space or a control character\n");
  }
  MessageTemplates r;
  r.extractors = {{From::kPath, "", "/{a}"}};
  r.method = "GET";
  r.path = "/";
  r.query = {{"a", "b"}};
  r.headers = {{":path", "/"}};
  EXPECT_EQ(CompileErrors(Response(r)),
            "response.extractors[0].from: a response has headers and a body only\n"
            "response.method: a response has no method\n"
            "response.path: a response has no path\n"
            "response.query: a response has no query\n"
            "response.headers[\":path\"]: \":path\" cannot be set; of the pseudo headers \":status\" can\n");
}

TEST(Pattern, Matches) {
  auto match = [](std::string_view pattern, std::string_view value) {
    Pattern compiled;
    std::string error;
    if (!Pattern::Compile(pattern, &compiled, &error)) return error;
    const std::vector<std::string> names = compiled.TakeNames();
    std::vector<std::string_view> captures(names.size());
    if (!compiled.Match(value, captures)) return std::string("no");
    std::string out;
    for (size_t i = 0; i < captures.size(); ++i) out += names[i] + "=" + std::string(captures[i]) + ";";
    return out;
  };
  EXPECT_EQ(match("/a/{x}", "/a/b-1._Z"), "x=b-1._Z;");
  EXPECT_EQ(match("/a/{x}", "/a/"), "no");
  EXPECT_EQ(match("/a/{x}", "/a/b/c"), "no");
  EXPECT_EQ(match("/a/{x}", "/b/c"), "no");
  EXPECT_EQ(match("/a/{x}/", "/a/b"), "no");
  EXPECT_EQ(match("{x}.{y}", "a.b.c"), "x=a.b;y=c;");
  EXPECT_EQ(match("{x}-{y}-{z}", "a-b"), "no");
  EXPECT_EQ(match("v{x}.json", "v1.json.json"), "x=1.json;");
  EXPECT_EQ(match("a.c", "a.c"), "");
  EXPECT_EQ(match("a.c", "abc"), "no");
  EXPECT_EQ(match("", ""), "");
  // A pattern made to try without end gives up.
  EXPECT_EQ(match("{a}a{b}a{c}a{d}a{e}a{f}a{g}b!", std::string(5000, 'a')), "no");
}

TEST(Json, ConfigRoundTrip) {
  TransformationConfig config;
  EXPECT_EQ(ToJson(config), "{\"max_body_bytes\":1048576}");
  MessageTemplates t;
  t.extractors = {{From::kHeader, "x-a", "{a}\n\"\u00e9"},
                  {From::kQuery, "q", ""},
                  {From::kPath, "", "/{p}"},
                  {From::kAuthority, "", "{h}"},
                  {From::kBody, "", "", "(?P<b>\\w+)", ""},
                  {From::kPointer, "/a", "", "", "p2"}};
  t.method = "";
  t.path = "/x?y={{ z }}";
  t.query = {{"b", "1"}, {"a", "2"}, {"b", "3"}};
  t.headers = {{"x-b", "{{ \"q\" }}"}};
  t.remove_headers = {"x-c"};
  t.body = "{\"a\": 1}";
  config.request = t;
  config.response = MessageTemplates();
  config.response->merge_extractors_to_body = true;
  config.max_body_bytes = 7;
  config.escape_json = false;
  TransformationConfig back;
  std::string error;
  ASSERT_TRUE(FromJson(ToJson(config), &back, &error)) << error;
  EXPECT_EQ(back, config);
  EXPECT_EQ(ToJson(back), ToJson(config));
  config.request = MessageTemplates();
  config.request->headers = {{"x", "{{ y }}"}};
  config.request->extractors = {{From::kPath, "", "/{y}"}};
  config.response.reset();
  EXPECT_EQ(ToJson(config),
            "{\"request\":{\"extractors\":[{\"from\":\"path\",\"pattern\":\"/{y}\"}],\"headers\":[{\"name\":\"x\","
            "\"value\":\"{{ y }}\"}]},\"max_body_bytes\":7,\"escape_json\":false}");
}

TEST(Json, ConfigErrors) {
  struct Case {
    const char* json;
    const char* error;
  } cases[] = {
      {"{", "not JSON: the object does not end at byte 1"},
      {"[]", "the transformation must be an object, got an array"},
      {"{\"reqest\":{}}", "unknown field \"reqest\"; did you mean \"request\"?"},
      {"{\"request\":{\"pth\":\"/\"}}", "unknown field \"request.pth\"; did you mean \"path\"?"},
      {"{\"request\":1}", "request must be an object, got a number"},
      {"{\"request\":{\"path\":1}}", "request.path must be a string, got a number"},
      {"{\"request\":{\"headers\":{}}}", "request.headers must be an array, got an object"},
      {"{\"request\":{\"headers\":[1]}}", "request.headers[0] must be an object, got a number"},
      {"{\"request\":{\"headers\":[{\"nam\":1}]}}", "unknown field \"request.headers[0].nam\"; did you mean \"name\"?"},
      {"{\"request\":{\"query\":[{\"value\":1}]}}", "request.query[0].value must be a string, got a number"},
      {"{\"request\":{\"remove_headers\":[1]}}", "request.remove_headers[0] must be a string, got a number"},
      {"{\"response\":{\"merge_extractors_to_body\":1}}",
       "response.merge_extractors_to_body must be true or false, got a number"},
      {"{\"request\":{\"extractors\":[{}]}}",
       "request.extractors[0].from must be \"path\", \"authority\", \"header\", \"query\", \"body\" or \"pointer\", "
       "got \"\""},
      {"{\"max_body_bytes\":-1}", "max_body_bytes must be a whole number that is not negative"},
      {"{\"max_body_bytes\":\"1\"}", "max_body_bytes must be a whole number that is not negative"},
      {"{\"escape_json\":null}", "escape_json must be true or false, got null"},
  };
  for (const Case& c : cases) {
    TransformationConfig config;
    std::string error;
    EXPECT_FALSE(FromJson(c.json, &config, &error)) << c.json;
    EXPECT_EQ(error, c.error);
  }
}

TEST(Transformation, ManyThreads) {
  MessageTemplates t;
  t.extractors = {{From::kPath, "", "/v1/users/{id}"}};
  t.path = "/x/{{ id }}";
  t.body =
      "{\"a\": [{% for v in list %}{{ v * 2 }}{% if not loop.is_last %},{% endif %}{% endfor %}], \"n\": \"{{ n }}\"}";
  auto compiled = Transformation::Compile(Request(t), nullptr);
  ASSERT_NE(compiled, nullptr);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      std::string n = std::to_string(i);
      for (int round = 0; round < 500; ++round) {
        Outcome outcome;
        compiled->Request(kJsonPost, "{\"list\":[1,2," + n + "],\"n\":\"\\\"" + n + "\"}", &outcome);
        good += Describe(outcome) ==
                "set :path: /x/42\nbody {\"a\": [2,4," + std::to_string(2 * i) + "], \"n\": \"\\\"" + n + "\"}\n";
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 2000);
}

// The limits of a template are for what it makes, not for what the client sent.
TEST(Transformation, ALargeBodyIsReadWhole) {
  MessageTemplates t;
  t.headers = {{"x-count", "{{ length(items) }}"}, {"x-last", "{{ last(items).name }}"}};
  TransformationConfig config = Request(t);
  config.max_body_bytes = 8 << 20;
  std::string body = "{\"items\":[";
  int count = 0;
  while (body.size() < (7 << 20)) {
    body += std::string(count == 0 ? "" : ",") + R"({"id":)" + std::to_string(count) + R"(,"name":"n"})";
    ++count;
  }
  body += "]}";
  EXPECT_EQ(Apply(config, kJsonPost, body), "set x-count: " + std::to_string(count) + "\nset x-last: n\n");
}

TEST(Transformation, TheFieldsOfABodyHaveALimit) {
  MessageTemplates t;
  t.headers = {{"x-a", "{{ first(a) }}"}};
  TransformationConfig config = Request(t);
  config.max_body_bytes = 300'000;
  std::string body = "{\"a\":[";
  for (int i = 0; i < 140'000; ++i) body += "0,";
  body += "0]}";
  const std::string error =
      "status 413: bad request: the fields of the body take too much memory: more than 2400000 bytes\n";
  EXPECT_EQ(Apply(config, kJsonPost, body), error);
  config.response = std::move(config.request);
  config.request.reset();
  EXPECT_EQ(Apply(config, kJsonPost, body),
            "status 502: bad response: the fields of the body take too much memory: more than 2400000 bytes\n");

  const MapHeaders form{{":path", "/"}, {"content-type", "application/x-www-form-urlencoded"}};
  config = Request(t);
  config.max_body_bytes = 300'000;
  body.clear();
  for (int i = 0; i < 140'000; ++i) body += "a&";
  EXPECT_EQ(Apply(config, form, body), error);

  // Parameters over the fields take a copy.
  t.headers.clear();
  t.extractors = {{From::kHeader, "x-token", "{z}"}};
  t.merge_extractors_to_body = true;
  config = Request(t);
  config.max_body_bytes = 300'000;
  body = "{\"a\":0";
  for (int i = 0; i < 24'000; ++i) body += ",\"" + std::to_string(i) + "\":0";
  body += "}";
  EXPECT_EQ(Apply(config, kJsonPost, body), error);
}

TEST(Transformation, ParametersOfOneObjectAreMergedTogether) {
  MessageTemplates t;
  t.extractors = {{From::kPath, "", "/v1/{user.name.first}/{user.id}"},
                  {From::kHeader, "x-token", "{a}"},
                  {From::kQuery, "page", "{user.name.page}"},
                  {From::kHeader, "x-none", "{none.x}"}};
  t.merge_extractors_to_body = true;
  EXPECT_EQ(Apply(Request(t), kJsonPost, R"({"user":{"id":1,"age":2,"name":"Ann"},"b":{},"a":{"x":1}})"),
            "body {\"user\":{\"id\":\"42\",\"age\":2,\"name\":{\"first\":\"users\",\"page\":\"3\"}},\"b\":{},"
            "\"a\":\"t-1\"}\n");
}

TEST(Transformation, FormsOfOneNameKeepTheirOrder) {
  MessageTemplates t;
  t.body = "{{ context() }}";
  EXPECT_EQ(Apply(Request(t), {{":path", "/"}, {"content-type", "application/x-www-form-urlencoded"}},
                  "b=2&a=%31&&=x&b=1&c&b=+%2"),
            "body {\"\":\"x\",\"a\":\"1\",\"b\":[\"2\",\"1\",\" %2\"],\"c\":\"\"}\n");
}

}  // namespace
}  // namespace gloo::tmpl
