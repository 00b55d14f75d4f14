// Text for people and for JSON out of bytes that may be anything, names of files for instance.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gloo {

// The length of the UTF-8 character that begins at `at`; 0 where none does.
size_t Utf8Length(std::string_view text, size_t at);
// The text with U+FFFD in the place of each byte that belongs to no UTF-8 character.
std::string ToUtf8(std::string_view text);
// In double quotes, with what JSON escapes escaped; always UTF-8.
std::string JsonQuote(std::string_view text);

}  // namespace gloo
