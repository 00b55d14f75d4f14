// The part of Envoy's dynamic module interface (ABI v0.2.0, Envoy 1.40) that this module uses, as C++ declarations of
// our own. Symbol names, argument orders and enumerator values are Envoy's; check_abi.py compares the names with the
// Envoy binary at build time. docs/design/filters.md tells when each hook is called.
//
// Ownership is in the type's name: Envoy... is memory or an object of Envoy's, valid until the hook that got it returns
// unless said otherwise; Module... is memory or an object of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gloo::filters::abi {

// What the module says it was built for; Envoy warns about another.
inline constexpr char kVersion[] = "v0.2.0";

struct EnvoyBuffer {
  const char* data = nullptr;
  size_t size = 0;
  std::string_view view() const { return size == 0 ? std::string_view() : std::string_view(data, size); }
};

struct ModuleBuffer {
  const char* data;
  size_t size;
  // Never a null pointer, however empty the text: a null pointer means "no value" to Envoy.
  ModuleBuffer(std::string_view text)  // NOLINT(google-explicit-constructor)
      : data(text.data() == nullptr ? "" : text.data()), size(text.size()) {}
  ModuleBuffer(const std::string& text)
      : data(text.data()), size(text.size()) {}  // NOLINT(google-explicit-constructor)
  static ModuleBuffer None() { return ModuleBuffer(); }

 private:
  ModuleBuffer() : data(nullptr), size(0) {}
};

struct EnvoyHttpHeader {
  const char* key;
  size_t key_size;
  const char* value;
  size_t value_size;
};
struct ModuleHttpHeader {
  const char* key;
  size_t key_size;
  const char* value;
  size_t value_size;
};

using EnvoyFilterConfigPtr = void*;         // lives as long as the module's config does
using EnvoyFilterPtr = void*;               // lives until on_http_filter_destroy
using EnvoyEarlyContextPtr = void*;         // one call of mutate
using EnvoyEarlyConfigPtr = void*;          // lives as long as the module's config does
using ModuleFilterConfigPtr = const void*;  // ours until on_http_filter_config_destroy
using ModuleRouteConfigPtr = const void*;   // ours until on_http_filter_per_route_config_destroy
using ModuleFilterPtr = const void*;        // ours until on_http_filter_destroy
using ModuleEarlyConfigPtr = const void*;   // ours until on_early_header_mutation_config_destroy
using EnvoyBridgePtr = void*;               // lives until on_upstream_http_tcp_bridge_destroy
using EnvoyBridgeConfigPtr = void*;         // lives as long as the module's config does
using ModuleBridgeConfigPtr = const void*;  // ours until on_upstream_http_tcp_bridge_config_destroy
using ModuleBridgePtr = const void*;        // ours until on_upstream_http_tcp_bridge_destroy

enum class LogLevel : int { kTrace, kDebug, kInfo, kWarn, kError };
enum class MetricsResult : int { kSuccess, kMetricNotFound, kInvalidLabels, kFrozen };
enum class HeaderType : int { kRequest, kRequestTrailer, kResponse, kResponseTrailer };
// Received: what this body hook was called for. Buffered: what Envoy holds; appending outside a body hook adds to it.
enum class BodyType : int { kReceivedRequest, kBufferedRequest, kReceivedResponse, kBufferedResponse };
enum class HeadersStatus : int { kContinue, kStopIteration };
enum class BodyStatus : int { kContinue, kStopIterationAndBuffer, kStopIterationAndWatermark, kStopIterationNoBuffer };
enum class TrailersStatus : int { kContinue, kStopIteration };
// Of those that Envoy numbers, what this module asks for.
enum class Attribute : int { kRequestProtocol = 10, kSourceAddress = 24 };
enum class LocalReplyStatus : int { kContinue, kContinueAndResetStream };

}  // namespace gloo::filters::abi

