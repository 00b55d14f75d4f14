// What the reader, the writer and the generators ask of a message's descriptor, looked up once and kept.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/v1/options.pb.h"

namespace gloo::model {

// Messages that are written in a form of their own.
enum class WellKnown { kNone, kAny, kDuration, kTimestamp, kWrapper, kStruct, kValue, kListValue };
WellKnown WellKnownOf(const google::protobuf::Descriptor* message);

struct FieldSchema {
  const google::protobuf::FieldDescriptor* field = nullptr;
  // lowerCamelCase: how the field is spelled in files.
  std::string name;
  // Place in MessageSchema::fields.
  size_t index = 0;
  bool required = false;
  bool secret = false;
  v1::OpenPart part = v1::NOT_OPEN;
  // Of a message field.
  WellKnown well_known = WellKnown::kNone;
};

struct MessageSchema {
  std::vector<FieldSchema> fields;
  // lowerCamelCase, snake_case and aliases; the names live in the descriptor.
  std::unordered_map<std::string_view, const FieldSchema*> by_name;
  // FieldSchema::name of all, for suggestions.
  std::vector<std::string> names;
  // Set by a scalar that stands where the message should; null if none may.
  const FieldSchema* scalar = nullptr;
  bool any_required = false;

  const FieldSchema* Find(std::string_view name) const;
};

// Thread safe; kept for ever, as descriptors of generated code are.
const MessageSchema& SchemaOf(const google::protobuf::Descriptor* message);

// Whether `typed` is a spelling of the field called `name` in lowerCamelCase: snake_case, or an alias of a field
// whose message has been seen.
bool SpellsField(std::string_view typed, std::string_view name);

// "ROUND_ROBIN" -> "RoundRobin": how values of enums are written.
std::string EnumName(const google::protobuf::EnumValueDescriptor* value);

}  // namespace gloo::model
