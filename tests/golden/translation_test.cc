// What becomes of objects: one test a rule of docs/design/decisions.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "tests/golden/world.h"
#include "translator/domain_table.h"

namespace gloo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

constexpr char kUpstream[] =
    "{kind: Upstream, apiVersion: gloo.solo.io/v1, metadata: {name: u}, spec: {type: static, "
    "spec: {hosts: [{addr: 10.0.0.1, port: 80}]}}}";

std::string VirtualService(const std::string& name, const std::string& rest) {
  return "{kind: VirtualService, apiVersion: gloo.solo.io/v1, metadata: {name: " + name + "}, spec: {" + rest + "}}";
}

std::string RouteTo(const std::string& upstream, const std::string& path = "/") {
  return "{requestMatcher: {pathPrefix: " + path + "}, singleDestination: {upstream: {name: " + upstream + "}}}";
}

envoy::config::route::v3::RouteConfiguration Routes(const World& world, const std::string& name) {
  envoy::config::route::v3::RouteConfiguration routes;
  snapshot::ResourcePtr resource = world.Role("ingress").Find(snapshot::Type::kRoute, name);
  EXPECT_TRUE(resource != nullptr && routes.ParseFromString(resource->body)) << name;
  return routes;
}

TEST(TranslationTest, NothingAtAllHasTheListenersOfTheDefaultRole) {
  World world;
  world.Apply({});
  EXPECT_THAT(world.Names(snapshot::Type::kListener), ElementsAre("gloo.domains", "http", "https"));
  EXPECT_THAT(world.Names(snapshot::Type::kExtensionConfig), SizeIs(translator::kDomainParts));
  EXPECT_THAT(world.translator().Roles(), ElementsAre("ingress"));
}

TEST(TranslationTest, TheTableHasAListenerOfItsOwnThatServesNothing) {
  World world;
  world.Apply({});
  snapshot::ResourcePtr resource = world.Role("ingress").Find(snapshot::Type::kListener, "gloo.domains");
  envoy::config::listener::v3::Listener listener;
  ASSERT_TRUE(resource != nullptr && listener.ParseFromString(resource->body));
  EXPECT_FALSE(listener.bind_to_port().value());
  EXPECT_THAT(resource->warms, SizeIs(translator::kDomainParts));
  for (const char* name : {"http", "https"}) {
    EXPECT_THAT(world.Role("ingress").Find(snapshot::Type::kListener, name)->needs,
                ElementsAre(snapshot::ResourceRef{snapshot::Type::kListener, "gloo.domains"}));
  }
}

TEST(TranslationTest, OneAddressInTwoSpellingsIsOneListenerAddress) {
  World world;
  world.Put(
      Read("{kind: Role, apiVersion: gloo.solo.io/v1, metadata: {name: edge}, spec: {listeners: ["
           "{name: a, bindAddress: '::1', port: 80}, {name: b, bindAddress: '0::1', port: 80}]}}"));
  EXPECT_THAT(ToText(world.ReportOf("Role default/edge")),
              HasSubstr("a listener before this one has address ::1 and port 80 (DuplicatePort)"));
}

TEST(TranslationTest, OneRouteChangeIsOneResource) {
  World world;
  world.Put(Read(kUpstream));
  world.Put(Read(VirtualService("v", "domains: [a.test], routes: [" + RouteTo("u") + "]")));
  translator::Result result =
      world.Put(Read(VirtualService("v", "domains: [a.test], routes: [" + RouteTo("u", "/new") + "]"), 1, 2));
  ASSERT_EQ(result.deltas.size(), 1u);
  const snapshot::Delta& delta = result.deltas.at("ingress");
  ASSERT_EQ(delta.upserts.size(), 1u);
  EXPECT_EQ(delta.upserts[0]->ref, (snapshot::ResourceRef{snapshot::Type::kRoute, "default/v"}));
  EXPECT_THAT(delta.removals, IsEmpty());
}

