// Roles: which Envoys are served what, and on which listeners.
#include <gmock/gmock.h>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "tests/feature/envoy.h"
#include "tests/feature/pipeline.h"

namespace gloo::testing {
namespace {

using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::ScopedRouteConfiguration;
using snapshot::Type;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

using RolesFeature = Pipeline;

constexpr char kEdge[] =
    "---\napiVersion: gloo.solo.io/v1\nkind: Role\nmetadata: {name: edge}\n"
    "spec: {listeners: [{name: public, port: 8081, bindAddress: 127.0.0.1}]}\n";

TEST_F(RolesFeature, AnEnvoyIsServedItsRoleAndNoOther) {
  Put(Upstream("u") + kEdge + VirtualService("here", "here.test", To("u"), "roles: [edge]") +
      VirtualService("there", "there.test", To("u")));
  Sync();
  Envoy edge(port(), "edge~1");
  Envoy ingress(port(), "ingress~1");
  const auto listener = edge.Wait<Listener>(Type::kListener, "public");
  EXPECT_EQ(listener.address().socket_address().address(), "127.0.0.1");
  EXPECT_EQ(listener.address().socket_address().port_value(), 8081u);
  edge.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "public|here.test");
  ingress.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|there.test");
  edge.Fence();
  ingress.Fence();
  EXPECT_THAT(edge.Names(Type::kScopedRoute), ElementsAre("public|here.test"));
  EXPECT_THAT(ingress.Names(Type::kScopedRoute), ElementsAre("http|there.test"));
}

TEST_F(RolesFeature, ARoleThatLosesItsLastVirtualServiceIsEmptied) {
  Put(Upstream("u") + kEdge + VirtualService("v", "v.test", To("u"), "roles: [edge]"));
  Sync();
  Envoy edge(port(), "edge~1");
  edge.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "public|v.test");
  edge.Wait<Listener>(Type::kListener, "public");
  Remove(model::Kind::kVirtualService, "v");
  edge.WaitGone(Type::kScopedRoute, "public|v.test");
  edge.WaitGone(Type::kRoute, "default/v");
  EXPECT_THAT(edge.Names(Type::kListener), Contains("public"));
}

TEST_F(RolesFeature, AnUnknownRoleIsToldSoUntilSomebodyDefinesIt) {
  Put(Upstream("u"));
  Sync();
  Envoy envoy(port(), "edge~1");
  const auto answer = envoy.Wait<Listener>(Type::kListener, "http");
  EXPECT_NE(answer.DebugString().find("500"), std::string::npos);
  Put(kEdge + VirtualService("v", "v.test", To("u"), "roles: [edge]"), "edge.yaml");
  envoy.Wait<Listener>(Type::kListener, "public");
  envoy.WaitGone(Type::kListener, "http");
  envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "public|v.test");
}

TEST_F(RolesFeature, TwoEnvoysOfARoleAreServedAlike) {
  Put(Upstream("u") + VirtualService("v", "v.test", To("u")));
  Sync();
  Envoy one(port(), "ingress~1");
  Envoy two(port(), "ingress~2");
  one.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|v.test");
  two.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|v.test");
  one.Fence();
  two.Fence();
  EXPECT_EQ(one.Held(), two.Held());
  const v1::Status status = WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) {
    return s.nodes_size() == 2 && s.nodes(0).state() == v1::Status::Node::PROGRAMMED &&
           s.nodes(1).state() == v1::Status::Node::PROGRAMMED;
  });
  EXPECT_EQ(status.nodes_size(), 2);
}

}  // namespace
}  // namespace gloo::testing
