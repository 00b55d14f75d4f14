// absl's string functions for std::string_view: Debian builds absl with a string_view of its own.
#pragma once

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace gloo {

namespace strings_internal {
inline absl::string_view Piece(std::string_view s) { return {s.data(), s.size()}; }
inline absl::string_view Piece(const std::string& s) { return s; }
inline absl::string_view Piece(const char* s) { return s; }
inline absl::string_view Piece(absl::string_view s) { return s; }
template <typename T>
const T& Piece(const T& value) {
  return value;
}
}  // namespace strings_internal

inline absl::string_view AbslView(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view StdView(absl::string_view s) { return {s.data(), s.size()}; }

// As absl::StrCat and absl::StrAppend, for std::string_view too.
template <typename... T>
std::string StrCat(const T&... parts) {
  return absl::StrCat(strings_internal::Piece(parts)...);
}
template <typename... T>
void StrAppend(std::string* out, const T&... parts) {
  absl::StrAppend(out, strings_internal::Piece(parts)...);
}

}  // namespace gloo
