// What there is to check in a message of one type, read from its descriptor once.
#pragma once

#include <google/protobuf/descriptor.h>
#include <re2/re2.h>

#include <memory>
#include <string>
#include <vector>

#include "validate/validate.pb.h"

namespace gloo::checks {

struct Plan;

// Rules of single values: those of a field, of a repeated field's items, of a map's keys or values.
struct ValueRules {
  const validate::FieldRules* rules = nullptr;
  // StringRules.pattern or BytesRules.pattern.
  std::unique_ptr<re2::RE2> pattern;
};

// How Envoy reads a field beyond its rules.
enum class FieldMeaning {
  kPlain,
  // HeaderValueOption list whose values are formats and whose names must not be pseudo headers or host.
  kHeadersToAdd,
  kHeadersToRemove,
};

struct FieldPlan {
  const google::protobuf::FieldDescriptor* field = nullptr;
  FieldMeaning meaning = FieldMeaning::kPlain;
  // A message field that must be set.
  bool required = false;
  // Of the field, or of each item or map value.
  ValueRules value;
  ValueRules key;
  const validate::RepeatedRules* repeated = nullptr;
  const validate::MapRules* map = nullptr;
  // google.protobuf.UInt32Value and its like: `value` speaks of the number inside.
  bool wrapper = false;
  // What to check in the messages of the field, items or map values; null: nothing.
  const Plan* message = nullptr;
};

// Checks of a message as a whole, by its type.
enum class MessageMeaning { kPlain, kAny, kDuration, kTimestamp, kRegex, kWeightedClusters, kRouteConfiguration };

struct Plan {
  const google::protobuf::Descriptor* type = nullptr;
  MessageMeaning meaning = MessageMeaning::kPlain;
  std::vector<const google::protobuf::OneofDescriptor*> required_oneofs;
  std::vector<FieldPlan> fields;
  // False: nothing in this message or anything below it can be wrong.
  bool active = false;
};

// Thread safe; plans live as long as the program.
const Plan& PlanOf(const google::protobuf::Descriptor* type);

}  // namespace gloo::checks
