// The hooks that Envoy calls: from C pointers to objects and back. exports.map makes them, and nothing else, visible.
#include <memory>
#include <string>
#include <string_view>

#include "filters/abi.h"
#include "filters/domain_table.h"
#include "filters/event_filter.h"
#include "filters/lambda_filter.h"
#include "filters/nats_bridge.h"
#include "filters/nats_connection.h"
#include "filters/scope_key.h"
#include "filters/transformation_filter.h"

namespace gloo::filters {
namespace {

constexpr std::string_view kScopeName = "gloo.scope";
constexpr std::string_view kDomainsName = "gloo.domains";
constexpr std::string_view kEventsName = "gloo.events";
constexpr std::string_view kLambdaName = "gloo.lambda";
constexpr std::string_view kTransformationName = "gloo.transformation";
constexpr std::string_view kNatsName = "gloo.nats";

void LogError(std::string_view what, std::string_view error) {
  std::string text(what);
  text.append(": ").append(error);
  envoy_dynamic_module_callback_log(abi::LogLevel::kError, text);
}

// What stands behind a ModuleFilterConfigPtr: one of the filters.
struct FilterConfig {
  std::unique_ptr<DomainTables::Publication> domains;
  std::unique_ptr<EventFilterConfig> events;
  std::unique_ptr<LambdaFilterConfig> lambda;
  std::unique_ptr<TransformationFilterConfig> transformation;
  bool nats_connection = false;
};

// Streams of gloo.domains have no state: all of them are this object.
const char kNoFilter = 0;

StreamFilter* Filter(abi::ModuleFilterPtr filter) {
  if (filter == &kNoFilter) return nullptr;
  return static_cast<StreamFilter*>(const_cast<void*>(filter));
}

NatsBridge* Bridge(abi::ModuleBridgePtr bridge) { return static_cast<NatsBridge*>(const_cast<void*>(bridge)); }

std::unique_ptr<FilterConfig> MakeFilterConfig(abi::EnvoyFilterConfigPtr envoy, std::string_view name,
                                               std::string_view config) {
  auto result = std::make_unique<FilterConfig>();
  if (name == kDomainsName) {
    std::string error;
    std::shared_ptr<const DomainTable> table = DomainTable::Parse(config, &error);
    if (table == nullptr) {
      LogError(kDomainsName, error);
      return nullptr;
    }
    DomainTables::Slot* slot = DomainTables::Find(table->id());
    result->domains = std::make_unique<DomainTables::Publication>(slot, std::move(table));
    return result;
  }
  if (name == kEventsName) {
    result->events = EventFilterConfig::Make(envoy);
    return result;
  }
  if (name == kLambdaName) {
    result->lambda = LambdaFilterConfig::Make(envoy);
    return result;
  }
  if (name == kTransformationName) {
    result->transformation = TransformationFilterConfig::Make(envoy);
    return result;
  }
  if (name == kNatsName) {
    result->nats_connection = true;
    return result;
  }
  LogError(name,
           "unknown filter; this module has gloo.domains, gloo.events, gloo.lambda, gloo.nats and gloo.transformation");
  return nullptr;
}

}  // namespace
// The build hides everything else.
#pragma GCC visibility push(default)
extern "C" {

const char* envoy_dynamic_module_on_program_init() { return abi::kVersion; }

// ---- early header mutation

abi::ModuleEarlyConfigPtr envoy_dynamic_module_on_early_header_mutation_config_new(abi::EnvoyEarlyConfigPtr,
                                                                                   abi::EnvoyBuffer name,
                                                                                   abi::EnvoyBuffer config) {
  if (name.view() != kScopeName) {
    LogError(name.view(), "unknown early header mutation; this module has gloo.scope");
    return nullptr;
  }
  std::string error;
  std::unique_ptr<ScopeKey> scope = ScopeKey::Parse(config.view(), &error);
  if (scope == nullptr) LogError(kScopeName, error);
  return scope.release();
}

void envoy_dynamic_module_on_early_header_mutation_config_destroy(abi::ModuleEarlyConfigPtr config) {
  delete static_cast<const ScopeKey*>(config);
}

bool envoy_dynamic_module_on_early_header_mutation_mutate(abi::ModuleEarlyConfigPtr config,
                                                          abi::EnvoyEarlyContextPtr context) {
  static_cast<const ScopeKey*>(config)->Apply(context);
  return true;  // further mutations run too
}

// ---- HTTP filter: configurations

abi::ModuleFilterConfigPtr envoy_dynamic_module_on_http_filter_config_new(abi::EnvoyFilterConfigPtr envoy,
                                                                          abi::EnvoyBuffer name,
                                                                          abi::EnvoyBuffer config) {
  return MakeFilterConfig(envoy, name.view(), config.view()).release();
}

void envoy_dynamic_module_on_http_filter_config_destroy(abi::ModuleFilterConfigPtr config) {
  delete static_cast<const FilterConfig*>(config);
}

abi::ModuleRouteConfigPtr envoy_dynamic_module_on_http_filter_per_route_config_new(abi::EnvoyBuffer name,
                                                                                   abi::EnvoyBuffer config) {
  std::string error;
  std::unique_ptr<RouteConfig> route;
  if (name.view() == kTransformationName) {
    route = TransformationRouteConfig::Parse(config.view(), &error);
  } else if (name.view() == kEventsName) {
    route = EventRouteConfig::Parse(config.view(), &error);
  } else if (name.view() == kLambdaName) {
    route = LambdaRouteConfig::Parse(config.view(), &error);
  } else {
    error = "unknown per-route configuration; this module has gloo.events, gloo.lambda and gloo.transformation";
  }
  if (route == nullptr) LogError(name.view(), error);
  return route.release();
}

void envoy_dynamic_module_on_http_filter_per_route_config_destroy(abi::ModuleRouteConfigPtr config) {
  delete static_cast<const RouteConfig*>(config);
}

// ---- HTTP filter: streams

abi::ModuleFilterPtr envoy_dynamic_module_on_http_filter_new(abi::ModuleFilterConfigPtr config,
                                                             abi::EnvoyFilterPtr envoy) {
  const auto* filter = static_cast<const FilterConfig*>(config);
  std::unique_ptr<StreamFilter> stream;
  if (filter->events != nullptr) stream = std::make_unique<EventFilter>(filter->events.get(), envoy);
  if (filter->lambda != nullptr) stream = std::make_unique<LambdaFilter>(filter->lambda.get(), envoy);
  if (filter->transformation != nullptr) {
    stream = std::make_unique<TransformationFilter>(filter->transformation.get(), envoy);
  }
  if (filter->nats_connection) stream = std::make_unique<NatsConnectionFilter>(envoy);
  if (stream == nullptr) return &kNoFilter;
  return stream.release();
}

void envoy_dynamic_module_on_http_filter_destroy(abi::ModuleFilterPtr filter) { delete Filter(filter); }

abi::HeadersStatus envoy_dynamic_module_on_http_filter_request_headers(abi::EnvoyFilterPtr, abi::ModuleFilterPtr filter,
                                                                       bool end_of_stream) {
  StreamFilter* const stream = Filter(filter);
  return stream == nullptr ? abi::HeadersStatus::kContinue : stream->OnRequestHeaders(end_of_stream);
}

abi::BodyStatus envoy_dynamic_module_on_http_filter_request_body(abi::EnvoyFilterPtr, abi::ModuleFilterPtr filter,
                                                                 bool end_of_stream) {
  StreamFilter* const stream = Filter(filter);
  return stream == nullptr ? abi::BodyStatus::kContinue : stream->OnRequestBody(end_of_stream);
}

abi::TrailersStatus envoy_dynamic_module_on_http_filter_request_trailers(abi::EnvoyFilterPtr,
                                                                         abi::ModuleFilterPtr filter) {
  StreamFilter* const stream = Filter(filter);
  return stream == nullptr ? abi::TrailersStatus::kContinue : stream->OnRequestTrailers();
}

abi::HeadersStatus envoy_dynamic_module_on_http_filter_response_headers(abi::EnvoyFilterPtr,
                                                                        abi::ModuleFilterPtr filter,
                                                                        bool end_of_stream) {
  StreamFilter* const stream = Filter(filter);
  return stream == nullptr ? abi::HeadersStatus::kContinue : stream->OnResponseHeaders(end_of_stream);
}

abi::BodyStatus envoy_dynamic_module_on_http_filter_response_body(abi::EnvoyFilterPtr, abi::ModuleFilterPtr filter,
                                                                  bool end_of_stream) {
  StreamFilter* const stream = Filter(filter);
  return stream == nullptr ? abi::BodyStatus::kContinue : stream->OnResponseBody(end_of_stream);
}

abi::TrailersStatus envoy_dynamic_module_on_http_filter_response_trailers(abi::EnvoyFilterPtr,
                                                                          abi::ModuleFilterPtr filter) {
  StreamFilter* const stream = Filter(filter);
  return stream == nullptr ? abi::TrailersStatus::kContinue : stream->OnResponseTrailers();
}

abi::LocalReplyStatus envoy_dynamic_module_on_http_filter_local_reply(abi::EnvoyFilterPtr, abi::ModuleFilterPtr filter,
                                                                      uint32_t, abi::EnvoyBuffer details, bool) {
  if (StreamFilter* const stream = Filter(filter); stream != nullptr) stream->OnLocalReply(details.view());
  return abi::LocalReplyStatus::kContinue;
}

// ---- bridge from HTTP to TCP

abi::ModuleBridgeConfigPtr envoy_dynamic_module_on_upstream_http_tcp_bridge_config_new(abi::EnvoyBridgeConfigPtr,
                                                                                       abi::EnvoyBuffer name,
                                                                                       abi::EnvoyBuffer config) {
  if (name.view() != kNatsName) {
    LogError(name.view(), "unknown bridge; this module has gloo.nats");
    return nullptr;
  }
  std::string error;
  std::unique_ptr<NatsBridgeConfig> nats = NatsBridgeConfig::Parse(config.view(), &error);
  if (nats == nullptr) LogError(kNatsName, error);
  return nats.release();
}

void envoy_dynamic_module_on_upstream_http_tcp_bridge_config_destroy(abi::ModuleBridgeConfigPtr config) {
  delete static_cast<const NatsBridgeConfig*>(config);
}

abi::ModuleBridgePtr envoy_dynamic_module_on_upstream_http_tcp_bridge_new(abi::ModuleBridgeConfigPtr config,
                                                                          abi::EnvoyBridgePtr envoy) {
  return std::make_unique<NatsBridge>(static_cast<const NatsBridgeConfig*>(config), envoy).release();
}

void envoy_dynamic_module_on_upstream_http_tcp_bridge_destroy(abi::ModuleBridgePtr bridge) { delete Bridge(bridge); }

void envoy_dynamic_module_on_upstream_http_tcp_bridge_encode_headers(abi::EnvoyBridgePtr, abi::ModuleBridgePtr bridge,
                                                                     bool end_of_stream) {
  Bridge(bridge)->OnRequestHeaders(end_of_stream);
}

void envoy_dynamic_module_on_upstream_http_tcp_bridge_encode_data(abi::EnvoyBridgePtr, abi::ModuleBridgePtr bridge,
                                                                  bool end_of_stream) {
  Bridge(bridge)->OnRequestBody(end_of_stream);
}

void envoy_dynamic_module_on_upstream_http_tcp_bridge_encode_trailers(abi::EnvoyBridgePtr,
                                                                      abi::ModuleBridgePtr bridge) {
  Bridge(bridge)->OnRequestTrailers();
}

void envoy_dynamic_module_on_upstream_http_tcp_bridge_on_upstream_data(abi::EnvoyBridgePtr, abi::ModuleBridgePtr bridge,
                                                                       bool end_of_stream) {
  Bridge(bridge)->OnServerData(end_of_stream);
}

// ---- Hooks that Envoy demands and that never fire for this module, which makes no callouts and schedules nothing, or
// that tell it nothing it needs.

void envoy_dynamic_module_on_http_filter_stream_complete(abi::EnvoyFilterPtr, abi::ModuleFilterPtr) {}
void envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(abi::EnvoyFilterPtr,
                                                                                      abi::ModuleFilterPtr) {}
void envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(abi::EnvoyFilterPtr,
                                                                                     abi::ModuleFilterPtr) {}
void envoy_dynamic_module_on_http_filter_scheduled(abi::EnvoyFilterPtr, abi::ModuleFilterPtr, uint64_t) {}
void envoy_dynamic_module_on_http_filter_http_callout_done(abi::EnvoyFilterPtr, abi::ModuleFilterPtr, uint64_t, int,
                                                           abi::EnvoyHttpHeader*, size_t, abi::EnvoyBuffer*, size_t) {}
void envoy_dynamic_module_on_http_filter_http_stream_headers(abi::EnvoyFilterPtr, abi::ModuleFilterPtr, uint64_t,
                                                             abi::EnvoyHttpHeader*, size_t, bool) {}
void envoy_dynamic_module_on_http_filter_http_stream_data(abi::EnvoyFilterPtr, abi::ModuleFilterPtr, uint64_t,
                                                          const abi::EnvoyBuffer*, size_t, bool) {}
void envoy_dynamic_module_on_http_filter_http_stream_trailers(abi::EnvoyFilterPtr, abi::ModuleFilterPtr, uint64_t,
                                                              abi::EnvoyHttpHeader*, size_t) {}
void envoy_dynamic_module_on_http_filter_http_stream_complete(abi::EnvoyFilterPtr, abi::ModuleFilterPtr, uint64_t) {}
void envoy_dynamic_module_on_http_filter_http_stream_reset(abi::EnvoyFilterPtr, abi::ModuleFilterPtr, uint64_t, int) {}
void envoy_dynamic_module_on_http_filter_config_scheduled(abi::EnvoyFilterConfigPtr, abi::ModuleFilterConfigPtr,
                                                          uint64_t) {}
void envoy_dynamic_module_on_http_filter_config_http_callout_done(abi::EnvoyFilterConfigPtr, abi::ModuleFilterConfigPtr,
                                                                  uint64_t, int, abi::EnvoyHttpHeader*, size_t,
                                                                  abi::EnvoyBuffer*, size_t) {}
void envoy_dynamic_module_on_http_filter_config_http_stream_headers(abi::EnvoyFilterConfigPtr,
                                                                    abi::ModuleFilterConfigPtr, uint64_t,
                                                                    abi::EnvoyHttpHeader*, size_t, bool) {}
void envoy_dynamic_module_on_http_filter_config_http_stream_data(abi::EnvoyFilterConfigPtr, abi::ModuleFilterConfigPtr,
                                                                 uint64_t, const abi::EnvoyBuffer*, size_t, bool) {}
void envoy_dynamic_module_on_http_filter_config_http_stream_trailers(abi::EnvoyFilterConfigPtr,
                                                                     abi::ModuleFilterConfigPtr, uint64_t,
                                                                     abi::EnvoyHttpHeader*, size_t) {}
void envoy_dynamic_module_on_http_filter_config_http_stream_complete(abi::EnvoyFilterConfigPtr,
                                                                     abi::ModuleFilterConfigPtr, uint64_t) {}
void envoy_dynamic_module_on_http_filter_config_http_stream_reset(abi::EnvoyFilterConfigPtr, abi::ModuleFilterConfigPtr,
                                                                  uint64_t, int) {}

}  // extern "C"
#pragma GCC visibility pop

}  // namespace gloo::filters
