// Routes that an Envoy does not take although the checks let them pass: found, held back at this Envoy, told of.
#include <gmock/gmock.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "envoy/config/route/v3/route.pb.h"
#include "tests/feature/envoy.h"
#include "tests/feature/pipeline.h"

namespace gloo::testing {
namespace {

using envoy::config::route::v3::RouteConfiguration;
using snapshot::Type;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;

using RefusalsFeature = Pipeline;

// A route to `u` whose path is rewritten.
std::string Rewrite(const std::string& prefix, const std::string& to) {
  return absl::StrCat("{requestMatcher: {pathPrefix: ", prefix, "}, prefixRewrite: ", to,
                      ", singleDestination: {upstream: {name: u}}}");
}

std::string Service(const std::vector<std::string>& routes) {
  return VirtualService("v", "a.test", absl::StrJoin(routes, ", "));
}

// Refuses rewrites that begin with "/bad", and remembers what it was asked.
struct Judge {
  std::string operator()(const std::string& body) {
    RouteConfiguration routes;
    EXPECT_TRUE(routes.ParseFromString(body));
    for (const auto& route : routes.virtual_hosts(0).routes()) {
      const std::string& rewrite = route.route().prefix_rewrite();
      if (!rewrite.starts_with("/bad")) continue;
      absl::MutexLock lock(&seen->mutex);
      ++seen->refused[body];
      return absl::StrCat("will not rewrite to ", rewrite, "\n\n");
    }
    return "";
  }
  struct Seen {
    absl::Mutex mutex;
    // Each response is judged twice: when it is taken, and when it is answered.
    std::map<std::string, int> refused;
  };
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();

  size_t forms() const {
    absl::MutexLock lock(&seen->mutex);
    for (const auto& [body, count] : seen->refused) EXPECT_EQ(count, 2) << "a refused form was sent again";
    return seen->refused.size();
  }
};

// "/prefix /rewrite" or "/prefix 503".
std::vector<std::string> Describe(const RouteConfiguration& routes) {
  std::vector<std::string> out;
  for (const auto& route : routes.virtual_hosts(0).routes()) {
    out.push_back(absl::StrCat(
        route.match().prefix(), " ",
        route.has_route() ? route.route().prefix_rewrite() : absl::StrCat(route.direct_response().status())));
  }
  return out;
}

// What an Envoy has of the virtual service, once it is that.
void Await(Envoy& envoy, const std::vector<std::string>& wanted) {
  const auto last = envoy.Wait<RouteConfiguration>(
      Type::kRoute, "default/v", [&](const RouteConfiguration& routes) { return Describe(routes) == wanted; });
  EXPECT_EQ(Describe(last), wanted);
}

std::vector<std::string> Told(const v1::Status& status) {
  std::vector<std::string> out;
  for (const auto& issue : status.issues()) {
    EXPECT_EQ(issue.severity() + issue.reason(), "WarningRefusedByEnvoy");
    out.push_back(absl::StrCat(issue.path(), ": ", issue.message()));
  }
  return out;
}

TEST_F(RefusalsFeature, OneNewRouteIsHeldBackAndTheOthersGoOn) {
  Put(Upstream("u") + Service({Rewrite("/a", "/1"), Rewrite("/b", "/bad"), Rewrite("/c", "/1")}));
  Sync();
  Envoy envoy(port(), "ingress~1");
  Judge judge;
  envoy.RefuseIf(Type::kRoute, judge);
  Await(envoy, {"/a /1", "/b 503", "/c /1"});
  v1::Status status = WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) {
    return s.issues_size() == 1 && !s.issues(0).path().empty();
  });
  EXPECT_THAT(Told(status), ElementsAre("spec.routes[1]: Envoy ingress~1 refuses this route, which answers 503 there: "
                                        "will not rewrite to /bad"));
  EXPECT_EQ(status.state(), v1::Status::WARNING);
  EXPECT_EQ(status.message(), Told(status)[0]);
  ASSERT_EQ(status.nodes_size(), 1);
  EXPECT_EQ(status.nodes(0).message(), "will not rewrite to /bad");
  ASSERT_EQ(status.conditions_size(), 1);
  EXPECT_EQ(status.conditions(0).type(), "Programmed");
  EXPECT_EQ(status.conditions(0).status(), "False");
  EXPECT_EQ(status.conditions(0).reason(), "Refused");
  EXPECT_EQ(status.conditions(0).message(), "Envoy ingress~1 refuses it: will not rewrite to /bad");
  EXPECT_EQ(MetricValue("gloo_refused_resources{node=\"ingress~1\",type=\"route\"}"), 1);

