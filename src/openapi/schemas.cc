#include "openapi/schemas.h"

#include <algorithm>
#include <utility>

#include "model/scalars.h"
#include "template/regex.h"

namespace gloo::openapi {
namespace {

// Of a schema; that of an input, which several make up, may have more.
constexpr int kMostPatterns = 100;

// RE2 reads it, and takes all that the regular expressions of JavaScript take. What those have besides, such as looking
// ahead, it does not read; of blanks they know more.
bool IsPattern(const std::string& text) {
  tmpl::Regex regex;
  std::string error;
  return text.find("\\s") == std::string::npos && tmpl::Regex::Compile(text, &regex, &error);
}

using model::Node;
using model::Value;

constexpr int kDepths[] = {16, 10, 7, 5, 4, 3, 2, 1};
constexpr int kMaxFieldDepth = 8;
constexpr size_t kMaxFields = 2000;
constexpr int kMaxVisits = 2000;
constexpr std::string_view kTypes[] = {"null", "boolean", "object", "array", "number", "string", "integer"};
// Numbers, texts and flags that mean the same in JSON Schema.
constexpr std::string_view kPlain[] = {"multipleOf", "minLength",   "maxLength",     "minItems",
                                       "maxItems",   "uniqueItems", "minProperties", "maxProperties"};

bool IsBoolean(const Node& node) { return node.plain && (node.text == "true" || node.text == "false"); }

bool IsNumeric(const At& at) { return at && at.node->plain && model::IsNumber(at.Text()); }

bool IsType(std::string_view text) { return std::find(std::begin(kTypes), std::end(kTypes), text) != std::end(kTypes); }

}  // namespace

Value ToValue(const Node& node, int max_depth) {
  if (max_depth == 0) return Value();
  switch (node.type) {
    case Node::Type::kNull:
      return Value();
    case Node::Type::kScalar:
      if (IsBoolean(node) || (node.plain && model::IsNumber(node.text))) return Value::Literal(std::string(node.text));
      return Value::Text(std::string(node.text));
    case Node::Type::kList: {
      Value list = Value::List();
      for (const Node* item : node.items) list.items.push_back(ToValue(*item, max_depth - 1));
      return list;
    }
    case Node::Type::kMap: {
      Value map = Value::Map();
      for (const model::Entry& entry : node.entries)
        map.Set(std::string(entry.key), ToValue(*entry.value, max_depth - 1));
      return map;
    }
  }
  return Value();
}

bool Schemas::Spend(size_t bytes) {
  // What quotes, colons and commas take is about this.
  bytes += 6;
  if (bytes > left_) too_large_ = true;
  left_ -= std::min(left_, bytes);
  return !too_large_;
}

Value Schemas::Convert(const At& schema, Use use, size_t max_bytes) {
  use_ = use;
  for (const int depth : kDepths) {
    left_ = max_bytes;
    patterns_ = 0;
    too_large_ = false;
    Value out = Of(schema, depth);
    if (!too_large_) return out;
  }
  return Value::Map();
}

Value Schemas::Of(At at, int depth) {
  at = documents_.Resolve(at);
  if (at && at.node->type == Node::Type::kScalar && IsBoolean(*at.node)) return Value::Bool(at.Text() == "true");
  Value out = Value::Map();
  if (!at.IsMap() || !Spend(2)) return out;
  if (depth == 0) {
    ++losses_;
    return out;
  }
  Keywords(at, depth, &out);
  return out;
}

void Schemas::Keywords(const At& at, int depth, Value* out) {
  Type(at, out);
  Bounds(at, out);
  if (const At choices = at.Child("enum"); choices.IsList() && Spend(choices.node->bytes + choices.node->size * 3)) {
    Value list = ToValue(*choices.node);
    if (at.True("nullable")) list.items.emplace_back();
    out->Set("enum", std::move(list));
  }
  if (const At constant = at.Child("const"); constant && Spend(constant.node->bytes + 10)) {
    out->Set("const", ToValue(*constant.node));
  }
  Properties(at, depth, out);
  if (const At items = at.Child("items"); items.IsMap() && Spend(5)) out->Set("items", Of(items, depth - 1));
  for (const std::string_view key : {"allOf", "anyOf", "oneOf"}) Combined(at, key, depth, out);
  if (const At pattern = at.Child("pattern")) {
    const std::string text(pattern.Text());
    if (IsPattern(text) && ++patterns_ <= kMostPatterns && Spend(text.size() + 15)) {
      out->Set("pattern", Value::Text(text));
    } else {
      ++losses_;
    }
  }
  for (const std::string_view key : {"not", "patternProperties", "if", "prefixItems", "dependentSchemas",
                                     "propertyNames", "contains", "unevaluatedProperties"}) {
    if (at.Child(key)) ++losses_;
  }
}

void Schemas::Type(const At& at, Value* out) {
  const At type = at.Child("type");
  std::vector<std::string> types;
  if (type.IsList()) {
    for (size_t i = 0; i < type.node->items.size(); ++i) {
      if (IsType(type.Item(i).Text())) types.emplace_back(type.Item(i).Text());
    }
  } else if (IsType(type.Text())) {
    types.emplace_back(type.Text());
  }
  if (types.empty()) {
    // `nullable` without a type says nothing: whatever comes is taken as it is.
    if (at.True("nullable")) ++losses_;
    return;
  }
  if (at.True("nullable")) types.emplace_back("null");
  Spend(10 * types.size());
  out->Set("type", types.size() == 1 ? Value::Text(types[0]) : Value::Texts(types));
}

void Schemas::Bounds(const At& at, Value* out) {
  const auto copy = [&](const At& value, const std::string& key) {
    if (value && Spend(key.size() + value.Text().size())) out->Set(key, Value::Literal(std::string(value.Text())));
  };
  for (const std::string_view key : kPlain) {
    const At value = at.Child(key);
    if (IsNumeric(value) || (value && IsBoolean(*value.node))) copy(value, std::string(key));
  }
  // Before 3.1 `exclusiveMinimum: true` makes `minimum` exclusive.
  for (const auto& [bound, exclusive] : {std::pair("minimum", "exclusiveMinimum"), {"maximum", "exclusiveMaximum"}}) {
    if (IsNumeric(at.Child(bound))) copy(at.Child(bound), at.True(exclusive) ? exclusive : bound);
    if (IsNumeric(at.Child(exclusive))) copy(at.Child(exclusive), exclusive);
  }
}

void Schemas::Properties(const At& at, int depth, Value* out) {
  const At properties = at.Child("properties");
  const std::string_view elsewhere = use_ == Use::kRequest ? "readOnly" : "writeOnly";
  std::vector<std::string> skipped;
  if (properties.IsMap() && Spend(10)) {
    Value map = Value::Map();
    for (const model::Entry& entry : properties.node->entries) {
      if (!Spend(entry.key.size())) return;
      const At property = properties.Child(entry);
      if (documents_.Resolve(property).True(elsewhere)) skipped.emplace_back(entry.key);
      map.Set(std::string(entry.key), Of(property, depth - 1));
    }
    out->Set("properties", std::move(map));
  }
  if (const At required = at.Child("required"); required.IsList()) {
    std::vector<std::string> names;
    for (const Node* item : required.node->items) {
      const std::string name(item->text);
      if (std::find(skipped.begin(), skipped.end(), name) != skipped.end()) continue;
      Spend(name.size());
      names.push_back(name);
    }
    if (!names.empty()) out->Set("required", Value::Texts(names));
  }
  const At others = at.Child("additionalProperties");
  if (others && Spend(20)) out->Set("additionalProperties", Of(others, depth - 1));
}

void Schemas::Combined(const At& at, std::string_view key, int depth, Value* out) {
  const At parts = at.Child(key);
  if (!parts.IsList() || parts.node->items.empty() || !Spend(5)) return;
  const int losses = losses_;
  Value list = Value::List();
  // No level of its own, or a schema of parts would be cut much earlier than one that is written in one piece.
  for (size_t i = 0; i < parts.node->items.size() && !too_large_; ++i)
    list.items.push_back(Of(parts.Item(i), depth - 1));
  // Of parts that take more than they should, several may fit.
  const bool exact = key != "oneOf" || losses == losses_;
  const std::string name(exact ? key : "anyOf");
  if (out->Find(name) != nullptr) {
    ++losses_;
    return;
  }
  // The parts of a schema that may be null do not say so.
  if (at.True("nullable") && !at.Child("type") && key != "allOf") {
    list.items.push_back(Value::Map({{"type", Value::Text("null")}}));
  } else if (at.True("nullable") && !at.Child("type")) {
    out->Set("anyOf",
             Value::List({Value::Map({{"type", Value::Text("null")}}), Value::Map({{"allOf", std::move(list)}})}));
    return;
  }
  out->Set(name, std::move(list));
}

void Schemas::Collect(At at, int depth, Fields* fields) {
  at = documents_.Resolve(at);
  if (!at.IsMap()) return;
  // A schema may hold itself several times over.
  if (depth == 0 || ++visits_ > kMaxVisits) {
    fields->open = true;
    return;
  }
  const At properties = at.Child("properties");
  const At others = at.Child("additionalProperties");
  if (TypeOf(at) == "object") fields->is_object = true;
  if (others && others.Text() != "false") fields->open = true;
  if (properties.IsMap()) {
    for (const model::Entry& entry : properties.node->entries) {
      if (fields->names.size() >= kMaxFields) {
        fields->open = true;
        break;
      }
      std::string name(entry.key);
      if (std::find(fields->names.begin(), fields->names.end(), name) == fields->names.end()) {
        fields->names.push_back(std::move(name));
      }
    }
  }
  for (const std::string_view key : {"allOf", "anyOf", "oneOf"}) {
    const At parts = at.Child(key);
    for (size_t i = 0; parts.IsList() && i < parts.node->items.size(); ++i) Collect(parts.Item(i), depth - 1, fields);
  }
}

Schemas::Fields Schemas::FieldsOf(const At& schema) {
  Fields fields;
  visits_ = 0;
  Collect(schema, kMaxFieldDepth, &fields);
  if (fields.names.empty()) fields.open = true;
  return fields;
}

std::string Schemas::TypeOf(const At& schema) {
  const At at = documents_.Resolve(schema);
  const At type = at.Child("type");
  if (type.IsList()) {
    for (size_t i = 0; i < type.node->items.size(); ++i) {
      if (type.Item(i).Text() != "null") return std::string(type.Item(i).Text());
    }
  }
  if (!type.Text().empty()) return std::string(type.Text());
  if (at.Child("properties") || at.Child("additionalProperties")) return "object";
  return at.Child("items") ? "array" : "";
}

}  // namespace gloo::openapi
