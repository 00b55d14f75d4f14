#include "filters/fake_bridge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace gloo::filters {
namespace {

FakeBridge* Fake(abi::EnvoyBridgePtr bridge) { return static_cast<FakeBridge*>(bridge); }

void Copy(const std::vector<std::string>& from, abi::EnvoyBuffer* chunks, size_t* count) {
  std::transform(from.begin(), from.end(), chunks, [](const std::string& chunk) { return EnvoyText(chunk); });
  *count = from.size();
}

}  // namespace

FakeBridge::FakeBridge(const FakeBridgeConfig& config)
    : module_(envoy_dynamic_module_on_upstream_http_tcp_bridge_new(config.module, this)) {}

void FakeBridge::Headers(HeaderList headers, bool end_of_stream) {
  request_headers = std::move(headers);
  envoy_dynamic_module_on_upstream_http_tcp_bridge_encode_headers(this, module_, end_of_stream);
}

void FakeBridge::Body(std::vector<std::string> chunks, bool end_of_stream) {
  if (module_ == nullptr) return;
  request_chunks = std::move(chunks);
  envoy_dynamic_module_on_upstream_http_tcp_bridge_encode_data(this, module_, end_of_stream);
  request_chunks.clear();
}

void FakeBridge::Trailers() {
  if (module_ != nullptr) envoy_dynamic_module_on_upstream_http_tcp_bridge_encode_trailers(this, module_);
}

void FakeBridge::Server(std::vector<std::string> chunks, bool end_of_stream) {
  if (module_ == nullptr) return;
  response_chunks = std::move(chunks);
  envoy_dynamic_module_on_upstream_http_tcp_bridge_on_upstream_data(this, module_, end_of_stream);
  response_chunks.clear();
}

void FakeBridge::Destroy() {
  if (module_ != nullptr) envoy_dynamic_module_on_upstream_http_tcp_bridge_destroy(std::exchange(module_, nullptr));
}

std::string FakeBridge::TakeSent() { return std::exchange(sent, std::string()); }

extern "C" {

size_t envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_headers_size(abi::EnvoyBridgePtr bridge) {
  return Fake(bridge)->request_headers.size();
}

bool envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_headers(abi::EnvoyBridgePtr bridge,
                                                                                abi::EnvoyHttpHeader* headers) {
  for (const auto& [name, value] : Fake(bridge)->request_headers) {
    *headers++ = {name.data(), name.size(), value.data(), value.size()};
  }
  return true;
}

size_t envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_buffer_chunks_size(
    abi::EnvoyBridgePtr bridge) {
  return Fake(bridge)->request_chunks.size();
}

void envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_buffer(abi::EnvoyBridgePtr bridge,
                                                                               abi::EnvoyBuffer* chunks,
                                                                               size_t* count) {
  Copy(Fake(bridge)->request_chunks, chunks, count);
}

size_t envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_response_buffer_chunks_size(
    abi::EnvoyBridgePtr bridge) {
  return Fake(bridge)->response_chunks.size();
}

void envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_response_buffer(abi::EnvoyBridgePtr bridge,
                                                                                abi::EnvoyBuffer* chunks,
                                                                                size_t* count) {
  Copy(Fake(bridge)->response_chunks, chunks, count);
}

void envoy_dynamic_module_callback_upstream_http_tcp_bridge_send_upstream_data(abi::EnvoyBridgePtr bridge,
                                                                               abi::ModuleBuffer data,
                                                                               bool end_of_stream) {
  FakeBridge* const fake = Fake(bridge);
  EXPECT_FALSE(fake->half_closed) << "nothing is written after the end";
  fake->sent.append(data.data, data.size);
  fake->half_closed = end_of_stream;
}

void envoy_dynamic_module_callback_upstream_http_tcp_bridge_send_response(abi::EnvoyBridgePtr bridge, uint32_t status,
                                                                          abi::ModuleHttpHeader* headers,
                                                                          size_t header_count, abi::ModuleBuffer body) {
  FakeBridge* const fake = Fake(bridge);
  EXPECT_FALSE(fake->response.has_value()) << "a request is answered once";
  fake->response.emplace();
  fake->response->status = status;
  fake->response->body.assign(body.data, body.size);
  for (size_t i = 0; i < header_count; ++i) {
    fake->response->headers.emplace_back(std::string(headers[i].key, headers[i].key_size),
                                         std::string(headers[i].value, headers[i].value_size));
  }
  // The request may end before this returns.
  fake->Destroy();
}

}  // extern "C"

}  // namespace gloo::filters
