// Our own copy of the checks that Envoy makes of a resource, so that a mistake becomes a status and never a NACK.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "base/issues.h"

namespace google::protobuf {
class Message;
}

namespace gloo::checks {

// How large a compiled RE2 program may be (RE2::ProgramSize()). Envoy's own default is 100, too small for real
// expressions: the bootstrap must set the runtime key `re2.max_program_size.error_level` to this value.
inline constexpr int kMaxRegexProgramSize = 1000;

// Nesting of messages, Any included, beyond which a resource is refused.
inline constexpr int kMaxDepth = 64;

// Adds an error to `issues` for everything about `message` that Envoy would refuse:
//  - the validate.rules of its proto,
//  - regular expressions that RE2 does not take, or whose program is too large,
//  - durations that are negative or out of range,
//  - header edits of pseudo headers and `host`, and values with a broken `%COMMAND%`,
//  - weighted clusters without weight, domains that stand twice in a route configuration.
// Messages inside Any are checked where their type is linked in. Paths are relative to the current path of `issues`
// and use Envoy's field names: `virtual_hosts[0].routes[2].match.safe_regex.regex`. Thread safe; the rules of a type
// are read once, and subtrees of types without rules are not walked. Not to be called while a reference into one of the
// message's maps is kept to write through: protobuf's reflection would not see what is written.
void CheckMessage(const google::protobuf::Message& message, Issues& issues);

// Ok, or what is wrong: `invalid regular expression "a(": missing )`.
absl::Status CheckRegex(std::string_view text);

// A header name that Envoy takes in a matcher or an edit; pseudo headers (":path") included.
absl::Status CheckHeaderName(std::string_view name);
// A header value: any text without control characters but tabs.
absl::Status CheckHeaderValue(std::string_view value);
// A header value as Envoy's route configuration takes it: `%%` is a percent sign, `%REQ(x)%` a command.
absl::Status CheckHeaderFormat(std::string_view value);

}  // namespace gloo::checks
