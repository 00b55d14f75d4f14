// Fetches a URL whole: for programs that have nothing else to do meanwhile.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace gloo::net {

struct FetchLimits {
  // Of the answer's body.
  size_t max_bytes = 32 << 20;
  // Of all of it, redirects too.
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  int max_redirects = 5;
};

// The body of GET `url`, over http or https; hosts of https are verified against the system's certificate authorities
// (SSL_CERT_FILE names others). Follows redirects, but never from https to http. Errors name the URL and what is wrong.
absl::StatusOr<std::string> Fetch(const std::string& url, const FetchLimits& limits = {});

// The body of the answer of POST `url`; no redirect is followed.
absl::StatusOr<std::string> Post(const std::string& url, const std::string& content_type, const std::string& body,
                                 const FetchLimits& limits = {});

}  // namespace gloo::net
