#include "template/schema.h"

#include <gtest/gtest.h>

#include <string>

#include "template/json.h"
#include "template/test_support.h"
#include "template/transformation.h"

namespace gloo::tmpl {
namespace {

std::string SchemaError(std::string_view schema) {
  std::string error;
  return Schema::Compile(schema, &error) == nullptr ? error : "";
}

// "" where the value fits; else the mistake.
std::string Check(std::string_view schema, std::string_view json, uint64_t work = 100'000) {
  std::string mistake;
  const auto compiled = Schema::Compile(schema, &mistake);
  if (compiled == nullptr) return "does not compile: " + mistake;
  Arena arena;
  Value value;
  JsonError json_error;
  if (!ReadJson(json, &arena, &value, &json_error)) return "bad test data";
  Budget budget{work};
  switch (compiled->Check(value, &budget, &mistake)) {
    case Schema::Result::kFits:
      return "";
    case Schema::Result::kFails:
      return mistake;
    case Schema::Result::kTooMuchWork:
      break;
  }
  return "too much work";
}

TEST(Schema, Keywords) {
  struct Case {
    const char* schema;
    const char* value;
    const char* mistake;
  };
  for (const Case& c : std::initializer_list<Case>{
           {R"({})", R"([1])", ""},
           {R"({"type": "string"})", R"(1)", "the input: must be a string, got a number"},
           {R"({"type": ["integer", "null"]})", R"(1.0)", ""},
           {R"({"type": ["integer", "null"]})", R"(1.5)", "the input: must be null or an integer, got a number"},
           {R"({"type": "number", "nullable": true})", R"(null)", ""},
           {R"({"required": ["a", "b~/c"]})", R"({"a": 1})", "/b~0~1c: is missing"},
           {R"({"properties": {"a": {"items": {"type": "boolean"}}}})", R"({"a": [true, 0]})",
            "/a/1: must be a boolean, got a number"},
           {R"({"properties": {"a": {}}, "additionalProperties": false})", R"({"a": 1, "b\n": 1})",
            "/b\\n: is not allowed"},
           {R"({"additionalProperties": {"type": "string"}})", R"({"x": 1})", "/x: must be a string, got a number"},
           {R"({"pattern": "^[a-z]+$"})", R"("abc")", ""},
           {R"({"pattern": "^[a-z]+$"})", R"("a1")", "the input: must match ^[a-z]+$"},
           {R"({"pattern": "b"})", R"("abc")", ""},
           {R"({"pattern": "b"})", R"(7)", ""},
           {R"({"pattern": "b", "maxLength": 2})", R"("abc")", "the input: must have at most 2 characters"},
           {R"({"enum": ["a", 2]})", R"("b")", "the input: must be one of \"a\", 2"},
           {R"({"enum": ["a", 2]})", R"(2.0)", ""},
           {R"({"const": {"a": [1]}})", R"({"a": [1]})", ""},
           {R"({"const": 1})", R"(2)", "the input: must be 1"},
           {R"({"minimum": 1, "maximum": 3})", R"(0.5)", "the input: must be at least 1"},
           {R"({"minimum": 1, "maximum": 3})", R"(4)", "the input: must be at most 3"},
           {R"({"minimum": 1, "exclusiveMinimum": true})", R"(1)", "the input: must be more than 1"},
           {R"({"exclusiveMaximum": 3})", R"(3)", "the input: must be less than 3"},
           {R"({"multipleOf": 0.1})", R"(0.3)", ""},
           {R"({"multipleOf": 2})", R"(3)", "the input: must be a multiple of 2"},
           {R"({"minLength": 2, "maxLength": 3})", "\"\u00e9\"", "the input: must have at least 2 characters"},
           {R"({"maxItems": 1})", R"([1, 2])", "the input: must have at most 1 elements"},
           {R"({"uniqueItems": true})", R"([1, "1", 1.0])", "the input: has an element twice: 0 and 2"},
           {R"({"minProperties": 1})", R"({})", "the input: must have at least 1 properties"},
           {R"({"allOf": [{"minimum": 1}, {"maximum": 3}]})", R"(4)", "the input: must be at most 3"},
           {R"({"anyOf": [{"type": "string"}, {"type": "null"}]})", R"(4)",
            "the input: fits none of 2 forms; the first: the input: must be a string, got a number"},
           {R"({"oneOf": [{"minimum": 1}, {"minimum": 2}]})", R"(4)", "the input: fits more than one of 2 forms"},
           {R"({"oneOf": [{"minimum": 1}, {"minimum": 2}]})", R"(1)", ""},
           {R"({"properties": {"a": false}})", R"({"a": 1})", "/a: is not allowed"},
           {R"({"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}}})",
            R"({"n": {"n": 1}})", "/n/n: must be an object, got a number"},
       }) {
    EXPECT_EQ(Check(c.schema, c.value), c.mistake) << c.schema << " " << c.value;
  }
}

