// JSON: a strict reader (RFC 8259) into an arena, and the writer with exact escaping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "template/value.h"

namespace gloo::tmpl {

struct JsonError {
  size_t offset = 0;
  const char* message = "";  // "expected \":\" after the key"
  bool too_large = false;    // it may be JSON, but takes more memory than allowed
};

constexpr uint16_t kMaxJsonDepth = 128;

// Strings without escapes and numbers stay views into `text`, which must outlive the value. Refused: anything that is
// not one JSON value and white space, invalid UTF-8, unpaired surrogates, nesting over kMaxJsonDepth, 2 GiB; and what
// would take more than `memory` bytes, of the arena and while reading.
bool ReadJson(std::string_view text, Arena* arena, Value* value, JsonError* error, size_t memory = SIZE_MAX);

// Whether ReadJson would read it; takes no memory.
bool IsJson(std::string_view text);

// The length of the number at the start of `text` by the grammar of JSON, 0 if there is none.
size_t JsonNumberLength(std::string_view text, bool* integral);

// Reads the part of a string between its quotes, `text` being known to hold no raw quote. The result is a view into
// `text` or lives in the arena. Without an arena it is only looked at, and `out` stays as it is.
bool UnescapeJson(std::string_view text, Arena* arena, std::string_view* out, JsonError* error);

// Appends without the quotes around. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonEscaped(std::string_view text, std::string* out);

// Compact JSON. False when `out` would grow past `limit` bytes; what was appended by then stays.
bool AppendJson(const Value& value, size_t limit, std::string* out);

// As a substitution shows it: strings as they are, null and a missing value as nothing, all else as JSON.
bool AppendText(const Value& value, size_t limit, std::string* out);

// The length of the valid UTF-8 sequence at the start of `text`, 0 if it is not valid; `text` is not empty.
size_t Utf8Length(std::string_view text);

}  // namespace gloo::tmpl
