#include "filters/event_filter.h"

#include <utility>
#include <vector>

#include "filters/envoy_body.h"
#include "template/transformation.h"

namespace gloo::filters {
namespace {

using abi::BodyStatus;
using abi::BodyType;
using abi::HeadersStatus;
using abi::HeaderType;
using abi::ModuleBuffer;
using abi::TrailersStatus;

constexpr std::string_view kPrefix = "ce-";
constexpr std::string_view kOldType = "x-event-type";
constexpr std::string_view kNamespace = "gloo.events";
constexpr std::string_view kMode = "mode";
constexpr std::string_view kMatch = "match";
constexpr size_t kMaxBodyBytes = 1 << 20;

std::string_view Name(const abi::EnvoyHttpHeader& header) { return {header.key, header.key_size}; }
std::string_view Value(const abi::EnvoyHttpHeader& header) { return {header.value, header.value_size}; }

std::string_view ModeName(tmpl::EventMode mode) {
  switch (mode) {
    case tmpl::EventMode::kStructured:
      return "structured";
    case tmpl::EventMode::kBatched:
      return "batched";
    case tmpl::EventMode::kUnknown:
      return "unknown";
    case tmpl::EventMode::kNone:
      break;
  }
  return "binary";
}

}  // namespace

std::unique_ptr<EventFilterConfig> EventFilterConfig::Make(abi::EnvoyFilterConfigPtr envoy) {
  auto config = std::make_unique<EventFilterConfig>();
  config->received = DefineCounter(envoy, "gloo.events.received", kMode);
  config->refused = DefineCounter(envoy, "gloo.events.refused", kMode);
  return config;
}

std::unique_ptr<EventRouteConfig> EventRouteConfig::Parse(std::string_view json, std::string* error) {
  auto events = std::make_shared<tmpl::EventsConfig>();
  if (!tmpl::FromJson(json, events.get(), error)) return nullptr;
  auto config = std::make_unique<EventRouteConfig>();
  config->events_ = std::move(events);
  return config;
}

HeadersStatus EventFilter::OnRequestHeaders(bool end_of_stream) {
  const auto* route =
      static_cast<const RouteConfig*>(envoy_dynamic_module_callback_get_most_specific_route_config(envoy_));
  if (route == nullptr) return HeadersStatus::kContinue;
  events_ = static_cast<const EventRouteConfig*>(route)->events();
  const Headers headers(envoy_, HeaderType::kRequest);
  mode_ = tmpl::EventModeOf(headers.Get("content-type").value_or(""));
  Count(envoy_, config_->received, ModeName(mode_));
  if (mode_ == tmpl::EventMode::kNone) return CheckHeaders(headers);
  if (mode_ == tmpl::EventMode::kUnknown) {
    Fail(415,
         "unsupported media type: events are read as application/cloudevents+json and "
         "application/cloudevents-batch+json",
         "gloo_events_format");
    return HeadersStatus::kStopIteration;
  }
  if (!tmpl::IsIdentityEncoding(headers.Get("content-encoding").value_or(""))) {
    Fail(415, "unsupported media type: an event must not have a content-encoding", "gloo_events_encoded");
    return HeadersStatus::kStopIteration;
  }
  // What the client says of the event in headers is not the event's, and receivers take it for one in binary mode.
  std::vector<std::string> claims;
  for (const abi::EnvoyHttpHeader& header : headers.all()) {
    if (Name(header).starts_with(kPrefix) || Name(header) == kOldType) claims.emplace_back(Name(header));
  }
  for (const std::string& name : claims) {
    envoy_dynamic_module_callback_http_set_header(envoy_, HeaderType::kRequest, name, ModuleBuffer::None());
  }
  if (end_of_stream) {
    Route();
    return HeadersStatus::kStopIteration;  // an empty body is no event
  }
  holds_ = true;
  return HeadersStatus::kStopIteration;
}

HeadersStatus EventFilter::CheckHeaders(const Headers& headers) {
  std::vector<std::pair<std::string_view, std::string_view>> attributes;
  for (const abi::EnvoyHttpHeader& header : headers.all()) {
    if (Name(header).starts_with(kPrefix)) attributes.emplace_back(Name(header).substr(kPrefix.size()), Value(header));
  }
  // The first Gloo's events have a type only.
  if (attributes.empty() && headers.Has(kOldType)) return HeadersStatus::kContinue;
  const std::string error = tmpl::CheckEventHeaders(attributes);
  if (error.empty()) return HeadersStatus::kContinue;
  Fail(400, "bad request: the event: " + error, "gloo_events_malformed");
  return HeadersStatus::kStopIteration;
}

BodyStatus EventFilter::OnRequestBody(bool end_of_stream) {
  if (!holds_) return BodyStatus::kContinue;
  if (!TakeReceived(envoy_, BodyType::kReceivedRequest, kMaxBodyBytes, &body_)) {
    Fail(413, tmpl::TooLargeError(kMaxBodyBytes, /*response=*/false), "gloo_events_too_large");
    return BodyStatus::kStopIterationNoBuffer;
  }
  if (!end_of_stream) return BodyStatus::kStopIterationNoBuffer;
  if (!Route()) return BodyStatus::kStopIterationNoBuffer;
  envoy_dynamic_module_callback_http_append_body(envoy_, BodyType::kReceivedRequest, body_);
  std::string().swap(body_);
  return BodyStatus::kContinue;
}

TrailersStatus EventFilter::OnRequestTrailers() {
  if (!holds_) return TrailersStatus::kContinue;
  if (!Route()) return TrailersStatus::kStopIteration;
  envoy_dynamic_module_callback_http_append_body(envoy_, BodyType::kBufferedRequest, body_);
  std::string().swap(body_);
  return TrailersStatus::kContinue;
}

void EventFilter::OnLocalReply(std::string_view) {
  holds_ = false;
  std::string().swap(body_);
}

bool EventFilter::Route() {
  const tmpl::EventOutcome outcome = tmpl::ReadEvents(mode_, body_, *events_);
  if (!outcome.error.empty()) {
    Fail(400, "bad request: " + outcome.error, "gloo_events_malformed");
    return false;
  }
  holds_ = false;
  // No client can write metadata, so that the routes believe it.
  envoy_dynamic_module_callback_http_set_dynamic_metadata_string(envoy_, kNamespace, kMode, ModeName(mode_));
  envoy_dynamic_module_callback_http_set_dynamic_metadata_string(envoy_, kNamespace, kMatch, outcome.match);
  envoy_dynamic_module_callback_http_clear_route_cache(envoy_);
  return true;
}

void EventFilter::Fail(uint32_t status, const std::string& text, std::string_view details) {
  Count(envoy_, config_->refused, ModeName(mode_));
  OnLocalReply({});
  envoy_dynamic_module_callback_http_send_response(envoy_, status, nullptr, 0, text, details);
}

}  // namespace gloo::filters