TEST(TranslationTest, ReferencesMayComeLater) {
  World world;
  world.Put(Read(VirtualService("v", "routes: [" + RouteTo("u") + "]")));
  EXPECT_EQ(ToText(world.ReportOf("VirtualService default/v")),
            "VirtualService default/v: WARNING UpstreamNotFound generation 1\n"
            "  warning: spec.routes[0].singleDestination.upstream.name: there is no upstream \"default/u\"; the route "
            "answers 503 until there is (UpstreamNotFound)\n");
  EXPECT_EQ(Routes(world, "default/v").virtual_hosts(0).routes(0).direct_response().status(), 503u);
  EXPECT_THAT(world.Names(snapshot::Type::kCluster), IsEmpty());

  world.Put(Read(kUpstream));
  EXPECT_EQ(world.ReportOf("VirtualService default/v").state, v1::Status::ACCEPTED);
  EXPECT_EQ(Routes(world, "default/v").virtual_hosts(0).routes(0).route().cluster(), "default/u");
  EXPECT_THAT(world.Names(snapshot::Type::kCluster), ElementsAre("default/u"));

  world.Remove({model::Kind::kUpstream, "default", "u"});
  EXPECT_THAT(world.Names(snapshot::Type::kCluster), IsEmpty());
  EXPECT_EQ(world.ReportOf("VirtualService default/v").reason, "UpstreamNotFound");
}

TEST(TranslationTest, UnusedUpstreamsAreNotSent) {
  World world;
  world.Put(Read(kUpstream));
  EXPECT_THAT(world.Names(snapshot::Type::kCluster), IsEmpty());
  EXPECT_EQ(world.ReportOf("Upstream default/u").state, v1::Status::ACCEPTED);
}

TEST(TranslationTest, LastGoodFormStaysInForce) {
  World world;
  world.Put(Read(kUpstream));
  world.Put(Read(VirtualService("v", "domains: [a.test], routes: [" + RouteTo("u") + "]"), 1, 1));
  snapshot::ResourcePtr good = world.Role("ingress").Find(snapshot::Type::kRoute, "default/v");
  std::string wrong =
      "domains: [b.test], routes: [{requestMatcher: {pathRegex: '(['}, singleDestination: {upstream: "
      "{name: u}}}]";
  translator::Result result = world.Put(Read(VirtualService("v", wrong), 1, 2));
  EXPECT_TRUE(result.deltas.empty());
  EXPECT_EQ(world.Role("ingress").Find(snapshot::Type::kRoute, "default/v"), good);
  EXPECT_THAT(world.Names(snapshot::Type::kScopedRoute), ElementsAre("http|a.test"));
  const translator::Report& report = world.ReportOf("VirtualService default/v");
  EXPECT_EQ(report.state, v1::Status::REJECTED);
  EXPECT_EQ(report.reason, "BadRegex");
  EXPECT_EQ(report.generation, 2);
  EXPECT_EQ(report.in_force->generation, 1);
  // Repaired.
  world.Put(Read(VirtualService("v", "domains: [b.test], routes: [" + RouteTo("u") + "]"), 1, 3));
  EXPECT_THAT(world.Names(snapshot::Type::kScopedRoute), ElementsAre("http|b.test"));
  EXPECT_EQ(world.ReportOf("VirtualService default/v").state, v1::Status::ACCEPTED);
}

TEST(TranslationTest, AWrongConditionAnswers500ForWhatItMayHaveMeant) {
  World world;
  world.Put(Read(kUpstream));
  world.Put(Read(VirtualService(
      "v",
      "routes: [{requestMatcher: {pathPrefix: /admin, headers: {x-role: {regex: '(['}}}, "
      "singleDestination: {upstream: {name: u}}}, " +
          RouteTo("u") + ", {requestMatcher: {pathRegex: '(['}, singleDestination: {upstream: {name: u}}}]")));
  const auto routes = Routes(world, "default/v").virtual_hosts(0);
  ASSERT_EQ(routes.routes_size(), 2);
  EXPECT_EQ(routes.routes(0).match().prefix(), "/admin");
  EXPECT_EQ(routes.routes(0).match().headers_size(), 0);
  EXPECT_EQ(routes.routes(0).direct_response().status(), 500u);
  EXPECT_TRUE(routes.routes(1).has_route());
  // Of the third not even the path is known.
  EXPECT_THAT(ToText(world.ReportOf("VirtualService default/v")), HasSubstr("spec.routes[2]: is left out"));
}

