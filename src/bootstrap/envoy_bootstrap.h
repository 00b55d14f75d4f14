// The bootstrap configuration of an Envoy that this control plane serves.
#pragma once

#include <cstdint>
#include <string>

namespace gloo::bootstrap {

struct EnvoyBootstrap {
  std::string node_id = "ingress~1";
  std::string xds_host = "127.0.0.1";
  uint16_t xds_port = 9977;
  std::string admin_address = "127.0.0.1";
  uint16_t admin_port = 9901;
};

// As JSON, which Envoy reads with -c (and which is YAML too).
std::string ToJson(const EnvoyBootstrap& bootstrap);

}  // namespace gloo::bootstrap
