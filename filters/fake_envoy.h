// A fake of Envoy's side of the interface for unit tests: the callbacks act on the objects below, whose methods call
// the hooks in the order in which Envoy would.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filters/abi.h"

namespace gloo::filters {

// The hooks that the tests call.
extern "C" {
const char* envoy_dynamic_module_on_program_init();
abi::ModuleEarlyConfigPtr envoy_dynamic_module_on_early_header_mutation_config_new(abi::EnvoyEarlyConfigPtr,
                                                                                   abi::EnvoyBuffer name,
                                                                                   abi::EnvoyBuffer config);
void envoy_dynamic_module_on_early_header_mutation_config_destroy(abi::ModuleEarlyConfigPtr);
bool envoy_dynamic_module_on_early_header_mutation_mutate(abi::ModuleEarlyConfigPtr, abi::EnvoyEarlyContextPtr);
abi::ModuleFilterConfigPtr envoy_dynamic_module_on_http_filter_config_new(abi::EnvoyFilterConfigPtr,
                                                                          abi::EnvoyBuffer name,
                                                                          abi::EnvoyBuffer config);
void envoy_dynamic_module_on_http_filter_config_destroy(abi::ModuleFilterConfigPtr);
abi::ModuleRouteConfigPtr envoy_dynamic_module_on_http_filter_per_route_config_new(abi::EnvoyBuffer name,
                                                                                   abi::EnvoyBuffer config);
void envoy_dynamic_module_on_http_filter_per_route_config_destroy(abi::ModuleRouteConfigPtr);
abi::ModuleFilterPtr envoy_dynamic_module_on_http_filter_new(abi::ModuleFilterConfigPtr, abi::EnvoyFilterPtr);
void envoy_dynamic_module_on_http_filter_destroy(abi::ModuleFilterPtr);
abi::HeadersStatus envoy_dynamic_module_on_http_filter_request_headers(abi::EnvoyFilterPtr, abi::ModuleFilterPtr, bool);
abi::BodyStatus envoy_dynamic_module_on_http_filter_request_body(abi::EnvoyFilterPtr, abi::ModuleFilterPtr, bool);
abi::TrailersStatus envoy_dynamic_module_on_http_filter_request_trailers(abi::EnvoyFilterPtr, abi::ModuleFilterPtr);
abi::HeadersStatus envoy_dynamic_module_on_http_filter_response_headers(abi::EnvoyFilterPtr, abi::ModuleFilterPtr,
                                                                        bool);
abi::BodyStatus envoy_dynamic_module_on_http_filter_response_body(abi::EnvoyFilterPtr, abi::ModuleFilterPtr, bool);
abi::TrailersStatus envoy_dynamic_module_on_http_filter_response_trailers(abi::EnvoyFilterPtr, abi::ModuleFilterPtr);
abi::LocalReplyStatus envoy_dynamic_module_on_http_filter_local_reply(abi::EnvoyFilterPtr, abi::ModuleFilterPtr,
                                                                      uint32_t status, abi::EnvoyBuffer, bool);
}  // extern "C"

using HeaderList = std::vector<std::pair<std::string, std::string>>;

inline abi::EnvoyBuffer EnvoyText(std::string_view text) { return {text.data(), text.size()}; }

// The value of a header, values joined by "|"; "(none)" when it is not there.
std::string HeaderOf(const HeaderList& headers, std::string_view name);

// What the module has logged since the last call.
std::vector<std::string> TakeLog();

// The request of one early header mutation.
struct FakeEarlyContext {
  HeaderList headers;
};

// A filter configuration in a chain; its counters by `NAME` or `NAME LABEL=VALUE`.
class FakeFilterConfig {
 public:
  FakeFilterConfig(std::string_view name, std::string_view config, bool refuse_counters = false);
  ~FakeFilterConfig();
  FakeFilterConfig(const FakeFilterConfig&) = delete;

  abi::ModuleFilterConfigPtr module = nullptr;
  const bool refuse_counters;
  std::vector<std::string> counter_names;
  std::map<std::string, uint64_t> counters;
};

// One stream through one filter.
class FakeStream {
 public:
  // `route` may be null: the route has no configuration for the filter.
  FakeStream(FakeFilterConfig* config, abi::ModuleRouteConfigPtr route);
  ~FakeStream();
  FakeStream(const FakeStream&) = delete;

  // Calls the hooks of a whole message; chunks that the filter lets through gather in request.body / response.body.
  void Request(HeaderList headers, const std::vector<std::string>& chunks = {}, bool trailers = false);
  void Response(HeaderList headers, const std::vector<std::string>& chunks = {}, bool trailers = false);
  // Envoy answers by itself.
  void LocalReply(uint32_t status, std::string_view details = "details");
  // The client goes away.
  void Destroy();

  struct Message {
    HeaderList headers;
    std::string body;
    // What the hooks returned.
    std::vector<abi::HeadersStatus> header_statuses;
    std::vector<abi::BodyStatus> body_statuses;
    bool complete = false;  // the end of the stream went on
    // Envoy's side.
    std::vector<std::string> received;
    std::string buffered;
    bool in_body_hook = false;
    // Headers may no longer change once they have gone on.
    bool headers_gone = false;
  };
  Message request;
  Message response;

  struct Reply {
    uint32_t status = 0;
    std::string body;
    std::string details;
    HeaderList headers = {};
    bool operator==(const Reply&) const = default;
  };
  std::optional<Reply> reply;
  std::map<abi::Attribute, std::string> attributes = {{abi::Attribute::kRequestProtocol, "HTTP/1.1"},
                                                      {abi::Attribute::kSourceAddress, "192.0.2.7:4711"}};
  // `NAMESPACE KEY`.
  std::map<std::string, std::string> metadata;
  int routes_cleared = 0;
  uint64_t upstream_connection = 0;

  FakeFilterConfig* const config;
  const abi::ModuleRouteConfigPtr route;
  abi::ModuleFilterPtr module = nullptr;

 private:
  void Drive(bool is_request, HeaderList headers, const std::vector<std::string>& chunks, bool trailers);
};

}  // namespace gloo::filters
