// A route configuration that an Envoy refuses, route by route: what changed against the form that it has, and forms in
// which some of the changes are held back.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/v1/virtual_service.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "snapshot/resource.h"

namespace gloo::translator {

class RouteVariants {
 public:
  // A route of the virtual service that is not as it was: one of the configuration for each of its matches.
  struct Change {
    std::string name;
    // A route of the same matches is in force: it stays while the change is held back. Without one, a route that is
    // held back answers 503.
    bool has_last_good = false;
  };

  // `held`: what the Envoy has; null: nothing, or nobody knows what.
  RouteVariants(const snapshot::Resource& refused, const snapshot::Resource* held);

  // In the order of the routes.
  const std::vector<Change>& changes() const { return changes_; }

  // The form without the changes that `without` names by their place; shared while somebody has it.
  snapshot::ResourcePtr Make(const std::vector<bool>& without) const;

 private:
  using Routes = std::vector<envoy::config::route::v3::Route>;
  struct Group {
    Routes routes;
    // Stands in while the change is held back; empty: it did not change.
    Routes instead;
  };

  std::string name_;
  // Without routes.
  envoy::config::route::v3::RouteConfiguration frame_;
  std::vector<Group> groups_;
  std::vector<Change> changes_;
  mutable std::map<std::vector<bool>, std::weak_ptr<const snapshot::Resource>> made_;
};

// The place of the route whose name is this in the route configuration; none where there is no such route.
std::optional<int> RouteIndex(const v1::VirtualServiceSpec& spec, std::string_view name);

}  // namespace gloo::translator
