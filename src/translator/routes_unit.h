// The unit of a VirtualService's routes: one RouteConfiguration.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/issues.h"
#include "model/object.h"
#include "model/virtual_service_parts.h"
#include "snapshot/resource.h"
#include "translator/dependencies.h"
#include "translator/registry.h"
#include "translator/route_memo.h"
#include "translator/upstream_unit.h"

namespace gloo::translator {

// Read access to upstreams.
class UpstreamReader {
 public:
  virtual ~UpstreamReader() = default;
  // Null where there is none. What may be used of it: usable(), functions_plugin, object (to hand on to the plugin).
  virtual const UpstreamOutput* Upstream(const model::DataKey& key) const = 0;
  // Null where the upstream lists none of this name.
  virtual const FunctionFace* Function(const model::DataKey& upstream, const std::string& name) const = 0;
};

struct RoutesOutput {
  // Null only before the first run.
  snapshot::ResourcePtr routes;
  // Names of the clusters used, sorted, each once.
  std::vector<std::string> clusters;
};

// The name of a route in its configuration: its own, or, where that is empty, one by its place.
std::string RouteName(const std::string& own, size_t index);

// A route that is wrong answers 500, one whose upstream or function is not there 503. `facts` gets what was read.
// `memo`: for a virtual service of many routes; null: nothing is remembered.
RoutesOutput TranslateRoutes(const Registry& registry, const model::ObjectKey& key,
                             const model::VirtualServiceParts& service, const UpstreamReader& upstreams,
                             RouteMemo* memo, std::set<Fact>* facts, Issues& issues);

}  // namespace gloo::translator
