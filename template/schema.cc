#include "template/schema.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "template/json.h"
#include "template/schema_types.h"

namespace gloo::tmpl {

// Two ways to read one schema: strictly, and of values that are texts from outside.
class SchemaCompiler {
 public:
  SchemaCompiler(Schema* schema, std::string* error) : schema_(schema), error_(error) {}

  bool Run() {
    JsonError json_error;
    if (!ReadJson(schema_->text_, &schema_->arena_, &root_, &json_error)) {
      *error_ = "not JSON: " + std::string(json_error.message) + " at byte " + std::to_string(json_error.offset);
      return false;
    }
    int index = 0;
    return Compile(root_, false, "", 0, &index);
  }

 private:
  using Node = Schema::Node;
  static constexpr int kMaxDepth = 64;
  static constexpr size_t kMaxNodes = 10'000;

  bool Fail(const std::string& pointer, std::string message) {
    *error_ = (pointer.empty() ? "the schema" : pointer) + ": " + std::move(message);
    return false;
  }

  bool Compile(const Value& value, bool text, const std::string& pointer, int depth, int* index) {
    const auto known = made_.find({Identity(value), text});
    if (known != made_.end() && value.is_object()) {
      *index = known->second;
      return true;
    }
    if (depth > kMaxDepth) return Fail(pointer, "nests deeper than " + std::to_string(kMaxDepth) + " levels");
    if (schema_->nodes_.size() >= kMaxNodes) return Fail("", "has more than " + std::to_string(kMaxNodes) + " parts");
    *index = static_cast<int>(schema_->nodes_.size());
    schema_->nodes_.emplace_back();
    // Before its parts, which may refer to it.
    if (value.is_object() && value.size > 0) made_[{Identity(value), text}] = *index;
    Node node;
    node.text_may_stand = text;
    if (value.type == Type::kBool) {
      node.never = !value.flag;
    } else if (!value.is_object()) {
      return Fail(pointer, std::string("a schema is an object, true or false, not ") + TypeName(value));
    } else {
      for (uint32_t i = 0; i < value.size; ++i) {
        const std::string_view key = value.members[i].key;
        if (!Keyword(value, key, value.members[i].value, pointer + "/" + std::string(key), depth, &node)) return false;
      }
    }
    schema_->nodes_[static_cast<size_t>(*index)] = std::move(node);
    return true;
  }

  // Objects of the parsed text are told apart by where their members are.
  static const void* Identity(const Value& value) { return value.is_object() ? value.members : nullptr; }

  bool Keyword(const Value& owner, std::string_view key, const Value& value, const std::string& at, int depth,
               Node* node) {
    if (key == "type") return TypeKeyword(owner, value, at, node);
    if (key == "enum") {
      if (!value.is_array()) return Fail(at, "must be an array");
      node->has_choices = true;
      node->choices.assign(value.items, value.items + value.size);
      return true;
    }
    if (key == "const") {
      node->has_choices = true;
      node->choices = {value};
      return true;
    }
    if (key == "properties") return Properties(value, at, depth, node);
    if (key == "required") return Names(value, at, &node->required);
    if (key == "additionalProperties") return Compile(value, node->text_may_stand, at, depth + 1, &node->additional);
    if (key == "items") return Compile(value, node->text_may_stand, at, depth + 1, &node->items);
    if (key == "allOf") return Parts(value, at, depth, node, &node->all_of);
    if (key == "anyOf") return Parts(value, at, depth, node, &node->any_of);
    if (key == "oneOf") return Parts(value, at, depth, node, &node->one_of);
    if (key == "$ref") return Reference(value, at, depth, node);
    if (key == "pattern") return Pattern(value, at, node);
    if (key == "uniqueItems") return Flag(value, at, &node->unique);
    if (key == "minimum") return Bound(owner, "exclusiveMinimum", value, at, &node->minimum, &node->exclusive_minimum);
    if (key == "maximum") return Bound(owner, "exclusiveMaximum", value, at, &node->maximum, &node->exclusive_maximum);
    if (key == "exclusiveMinimum" || key == "exclusiveMaximum") {
      // Before 3.1 it says how the bound beside it is meant.
      if (value.type == Type::kBool) return true;
      return Number(value, at, key == "exclusiveMinimum" ? &node->exclusive_minimum : &node->exclusive_maximum);
    }
    if (key == "multipleOf") {
      if (!Number(value, at, &node->multiple_of)) return false;
      return *node->multiple_of > 0 || Fail(at, "must be more than 0");
    }
    const std::pair<std::string_view, std::optional<size_t>*> counts[] = {
        {"minLength", &node->min_length},         {"maxLength", &node->max_length},
        {"minItems", &node->min_items},           {"maxItems", &node->max_items},
        {"minProperties", &node->min_properties}, {"maxProperties", &node->max_properties}};
    for (const auto& [name, count] : counts) {
      if (key == name) return Count(value, at, count);
    }
    if (IsAnnotation(key)) return true;
    return Fail(at, "is not checked here; leave it out");
  }

  bool Pattern(const Value& value, const std::string& at, Node* node) {
    if (!value.is_string()) return Fail(at, "must be a text");
    if (++patterns_ > Schema::kMaxPatterns) {
      return Fail(at, "is one too many: a schema has at most " + std::to_string(Schema::kMaxPatterns));
    }
    auto pattern = std::make_shared<Regex>();
    std::string error;
    if (!Regex::Compile(value.view(), pattern.get(), &error)) {
      return Fail(at, "is no regular expression of RE2: " + error);
    }
    node->pattern = std::move(pattern);
    return true;
  }

