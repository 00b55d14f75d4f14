// Small parts that compiling and checking schemas share. Internal to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gloo::tmpl {

inline constexpr std::string_view kSchemaTypes[] = {"null",   "boolean", "object", "array",
                                                    "number", "string",  "integer"};
inline constexpr uint8_t kNullBit = 1, kBooleanBit = 2, kObjectBit = 4, kArrayBit = 8, kNumberBit = 16, kStringBit = 32,
                         kIntegerBit = 64;

// 0 where it is none.
inline uint8_t TypeBit(std::string_view name) {
  for (size_t i = 0; i < std::size(kSchemaTypes); ++i) {
    if (kSchemaTypes[i] == name) return static_cast<uint8_t>(1u << i);
  }
  return 0;
}

// Says something, but asks nothing.
inline bool IsAnnotation(std::string_view key) {
  constexpr std::string_view kKnown[] = {"$comment",    "$defs",        "$id",         "$schema",       "default",
                                         "definitions", "deprecated",   "description", "discriminator", "example",
                                         "examples",    "externalDocs", "format",      "nullable",      "readOnly",
                                         "title",       "writeOnly",    "xml"};
  if (key.starts_with("x-")) return true;
  for (const std::string_view known : kKnown) {
    if (known == key) return true;
  }
  return false;
}

// A key as a step of a JSON pointer, and back.
inline std::string PointerStep(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~' || c == '/') {
      out += c == '~' ? "~0" : "~1";
    } else {
      out += c;
    }
  }
  return out;
}
inline std::string FromPointerStep(std::string_view step) {
  std::string out;
  for (size_t i = 0; i < step.size(); ++i) {
    const bool escaped = step[i] == '~' && i + 1 < step.size() && (step[i + 1] == '0' || step[i + 1] == '1');
    out += !escaped ? step[i] : step[++i] == '0' ? '~' : '/';
  }
  return out;
}

}  // namespace gloo::tmpl
