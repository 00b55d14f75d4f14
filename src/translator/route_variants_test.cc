#include "translator/route_variants.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace gloo::translator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

snapshot::ResourcePtr Routes(const std::string& routes) {
  envoy::config::route::v3::RouteConfiguration configuration;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "name: 'n/v' virtual_hosts { name: 'n/v' domains: '*' " + routes + " }", &configuration));
  return snapshot::MakeResource(snapshot::Type::kRoute, "n/v", configuration.SerializeAsString());
}

std::string Route(const std::string& name, const std::string& prefix, const std::string& cluster) {
  return "routes { name: '" + name + "' match { prefix: '" + prefix + "' } route { cluster: '" + cluster + "' } } ";
}

// "name prefix cluster" or "name prefix 503" of each route, then the clusters that it needs.
std::vector<std::string> Describe(const snapshot::Resource& resource) {
  std::vector<std::string> out;
  envoy::config::route::v3::RouteConfiguration configuration;
  EXPECT_TRUE(configuration.ParseFromString(resource.body));
  for (const auto& route : configuration.virtual_hosts(0).routes()) {
    out.push_back(route.name() + " " + route.match().prefix() + " " +
                  (route.has_route() ? route.route().cluster()
                                     : std::to_string(route.direct_response().status()) + " " +
                                           route.direct_response().body().inline_string()));
  }
  std::string needs = "needs";
  for (const snapshot::ResourceRef& ref : resource.needs) needs += " " + ref.name;
  out.push_back(needs);
  return out;
}

std::vector<std::string> Changes(const RouteVariants& variants) {
  std::vector<std::string> out;
  for (const RouteVariants::Change& change : variants.changes()) {
    out.push_back(change.name + (change.has_last_good ? " good before" : " new"));
  }
  return out;
}

TEST(RouteVariants, OnlyWhatChangedIsHeldBack) {
  const auto before = Routes(Route("a", "/a", "one") + Route("b", "/b", "one"));
  const auto now = Routes(Route("a", "/a", "one") + Route("new", "/new", "two") + Route("b", "/b", "three"));
  const RouteVariants variants(*now, before.get());
  EXPECT_THAT(Changes(variants), ElementsAre("new new", "b good before"));
  EXPECT_THAT(Describe(*variants.Make({true, true})),
              ElementsAre("a /a one", "new /new 503 this route is not available\n", "b /b one", "needs one"));
  EXPECT_THAT(Describe(*variants.Make({true, false})),
              ElementsAre("a /a one", "new /new 503 this route is not available\n", "b /b three", "needs one three"));
  EXPECT_EQ(variants.Make({false, false})->version, now->version);
  const auto kept = variants.Make({true, false});
  EXPECT_EQ(kept, variants.Make({true, false}));
}

TEST(RouteVariants, ARouteThatMovedIsNoChange) {
  const auto before = Routes(Route("route-0", "/a", "one") + Route("route-1", "/b", "one"));
  const auto now =
      Routes(Route("route-0", "/new", "one") + Route("route-1", "/a", "one") + Route("route-2", "/b", "two"));
  const RouteVariants variants(*now, before.get());
  EXPECT_THAT(Changes(variants), ElementsAre("route-0 new", "route-2 good before"));
  EXPECT_THAT(Describe(*variants.Make({false, true})),
              ElementsAre("route-0 /new one", "route-1 /a one", "route-2 /b one", "needs one"));
}

TEST(RouteVariants, WithoutAFormInForceEverythingIsNew) {
  const RouteVariants variants(*Routes(Route("a", "/a", "one") + Route("b", "/b", "one")), nullptr);
  EXPECT_THAT(Changes(variants), ElementsAre("a new", "b new"));
}

TEST(RouteVariants, WhatWasHeldBackBeforeIsNoGoodForm) {
  const auto now = Routes(Route("a", "/a", "one") + Route("b", "/b", "one"));
  const RouteVariants first(*now, nullptr);
  const auto held = first.Make({true, false});
  const RouteVariants again(*Routes(Route("a", "/a", "one") + Route("b", "/b", "two")), held.get());
  EXPECT_THAT(Changes(again), ElementsAre("a new", "b good before"));
  EXPECT_EQ(again.Make({true, true})->version, held->version);
}

TEST(RouteVariants, TheMatchesOfOneRouteGoTogether) {
  const RouteVariants variants(*Routes(Route("a", "/a", "one") + Route("a", "/b", "one") + Route("b", "/c", "two")),
                               nullptr);
  EXPECT_THAT(Changes(variants), ElementsAre("a new", "b new"));
  EXPECT_THAT(Describe(*variants.Make({true, false})),
              ElementsAre("a /a 503 this route is not available\n", "a /b 503 this route is not available\n",
                          "b /c two", "needs two"));
}

TEST(RouteVariants, TheSameRoutesAreNoChange) {
  const auto now = Routes(Route("a", "/a", "one"));
  EXPECT_THAT(RouteVariants(*now, now.get()).changes(), IsEmpty());
}

TEST(RouteVariants, ARouteIsFoundByItsNameOrPlace) {
  v1::VirtualServiceSpec spec;
  spec.add_routes();
  spec.add_routes()->set_name("mine");
  EXPECT_EQ(RouteIndex(spec, "route-0"), 0);
  EXPECT_EQ(RouteIndex(spec, "mine"), 1);
  EXPECT_EQ(RouteIndex(spec, "route-1"), std::nullopt);
}

}  // namespace
}  // namespace gloo::translator