TEST(TranslationTest, WarningsOfTheFormInForceAreSaid) {
  World world;
  world.Put(Read(VirtualService("v", "routes: [" + RouteTo("missing") + "]")));
  world.Put(Read(VirtualService("v",
                                "routes: [{requestMatcher: {pathRegex: '(['}, "
                                "singleDestination: {upstream: {name: other}}}]"),
                 1, 2));
  EXPECT_THAT(ToText(world.ReportOf("VirtualService default/v")),
              HasSubstr("of the form that stays in force: there is no upstream \"default/missing\""));
}

TEST(TranslationTest, AFunctionThatSetsThePathTakesNoPrefixRewrite) {
  World world;
  world.ApplyText(
      "{kind: Upstream, apiVersion: gloo.solo.io/v1, metadata: {name: f}, spec: {type: static, "
      "spec: {hosts: [{addr: 10.0.0.1, port: 80}]}, serviceInfo: {type: REST}, functions: ["
      "{name: sets, spec: {path: /users}}, {name: header, spec: {headers: {':path': /users}}}, "
      "{name: keeps, spec: {body: x}}]}}");
  auto put = [&world](const std::string& function, const std::string& rewrite) {
    world.Put(Read(VirtualService(
        "v", "routes: [{requestMatcher: {pathPrefix: /api}, prefixRewrite: '" + rewrite +
                 "', singleDestination: {function: {upstreamName: f, functionName: " + function + "}}}]")));
    return ToText(world.ReportOf("VirtualService default/v"));
  };
  EXPECT_THAT(put("keeps", "/x"), HasSubstr("ACCEPTED"));
  EXPECT_THAT(put("sets", "/x"), HasSubstr("spec.routes[0].prefixRewrite: has no place here: function \"sets\" of "
                                           "upstream \"default/f\" sets the path of its request itself "
                                           "(RewriteOfFunction)"));
  EXPECT_THAT(put("header", "/x"), HasSubstr("(RewriteOfFunction)"));
  EXPECT_THAT(put("keeps", "/x?y=1"), HasSubstr("must not hold a query string or fragment"));
}

TEST(TranslationTest, ADestinationWithoutWeightIsSaid) {
  World world;
  world.Put(Read(kUpstream));
  auto report = [&world](const std::string& first, const std::string& second) {
    world.Put(Read(VirtualService("v", "routes: [{multipleDestinations: [{destination: {upstream: {name: u}}" + first +
                                           "}, {destination: {upstream: {name: u}}" + second + "}]}]")));
    return ToText(world.ReportOf("VirtualService default/v"));
  };
  EXPECT_THAT(report(", weight: 1", ""),
              HasSubstr("warning: spec.routes[0].multipleDestinations[1]: has no weight and gets nothing; write weight "
                        "(NoWeight)"));
  EXPECT_THAT(report(", weight: 1", ", weight: 0"), HasSubstr("ACCEPTED"));
  // Not beside the error.
  EXPECT_THAT(report("", ""), ::testing::Not(HasSubstr("has no weight and gets nothing")));
}

TEST(TranslationTest, TheOwnersOfAResource) {
  World world;
  world.Put(Read(kUpstream));
  world.Put(Read(VirtualService("v", "domains: [a.test], routes: [" + RouteTo("u") + "]")));
  world.ApplyText(
      "{kind: Role, apiVersion: gloo.solo.io/v1, metadata: {name: edge}, spec: {listeners: [{name: http, port: 80}]}}");
  auto owners = [&world](snapshot::Type type, const std::string& name, const std::string& role = "ingress") {
    std::string out;
    for (const auto& key : world.translator().OwnersOf(role, {type, name})) out += model::ToString(key) + ";";
    return out;
  };
  EXPECT_EQ(owners(snapshot::Type::kCluster, "default/u"), "Upstream default/u;");
  EXPECT_EQ(owners(snapshot::Type::kEndpoint, "default/u"), "Upstream default/u;");
  EXPECT_EQ(owners(snapshot::Type::kRoute, "default/v"), "VirtualService default/v;");
  EXPECT_EQ(owners(snapshot::Type::kScopedRoute, "http|a.test"), "VirtualService default/v;");
  EXPECT_EQ(owners(snapshot::Type::kScopedRoute, "http|b.test"), "");
  // A role that no object defines has no owner.
  EXPECT_EQ(owners(snapshot::Type::kListener, "http"), "");
  EXPECT_EQ(owners(snapshot::Type::kListener, "http", "edge"), "Role default/edge;");
}

