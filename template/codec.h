// Text encodings that templates use: URL, base64, form bodies; and suggestions for misspelled names.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace gloo::tmpl {

// All but the unreserved characters of RFC 3986 as %XX.
void AppendUrlEncoded(std::string_view text, std::string* out);

// For a value inside a path: keeps what a path segment may hold; "/", "?", "#" and "%" are encoded.
void AppendPathEncoded(std::string_view text, std::string* out);

// %XX to bytes, with `plus_is_space` also "+" to a space; a "%" that no two digits follow stays.
// UrlDecode writes to `to`, which has room for text.size() bytes, and returns how many it wrote.
size_t UrlDecode(std::string_view text, bool plus_is_space, char* to);
void AppendUrlDecoded(std::string_view text, bool plus_is_space, std::string* out);

// RFC 4648; `url` takes the URL alphabet, and leaves out the padding when encoding. Decoding takes both alphabets'
// padding or none, and refuses all else.
void AppendBase64(std::string_view bytes, bool url, std::string* out);
bool AppendBase64Decoded(std::string_view text, bool url, std::string* out);

// The entry of `known` that a misspelled name most likely means, or empty.
std::string_view Suggest(std::string_view name, std::span<const std::string_view> known);

// ASCII only, whatever the locale.
inline char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
inline char ToUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
inline bool IsAlnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
// Of a token of HTTP: a method, the name of a header.
inline bool IsTokenChar(char c) {
  return IsAlnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
inline bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

}  // namespace gloo::tmpl
