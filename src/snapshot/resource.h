// xDS resources: serialized once, content-versioned, immutable.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gloo::snapshot {

// The order matters: an upsert of a type is sent only when what it may refer to, the types before it, is in force
// in the Envoy; removals go the other way round. Secrets and endpoints are not ordered by themselves: they count as
// part of what warms by them (Resource::warms).
enum class Type : uint8_t {
  kSecret,           // envoy.extensions.transport_sockets.tls.v3.Secret
  kEndpoint,         // envoy.config.endpoint.v3.ClusterLoadAssignment
  kCluster,          // envoy.config.cluster.v3.Cluster
  kRoute,            // envoy.config.route.v3.RouteConfiguration
  kScopedRoute,      // envoy.config.route.v3.ScopedRouteConfiguration
  kExtensionConfig,  // envoy.config.core.v3.TypedExtensionConfig (the table of domains: after the scopes it names)
  kListener,         // envoy.config.listener.v3.Listener
};
inline constexpr int kTypeCount = 7;

// "type.googleapis.com/envoy.config.cluster.v3.Cluster".
std::string_view TypeUrl(Type type);
// False where the URL is none of ours.
bool ParseTypeUrl(std::string_view url, Type* type);

struct ResourceRef {
  Type type = Type::kSecret;
  std::string name;

  auto operator<=>(const ResourceRef&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const ResourceRef& r) {
    return H::combine(std::move(h), r.type, r.name);
  }
};

struct Resource {
  ResourceRef ref;
  // ContentHash(body): equal bytes have equal versions, across restarts.
  std::string version;
  // The message itself, serialized deterministically (what goes into Any.value).
  std::string body;
  // Resources that an Envoy subscribes to because of this one, and must have acknowledged before this one counts as
  // in force: a cluster's endpoints, a scope's route configuration, a transport socket's secrets.
  std::vector<ResourceRef> warms;
  // Resources that must be in the snapshot while this one is, besides `warms`: a route's clusters.
  std::vector<ResourceRef> needs;
};
using ResourcePtr = std::shared_ptr<const Resource>;

// Fills in the version.
ResourcePtr MakeResource(Type type, std::string name, std::string body, std::vector<ResourceRef> warms = {},
                         std::vector<ResourceRef> needs = {});

// The difference between two snapshots of a role.
struct Delta {
  // New or changed; at most one a name.
  std::vector<ResourcePtr> upserts;
  std::vector<ResourceRef> removals;

  bool empty() const { return upserts.empty() && removals.empty(); }
};

}  // namespace gloo::snapshot
