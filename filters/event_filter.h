// The event filter: checks CloudEvents, and reads those whose attributes are in the body before their route is chosen.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "filters/abi.h"
#include "filters/counters.h"
#include "filters/headers.h"
#include "filters/stream_filter.h"
#include "template/events.h"

namespace gloo::filters {

// The configuration in the chain: the counters.
struct EventFilterConfig {
  static std::unique_ptr<EventFilterConfig> Make(abi::EnvoyFilterConfigPtr envoy);

  // Label `mode`: binary, structured, batched, unknown.
  Counter received;
  Counter refused;
};

// The configuration of a route. Without matchers it checks the headers of events; with them it reads bodies too.
class EventRouteConfig : public RouteConfig {
 public:
  // Null on a mistake.
  static std::unique_ptr<EventRouteConfig> Parse(std::string_view json, std::string* error);
  // Shared with streams, which may outlive the route.
  const std::shared_ptr<const tmpl::EventsConfig>& events() const { return events_; }

 private:
  std::shared_ptr<const tmpl::EventsConfig> events_;
};

// One stream. After Fail() nothing of this object is touched: Envoy may have destroyed it.
class EventFilter : public StreamFilter {
 public:
  EventFilter(const EventFilterConfig* config, abi::EnvoyFilterPtr envoy) : config_(config), envoy_(envoy) {}

  abi::HeadersStatus OnRequestHeaders(bool end_of_stream) override;
  abi::BodyStatus OnRequestBody(bool end_of_stream) override;
  abi::TrailersStatus OnRequestTrailers() override;
  void OnLocalReply(std::string_view details) override;

 private:
  abi::HeadersStatus CheckHeaders(const Headers& headers);
  // Reads body_, marks the request and lets its route be chosen anew. False: the client is answered.
  bool Route();
  void Fail(uint32_t status, const std::string& text, std::string_view details);

  const EventFilterConfig* config_;
  abi::EnvoyFilterPtr envoy_;
  std::shared_ptr<const tmpl::EventsConfig> events_;
  // Set while the body is collected.
  bool holds_ = false;
  tmpl::EventMode mode_ = tmpl::EventMode::kNone;
  std::string body_;
};

}  // namespace gloo::filters
