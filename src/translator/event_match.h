// Matchers of events, as Envoy and the event filter take them.
#pragma once

#include <string>
#include <vector>

#include "api/v1/virtual_service.pb.h"
#include "base/issues.h"
#include "envoy/config/route/v3/route_components.pb.h"

namespace gloo::translator {

// One match of headers, or two where what is written may come escaped or not; where only the type matters as many of
// the first Gloo's header; and at last one of what the filter has found in the body, which has dynamic_metadata.
// Current path of `issues`: the matcher.
std::vector<envoy::config::route::v3::RouteMatch> TranslateEvent(const v1::EventMatcher& event, Issues& issues);

// The events that a route takes, for the filter that reads events whose attributes are in the body: it writes the id
// of the first that takes them into its metadata, and the route matches that.
struct EventMatch {
  std::string path;
  // Equal where equal events are taken.
  std::string id;
  // As template/events.h reads it.
  std::string json;
};
// The matcher must be one that TranslateEvent() has nothing against.
EventMatch MakeEventMatch(const v1::EventMatcher& event);

// What requests of a path come to before the routes that take events of `matches`, which all have this path: a route
// that has the filter read events in the body, and one that refuses events without a type. Neither has a name.
std::vector<envoy::config::route::v3::Route> EventEntrance(const std::vector<const EventMatch*>& matches);

}  // namespace gloo::translator