namespace gloo::filters {

// Callbacks: Envoy implements them.
extern "C" {
void envoy_dynamic_module_callback_log(abi::LogLevel level, abi::ModuleBuffer message);

// Counters are defined while the config is made. Label arrays may be null when empty.
abi::MetricsResult envoy_dynamic_module_callback_http_filter_config_define_counter(abi::EnvoyFilterConfigPtr config,
                                                                                   abi::ModuleBuffer name,
                                                                                   abi::ModuleBuffer* label_names,
                                                                                   size_t label_count, size_t* id);
abi::MetricsResult envoy_dynamic_module_callback_http_filter_increment_counter(abi::EnvoyFilterPtr filter, size_t id,
                                                                               abi::ModuleBuffer* label_values,
                                                                               size_t label_count, uint64_t value);

abi::ModuleRouteConfigPtr envoy_dynamic_module_callback_get_most_specific_route_config(abi::EnvoyFilterPtr filter);

// False when there is no value number `index`; `count` (may be null) gets how many values the key has.
bool envoy_dynamic_module_callback_http_get_header(abi::EnvoyFilterPtr filter, abi::HeaderType type,
                                                   abi::ModuleBuffer key, abi::EnvoyBuffer* value, size_t index,
                                                   size_t* count);
// All headers, one entry a value; `headers` has room for as many as headers_size says.
size_t envoy_dynamic_module_callback_http_get_headers_size(abi::EnvoyFilterPtr filter, abi::HeaderType type);
bool envoy_dynamic_module_callback_http_get_headers(abi::EnvoyFilterPtr filter, abi::HeaderType type,
                                                    abi::EnvoyHttpHeader* headers);
// False where it is not known.
bool envoy_dynamic_module_callback_http_filter_get_attribute_string(abi::EnvoyFilterPtr filter,
                                                                    abi::Attribute attribute, abi::EnvoyBuffer* value);

// Beside the values that are there.
bool envoy_dynamic_module_callback_http_add_header(abi::EnvoyFilterPtr filter, abi::HeaderType type,
                                                   abi::ModuleBuffer key, abi::ModuleBuffer value);
// Replaces all values; ModuleBuffer::None() removes the header.
bool envoy_dynamic_module_callback_http_set_header(abi::EnvoyFilterPtr filter, abi::HeaderType type,
                                                   abi::ModuleBuffer key, abi::ModuleBuffer value);

// Makes the namespace where it is not there.
void envoy_dynamic_module_callback_http_set_dynamic_metadata_string(abi::EnvoyFilterPtr filter,
                                                                    abi::ModuleBuffer name_space, abi::ModuleBuffer key,
                                                                    abi::ModuleBuffer value);
// The route is chosen anew when somebody next asks for it; the filters of the stream stay those that it has.
void envoy_dynamic_module_callback_http_clear_route_cache(abi::EnvoyFilterPtr filter);

size_t envoy_dynamic_module_callback_http_get_body_chunks_size(abi::EnvoyFilterPtr filter, abi::BodyType type);
bool envoy_dynamic_module_callback_http_get_body_chunks(abi::EnvoyFilterPtr filter, abi::BodyType type,
                                                        abi::EnvoyBuffer* chunks);
bool envoy_dynamic_module_callback_http_append_body(abi::EnvoyFilterPtr filter, abi::BodyType type,
                                                    abi::ModuleBuffer data);
bool envoy_dynamic_module_callback_http_drain_body(abi::EnvoyFilterPtr filter, abi::BodyType type, size_t bytes);

// Of a filter of a cluster, once it has a connection: a number that no other connection of the process has or had; 0:
// none.
uint64_t envoy_dynamic_module_callback_http_get_upstream_connection_id(abi::EnvoyFilterPtr filter);

// May call on_http_filter_local_reply, the response hooks and on_http_filter_destroy before it returns.
void envoy_dynamic_module_callback_http_send_response(abi::EnvoyFilterPtr filter, uint32_t status,
                                                      abi::ModuleHttpHeader* headers, size_t header_count,
                                                      abi::ModuleBuffer body, abi::ModuleBuffer details);

bool envoy_dynamic_module_callback_early_header_mutation_get_header_value(abi::EnvoyEarlyContextPtr context,
                                                                          abi::ModuleBuffer key,
                                                                          abi::EnvoyBuffer* value, size_t index,
                                                                          size_t* count);
// Replaces all values.
bool envoy_dynamic_module_callback_early_header_mutation_set_header(abi::EnvoyEarlyContextPtr context,
                                                                    abi::ModuleBuffer key, abi::ModuleBuffer value);

// The bridge from HTTP requests to a TCP connection. All request headers, from encode_headers on.
size_t envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_headers_size(abi::EnvoyBridgePtr bridge);
bool envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_headers(abi::EnvoyBridgePtr bridge,
                                                                                abi::EnvoyHttpHeader* headers);
// What encode_data was called for (request) and on_upstream_data (response); `chunks` has room for as many as
// chunks_size says, `count` gets how many there are.
size_t envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_buffer_chunks_size(abi::EnvoyBridgePtr);
void envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_buffer(abi::EnvoyBridgePtr bridge,
                                                                               abi::EnvoyBuffer* chunks, size_t* count);
size_t envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_response_buffer_chunks_size(abi::EnvoyBridgePtr);
void envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_response_buffer(abi::EnvoyBridgePtr bridge,
                                                                                abi::EnvoyBuffer* chunks,
                                                                                size_t* count);
// With the end of stream our side of the connection is closed; the server's end then comes as on_upstream_data.
void envoy_dynamic_module_callback_upstream_http_tcp_bridge_send_upstream_data(abi::EnvoyBridgePtr bridge,
                                                                               abi::ModuleBuffer data,
                                                                               bool end_of_stream);
// The whole response. May call on_upstream_http_tcp_bridge_destroy before it returns.
void envoy_dynamic_module_callback_upstream_http_tcp_bridge_send_response(abi::EnvoyBridgePtr bridge, uint32_t status,
                                                                          abi::ModuleHttpHeader* headers,
                                                                          size_t header_count, abi::ModuleBuffer body);
}  // extern "C"

}  // namespace gloo::filters
