// Make before break: each step waits until the one before it is acknowledged.
#include <gmock/gmock.h>

#include <algorithm>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "tests/feature/envoy.h"
#include "tests/feature/pipeline.h"

namespace gloo::testing {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::route::v3::RouteConfiguration;
using snapshot::Type;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

class OrderFeature : public Pipeline {
 protected:
  static std::string To1() { return VirtualService("v", "a.test", To("one")); }
  static std::string To2() { return VirtualService("v", "a.test", To("two")); }
  static bool LeadsToTwo(const RouteConfiguration& routes) {
    return routes.virtual_hosts(0).routes(0).route().cluster() == "default/two";
  }
  // Where the event stands among all; past the end where it does not.
  static size_t At(const std::vector<std::string>& events, const std::string& event) {
    return static_cast<size_t>(std::find(events.begin(), events.end(), event) - events.begin());
  }
};

TEST_F(OrderFeature, WhatIsAddedGoesFromTheClusterToTheScope) {
  Put(Upstream("one") + To1());
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Settle();
  Put(Upstream("two") + VirtualService("w", "b.test", To("two")), "w.yaml");
  envoy.Wait<RouteConfiguration>(Type::kRoute, "default/w");
  EXPECT_THAT(envoy.Events(),
              ElementsAre("+cluster default/two", "+endpoints default/two", "+scope http|b.test", "+routes default/w"));
}

TEST_F(OrderFeature, ARouteWaitsForTheAcknowledgementOfItsCluster) {
  Put(Upstream("one") + To1());
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Settle();
  envoy.Hold(Type::kCluster);
  Put(Upstream("two") + To2(), "v.yaml");
  envoy.Wait<Cluster>(Type::kCluster, "default/two");
  envoy.Fence();
  EXPECT_THAT(envoy.Events(), Not(Contains("+routes default/v")));
  envoy.Release(Type::kCluster);
  envoy.Wait<RouteConfiguration>(Type::kRoute, "default/v", LeadsToTwo);
}

TEST_F(OrderFeature, AClusterGoesOnceItsLastRouteIsAcknowledged) {
  Put(Upstream("one") + Upstream("two") + To1());
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Settle();
  envoy.Hold(Type::kRoute);
  Put(To2(), "v.yaml");
  Remove(model::Kind::kUpstream, "one");
  envoy.Wait<RouteConfiguration>(Type::kRoute, "default/v", LeadsToTwo);
  envoy.Fence();
  EXPECT_THAT(envoy.Events(), Not(Contains("-cluster default/one")));
  envoy.Release(Type::kRoute);
  envoy.WaitGone(Type::kCluster, "default/one");
  const std::vector<std::string> events = envoy.Events();
  EXPECT_LT(At(events, "+routes default/v"), At(events, "-cluster default/one"));
}

TEST_F(OrderFeature, AnEnvoyThatNeverAcknowledgesDelaysItsOwnRemovalsOnly) {
  Put(Upstream("one") + Upstream("two") + To1());
  Sync();
  Envoy silent(port(), "ingress~silent"), other(port(), "ingress~other");
  silent.Settle();
  other.Settle();
  silent.Hold(Type::kRoute);
  Put(To2(), "v.yaml");
  Remove(model::Kind::kUpstream, "one");
  silent.Wait<RouteConfiguration>(Type::kRoute, "default/v", LeadsToTwo);
  other.WaitGone(Type::kCluster, "default/one");
  // It goes on to be sent what is new.
  Put(Upstream("three") + VirtualService("w", "b.test", To("three")), "w.yaml");
  silent.Wait<Cluster>(Type::kCluster, "default/three");
  silent.Fence();
  EXPECT_TRUE(silent.Has(Type::kCluster, "default/one"));
  silent.Release(Type::kRoute);
  silent.WaitGone(Type::kCluster, "default/one");
}

TEST_F(OrderFeature, WhatARefusedRouteNeedsStays) {
  Put(Upstream("one") + Upstream("two") + To1());
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Settle();
  envoy.Refuse(Type::kRoute, "not this one");
  Put(To2(), "v.yaml");
  Remove(model::Kind::kUpstream, "one");
  WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) {
    return s.nodes_size() == 1 && s.nodes(0).state() == v1::Status::Node::REFUSED;
  });
  envoy.Fence();
  // Envoy goes on with the form before, which leads to `one`.
  EXPECT_TRUE(envoy.Has(Type::kCluster, "default/one"));
}

}  // namespace
}  // namespace gloo::testing
