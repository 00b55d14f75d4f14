#include "openapi/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/strings.h"
#include "template/transformation.h"

namespace gloo::openapi {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Result {
  Imported imported;
  std::vector<std::string> issues;

  std::string Json(const std::string& name) const {
    for (const Function& function : imported.functions) {
      if (function.name == name) return model::WriteCompactJson(function.spec);
    }
    return "no function " + name;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const Function& function : imported.functions) names.push_back(function.name);
    return names;
  }
};

using Files = std::map<std::string, std::string>;

Result ReadFiles(const Files& files, const std::string& first, const Options& options = {}) {
  Result result;
  Issues issues;
  const Loader loader = [&](const std::string& location) -> absl::StatusOr<std::string> {
    const auto found = files.find(location);
    if (found == files.end()) return absl::NotFoundError(StrCat("there is no file ", location));
    return found->second;
  };
  result.imported = Read(first, loader, options, issues);
  for (const Issue& issue : issues.items()) result.issues.push_back(ToString(issue));
  return result;
}

Result ReadText(const std::string& text, const Options& options = {}) {
  return ReadFiles({{"api.yaml", text}}, "api.yaml", options);
}

// OpenAPI 3.0 with a server and these paths.
Result ReadPaths(const std::string& paths) {
  return ReadText("openapi: 3.0.3\nservers: [{url: 'http://10.0.0.1:81/v1'}]\npaths:\n" + paths);
}

