// A fake of Envoy's side of the bridge from HTTP to TCP, for unit tests; calls the hooks as Envoy would.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/fake_envoy.h"

namespace gloo::filters {

extern "C" {
abi::ModuleBridgeConfigPtr envoy_dynamic_module_on_upstream_http_tcp_bridge_config_new(abi::EnvoyBridgeConfigPtr,
                                                                                       abi::EnvoyBuffer name,
                                                                                       abi::EnvoyBuffer config);
void envoy_dynamic_module_on_upstream_http_tcp_bridge_config_destroy(abi::ModuleBridgeConfigPtr);
abi::ModuleBridgePtr envoy_dynamic_module_on_upstream_http_tcp_bridge_new(abi::ModuleBridgeConfigPtr,
                                                                          abi::EnvoyBridgePtr);
void envoy_dynamic_module_on_upstream_http_tcp_bridge_destroy(abi::ModuleBridgePtr);
void envoy_dynamic_module_on_upstream_http_tcp_bridge_encode_headers(abi::EnvoyBridgePtr, abi::ModuleBridgePtr, bool);
void envoy_dynamic_module_on_upstream_http_tcp_bridge_encode_data(abi::EnvoyBridgePtr, abi::ModuleBridgePtr, bool);
void envoy_dynamic_module_on_upstream_http_tcp_bridge_encode_trailers(abi::EnvoyBridgePtr, abi::ModuleBridgePtr);
void envoy_dynamic_module_on_upstream_http_tcp_bridge_on_upstream_data(abi::EnvoyBridgePtr, abi::ModuleBridgePtr, bool);
}  // extern "C"

// The configuration of a cluster.
class FakeBridgeConfig {
 public:
  explicit FakeBridgeConfig(std::string_view config, std::string_view name = "gloo.nats")
      : module(
            envoy_dynamic_module_on_upstream_http_tcp_bridge_config_new(nullptr, EnvoyText(name), EnvoyText(config))) {}
  ~FakeBridgeConfig() {
    if (module != nullptr) envoy_dynamic_module_on_upstream_http_tcp_bridge_config_destroy(module);
  }
  FakeBridgeConfig(const FakeBridgeConfig&) = delete;

  const abi::ModuleBridgeConfigPtr module;
};

// One request over one connection.
class FakeBridge {
 public:
  explicit FakeBridge(const FakeBridgeConfig& config);
  ~FakeBridge() { Destroy(); }
  FakeBridge(const FakeBridge&) = delete;

  void Headers(HeaderList headers, bool end_of_stream = false);
  void Body(std::vector<std::string> chunks, bool end_of_stream = true);
  void Trailers();
  void Server(std::vector<std::string> chunks, bool end_of_stream = false);
  void Destroy();

  // What was sent to the server since the last call.
  std::string TakeSent();

  struct Response {
    uint32_t status = 0;
    HeaderList headers;
    std::string body;
  };
  std::optional<Response> response;
  bool half_closed = false;

  // Envoy's side.
  HeaderList request_headers;
  std::vector<std::string> request_chunks;
  std::vector<std::string> response_chunks;
  std::string sent;

 private:
  abi::ModuleBridgePtr module_ = nullptr;
};

}  // namespace gloo::filters
