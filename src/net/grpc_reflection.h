// Asks a gRPC server for its descriptors: for programs that have nothing else to do meanwhile.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace gloo::net {

struct ReflectionLimits {
  // Of all descriptors.
  size_t max_bytes = 16 << 20;
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
};

// The serialized FileDescriptorSet of all services of the server, by the reflection service v1, else v1alpha. With
// `tls` the server is verified against the system's certificate authorities (SSL_CERT_FILE names others). Errors name
// the address and what is wrong.
absl::StatusOr<std::string> FetchDescriptors(const std::string& host, uint16_t port, bool tls,
                                             const ReflectionLimits& limits = {});

}  // namespace gloo::net
