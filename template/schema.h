// JSON Schema, as far as it can be checked at a bounded cost: what a call of a function may give. Shared by the data
// plane and the control plane, so that what one compiles the other checks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template/arena.h"
#include "template/regex.h"
#include "template/value.h"

namespace gloo::tmpl {

// Known: type, enum, const, properties, required, additionalProperties, minProperties, maxProperties, items, minItems,
// maxItems, uniqueItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, allOf,
// anyOf, oneOf, nullable, and $ref within the schema. What describes (title, format, x-...) is passed over; all else is
// refused, as it would be thought to be checked.
class Schema {
 public:
  static constexpr size_t kMaxBytes = 64 << 10;
  static constexpr int kMaxPatterns = 256;

  // A property of the schema that may come from elsewhere than the fields of the body: `x-in`. Its value may be a text
  // that stands for a number, a boolean or an array.
  struct Place {
    enum class In { kPath, kQuery, kHeader, kCookie };
    std::string name;
    In in = In::kPath;
    bool required = false;
  };

  // Null on error: "/properties/a/type: ...".
  static std::unique_ptr<const Schema> Compile(std::string_view json, std::string* error);

  const std::vector<Place>& places() const { return places_; }
  // Of the whole.
  const std::vector<std::string>& required() const { return nodes_[0].required; }

  enum class Result { kFits, kFails, kTooMuchWork };
  // The first mistake: "/a/0: must be a string, got a number".
  Result Check(const Value& value, Budget* budget, std::string* mistake) const;

 private:
  friend class SchemaCompiler;
  friend class SchemaChecker;

  struct Node {
    // Bits of SchemaType; 0: any.
    uint8_t types = 0;
    // A text may stand for what the schema asks.
    bool text_may_stand = false;
    bool never = false;
    std::vector<std::pair<std::string, int>> properties;
    std::vector<std::string> required;
    // Of what `properties` does not name: a node; -1: anything.
    int additional = -1;
    int items = -1;
    int reference = -1;
    std::optional<double> minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;
    std::optional<size_t> min_length, max_length, min_items, max_items, min_properties, max_properties;
    bool unique = false;
    // A part of a text must match it; null: none.
    std::shared_ptr<const Regex> pattern;
    // One of these.
    bool has_choices = false;
    std::vector<Value> choices;
    std::vector<int> all_of, any_of, one_of;
  };

  Schema() = default;

  // Values of `enum` point into these.
  std::string text_;
  Arena arena_;
  std::vector<Node> nodes_;
  std::vector<Place> places_;
};

}  // namespace gloo::tmpl