TEST(OpenApi, ParametersOfEveryPlace) {
  const Result result = ReadPaths(R"(
  /pets/{petId}/{path}:
    parameters:
      - {name: petId, in: path, required: true, schema: {type: integer}}
      - {name: X-Trace, in: header, schema: {type: string}}
    get:
      operationId: getPet
      parameters:
        - {name: path, in: path, required: true, schema: {type: string}}
        - {name: tags, in: query, schema: {type: array, items: {type: string}}}
        - {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: filter, in: query, style: deepObject, schema: {type: object}}
        - {name: expand, in: query, style: deepObject, schema: {type: array}}
        - {name: session, in: cookie, schema: {type: string}}
        - {name: Authorization, in: header, schema: {type: string}}
      responses:
        '200': {content: {application/json: {schema: {type: object, properties: {id: {type: integer}}}}}}
)");
  EXPECT_THAT(result.issues, IsEmpty());
  EXPECT_EQ(result.Json("getPet"),
            R"({"method":"GET","path":"/v1/pets/{{ petId }}/{{ context()[\"path\"] }})"
            R"({{ query(\"tags\", \"ids,\", \"filter\", \"expand[]\") }}",)"
            R"("headers":{"x-trace":"{{ default(X-Trace, header(\"X-Trace\")) }}",)"
            R"("cookie":"{{ cookies(\"session\") }}"},"body":"",)"
            R"("input":{"type":"object","required":["path","petId"],"properties":{)"
            R"("path":{"type":"string","x-in":"path"},)"
            R"("tags":{"type":"array","items":{"type":"string"},"x-in":"query"},)"
            R"("ids":{"type":"array","items":{"type":"integer"},"x-in":"query"},)"
            R"("filter":{"type":"object","x-in":"query"},"expand":{"type":"array","x-in":"query"},)"
            R"("session":{"type":"string","x-in":"cookie"},"petId":{"type":"integer","x-in":"path"},)"
            R"("X-Trace":{"type":"string","x-in":"header"}}},)"
            R"("output":{"type":"object","properties":{"id":{"type":"integer"}}}})");
  ASSERT_TRUE(result.imported.server.has_value());
  EXPECT_EQ(result.imported.server->host, "10.0.0.1");
  EXPECT_EQ(result.imported.server->port, 81);
  EXPECT_FALSE(result.imported.server->tls);
}

TEST(OpenApi, BodiesOfEveryKind) {
  const Result result = ReadPaths(R"(
  /a/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    post:
      operationId: closed
      requestBody:
        required: true
        content: {application/json: {schema: {required: [n], properties: {n: {type: string}, m: {type: integer}}}}}
    put:
      operationId: open
      requestBody:
        content: {application/merge-patch+json: {schema: {type: object, additionalProperties: true}}}
  /form:
    post:
      operationId: form
      requestBody: {content: {application/x-www-form-urlencoded: {schema: {properties: {a: {}}}}}}
  /list:
    post:
      operationId: list
      requestBody: {content: {application/json: {schema: {type: array, items: {type: string}}}}}
  /file:
    post:
      operationId: file
      requestBody: {content: {multipart/form-data: {schema: {type: object, properties: {f: {format: binary}}}}}}
  /any:
    post:
      operationId: parts
      requestBody:
        required: true
        content:
          application/json:
            schema:
              oneOf:
                - {properties: {a: {type: string}}, required: [a], additionalProperties: false}
                - {allOf: [{properties: {b: {type: string}}}, {properties: {c: {}}}]}
)");
  EXPECT_THAT(result.issues, IsEmpty());
  EXPECT_THAT(result.Json("closed"), HasSubstr(R"x("headers":{"content-type":"application/json"},)x"
                                               R"x("body":"{{ only(\"n\", \"m\") }}")x"));
  EXPECT_THAT(result.Json("closed"), HasSubstr(R"("required":["id","n"])"));
  EXPECT_THAT(result.Json("open"), HasSubstr(R"x("headers":{"content-type":"application/merge-patch+json"},)x"
                                             R"x("body":"{{ except(\"id\") }}")x"));
  EXPECT_THAT(result.Json("form"), HasSubstr(R"x("body":"{{ form(only(\"a\")) }}")x"));
  EXPECT_THAT(result.Json("list"), HasSubstr(R"("path":"/v1/list","input":{}})"));
  EXPECT_THAT(result.Json("file"), Not(HasSubstr("body")));
  EXPECT_THAT(result.Json("parts"), HasSubstr(R"x("body":"{{ only(\"a\", \"b\", \"c\") }}")x"));
  EXPECT_THAT(result.Json("parts"), HasSubstr(R"("anyOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},)"));
}

TEST(OpenApi, Swagger2) {
  const Result result = ReadText(R"(
swagger: '2.0'
host: api.example.com:8443
basePath: /base/
schemes: [http, https]
consumes: [application/xml, application/json]
paths:
  /pets:
    post:
      parameters:
        - {name: ids, in: query, type: array, items: {type: integer}}
        - {name: tags, in: query, type: array, collectionFormat: multi, items: {type: string}}
        - {name: pet, in: body, required: true, schema: {$ref: '#/definitions/Pet'}}
  /form:
    post:
      consumes: [application/x-www-form-urlencoded]
      parameters: [{name: a, in: formData, type: string, required: true}]
  /upload:
    post:
      parameters: [{name: f, in: formData, type: file}]
definitions:
  Pet: {type: object, required: [name], properties: {name: {type: string}, id: {type: integer, readOnly: true}}}
)");
  EXPECT_THAT(result.issues, IsEmpty());
  EXPECT_THAT(result.Names(), ElementsAre("post_pets", "post_form", "post_upload"));
  EXPECT_THAT(result.Json("post_pets"), HasSubstr(R"("path":"/base/pets{{ query(\"ids,\", \"tags\") }}",)"
                                                  R"("headers":{"host":"api.example.com:8443","content-type":)"));
  EXPECT_THAT(result.Json("post_pets"), HasSubstr(R"x("body":"{{ only(\"name\", \"id\") }}")x"));
  EXPECT_THAT(result.Json("post_form"), HasSubstr(R"x("body":"{{ form(only(\"a\")) }}")x"));
  EXPECT_THAT(result.Json("post_form"), HasSubstr(R"("required":["a"])"));
  EXPECT_THAT(result.Json("post_upload"), Not(HasSubstr("\"body\"")));
  EXPECT_TRUE(result.imported.server->tls);
  EXPECT_EQ(result.imported.server->base_path, "/base");
}

TEST(OpenApi, ReferencesAcrossFilesAndCycles) {
  const Result result = ReadFiles(
      {{"d/api.json",
        R"({"openapi": "3.1.0", "servers": [{"url": "https://{h}.example.com", "variables": {"h": {"default": "eu"}}}],
            "paths": {"/a~b/{x}": {"$ref": "parts/paths.yaml#/a~1b"}}})"},
       {"d/parts/paths.yaml", R"(
a/b:
  post:
    operationId: tree
    parameters: [{$ref: '../common.yaml#/x'}]
    requestBody: {content: {application/json: {schema: {$ref: '../common.yaml#/Node'}}}}
)"},
       {"d/common.yaml", R"(
x: {name: x, in: path, required: true, schema: {type: [string, 'null'], minLength: 1, pattern: a}}
Node: {type: object, properties: {name: {type: string}, next: {$ref: '#/Node'}}}
)"}},
      "d/api.json");
  EXPECT_THAT(result.issues, IsEmpty());
  EXPECT_THAT(result.Json("tree"),
              HasSubstr(R"("x":{"type":["string","null"],"minLength":1,"pattern":"a","x-in":"path"})"));
  EXPECT_THAT(result.Json("tree"),
              HasSubstr(R"("next":{"type":"object","properties":{"name":{"type":"string"},"next":)"));
  EXPECT_LT(result.Json("tree").size(), kMaxInputBytes);
  EXPECT_EQ(result.imported.server->host, "eu.example.com");
}

TEST(OpenApi, MistakesNameThePlace) {
  EXPECT_THAT(ReadText("swagger: '1.2'\n").issues,
              ElementsAre("api.yaml:1:1: error: #: is of swagger 1.2; Swagger 2.0, OpenAPI 3.0 and 3.1 are read "
                          "(UnsupportedVersion)"));
  EXPECT_THAT(ReadText("[]").issues, ElementsAre(HasSubstr("is no OpenAPI document")));
  EXPECT_THAT(ReadText("openapi: 3.0.0\npaths: {}\n").issues, ElementsAre(HasSubstr("(NoOperations)")));
  EXPECT_THAT(ReadText("openapi: [3.0.0\n").issues, ElementsAre(HasSubstr("api.yaml:2:1: error: ")));
  EXPECT_THAT(ReadFiles({}, "nope.yaml").issues, ElementsAre("error: there is no file nope.yaml (CannotRead)"));
  EXPECT_THAT(ReadPaths("  /a:\n    get:\n      parameters: [{$ref: '#/components/none'}]\n").issues,
              ElementsAre("api.yaml:6:27: error: #/paths/~1a/get/parameters/0/$ref: there is no \"#/components/none\" "
                          "(BadReference)"));
  EXPECT_THAT(ReadPaths("  /a: {$ref: '#/paths/~1a'}\n").issues, ElementsAre(HasSubstr("references lead on and on")));
  EXPECT_THAT(ReadPaths("  /a: {$ref: 'http://elsewhere/x'}\n").issues,
              ElementsAre(HasSubstr("(UnsupportedReference)")));
  EXPECT_THAT(ReadPaths("  /a: {$ref: 'other.yaml'}\n").issues,
              ElementsAre("api.yaml:4:14: error: #/paths/~1a/$ref: there is no file other.yaml (CannotRead)"));
  EXPECT_THAT(ReadPaths("  a: {get: {}}\n  /b{: {get: {}}\n  /c: {get: []}\n").issues,
              ElementsAre("api.yaml:4:6: error: #/paths/a: \"a\" must begin with \"/\" (BadPath)",
                          "api.yaml:5:14: error: #/paths/~1b{/get: \"/b{\" has no \"}\" (BadPath)",
                          "api.yaml:6:13: error: #/paths/~1c/get: an operation must be a mapping (BadOperation)"));
  EXPECT_THAT(ReadPaths("  /a: {get: {parameters: [{name: x, in: somewhere}]}}\n").issues,
              ElementsAre(HasSubstr("in: \"somewhere\" is not known")));
}

TEST(OpenApi, WhatCannotBeCalledIsLeftOut) {
  const Result result = ReadPaths(R"(
  /a: {get: {operationId: one}, put: {operationId: one}, head: {operationId: 'two words'}}
  /b: {get: {parameters: [{name: x, in: query, schema: {type: object}}]}}
  /c/{x}: {get: {parameters: [{name: x, in: path, style: matrix, required: true, schema: {type: string}}]}}
  /d: {get: {servers: [{url: 'https://uploads.example.com'}]}}
  /e/{y}: {get: {}}
  '/f?a=b': {get: {}}
)");
  EXPECT_THAT(result.Names(), ElementsAre("one", "put_a", "head_a", "get_e_y"));
  EXPECT_THAT(result.issues,
              ElementsAre(HasSubstr("\"one\" is there before; the function is called \"put_a\" (DuplicateOperation)"),
                          HasSubstr("cannot be a name; the function is called \"head_a\" (BadOperationId)"),
                          HasSubstr("#/paths/~1b/get/parameters/0: an object as a parameter is supported as"),
                          HasSubstr("style matrix is not supported; the operation is left out (Unsupported)"),
                          HasSubstr("https://uploads.example.com, which is another upstream"),
                          HasSubstr("the path's parameter \"y\" is not described; it is taken for a text"),
                          HasSubstr("the path \"/v1/f?a=b\" has a query, a fragment or a space")));
}

TEST(OpenApi, Servers) {
  EXPECT_FALSE(ParseServer("/v1").has_value());
  EXPECT_FALSE(ParseServer("ftp://a").has_value());
  EXPECT_FALSE(ParseServer("http://a:99999").has_value());
  EXPECT_FALSE(ParseServer("http://user@a").has_value());
  EXPECT_FALSE(ParseServer("http://a\nb").has_value());
  EXPECT_FALSE(ParseServer("http://{host}/").has_value());
  EXPECT_THAT(ReadText("openapi: 3.0.0\nservers: [{url: 'ws://a'}]\npaths: {/a: {get: {}}}\n").issues,
              ElementsAre("api.yaml:2:10: warning: #/servers: \"ws://a\" is no URL of http or https with a host "
                          "(BadServer)"));
  EXPECT_EQ(ParseServer("http://[::1]:8080/a/?x")->host, "::1");
  EXPECT_EQ(ParseServer("http://[::1]:8080/a/?x")->base_path, "/a");
  EXPECT_EQ(ParseServer("https://a.b")->port, 443);
  const std::string text = "openapi: 3.0.0\nservers: [{url: /v2}]\npaths: {/a: {get: {}}}\n";
  EXPECT_THAT(ReadText(text).Json("get_a"), HasSubstr(R"("path":"/v2/a")"));
  EXPECT_FALSE(ReadText(text).imported.server.has_value());
  EXPECT_EQ(ReadText(text, {.server = "http://h:1/x"}).imported.server->base_path, "/x");
  const std::string url = "https://h.example:8443/docs/api.yaml";
  EXPECT_EQ(ReadFiles({{url, text}}, url).imported.server->port, 8443);
}

TEST(OpenApi, SchemasAreBounded) {
  std::string properties;
  for (int i = 0; i < 500; ++i) StrAppend(&properties, "a", i, ": {$ref: '#/components/schemas/Big'}, ");
  const Result result = ReadPaths(
      "  /a: {post: {requestBody: {required: true, content: {application/json: {schema: {$ref: "
      "'#/components/schemas/Big'}}}}}}\ncomponents: {schemas: {Big: {type: object, required: [a1], anyOf: [{$ref: "
      "'#/components/schemas/Big'}, {$ref: '#/components/schemas/Big'}], properties: {" +
      properties + "}}}}\n");
  EXPECT_THAT(result.issues, IsEmpty());
  EXPECT_THAT(result.Json("post_a"), HasSubstr("{{ context() }}"));
}

}  // namespace
}  // namespace gloo::openapi
