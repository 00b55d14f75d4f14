// Plain data to be written as YAML or JSON, keys in the order given.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gloo::model {

struct Value {
  // kLiteral is written as it is: numbers, booleans, durations.
  enum class Type : unsigned char { kNull, kText, kLiteral, kList, kMap };

  Type type = Type::kNull;
  std::string text;
  // kLiteral: JSON wants quotes around it, YAML none (a duration).
  bool quote_in_json = false;
  std::vector<Value> items;
  std::vector<std::pair<std::string, Value>> fields;

  static Value Text(std::string text);
  static Value Literal(std::string text, bool quote_in_json = false);
  static Value Bool(bool value) { return Literal(value ? "true" : "false"); }
  static Value List(std::vector<Value> items = {});
  static Value Texts(const std::vector<std::string>& texts);
  static Value Map(std::vector<std::pair<std::string, Value>> fields = {});

  // Of a mapping: appends; returns this.
  Value& Set(std::string key, Value value);
  // Null where there is none.
  Value* Find(std::string_view key);
};

// Ends with a newline.
std::string WriteYaml(const Value& value);
// Indented by two spaces; ends with a newline.
std::string WriteJson(const Value& value);
// On one line.
std::string WriteCompactJson(const Value& value);

}  // namespace gloo::model
