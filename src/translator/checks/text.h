// Checks and forms of single texts.
#pragma once

#include <string>
#include <string_view>

namespace gloo::checks {

// What the rules of protos call well-known expressions; not strict takes all but NUL and line breaks.
bool IsHeaderName(std::string_view text, bool strict);
bool IsHeaderValue(std::string_view text, bool strict);

// In quotes, escaped, cut after 100 bytes: for messages.
std::string Quote(std::string_view text);

}  // namespace gloo::checks