TEST(TranslationTest, UnreadableKeepsWhatWasGood) {
  World world;
  world.Put(Read(kUpstream));
  world.Put(Read(VirtualService("v", "domains: [a.test], routes: [" + RouteTo("u") + "]")));
  translator::Changes changes;
  translator::Entry entry;
  entry.read_issues.push_back({Severity::kError, "UnknownField", "spec.rutes", "no such field", {}});
  changes.objects.emplace_back(model::ObjectKey{model::Kind::kVirtualService, "default", "v"}, entry);
  translator::Result result = world.Apply(changes);
  EXPECT_TRUE(result.deltas.empty());
  EXPECT_EQ(world.ReportOf("VirtualService default/v").reason, "UnknownField");
}

TEST(TranslationTest, TheOlderKeepsADomain) {
  World world;
  world.Put(Read(kUpstream));
  world.Put(Read(VirtualService("younger", "domains: [a.test, b.test], routes: [" + RouteTo("u") + "]"), 20));
  EXPECT_EQ(world.ReportOf("VirtualService default/younger").state, v1::Status::ACCEPTED);
  world.Put(Read(VirtualService("older", "domains: [a.test], routes: [" + RouteTo("u", "/o") + "]"), 10));
  EXPECT_EQ(ToText(world.ReportOf("VirtualService default/younger")),
            "VirtualService default/younger: REJECTED DomainTaken generation 1\n"
            "  error: spec.domains[0]: \"a.test\" on listener \"http\" of role \"ingress\" is held by the older "
            "VirtualService default/older (DomainTaken)\n");
  EXPECT_THAT(world.Names(snapshot::Type::kScopedRoute), ElementsAre("http|a.test", "http|b.test"));
  EXPECT_THAT(world.Role("ingress").Find(snapshot::Type::kScopedRoute, "http|a.test")->body,
              HasSubstr("default/older"));
  world.Remove({model::Kind::kVirtualService, "default", "older"});
  EXPECT_EQ(world.ReportOf("VirtualService default/younger").state, v1::Status::ACCEPTED);
}

TEST(TranslationTest, TheTableListsTheDomainsOfAListenerWithWildcards) {
  World world;
  auto table = [&world](const std::string& domain) {
    return world.Role("ingress")
        .Find(snapshot::Type::kExtensionConfig, translator::DomainPartName(translator::DomainPart(domain)))
        ->body;
  };
  world.Put(Read(kUpstream));
  world.Put(Read(VirtualService("v", "domains: [a.test, b.other], routes: [" + RouteTo("u") + "]")));
  EXPECT_THAT(table("a.test"), HasSubstr(R"("listeners":{}})"));
  world.Put(Read(VirtualService("w", "domains: ['*.test'], routes: [" + RouteTo("u") + "]")));
  EXPECT_THAT(table("*.test"), HasSubstr(R"("listeners":{"http":["*.test"]}})"));
  EXPECT_THAT(table("a.test"), HasSubstr(R"("listeners":{"http":["a.test"]}})"));
  // A domain more changes its route configuration, its scope and one part of the table.
  translator::Result result =
      world.Put(Read(VirtualService("x", "domains: [c.other], routes: [" + RouteTo("u") + "]")));
  EXPECT_THAT(result.deltas.at("ingress").upserts, SizeIs(3));
  world.Remove({model::Kind::kVirtualService, "default", "w"});
  EXPECT_THAT(table("a.test"), HasSubstr(R"("listeners":{}})"));
}

