// The bootstrap configuration of an Envoy that this control plane serves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gloo::bootstrap {

struct EnvoyBootstrap {
  std::string node_id = "ingress~1";
  // Of the control planes, which serve the same: Envoy uses one and turns to another when that one is gone.
  struct Address {
    std::string host = "127.0.0.1";
    uint16_t port = 9977;
  };
  std::vector<Address> xds = {Address()};
  // Set: TLS. Paths as Envoy sees them.
  std::string ca_file;
  // The name that the control plane's certificate must have; empty: its host.
  std::string server_name;
  // What Envoy shows for itself; empty: nothing.
  std::string cert_file;
  std::string key_file;
  std::string admin_address = "127.0.0.1";
  uint16_t admin_port = 9901;
};

// As JSON, which Envoy reads with -c (and which is YAML too).
std::string ToJson(const EnvoyBootstrap& bootstrap);

}  // namespace gloo::bootstrap
