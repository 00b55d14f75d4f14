// URLs of http and https, in parts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gloo {

struct Url {
  bool tls = false;
  // A name or an address; IPv6 without brackets.
  std::string host;
  uint16_t port = 0;
  // Path and query string, as written, without the fragment; may be empty.
  std::string target;

  // As a Host header has it: the port where it is not the scheme's own.
  std::string authority() const;
  // "https://HOST[:PORT]".
  std::string origin() const;
};

// Nothing where it is none; user names are not taken.
std::optional<Url> ParseUrl(std::string_view text);

}  // namespace gloo