TEST(TranslationTest, ARoleThatGoesTakesAllWithIt) {
  World world;
  world.Put(Read(kUpstream));
  world.Put(
      Read("{kind: Role, apiVersion: gloo.solo.io/v1, metadata: {name: edge}, spec: {listeners: [{name: a, port: "
           "80}]}}"));
  world.Put(Read(VirtualService("v", "roles: [edge, ingress], routes: [" + RouteTo("u") + "]")));
  EXPECT_THAT(world.Names(snapshot::Type::kScopedRoute, "edge"), ElementsAre("a|*"));
  EXPECT_EQ(world.Role("edge").Find(snapshot::Type::kRoute, "default/v"),
            world.Role("ingress").Find(snapshot::Type::kRoute, "default/v"));
  world.Remove({model::Kind::kRole, "default", "edge"});
  for (int type = 0; type < snapshot::kTypeCount; ++type) {
    EXPECT_THAT(world.Names(static_cast<snapshot::Type>(type), "edge"), IsEmpty());
  }
  EXPECT_THAT(world.translator().Roles(), ElementsAre("ingress"));
  EXPECT_EQ(world.ReportOf("VirtualService default/v").reason, "RoleNotFound");
  // The last virtual service of a role empties it, but for its listeners.
  world.Remove({model::Kind::kVirtualService, "default", "v"});
  EXPECT_THAT(world.Names(snapshot::Type::kRoute), IsEmpty());
  EXPECT_THAT(world.Names(snapshot::Type::kScopedRoute), IsEmpty());
  EXPECT_THAT(world.Names(snapshot::Type::kCluster), IsEmpty());
  EXPECT_THAT(world.Names(snapshot::Type::kEndpoint), IsEmpty());
  EXPECT_THAT(world.Names(snapshot::Type::kListener), ElementsAre("gloo.domains", "http", "https"));
}