  // The next edit of another route arrives; the bad one is tried once more with it.
  Put(Service({Rewrite("/a", "/2"), Rewrite("/b", "/bad"), Rewrite("/c", "/1")}), "v.yaml");
  Await(envoy, {"/a /2", "/b 503", "/c /1"});
  WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) {
    return s.observed_generation() == 2 && s.issues_size() == 1 && !s.issues(0).path().empty();
  });

  // Mended: all is well.
  Put(Service({Rewrite("/a", "/2"), Rewrite("/b", "/good"), Rewrite("/c", "/1")}), "v.yaml");
  Await(envoy, {"/a /2", "/b /good", "/c /1"});
  status = WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) {
    return s.state() == v1::Status::ACCEPTED && s.conditions(0).status() == "True";
  });
  EXPECT_THAT(status.issues(), IsEmpty());
  EXPECT_EQ(MetricValue("gloo_refused_resources{node=\"ingress~1\",type=\"route\"}"), -1);
  judge.forms();
}

TEST_F(RefusalsFeature, TheLastGoodFormOfARouteStays) {
  Put(Upstream("u") + Service({Rewrite("/a", "/1"), Rewrite("/b", "/1")}));
  Sync();
  Envoy envoy(port(), "ingress~1");
  Judge judge;
  envoy.RefuseIf(Type::kRoute, judge);
  Await(envoy, {"/a /1", "/b /1"});
  Put(Service({Rewrite("/new", "/2"), Rewrite("/a", "/bad"), Rewrite("/b", "/2")}), "v.yaml");
  Await(envoy, {"/new /2", "/a /1", "/b /2"});
  const v1::Status status = WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) {
    return s.issues_size() == 1 && !s.issues(0).path().empty();
  });
  EXPECT_THAT(Told(status), ElementsAre("spec.routes[1]: Envoy ingress~1 refuses this route and keeps its last good "
                                        "form: will not rewrite to /bad"));
  // It stays over later edits of others.
  Put(Service({Rewrite("/new", "/3"), Rewrite("/a", "/bad"), Rewrite("/b", "/3")}), "v.yaml");
  Await(envoy, {"/new /3", "/a /1", "/b /3"});
  judge.forms();
}

TEST_F(RefusalsFeature, OneChangedRouteIsKnownWithoutASearch) {
  std::vector<std::string> routes;
  for (int i = 0; i < 100; ++i) routes.push_back(Rewrite(absl::StrCat("/", i, "/"), "/1"));
  Put(Upstream("u") + Service(routes));
  Sync();
  Envoy envoy(port(), "ingress~1");
  Judge judge;
  envoy.RefuseIf(Type::kRoute, judge);
  envoy.Settle();
  routes[70] = Rewrite("/70/", "/bad");
  Put(Service(routes), "v.yaml");
  WaitStatus(model::Kind::kVirtualService, "v",
             [](const v1::Status& s) { return s.issues_size() == 1 && s.issues(0).path() == "spec.routes[70]"; });
  envoy.Fence();
  // The whole once; without the change it is the form in force, which is not sent.
  EXPECT_EQ(judge.forms(), 1u);
  EXPECT_THAT(envoy.Events(), ElementsAre("!routes default/v"));
}

TEST_F(RefusalsFeature, SeveralCulpritsAmongManyAreFoundInFewSteps) {
  std::vector<std::string> routes;
  std::vector<std::string> wanted;
  for (int i = 0; i < 1000; ++i) {
    const bool bad = i == 0 || i == 333 || i == 999;
    routes.push_back(Rewrite(absl::StrCat("/", i, "/"), bad ? absl::StrCat("/bad", i) : "/1"));
    wanted.push_back(absl::StrCat("/", i, "/ ", bad ? "503" : "/1"));
  }
  Put(Upstream("u") + Service(routes));
  Sync();
  Envoy envoy(port(), "ingress~1");
  Judge judge;
  envoy.RefuseIf(Type::kRoute, judge);
  Await(envoy, wanted);
  const v1::Status status =
      WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) { return s.issues_size() == 3; });
  EXPECT_THAT(Told(status), ElementsAre("spec.routes[0]: Envoy ingress~1 refuses this route, which answers 503 there: "
                                        "will not rewrite to /bad0",
                                        "spec.routes[333]: Envoy ingress~1 refuses this route, which answers 503 "
                                        "there: will not rewrite to /bad333",
                                        "spec.routes[999]: Envoy ingress~1 refuses this route, which answers 503 "
                                        "there: will not rewrite to /bad999"));
  envoy.Fence();
  EXPECT_THAT(judge.forms(), AllOf(Ge(3u), Le(33u)));
}

