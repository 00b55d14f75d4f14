// Virtual services: their scopes and routes, as an Envoy is served them.
#include <gmock/gmock.h>

#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "tests/feature/envoy.h"
#include "tests/feature/pipeline.h"

namespace gloo::testing {
namespace {

using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::ScopedRouteConfiguration;
using snapshot::Type;
using ::testing::ElementsAre;
using ::testing::Not;

using RoutesFeature = Pipeline;

TEST_F(RoutesFeature, ADomainIsAScopeThatLeadsToItsRoutes) {
  Put(Upstream("u") + VirtualService("v", "a.test, '*.b.test'", To("u", "/one") + ", " + To("u")));
  Sync();
  Envoy envoy(port(), "ingress~1");
  const auto routes = envoy.Wait<RouteConfiguration>(Type::kRoute, "default/v");
  ASSERT_EQ(routes.virtual_hosts_size(), 1);
  EXPECT_THAT(routes.virtual_hosts(0).domains(), ElementsAre("*"));
  ASSERT_EQ(routes.virtual_hosts(0).routes_size(), 2);
  EXPECT_EQ(routes.virtual_hosts(0).routes(0).match().prefix(), "/one");
  EXPECT_EQ(routes.virtual_hosts(0).routes(0).route().cluster(), "default/u");
  EXPECT_EQ(routes.virtual_hosts(0).routes(1).match().prefix(), "/");
  const auto scope = envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|a.test");
  EXPECT_EQ(scope.route_configuration_name(), "default/v");
  envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|*.b.test");
}

TEST_F(RoutesFeature, AnEditSendsTheRoutesAndNothingElse) {
  Put(Upstream("u") + VirtualService("v", "a.test", To("u")) + VirtualService("w", "b.test", To("u")));
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Wait<RouteConfiguration>(Type::kRoute, "default/v");
  envoy.Settle("default/w");
  Put(VirtualService("v", "a.test", To("u", "/moved")), "v.yaml");
  envoy.Wait<RouteConfiguration>(Type::kRoute, "default/v", [](const RouteConfiguration& routes) {
    return routes.virtual_hosts(0).routes(0).match().prefix() == "/moved";
  });
  envoy.Fence();
  EXPECT_THAT(envoy.Events(), ElementsAre("+routes default/v"));
}

TEST_F(RoutesFeature, TheSecondClaimantOfADomainIsRejectedAndTheFirstKeepsIt) {
  Put(Upstream("u") + VirtualService("first", "a.test", To("u")));
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|a.test");
  Put(VirtualService("second", "a.test, b.test", To("u")), "second.yaml");
  const v1::Status status = WaitStatus(model::Kind::kVirtualService, "second",
                                       [](const v1::Status& s) { return s.state() == v1::Status::REJECTED; });
  EXPECT_EQ(status.reason(), "DomainTaken");
  envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|b.test");
  EXPECT_EQ(envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|a.test").route_configuration_name(),
            "default/first");
  // The domain goes to who still wants it.
  Remove(model::Kind::kVirtualService, "first");
  envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|a.test", [](const ScopedRouteConfiguration& scope) {
    return scope.route_configuration_name() == "default/second";
  });
  WaitStatus(model::Kind::kVirtualService, "second",
             [](const v1::Status& s) { return s.state() == v1::Status::ACCEPTED; });
}

TEST_F(RoutesFeature, ARouteToWhatIsNotThereAnswers503UntilItComes) {
  Put(VirtualService("v", "a.test", To("later")));
  Sync();
  Envoy envoy(port(), "ingress~1");
  const auto before = envoy.Wait<RouteConfiguration>(Type::kRoute, "default/v");
  EXPECT_EQ(before.virtual_hosts(0).routes(0).direct_response().status(), 503u);
  EXPECT_EQ(WaitStatus(model::Kind::kVirtualService, "v",
                       [](const v1::Status& s) { return s.state() == v1::Status::WARNING; })
                .reason(),
            "UpstreamNotFound");
  Put(Upstream("later"), "later.yaml");
  envoy.Wait<RouteConfiguration>(Type::kRoute, "default/v", [](const RouteConfiguration& routes) {
    return routes.virtual_hosts(0).routes(0).route().cluster() == "default/later";
  });
}

TEST_F(RoutesFeature, WhatIsRemovedGoes) {
  Put(Upstream("u") + VirtualService("v", "a.test", To("u")));
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "http|a.test");
  Remove(model::Kind::kVirtualService, "v");
  envoy.WaitGone(Type::kScopedRoute, "http|a.test");
  // A cluster that no route uses goes as well.
  envoy.WaitGone(Type::kCluster, "default/u");
}

TEST_F(RoutesFeature, AStatusTellsWhichEnvoyHasTakenTheObject) {
  Put(Upstream("u") + VirtualService("v", "a.test", To("u")));
  Sync();
  Envoy envoy(port(), "ingress~1");
  const v1::Status status = WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) {
    return s.nodes_size() == 1 && s.nodes(0).state() == v1::Status::Node::PROGRAMMED;
  });
  EXPECT_EQ(status.nodes(0).id(), "ingress~1");
  envoy.Refuse(Type::kRoute, "no such thing");
  Put(VirtualService("v", "a.test", To("u", "/x")), "v.yaml");
  const v1::Status refused = WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) {
    return s.nodes_size() == 1 && s.nodes(0).state() == v1::Status::Node::REFUSED;
  });
  EXPECT_EQ(refused.nodes(0).message(), "no such thing");
}

}  // namespace
}  // namespace gloo::testing
