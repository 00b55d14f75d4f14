// The host of a request as domains are compared with it: by the filter that computes scope keys, and offline.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace gloo::tmpl {

// Longest host that is looked up: longer ones are no DNS names, and only `*` covers them.
inline constexpr size_t kMaxHost = 255;

// Writes the host of an :authority into `buffer`, lower-cased and without port and trailing dot; an IPv6 literal keeps
// its brackets. Empty when there is no host or it is longer than kMaxHost.
std::string_view NormalizeHost(std::string_view authority, std::array<char, kMaxHost>* buffer);

}  // namespace gloo::tmpl
