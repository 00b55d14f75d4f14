// Scalars of a file to values of a field: exact, and with the words to say what is wrong.
#pragma once

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "model/node.h"

namespace gloo::model {

struct Mistake {
  std::string_view reason;
  std::string message;
};

// "a list", "a mapping", "nothing", or the text in quotes.
std::string Describe(const Node& node);
// In double quotes, cut short where long.
std::string Quoted(std::string_view text);

// Each refuses what is no scalar as well.
std::optional<Mistake> ParseString(const Node& node, std::string* value);
std::optional<Mistake> ParseBytes(const Node& node, std::string* value);
std::optional<Mistake> ParseBool(const Node& node, bool* value);
// From `min` to `max`, written in decimal digits. `quoted` takes quoted digits too: JSON writes 64-bit numbers so.
std::optional<Mistake> ParseInt(const Node& node, int64_t min, int64_t max, bool quoted, int64_t* value);
std::optional<Mistake> ParseUnsigned(const Node& node, uint64_t max, bool quoted, uint64_t* value);
std::optional<Mistake> ParseDouble(const Node& node, double* value);
std::optional<Mistake> ParseEnum(const Node& node, const google::protobuf::EnumDescriptor* type, int* value);
std::optional<Mistake> ParseDuration(const Node& node, absl::Duration* value);
std::optional<Mistake> ParseTimestamp(const Node& node, absl::Time* value);

// Whether a plain scalar is a number as JSON writes it.
bool IsNumber(std::string_view text);

// What is wrong with a metadata.name (`label` false) or a metadata.namespace (`label` true).
std::optional<Mistake> CheckName(std::string_view name, bool label);

}  // namespace gloo::model
