#include "snapshot/resource.h"

#include "base/hash.h"

namespace gloo::snapshot {
namespace {

constexpr std::string_view kUrls[kTypeCount] = {
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration",
    "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
    "type.googleapis.com/envoy.config.listener.v3.Listener",
};

}  // namespace

std::string_view TypeUrl(Type type) { return kUrls[static_cast<int>(type)]; }

bool ParseTypeUrl(std::string_view url, Type* type) {
  for (int i = 0; i < kTypeCount; ++i) {
    if (url == kUrls[i]) {
      *type = static_cast<Type>(i);
      return true;
    }
  }
  return false;
}

ResourcePtr MakeResource(Type type, std::string name, std::string body, std::vector<ResourceRef> warms,
                         std::vector<ResourceRef> needs) {
  auto resource = std::make_shared<Resource>();
  resource->ref = {type, std::move(name)};
  resource->version = ContentHash(body);
  resource->body = std::move(body);
  resource->warms = std::move(warms);
  resource->needs = std::move(needs);
  return resource;
}

}  // namespace gloo::snapshot
