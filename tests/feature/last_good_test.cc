// What was good stays in force: over mistakes, broken files and restarts.
#include <gmock/gmock.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "tests/feature/envoy.h"
#include "tests/feature/pipeline.h"

namespace gloo::testing {
namespace {

using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::ScopedRouteConfiguration;
using snapshot::Type;
using ::testing::IsEmpty;

class LastGoodFeature : public Pipeline {
 protected:
  static bool Moved(const RouteConfiguration& routes) {
    return routes.virtual_hosts(0).routes(0).match().prefix() == "/moved";
  }
  static bool IsRejected(const v1::Status& status) { return status.state() == v1::Status::REJECTED; }
  // A regular expression that is none.
  static std::string Wrong() {
    return VirtualService("v", "a.test",
                          "{requestMatcher: {pathRegex: '/('}, singleDestination: {upstream: {name: u}}}");
  }
};

TEST_F(LastGoodFeature, AMistakeLeavesTheGoodFormAndTheRepairIsServed) {
  Put(Upstream("u") + VirtualService("v", "a.test", To("u")));
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Settle();
  Put(Wrong(), "v.yaml");
  WaitStatus(model::Kind::kVirtualService, "v", IsRejected);
  envoy.Fence();
  EXPECT_THAT(envoy.Events(), IsEmpty());
  Put(VirtualService("v", "a.test", To("u", "/moved")), "v.yaml");
  envoy.Wait<RouteConfiguration>(Type::kRoute, "default/v", Moved);
}

TEST_F(LastGoodFeature, AFileThatCannotBeReadIsAWarningAndChangesNothing) {
  Put(Upstream("u") + VirtualService("v", "a.test", To("u")));
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Settle();
  Break("a.yaml");
  const v1::Status status = WaitStatus(model::Kind::kVirtualService, "v",
                                       [](const v1::Status& s) { return s.state() == v1::Status::WARNING; });
  EXPECT_EQ(status.reason(), "SourceBroken");
  envoy.Fence();
  EXPECT_THAT(envoy.Events(), IsEmpty());
}

TEST_F(LastGoodFeature, ARestartServesWhatWasGood) {
  Put(Upstream("u") + VirtualService("v", "a.test", To("u")));
  Sync();
  {
    Envoy envoy(port(), "ingress~1");
    envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|a.test");
    Put(Wrong(), "v.yaml");
    WaitStatus(model::Kind::kVirtualService, "v", IsRejected);
  }
  Restart();
  // The source is away: nothing is said to be complete.
  Envoy envoy(port(), "ingress~1");
  const auto routes = envoy.Wait<RouteConfiguration>(Type::kRoute, "default/v");
  EXPECT_EQ(routes.virtual_hosts(0).routes(0).route().cluster(), "default/u");
  envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|a.test");
  // It comes back, still with the mistake.
  Put(Upstream("u") + Wrong());
  Sync();
  WaitStatus(model::Kind::kVirtualService, "v", IsRejected);
  envoy.Fence();
  EXPECT_TRUE(envoy.Has(Type::kScopedRoute, "http|a.test"));
}

TEST_F(LastGoodFeature, WhatCannotBeReadAtTheStartIsNotWaitedFor) {
  Put(Upstream("u") + VirtualService("v", "a.test", To("u")));
  Sync();
  WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) { return s.state() == v1::Status::ACCEPTED; });
  Restart(absl::Hours(1));
  Envoy envoy(port(), "ingress~1");
  OnLoop([] {});
  EXPECT_THAT(envoy.Events(), IsEmpty());
  Break("a.yaml");
  envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|a.test");
}

TEST_F(LastGoodFeature, WhatWasRemovedWhileTheProgramWasAwayGoes) {
  Put(Upstream("u") + VirtualService("v", "a.test", To("u")));
  Sync();
  WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) { return s.state() == v1::Status::ACCEPTED; });
  Restart();
  Envoy envoy(port(), "ingress~1");
  envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|a.test");
  Put(Upstream("u"));
  Sync();
  envoy.WaitGone(Type::kScopedRoute, "http|a.test");
  envoy.WaitGone(Type::kRoute, "default/v");
}

TEST_F(LastGoodFeature, NobodyIsAnsweredBeforeTheFirstListing) {
  Envoy envoy(port(), "ingress~1");
  Put(Upstream("u"), "u.yaml");
  Put(VirtualService("v", "a.test", To("u")), "v.yaml");
  // The stream is taken up, and waits.
  OnLoop([] {});
  EXPECT_THAT(envoy.Events(), IsEmpty());
  Sync();
  envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|a.test");
}

}  // namespace
}  // namespace gloo::testing