TEST(Schema, WhatIsNotCheckedIsRefused) {
  EXPECT_EQ(SchemaError("{"), "not JSON: the object does not end at byte 1");
  EXPECT_EQ(SchemaError("[]"), "the schema: a schema is an object, true or false, not an array");
  EXPECT_EQ(SchemaError(R"({"type": "text"})"),
            "/type: must be of null, boolean, object, array, number, string, integer");
  EXPECT_EQ(SchemaError(R"_({"properties": {"a": {"pattern": "x(?=y)"}}})_"),
            "/properties/a/pattern: is no regular expression of RE2: invalid perl operator: (?=");
  EXPECT_EQ(SchemaError(R"({"pattern": 1})"), "/pattern: must be a text");
  EXPECT_EQ(SchemaError(R"({"if": {}})"), "/if: is not checked here; leave it out");
  EXPECT_EQ(SchemaError(R"({"items": {"$ref": "#/$defs/no"}})"), "/items/$ref: there is no \"#/$defs/no\"");
  EXPECT_EQ(SchemaError(R"({"$ref": "other.json"})"),
            "/$ref: must be a reference within the schema, such as \"#/$defs/name\"");
  EXPECT_EQ(SchemaError(R"({"required": true})"), "/required: must be an array of names");
  EXPECT_EQ(SchemaError(R"({"minLength": -1})"), "/minLength: must be a whole number that is not negative");
  EXPECT_EQ(SchemaError(R"({"minimum": "1"})"), "/minimum: must be a number, got a string");
  EXPECT_EQ(SchemaError(R"({"multipleOf": 0})"), "/multipleOf: must be more than 0");
  EXPECT_EQ(SchemaError(R"({"anyOf": []})"), "/anyOf: must be an array of schemas");
  EXPECT_EQ(SchemaError(R"({"properties": {"a": {"x-in": "body"}}})"),
            "/properties/a/x-in: must be path, query, header or cookie");
  EXPECT_EQ(SchemaError(std::string(70'000, ' ')), "the schema has more than 65536 bytes");
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += R"({"items": )";
  deep += "{}" + std::string(70, '}');
  EXPECT_NE(SchemaError(deep).find("nests deeper than 64 levels"), std::string::npos);
}

TEST(Schema, TheCostIsBounded) {
  // Leads to itself without going down.
  EXPECT_EQ(Check(R"({"allOf": [{"$ref": "#"}, {"$ref": "#"}]})", "1"), "too much work");
  EXPECT_EQ(Check(R"({"$ref": "#"})", "1"), "too much work");
  std::string many = "[0";
  for (int i = 1; i < 2000; ++i) many += "," + std::to_string(i);
  EXPECT_EQ(Check(R"({"uniqueItems": true})", many + "]"), "too much work");
}

// What a request with this body gives.
std::string Answer(std::string_view schema, const MapHeaders& headers, std::string_view body) {
  TransformationConfig config;
  config.request.emplace();
  config.request->input_schema = schema;
  config.request->extractors = {{Extractor::From::kHeader, "x-id", "{id}"}};
  config.request->path = "/{{ default(id, 0) }}";
  TransformationConfig again;
  std::string error;
  EXPECT_TRUE(FromJson(ToJson(config), &again, &error) && again == config) << error;
  std::vector<CompileError> errors;
  const auto compiled = Transformation::Compile(config, &errors);
  if (compiled == nullptr) return errors[0].field + ": " + errors[0].message;
  EXPECT_TRUE(compiled->request_needs_body());
  Outcome outcome;
  compiled->Request(headers, body, &outcome);
  return Describe(outcome);
}

TEST(Schema, RequestsAreChecked) {
  constexpr std::string_view kSchema = R"({"type": "object", "required": ["id", "n"], "properties": {
      "id": {"type": "integer", "x-in": "path"}, "n": {"type": "integer", "x-in": "query"},
      "l": {"type": "array", "items": {"type": "integer"}, "x-in": "query"}, "f": {"type": "object",
      "properties": {"a": {"type": "boolean"}}, "x-in": "query"}, "X-H": {"enum": [1, "b"], "x-in": "header"},
      "c": {"type": "string", "maxLength": 2, "x-in": "cookie"}, "b": {"type": "integer"}}})";
  EXPECT_EQ(Answer(kSchema, {{":path", "/?n=1"}, {"x-id", "7"}}, ""), "set :path: /7\n");
  EXPECT_EQ(
      Answer(kSchema, {{":path", "/?n=1&l=1&l=2&f[a]=true"}, {"x-id", "7"}, {"x-h", "1"}, {"cookie", "a=1; c=ab"}},
             R"({"b": 1})"),
      "set :path: /7\n");
  EXPECT_EQ(Answer(kSchema, {{":path", "/"}, {"x-id", "7"}}, R"({"n": 2})"), "set :path: /7\n");
  EXPECT_EQ(Answer(kSchema, {{":path", "/"}, {"x-id", "7"}}, ""), "status 400: bad request: /n: is missing\n");
  EXPECT_EQ(Answer(kSchema, {{":path", "/?n=x"}, {"x-id", "7"}}, ""),
            "status 400: bad request: /n: must be an integer, got a string\n");
  EXPECT_EQ(Answer(kSchema, {{":path", "/?n=1&l=1&l=x"}, {"x-id", "7"}}, ""),
            "status 400: bad request: /l/1: must be an integer, got a string\n");
  EXPECT_EQ(Answer(kSchema, {{":path", "/?n=1&f[a]=1"}, {"x-id", "7"}}, ""),
            "status 400: bad request: /f/a: must be a boolean, got a string\n");
  EXPECT_EQ(Answer(kSchema, {{":path", "/?n=1"}, {"x-id", "7"}, {"x-h", "2"}}, ""),
            "status 400: bad request: /X-H: must be one of 1, \"b\"\n");
  EXPECT_EQ(Answer(kSchema, {{":path", "/?n=1"}, {"x-id", "7"}, {"cookie", "c=abc"}}, ""),
            "status 400: bad request: /c: must have at most 2 characters\n");
  // A field of the body is what it is.
  EXPECT_EQ(Answer(kSchema, {{":path", "/?n=1"}, {"x-id", "7"}}, R"({"b": "1"})"),
            "status 400: bad request: /b: must be an integer, got a string\n");
  EXPECT_EQ(Answer(kSchema, {{":path", "/?n=1"}, {"x-id", "7"}}, "{"),
            "status 400: bad request: body is not JSON: the object does not end at byte 1\n");
  EXPECT_EQ(Answer(R"({"type": 1})", {}, ""),
            "request.input_schema: /type: must be of null, boolean, object, array, number, string, integer");
}

}  // namespace
}  // namespace gloo::tmpl
