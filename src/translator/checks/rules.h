// The validate.rules of one field, applied to one value.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <string_view>

#include "validate/validate.pb.h"

namespace re2 {
class RE2;
}

namespace gloo::checks {

// `message` is empty where the value keeps the rules.
struct Violation {
  const char* reason = "";
  std::string message;

  explicit operator bool() const { return !message.empty(); }
};

// `pattern` is the compiled StringRules.pattern, or null.
Violation ApplyString(const validate::StringRules& rules, const re2::RE2* pattern, std::string_view value);
Violation ApplyBytes(const validate::BytesRules& rules, const re2::RE2* pattern, std::string_view value);
Violation ApplyEnum(const validate::EnumRules& rules, const google::protobuf::EnumDescriptor& type, int value);
Violation ApplyBool(const validate::BoolRules& rules, bool value);
Violation ApplyDuration(const validate::DurationRules& rules, const google::protobuf::Duration& value);
Violation ApplyTimestamp(const validate::TimestampRules& rules, const google::protobuf::Timestamp& value);
Violation ApplyAny(const validate::AnyRules& rules, const std::string& type_url);

// Numbers of all types, by the rules that belong to the field's type.
Violation ApplyDouble(const validate::FieldRules& rules, double value);
Violation ApplySigned(const validate::FieldRules& rules, int64_t value);
Violation ApplyUnsigned(const validate::FieldRules& rules, uint64_t value);

// A duration that Envoy can use at all: not negative, at most about 292 years.
Violation CheckDurationRange(const google::protobuf::Duration& value);

}  // namespace gloo::checks