  bool TypeKeyword(const Value& owner, const Value& value, const std::string& at, Node* node) {
    const Value* list = value.is_array() ? value.items : &value;
    const uint32_t count = value.is_array() ? value.size : 1;
    for (uint32_t i = 0; i < count; ++i) {
      const uint8_t bit = list[i].is_string() ? TypeBit(list[i].view()) : 0;
      if (bit == 0) {
        return Fail(at, "must be of null, boolean, object, array, number, string, integer");
      }
      node->types |= bit;
    }
    if (count == 0) return Fail(at, "must not be empty");
    const Value* nullable = FindMember(owner, "nullable");
    if (nullable != nullptr && nullable->type == Type::kBool && nullable->flag) node->types |= kNullBit;
    return true;
  }

  bool Properties(const Value& value, const std::string& at, int depth, Node* node) {
    if (!value.is_object()) return Fail(at, "must be an object");
    for (uint32_t i = 0; i < value.size; ++i) {
      const Member& member = value.members[i];
      const std::string pointer = at + "/" + PointerStep(member.key);
      bool text = node->text_may_stand;
      if (depth == 0 && member.value.is_object()) {
        if (!AddPlace(member.key, member.value, pointer, &text)) return false;
      }
      node->properties.emplace_back(member.key, -1);
      if (!Compile(member.value, text, pointer, depth + 1, &node->properties.back().second)) return false;
    }
    return true;
  }

  bool AddPlace(std::string_view name, const Value& property, const std::string& pointer, bool* text) {
    const Value* in = FindMember(property, "x-in");
    if (in == nullptr) return true;
    constexpr std::string_view kPlaces[] = {"path", "query", "header", "cookie"};
    for (size_t i = 0; i < std::size(kPlaces); ++i) {
      if (!in->is_string() || in->view() != kPlaces[i]) continue;
      schema_->places_.push_back({std::string(name), static_cast<Schema::Place::In>(i), false});
      *text = true;
      return true;
    }
    return Fail(pointer + "/x-in", "must be path, query, header or cookie");
  }

  bool Names(const Value& value, const std::string& at, std::vector<std::string>* names) {
    // `required: true` of Swagger is about something else.
    if (!value.is_array()) return Fail(at, "must be an array of names");
    for (uint32_t i = 0; i < value.size; ++i) {
      if (!value.items[i].is_string()) return Fail(at, "must be an array of names");
      names->emplace_back(value.items[i].view());
    }
    return true;
  }

  bool Parts(const Value& value, const std::string& at, int depth, Node* node, std::vector<int>* parts) {
    if (!value.is_array() || value.size == 0) return Fail(at, "must be an array of schemas");
    for (uint32_t i = 0; i < value.size; ++i) {
      parts->push_back(-1);
      if (!Compile(value.items[i], node->text_may_stand, at + "/" + std::to_string(i), depth + 1, &parts->back())) {
        return false;
      }
    }
    return true;
  }

  bool Reference(const Value& value, const std::string& at, int depth, Node* node) {
    if (!value.is_string() || !value.view().starts_with("#")) {
      return Fail(at, "must be a reference within the schema, such as \"#/$defs/name\"");
    }
    const Value* target = &root_;
    std::string_view rest = value.view().substr(1);
    while (!rest.empty() && target != nullptr) {
      if (rest[0] != '/') {
        target = nullptr;
        break;
      }
      rest.remove_prefix(1);
      const std::string_view step = rest.substr(0, rest.find('/'));
      rest.remove_prefix(step.size());
      target = FindStep(*target, FromPointerStep(step));
    }
    if (target == nullptr) return Fail(at, "there is no \"" + std::string(value.view()) + "\"");
    return Compile(*target, node->text_may_stand, std::string(value.view()), depth + 1, &node->reference);
  }

  bool Number(const Value& value, const std::string& at, std::optional<double>* out) {
    if (!value.is_number()) return Fail(at, std::string("must be a number, got ") + TypeName(value));
    *out = ToNumeric(value).real;
    return true;
  }

  bool Bound(const Value& owner, std::string_view exclusive, const Value& value, const std::string& at,
             std::optional<double>* bound, std::optional<double>* exclusive_bound) {
    const Value* flag = FindMember(owner, exclusive);
    const bool is_exclusive = flag != nullptr && flag->type == Type::kBool && flag->flag;
    return Number(value, at, is_exclusive ? exclusive_bound : bound);
  }

  bool Count(const Value& value, const std::string& at, std::optional<size_t>* out) {
    const double number = value.is_number() ? ToNumeric(value).real : -1;
    if (!(number >= 0) || number > 1e15 || number != std::floor(number)) {
      return Fail(at, "must be a whole number that is not negative");
    }
    *out = static_cast<size_t>(number);
    return true;
  }

  bool Flag(const Value& value, const std::string& at, bool* out) {
    if (value.type != Type::kBool) return Fail(at, "must be true or false");
    *out = value.flag;
    return true;
  }

  Schema* schema_;
  std::string* error_;
  int patterns_ = 0;
  Value root_ = Value::Missing();
  std::map<std::pair<const void*, bool>, int> made_;
};

std::unique_ptr<const Schema> Schema::Compile(std::string_view json, std::string* error) {
  if (json.size() > kMaxBytes) {
    *error = "the schema has more than " + std::to_string(kMaxBytes) + " bytes";
    return nullptr;
  }
  std::unique_ptr<Schema> schema(new Schema());
  schema->text_ = json;
  if (!SchemaCompiler(schema.get(), error).Run()) return nullptr;
  for (Place& place : schema->places_) {
    const auto& required = schema->required();
    place.required = std::find(required.begin(), required.end(), place.name) != required.end();
  }
  return schema;
}

}  // namespace gloo::tmpl