TEST(TranslationTest, UnknownRoleAnswersOnTheDefaultPorts) {
  World world;
  snapshot::Delta delta = world.translator().UnknownRole("typo");
  ASSERT_EQ(delta.upserts.size(), 2u);
  EXPECT_EQ(delta.upserts[0]->ref.name, "http");
  EXPECT_THAT(delta.upserts[0]->body, HasSubstr("no role \"typo\" is defined: "));
  // Envoy refuses an answer of more than 4,096 bytes, and clients choose the name.
  delta = world.translator().UnknownRole(std::string(10'000, 'x'));
  EXPECT_THAT(delta.upserts[0]->body, HasSubstr("no role \"" + std::string(200, 'x') + "...\" is defined: "));
}

TEST(TranslationTest, ResourcesOfAnObject) {
  World world;
  world.Put(Read(kUpstream));
  world.Put(Read(VirtualService("v", "domains: [a.test], routes: [" + RouteTo("u") + "]")));
  auto names = [&](const model::ObjectKey& key) {
    std::vector<std::string> out;
    for (const auto& owned : world.translator().ResourcesOf(key)) {
      out.push_back(owned.role + " " + owned.ref.name);
      EXPECT_EQ(owned.version, world.Role(owned.role).Find(owned.ref.type, owned.ref.name)->version);
    }
    return out;
  };
  EXPECT_THAT(names({model::Kind::kUpstream, "default", "u"}), ElementsAre("ingress default/u", "ingress default/u"));
  EXPECT_THAT(names({model::Kind::kVirtualService, "default", "v"}),
              ElementsAre("ingress default/v", "ingress http|a.test"));
}

TEST(TranslationTest, EndpointsBelongToAWayToTalkToThem) {
  World world;
  const model::ObjectKey key{model::Kind::kUpstream, "default", "u"};
  std::set<std::string> seen;
  // Whose endpoints the cluster asks for, which are the only ones of the upstream.
  auto name = [&](const std::string& more) {
    world.ApplyText(
        "{kind: Upstream, apiVersion: gloo.solo.io/v1, metadata: {name: u}, spec: {type: static, spec: "
        "{hosts: [{addr: 10.0.0.1, port: 80}]" +
        more + "}}}");
    const auto endpoints = world.Role("ingress").resources(snapshot::Type::kEndpoint);
    const auto cluster = world.Role("ingress").Find(snapshot::Type::kCluster, "default/u");
    EXPECT_EQ(endpoints.size(), 1u);
    EXPECT_THAT(cluster->warms, ElementsAre(endpoints.begin()->second->ref));
    EXPECT_THAT(world.translator().OwnersOf("ingress", cluster->warms[0]), ElementsAre(key));
    EXPECT_EQ(world.translator().ResourcesOf(key).size(), 2u);
    return endpoints.begin()->first;
  };
  world.Put(Read(kUpstream));
  world.ApplyText(
      "{kind: VirtualService, apiVersion: gloo.solo.io/v1, metadata: {name: v}, spec: {domains: [a.test], routes: [" +
      RouteTo("u") + "]}}");
  EXPECT_EQ(name(""), "default/u");
  for (const char* more : {", http2: true", ", tls: {insecureSkipVerify: true, sni: a.test}",
                           ", tls: {insecureSkipVerify: true, sni: b.test}"}) {
    EXPECT_THAT(name(more), MatchesRegex("default/u\\|[0-9a-f]{8}"));
    EXPECT_TRUE(seen.insert(name(more)).second);
  }
  EXPECT_EQ(name(""), "default/u");
}

TEST(TranslationTest, AFunctionChangeReachesOnlyItsRoutes) {
  World world;
  auto upstream = [](const std::string& f, const std::string& host) {
    return Read(
        "{kind: Upstream, apiVersion: gloo.solo.io/v1, metadata: {name: u}, spec: {type: static, spec: {hosts: "
        "[{addr: " +
        host + ", port: 80}]}, serviceInfo: {type: REST}, functions: [{name: f, spec: {path: '" + f +
        "'}}, {name: g, spec: {path: /g}}]}}");
  };
  auto call = [](const std::string& function) {
    return "routes: [{singleDestination: {function: {upstreamName: u, functionName: " + function + "}}}]";
  };
  world.Put(upstream("/f", "10.0.0.1"));
  world.Put(Read(VirtualService("f", "domains: [f.test], " + call("f"))));
  world.Put(Read(VirtualService("g", "domains: [g.test], " + call("g"))));
  translator::Result result = world.Put(upstream("/changed", "10.0.0.1"));
  ASSERT_EQ(result.deltas.at("ingress").upserts.size(), 1u);
  EXPECT_EQ(result.deltas.at("ingress").upserts[0]->ref.name, "default/f");
  EXPECT_EQ(result.units_run, 2u);
  // Hosts concern no route.
  result = world.Put(upstream("/changed", "10.0.0.2"));
  ASSERT_EQ(result.deltas.at("ingress").upserts.size(), 1u);
  EXPECT_EQ(result.deltas.at("ingress").upserts[0]->ref.type, snapshot::Type::kEndpoint);
  EXPECT_EQ(result.units_run, 1u);
}

// How long a change takes must not depend on how much there is: the units say so, and the time is printed.
TEST(TranslationTest, OneRouteChangeCostsTheSameAtAnySize) {
  int most = 1000;
  if (const char* asked = std::getenv("GLOO_COST_ROUTES")) most = std::atoi(asked) / 10;
  for (int count = 100; count <= most; count *= 10) {
    World world;
    world.Put(Read(kUpstream));
    translator::Changes changes;
    for (int i = 0; i < count; ++i) {
      std::string routes;
      for (int r = 0; r < 10; ++r) routes += RouteTo("u", "/api/" + std::to_string(r)) + ", ";
      translator::Entry entry;
      std::string name = "v" + std::to_string(i);
      entry.current = Read(VirtualService(name, "domains: [" + name + ".test], routes: [" + routes + "]"));
      changes.objects.emplace_back(entry.current->key, entry);
    }
    world.Apply(changes);
    constexpr int kChanges = 50;
    std::vector<model::ObjectPtr> objects;
    for (int i = 0; i < kChanges; ++i) {
      std::string routes;
      for (int r = 0; r < 9; ++r) routes += RouteTo("u", "/api/" + std::to_string(r)) + ", ";
      routes += RouteTo("u", "/new/" + std::to_string(i));
      objects.push_back(Read(VirtualService("v7", "domains: [v7.test], routes: [" + routes + "]")));
    }
    auto start = std::chrono::steady_clock::now();
    for (const model::ObjectPtr& object : objects) {
      translator::Changes change;
      translator::Entry entry;
      entry.current = object;
      change.objects.emplace_back(object->key, entry);
      translator::Result result = world.Apply(change);
      ASSERT_EQ(result.units_run, 2u);
      ASSERT_EQ(result.deltas.at("ingress").upserts.size(), 1u);
    }
    auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
    std::printf("%7d routes: %lld us a change\n", count * 10, static_cast<long long>(took.count() / kChanges));
  }
}

}  // namespace
}  // namespace gloo::testing
