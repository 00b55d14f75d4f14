#include "plugins/rest_input.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include "template/schema.h"
#include "translator/text.h"

namespace gloo::plugins {
namespace {

using google::protobuf::Value;
using translator::Cat;
using translator::JsonQuote;

void AppendJson(const Value& value, std::string* out);

void AppendObject(const google::protobuf::Struct& object, std::string* out) {
  std::map<std::string_view, const Value*> sorted;
  for (const auto& [key, value] : object.fields()) sorted.emplace(key, &value);
  char separator = '{';
  for (const auto& [key, value] : sorted) {
    *out += separator;
    *out += JsonQuote(key);
    *out += ':';
    AppendJson(*value, out);
    separator = ',';
  }
  *out += sorted.empty() ? "{}" : "}";
}

void AppendJson(const Value& value, std::string* out) {
  switch (value.kind_case()) {
    case Value::kBoolValue:
      *out += value.bool_value() ? "true" : "false";
      return;
    case Value::kNumberValue: {
      char buffer[40];
      const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value.number_value());
      out->append(buffer, error == std::errc() ? end : buffer);
      return;
    }
    case Value::kStringValue:
      *out += JsonQuote(value.string_value());
      return;
    case Value::kStructValue:
      AppendObject(value.struct_value(), out);
      return;
    case Value::kListValue: {
      *out += '[';
      for (int i = 0; i < value.list_value().values_size(); ++i) {
        if (i > 0) *out += ',';
        AppendJson(value.list_value().values(i), out);
      }
      *out += ']';
      return;
    }
    case Value::kNullValue:
    case Value::KIND_NOT_SET:
      *out += "null";
  }
}

// Requests of these methods have no body that could bring fields.
bool BringsNoBody(const v1::Route& route) {
  const auto& verbs = route.request_matcher().verbs();
  return !verbs.empty() && std::all_of(verbs.begin(), verbs.end(), [](const std::string& verb) {
    const std::string lower = translator::Lower(verb);
    return lower == "get" || lower == "head";
  });
}

// Required properties that a request brings only as a parameter of its path or in its body.
std::vector<std::string> RequiredOf(const google::protobuf::Struct& schema) {
  std::vector<std::string> names;
  const auto required = schema.fields().find("required");
  if (required == schema.fields().end()) return names;
  const auto properties = schema.fields().find("properties");
  for (const Value& name : required->second.list_value().values()) {
    if (properties != schema.fields().end()) {
      const auto& fields = properties->second.struct_value().fields();
      const auto property = fields.find(name.string_value());
      if (property != fields.end()) {
        const auto& words = property->second.struct_value().fields();
        const auto in = words.find("x-in");
        if (in != words.end() && in->second.string_value() != "path") continue;
      }
    }
    names.push_back(name.string_value());
  }
  return names;
}

// `a` is `b`, or a part of it: "user" and "user.id".
bool IsPartOf(std::string_view a, std::string_view b) {
  return a == b || (b.size() > a.size() && b.substr(0, a.size()) == a && b[a.size()] == '.');
}

}  // namespace

std::string ToJson(const google::protobuf::Struct& value) {
  std::string out;
  AppendObject(value, &out);
  return out;
}

void CheckInputSchema(const RestFunction& function, Issues& issues) {
  if (!function.has_input()) return;
  std::string error;
  if (tmpl::Schema::Compile(ToJson(function.input()), &error) == nullptr) {
    issues.Error("input", "BadSchema", std::move(error));
  }
}

void WarnOfMissingInputs(std::string_view function_name, const RestFunction& function, const v1::Route& route,
                         const tmpl::Transformation& transformation, Issues& issues) {
  if (!BringsNoBody(route)) return;
  std::vector<std::string> needed = transformation.RequiredBodyFields();
  for (std::string& name : RequiredOf(function.input())) {
    if (std::find(needed.begin(), needed.end(), name) == needed.end()) needed.push_back(std::move(name));
  }
  const std::vector<std::string> given = transformation.RequestParameters();
  for (const std::string& name : needed) {
    const bool is_given = std::any_of(given.begin(), given.end(), [&](const std::string& parameter) {
      return IsPartOf(name, parameter) || IsPartOf(parameter, name);
    });
    if (is_given) continue;
    issues.Warning("parameters", "InputMissing",
                   Cat("function ", JsonQuote(function_name), " needs ", JsonQuote(name),
                       ", which no request of this route can give: it has no body, and the route takes no such "
                       "parameter from it; write {",
                       name, "} where it stands in the path, a header or the query"));
  }
}

}  // namespace gloo::plugins
