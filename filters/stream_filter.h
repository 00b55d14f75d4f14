// What each HTTP filter of this module is to the hooks: one object a stream, and one a route that configures it.
#pragma once

#include <string_view>

#include "filters/abi.h"

namespace gloo::filters {

class StreamFilter {
 public:
  virtual ~StreamFilter() = default;
  virtual abi::HeadersStatus OnRequestHeaders(bool) { return abi::HeadersStatus::kContinue; }
  virtual abi::BodyStatus OnRequestBody(bool) { return abi::BodyStatus::kContinue; }
  virtual abi::TrailersStatus OnRequestTrailers() { return abi::TrailersStatus::kContinue; }
  virtual abi::HeadersStatus OnResponseHeaders(bool) { return abi::HeadersStatus::kContinue; }
  virtual abi::BodyStatus OnResponseBody(bool) { return abi::BodyStatus::kContinue; }
  virtual abi::TrailersStatus OnResponseTrailers() { return abi::TrailersStatus::kContinue; }
  // Somebody answers instead of the upstream, for a reason in Envoy's words ("response_timeout").
  virtual void OnLocalReply(std::string_view /*details*/) {}
};

// Behind a ModuleRouteConfigPtr stands a pointer to this, whatever it is.
class RouteConfig {
 public:
  virtual ~RouteConfig() = default;
};

}  // namespace gloo::filters