TEST_F(RefusalsFeature, WhatIsNotFoundWithinTheBoundIsHeldBack) {
  std::vector<std::string> routes;
  for (int i = 0; i < 200; ++i) routes.push_back(Rewrite(absl::StrCat("/", i, "/"), i % 2 == 0 ? "/bad" : "/1"));
  Put(Upstream("u") + Service(routes));
  Sync();
  Envoy envoy(port(), "ingress~1");
  Judge judge;
  envoy.RefuseIf(Type::kRoute, judge);
  const auto routes_there = envoy.Wait<RouteConfiguration>(Type::kRoute, "default/v");
  WaitStatus(model::Kind::kVirtualService, "v",
             [](const v1::Status& s) { return s.issues_size() > 0 && !s.issues(0).path().empty(); });
  envoy.Fence();
  EXPECT_LE(judge.forms(), 65u);
  const auto last = envoy.Wait<RouteConfiguration>(Type::kRoute, "default/v");
  EXPECT_EQ(Describe(last)[1], "/1/ /1");
  EXPECT_EQ(Describe(last)[199], "/199/ 503");
}

TEST_F(RefusalsFeature, AnEnvoyThatRefusesConcernsNoOther) {
  Put(Upstream("u") + Service({Rewrite("/a", "/1"), Rewrite("/b", "/bad")}));
  Sync();
  Envoy other(port(), "ingress~2");
  Await(other, {"/a /1", "/b /bad"});
  Judge judge;
  Envoy envoy(port(), "ingress~1");
  envoy.RefuseIf(Type::kRoute, judge);
  Await(envoy, {"/a /1", "/b 503"});
  other.Fence();
  Await(other, {"/a /1", "/b /bad"});
  const v1::Status status = WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) {
    return s.issues_size() == 1 && !s.issues(0).path().empty();
  });
  ASSERT_EQ(status.nodes_size(), 2);
  EXPECT_EQ(status.nodes(0).state(), v1::Status::Node::REFUSED);
  EXPECT_EQ(status.nodes(1).state(), v1::Status::Node::PROGRAMMED);
  // A third one of the same mind is told at once what was found.
  Judge third_judge;
  Envoy third(port(), "ingress~3");
  third.RefuseIf(Type::kRoute, third_judge);
  Await(third, {"/a /1", "/b 503"});
  EXPECT_EQ(third_judge.forms(), 1u);
  WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) {
    return s.issues_size() == 1 && s.issues(0).message() ==
                                       "Envoy ingress~1 (and 1 more) refuses this route, which "
                                       "answers 503 there: will not rewrite to /bad";
  });
}

TEST_F(RefusalsFeature, WhatNoRouteCausesLeavesAllAsItWas) {
  Put(Upstream("u") + Service({Rewrite("/a", "/1"), Rewrite("/b", "/1")}));
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Settle();
  envoy.RefuseIf(Type::kRoute, [](const std::string& body) {
    RouteConfiguration routes;
    return routes.ParseFromString(body) && routes.virtual_hosts(0).routes_size() != 2 ? "two routes, no more" : "";
  });
  Put(Service({Rewrite("/a", "/2"), Rewrite("/b", "/2"), Rewrite("/c", "/2")}), "v.yaml");
  const v1::Status status =
      WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) { return s.issues_size() == 1; });
  EXPECT_THAT(Told(status), ElementsAre(": Envoy ingress~1 refuses it and keeps what it had: two routes, no more"));
  envoy.Fence();
  Await(envoy, {"/a /1", "/b /1"});
  // Once it is taken as a whole it is in force.
  Put(Service({Rewrite("/a", "/3"), Rewrite("/b", "/3")}), "v.yaml");
  Await(envoy, {"/a /3", "/b /3"});
}

TEST_F(RefusalsFeature, WordsWithoutEndAreCut) {
  Put(Upstream("u") + Service({Rewrite("/a", "/1")}));
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Refuse(Type::kRoute, std::string(999, 'x') + "\u00e4\u00e4\u00e4\n");
  const v1::Status status = WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) {
    return s.nodes_size() == 1 && s.nodes(0).state() == v1::Status::Node::REFUSED;
  });
  EXPECT_EQ(status.nodes(0).message(), std::string(999, 'x') + "\u00e4");
}

}  // namespace
}  // namespace gloo::testing
