// Matchers of routes, as Envoy takes them; and which routes can never match.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "api/v1/virtual_service.pb.h"
#include "base/issues.h"
#include "envoy/config/route/v3/route_components.pb.h"

namespace gloo::translator {

// One match for a request matcher, two for an event (a header each). Current path of `issues`: the route.
// Empty where the matcher is wrong.
std::vector<envoy::config::route::v3::RouteMatch> TranslateMatcher(const v1::Route& route, Issues& issues);

// Finds matches that an earlier one takes everything from: an earlier prefix without conditions, an earlier exact
// path without conditions, or the very same match. Costs a few hash look-ups a match, however many there are.
class Coverage {
 public:
  // The index of the match that covers this one.
  std::optional<size_t> CoveredBy(const envoy::config::route::v3::RouteMatch& match) const;
  void Add(const envoy::config::route::v3::RouteMatch& match, size_t index);

 private:
  absl::flat_hash_map<std::string, size_t> prefixes_;
  std::set<size_t> prefix_lengths_;
  absl::flat_hash_map<std::string, size_t> exacts_;
  absl::flat_hash_map<std::string, size_t> whole_;
};

}  // namespace gloo::translator
