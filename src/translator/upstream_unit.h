// The unit of an Upstream: one cluster, its endpoints and secrets, and its face to the routes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/issues.h"
#include "model/object.h"
#include "snapshot/resource.h"
#include "translator/registry.h"

namespace gloo::translator {

// One function as routes see it.
struct FunctionFace {
  const v1::Function* function = nullptr;
  // It cannot be called: Check() found an error, or its service could not be read.
  bool wrong = false;
  // Of all that FunctionPlugin::Call may read, and whether it is wrong.
  std::string hash;
  // What Check() said of it, at this place of the list.
  std::vector<Issue> said;
  size_t index = 0;
};

struct UpstreamOutput {
  // Whose translation this is; keeps FunctionFace::function alive.
  model::ObjectPtr object;
  // Null: the upstream cannot be served (it is wrong, or a secret is missing).
  snapshot::ResourcePtr cluster;
  // Null where the cluster carries its endpoints.
  snapshot::ResourcePtr endpoints;
  std::vector<snapshot::ResourcePtr> secrets;
  const FunctionPlugin* functions_plugin = nullptr;
  std::shared_ptr<Service> service;
  // False: ReadService() could not read it.
  bool service_ready = true;
  absl::flat_hash_map<std::string, FunctionFace> functions;
  // Changes where routes to it must be made anew.
  std::string face;

  bool usable() const { return cluster != nullptr; }
};

// Errors and warnings go to `issues`, whose paths start at the object's root. `before`: of the upstream's last
// translation; what it says of functions that did not change is said again, not found anew.
UpstreamOutput TranslateUpstream(const Registry& registry, model::ObjectPtr object, const UpstreamOutput& before,
                                 Inputs& inputs, std::vector<snapshot::ResourcePtr>* secrets, Issues& issues);

}  // namespace gloo::translator
