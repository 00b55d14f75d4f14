// Small text building: names, messages, the JSON of filter settings.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "base/utf8.h"

namespace gloo::translator {

namespace internal {
inline void Append(std::string& out, std::string_view part) { out.append(part); }
inline void Append(std::string& out, const char* part) { out.append(part); }
inline void Append(std::string& out, const std::string& part) { out.append(part); }
template <typename T>
  requires std::is_integral_v<T>
void Append(std::string& out, T part) {
  out.append(std::to_string(part));
}
}  // namespace internal

// Joins texts and integers.
template <typename... Parts>
std::string Cat(const Parts&... parts) {
  std::string out;
  (internal::Append(out, parts), ...);
  return out;
}

using gloo::JsonQuote;

std::string Lower(std::string_view text);

// `least` to `most` letters, digits and characters of `others`: most names that clouds give.
bool IsNameOf(std::string_view text, size_t least, size_t most, std::string_view others);

}  // namespace gloo::translator
