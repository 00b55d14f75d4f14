#include "xds/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "xds/testing/publish.h"

namespace gloo::xds {
namespace {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryRequest;
using snapshot::Delta;
using snapshot::MakeResource;
using snapshot::ResourcePtr;
using snapshot::ResourceRef;
using snapshot::Type;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

ResourcePtr Cluster(const std::string& name, const std::string& body = "1", bool eds = false) {
  std::vector<ResourceRef> warms;
  if (eds) warms.push_back({Type::kEndpoint, name});
  return MakeResource(Type::kCluster, name, body, std::move(warms));
}
ResourcePtr Endpoints(const std::string& name, const std::string& body = "1") {
  return MakeResource(Type::kEndpoint, name, body);
}
ResourcePtr Route(const std::string& name, const std::vector<std::string>& clusters, const std::string& body = "1") {
  std::vector<ResourceRef> needs;
  for (const std::string& c : clusters) needs.push_back({Type::kCluster, c});
  return MakeResource(Type::kRoute, name, absl::StrCat(body, " ", absl::StrJoin(clusters, ",")), {}, needs);
}
ResourcePtr Scope(const std::string& name, const std::string& route) {
  return MakeResource(Type::kScopedRoute, name, route, {{Type::kRoute, route}});
}
ResourcePtr Table(const std::string& body) { return MakeResource(Type::kExtensionConfig, "table", body); }
ResourcePtr Listener(const std::string& name, const std::string& body = "1") {
  return MakeResource(Type::kListener, name, body);
}
ResourcePtr Secret(const std::string& name, const std::string& body = "1") {
  return MakeResource(Type::kSecret, name, body);
}

// A session, its snapshot, and a client that does only what it is told.
class Harness : public SessionEvents {
 public:
  explicit Harness(bool delta = true, size_t max_bytes = 1 << 20) : delta_(delta), max_bytes_(max_bytes) { Connect(); }

  void Connect() {
    session_ = std::make_unique<Session>(*loop_, snapshot_, *this,
                                         SessionOptions{.delta = delta_,
                                                        .max_response_bytes = max_bytes_,
                                                        .max_names_of_wildcard = 3,
                                                        .max_unanswered = 10,
                                                        .make_mover = testing::TextMover});
  }

  void Publish(std::vector<ResourcePtr> upserts, std::vector<ResourceRef> removals = {}) {
    PublishSince(absl::InfinitePast(), std::move(upserts), std::move(removals));
  }
  void PublishSince(absl::Time since, std::vector<ResourcePtr> upserts, std::vector<ResourceRef> removals = {}) {
    std::vector<std::string> wrong;
    Change change = testing::Apply(snapshot_, {std::move(upserts), std::move(removals)}, &wrong);
    change.since = since;
    session_->OnChange(change);
    EXPECT_THAT(wrong, IsEmpty());
  }

  void Subscribe(Type type, const std::vector<std::string>& names,
                 const std::map<std::string, std::string>& known = {}) {
    DeltaDiscoveryRequest request;
    request.set_type_url(std::string(snapshot::TypeUrl(type)));
    for (const std::string& name : names) request.add_resource_names_subscribe(name);
    request.mutable_initial_resource_versions()->insert(known.begin(), known.end());
    EXPECT_TRUE(session_->OnRequest(request).ok());
  }
  void Unsubscribe(Type type, const std::vector<std::string>& names) {
    DeltaDiscoveryRequest request;
    request.set_type_url(std::string(snapshot::TypeUrl(type)));
    for (const std::string& name : names) request.add_resource_names_unsubscribe(name);
    EXPECT_TRUE(session_->OnRequest(request).ok());
  }
  void Answer(const Response& response, const std::string& error = "") {
    DeltaDiscoveryRequest request;
    request.set_type_url(response.type_url);
    request.set_response_nonce(response.nonce);
    if (!error.empty()) request.mutable_error_detail()->set_message(error);
    EXPECT_TRUE(session_->OnRequest(request).ok());
  }
  void Sotw(Type type, const std::vector<std::string>& names, const std::string& nonce = "",
            const std::string& error = "") {
    DiscoveryRequest request;
    request.set_type_url(std::string(snapshot::TypeUrl(type)));
    for (const std::string& name : names) request.add_resource_names(name);
    request.set_response_nonce(nonce);
    if (!error.empty()) request.mutable_error_detail()->set_message(error);
    EXPECT_TRUE(session_->OnRequest(request).ok());
  }

  // The next response as "Type +name=body -name"; "" where there is none. Kept in `last`.
  std::string Next() {
    auto response = session_->Next();
    if (!response.has_value()) return "";
    last = *std::move(response);
    std::string out = last.type_url.substr(last.type_url.rfind('.') + 1);
    std::vector<std::string> items;
    for (const auto& item : last.items) items.push_back(absl::StrCat(" +", item.name, "=", item.resource->body));
    for (const std::string& name : last.removed) items.push_back(absl::StrCat(" -", name));
    std::sort(items.begin(), items.end());
    return absl::StrCat(out, absl::StrJoin(items, ""));
  }
  std::string NextAcked() {
    std::string out = Next();
    if (!out.empty()) Answer(last);
    return out;
  }
  // Acknowledges everything until nothing comes.
  std::vector<std::string> All() {
    std::vector<std::string> out;
    for (std::string next = NextAcked(); !next.empty(); next = NextAcked()) out.push_back(next);
    return out;
  }
  void Tick() { loop_->Advance(absl::Seconds(2)); }

  void OnAck(Type type, const NamedVersions& resources, absl::Duration) override {
    for (const auto& [name, version] : resources) acks.push_back(absl::StrCat(static_cast<int>(type), " ", name));
  }
  void OnNack(Type type, const NamedVersions& resources, const std::string& message, bool isolated) override {
    for (const auto& [name, version] : resources) {
      nacks.push_back(absl::StrCat(static_cast<int>(type), " ", name, " ", message, isolated ? " isolated" : ""));
    }
  }
  void OnInForce(absl::Duration took) override { in_force.push_back(took); }
  void OnRunnable() override { ++runnable; }
  void OnServerNameRefused(const std::string& wildcard) override { names_refused.push_back(wildcard); }

  bool Converged() {
    EXPECT_EQ(Next(), "");
    return session_->converged();
  }

  Session& session() { return *session_; }
  snapshot::Snapshot& snapshot() { return snapshot_; }
  ClientState State(Type type, const std::string& name) {
    const auto& map = snapshot_.resources(type);
    const auto it = map.find(name);
    return session_->StateOf({type, name}, it == map.end() ? "" : it->second->version, &message);
  }

  Response last;
  std::vector<std::string> acks, nacks, names_refused;
  std::vector<absl::Duration> in_force;
  std::string message;
  int runnable = 0;

 private:
  const bool delta_;
  const size_t max_bytes_;
  std::unique_ptr<runtime::FakeLoop> loop_ = runtime::FakeLoop::CreateFake();
  snapshot::Snapshot snapshot_;
  std::unique_ptr<Session> session_;
};

TEST(DeltaSession, WildcardGetsEverythingThenChangesOnly) {
  Harness h;
  h.Publish({Cluster("a"), Cluster("b")});
  EXPECT_EQ(h.Next(), "");
  h.Subscribe(Type::kCluster, {});
  EXPECT_EQ(h.NextAcked(), "Cluster +a=1 +b=1");
  EXPECT_TRUE(h.Converged());
  h.Publish({Cluster("b", "2"), Cluster("c")}, {{Type::kCluster, "a"}});
  EXPECT_THAT(h.All(), ElementsAre("Cluster +b=2 +c=1", "Cluster -a"));
  EXPECT_TRUE(h.Converged());
  EXPECT_EQ(h.State(Type::kCluster, "b"), ClientState::kAcknowledged);
  EXPECT_EQ(h.Next(), "");
}

TEST(DeltaSession, AnEmptyWildcardIsAnsweredOnce) {
  Harness h;
  h.Subscribe(Type::kCluster, {"*"});
  EXPECT_EQ(h.NextAcked(), "Cluster");
  EXPECT_EQ(h.Next(), "");
}

TEST(DeltaSession, NamesAreAnsweredEvenWhereThereIsNone) {
  Harness h;
  h.Publish({Route("r", {})});
  h.Subscribe(Type::kRoute, {"r", "none"});
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=1  -none");
  EXPECT_TRUE(h.Converged());
  h.Publish({Route("none", {})});
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +none=1 ");
  h.Publish({}, {{Type::kRoute, "r"}});
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration -r");
}

TEST(DeltaSession, NothingIsSentOfWhatNobodyAskedFor) {
  Harness h;
  h.Subscribe(Type::kRoute, {"r"});
  h.All();
  h.Publish({Route("other", {}), Cluster("c"), Listener("l")});
  EXPECT_EQ(h.Next(), "");
  EXPECT_EQ(h.State(Type::kRoute, "other"), ClientState::kNotWanted);
  EXPECT_EQ(h.State(Type::kCluster, "c"), ClientState::kNotWanted);
}

TEST(DeltaSession, AskingAgainIsAnsweredAgain) {
  Harness h;
  h.Publish({Endpoints("e")});
  h.Subscribe(Type::kEndpoint, {"e"});
  EXPECT_EQ(h.NextAcked(), "ClusterLoadAssignment +e=1");
  h.Subscribe(Type::kEndpoint, {"e"});
  EXPECT_EQ(h.NextAcked(), "ClusterLoadAssignment +e=1");
  h.Unsubscribe(Type::kEndpoint, {"e"});
  h.Publish({Endpoints("e", "2")});
  EXPECT_EQ(h.Next(), "");
}

TEST(DeltaSession, UnsubscribingFromOneNameUnderAWildcardTellsItAgain) {
  Harness h;
  h.Publish({Cluster("a"), Cluster("b")});
  h.Subscribe(Type::kCluster, {"*", "a"});
  h.All();
  h.Unsubscribe(Type::kCluster, {"a"});
  EXPECT_EQ(h.NextAcked(), "Cluster +a=1");
  h.Unsubscribe(Type::kCluster, {"*"});
  h.Publish({Cluster("a", "2")});
  EXPECT_EQ(h.Next(), "");
}

TEST(DeltaSession, TheTimeOfAPublicationIsTakenOnceAllOfItIsInForce) {
  Harness h;
  h.Subscribe(Type::kCluster, {});
  h.Subscribe(Type::kRoute, {"r"});
  const absl::Time since = absl::Now() - absl::Seconds(5);
  h.PublishSince(since, {Cluster("a"), Route("r", {"a"})});
  h.PublishSince(since, {Listener("l")});  // nothing of it is for this client
  EXPECT_EQ(h.NextAcked() + " " + std::to_string(h.in_force.size()), "Cluster +a=1 0");
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=1 a");
  EXPECT_EQ(h.Next(), "");
  ASSERT_EQ(h.in_force.size(), 1u);
  EXPECT_TRUE(h.in_force[0] >= absl::Seconds(5) && h.in_force[0] < absl::Seconds(15)) << h.in_force[0];
  h.PublishSince(since, {Cluster("a", "4")});  // refused, so never in force
  EXPECT_EQ(h.Next(), "Cluster +a=4");
  h.Answer(h.last, "no");
  EXPECT_EQ(h.Next() + std::to_string(h.in_force.size()), "1");
}

TEST(DeltaSession, AReconnectionGetsOnlyWhatChangedAndWhatIsGone) {
  Harness h;
  h.Publish({Listener("same"), Listener("changed", "2")});
  h.Subscribe(Type::kListener, {}, {{"same", Listener("same")->version}, {"changed", "another"}, {"gone", "whatever"}});
  EXPECT_EQ(h.NextAcked(), "Listener +changed=2 -gone");
  EXPECT_EQ(h.Next(), "");
  EXPECT_TRUE(h.Converged());
  EXPECT_EQ(h.State(Type::kListener, "same"), ClientState::kAcknowledged);
}

TEST(DeltaSession, AfterAReconnectionClustersGoOnlyWhenTheClientSaidWhatItHolds) {
  Harness h;
  h.Publish({Cluster("b"), Route("r", {"b"})});
  h.Subscribe(Type::kCluster, {}, {{"a", "1"}, {"b", Cluster("b")->version}});
  EXPECT_EQ(h.Next(), "");
  h.Subscribe(Type::kRoute, {"r"}, {{"r", "one that needs a"}});
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=1 b");
  h.Tick();
  EXPECT_EQ(h.runnable, 2);
  const Response route = h.last;
  EXPECT_EQ(h.Next(), "");
  h.Answer(route);
  EXPECT_EQ(h.NextAcked(), "Cluster -a");
}

TEST(DeltaSession, RoutesWaitForTheAcknowledgementOfNewClustersAndTheirEndpoints) {
  Harness h;
  h.Publish({Endpoints("a"), Cluster("a", "1", true), Route("r", {"a"})});
  h.Subscribe(Type::kCluster, {});
  EXPECT_EQ(h.NextAcked(), "Cluster +a=1");
  h.Subscribe(Type::kEndpoint, {"a"});
  h.Subscribe(Type::kRoute, {"r"});
  h.All();

  h.Publish({Endpoints("b"), Cluster("b", "1", true), Route("r", {"b"}, "2")},
            {{Type::kCluster, "a"}, {Type::kEndpoint, "a"}});
  EXPECT_EQ(h.Next(), "Cluster +b=1");
  const Response cluster = h.last;
  EXPECT_EQ(h.Next(), "");
  h.Subscribe(Type::kEndpoint, {"b"});
  EXPECT_EQ(h.Next(), "ClusterLoadAssignment +b=1");
  const Response endpoints = h.last;
  h.Answer(cluster);
  EXPECT_EQ(h.Next(), "");
  h.Answer(endpoints);
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=2 b");
  const Response route = h.last;
  // The cluster that the route in force uses stays until the new one is acknowledged.
  EXPECT_EQ(h.Next(), "");
  h.Answer(route);
  EXPECT_EQ(h.Next(), "Cluster -a");
  const Response removal = h.last;
  EXPECT_EQ(h.Next(), "");
  h.Answer(removal);
  EXPECT_EQ(h.NextAcked(), "ClusterLoadAssignment -a");
  EXPECT_TRUE(h.Converged());
  EXPECT_EQ(h.session().held(), 0u);
}

TEST(DeltaSession, EndpointsOfAnAdvertisedClusterAreAnsweredUntilItsRemovalIsAcknowledged) {
  Harness h;
  h.Publish({Endpoints("c85", "old"), Cluster("c85", "1", true)});
  h.Subscribe(Type::kCluster, {});
  EXPECT_EQ(h.Next(), "Cluster +c85=1");
  const Response cluster = h.last;
  // The next state does without it before the client has asked for its endpoints.
  h.Publish({Endpoints("c86"), Cluster("c86", "1", true)}, {{Type::kCluster, "c85"}, {Type::kEndpoint, "c85"}});
  h.Subscribe(Type::kEndpoint, {"c85"});
  EXPECT_THAT((std::vector<std::string>{h.NextAcked(), h.NextAcked()}),
              UnorderedElementsAre("ClusterLoadAssignment +c85=old", "Cluster +c86=1"));
  h.Answer(cluster);
  EXPECT_EQ(h.Next(), "");
  h.Subscribe(Type::kEndpoint, {"c86"});
  EXPECT_EQ(h.NextAcked(), "ClusterLoadAssignment +c86=1");
  EXPECT_EQ(h.NextAcked(), "Cluster -c85");
  EXPECT_EQ(h.NextAcked(), "ClusterLoadAssignment -c85");
}

TEST(DeltaSession, AClusterWhoseEndpointsNobodyAsksForCountsAfterAWhile) {
  Harness h;
  h.Publish({Endpoints("a"), Cluster("a", "1", true), Route("r", {"a"})});
  h.Subscribe(Type::kCluster, {});
  h.Subscribe(Type::kRoute, {"r"});
  EXPECT_EQ(h.NextAcked(), "Cluster +a=1");
  EXPECT_EQ(h.Next(), "");
  h.Tick();
  EXPECT_GT(h.runnable, 0);
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=1 a");
}

TEST(DeltaSession, EndpointsAloneGoAtOnce) {
  Harness h;
  h.Publish({Endpoints("a"), Cluster("a", "1", true), Cluster("slow")});
  h.Subscribe(Type::kCluster, {});
  h.Subscribe(Type::kEndpoint, {"a"});
  h.All();
  h.Publish({Cluster("slow", "2")});
  EXPECT_EQ(h.Next(), "Cluster +slow=2");
  h.Publish({Endpoints("a", "2")});
  EXPECT_EQ(h.Next(), "ClusterLoadAssignment +a=2");
}

TEST(DeltaSession, ChangesMergeWhileOneIsUnacknowledged) {
  Harness h;
  h.Publish({Cluster("a", "1")});
  h.Subscribe(Type::kCluster, {});
  EXPECT_EQ(h.Next(), "Cluster +a=1");
  for (int i = 2; i < 100; ++i) {
    h.Publish({Cluster("a", absl::StrCat(i))});
    EXPECT_EQ(h.Next(), "");
  }
  EXPECT_EQ(h.session().in_flight(), 1u);
  h.Answer(h.last);
  EXPECT_EQ(h.NextAcked(), "Cluster +a=99");
  EXPECT_EQ(h.Next(), "");
  // Back to what the client has: nothing to send.
  h.Publish({Cluster("a", "x")});
  h.Publish({Cluster("a", "99")});
  EXPECT_EQ(h.Next(), "");
  EXPECT_TRUE(h.Converged());
}

TEST(DeltaSession, OnlyTheNonceOfAResponseAcknowledges) {
  Harness h;
  h.Publish({Cluster("a"), Route("r", {"a"})});
  h.Subscribe(Type::kCluster, {});
  h.Subscribe(Type::kRoute, {"r"});
  EXPECT_EQ(h.Next(), "Cluster +a=1");
  Response other = h.last;
  other.nonce = "77";
  h.Answer(other);
  other.nonce = "x";
  h.Answer(other);
  EXPECT_EQ(h.Next(), "");
  EXPECT_EQ(h.State(Type::kCluster, "a"), ClientState::kWaiting);
  h.Answer(h.last);
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=1 a");
}

TEST(DeltaSession, WhatWasRefusedIsNotSentAgainUntilItChanges) {
  Harness h;
  h.Publish({Cluster("a")});
  h.Subscribe(Type::kCluster, {});
  h.All();
  h.Publish({Cluster("a", "bad")});
  EXPECT_FALSE(h.session().settled());
  EXPECT_EQ(h.Next(), "Cluster +a=bad");
  EXPECT_FALSE(h.session().settled());
  h.Answer(h.last, "no good");
  EXPECT_EQ(h.Next(), "");
  EXPECT_THAT(h.nacks, ElementsAre("2 a no good isolated"));
  EXPECT_EQ(h.State(Type::kCluster, "a"), ClientState::kRefused);
  EXPECT_EQ(h.message, "no good");
  EXPECT_FALSE(h.Converged());
  EXPECT_TRUE(h.session().settled());
  h.Publish({Cluster("other")});
  EXPECT_EQ(h.NextAcked(), "Cluster +other=1");
  h.Publish({Cluster("a", "better")});
  EXPECT_EQ(h.NextAcked(), "Cluster +a=better");
  EXPECT_TRUE(h.Converged());
}

TEST(DeltaSession, ARefusalOfManyIsNarrowedDownToTheCulprit) {
  Harness h;
  h.Publish({Cluster("a"), Cluster("b", "bad"), Cluster("c")});
  h.Subscribe(Type::kCluster, {});
  EXPECT_EQ(h.Next(), "Cluster +a=1 +b=bad +c=1");
  h.Answer(h.last, "b is wrong");
  std::vector<std::string> alone;
  for (std::string next = h.Next(); !next.empty(); next = h.Next()) {
    alone.push_back(next);
    h.Answer(h.last, next == "Cluster +b=bad" ? "b is wrong" : "");
  }
  EXPECT_THAT(alone, UnorderedElementsAre("Cluster +a=1", "Cluster +b=bad", "Cluster +c=1"));
  EXPECT_EQ(h.State(Type::kCluster, "a"), ClientState::kAcknowledged);
  EXPECT_EQ(h.State(Type::kCluster, "b"), ClientState::kRefused);
  EXPECT_EQ(h.nacks.back(), "2 b b is wrong isolated");
}

TEST(DeltaSession, ARefusedClusterHoldsNoRouteUp) {
  Harness h;
  h.Publish({Cluster("a", "bad"), Route("r", {"a"})});
  h.Subscribe(Type::kCluster, {});
  h.Subscribe(Type::kRoute, {"r"});
  EXPECT_EQ(h.Next(), "Cluster +a=bad");
  h.Answer(h.last, "no");
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=1 a");
}

TEST(DeltaSession, ARefusedRouteKeepsTheClusterOfTheOneInForce) {
  Harness h;
  h.Publish({Cluster("a"), Route("r", {"a"})});
  h.Subscribe(Type::kCluster, {});
  h.Subscribe(Type::kRoute, {"r"});
  h.All();
  h.Publish({Route("r", {}, "bad")}, {{Type::kCluster, "a"}});
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=bad ");
  h.Answer(h.last, "no");
  EXPECT_EQ(h.Next(), "");
  h.Publish({Route("r", {}, "good")});
  EXPECT_THAT(h.All(), ElementsAre("RouteConfiguration +r=good ", "Cluster -a"));
}

TEST(DeltaSession, ScopesThenTableAndTheOtherWayRound) {
  Harness h;
  h.Publish({Listener("l"), Table("")});
  h.Subscribe(Type::kListener, {});
  h.Subscribe(Type::kScopedRoute, {});
  h.Subscribe(Type::kExtensionConfig, {"table"});
  h.All();
  h.Publish({Route("r", {}), Scope("s", "r"), Table("s")});
  EXPECT_EQ(h.Next(), "ScopedRouteConfiguration +s=r");
  const Response scope = h.last;
  h.Subscribe(Type::kRoute, {"r"});
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=1 ");
  const Response route = h.last;
  h.Answer(scope);
  EXPECT_EQ(h.Next(), "");
  h.Answer(route);
  EXPECT_EQ(h.NextAcked(), "TypedExtensionConfig +table=s");

  h.Publish({Table("")}, {{Type::kScopedRoute, "s"}, {Type::kRoute, "r"}});
  EXPECT_EQ(h.Next(), "TypedExtensionConfig +table=");
  const Response table = h.last;
  EXPECT_EQ(h.Next(), "");
  h.Answer(table);
  EXPECT_EQ(h.NextAcked(), "ScopedRouteConfiguration -s");
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration -r");
}

TEST(DeltaSession, AClusterThatGoesBeforeItsEndpointsAreTakenHoldsNoScopeUp) {
  Harness h;
  h.Publish({Cluster("one"), Route("r1", {"one"}), Scope("s1", "r1")});
  h.Subscribe(Type::kCluster, {});
  h.Subscribe(Type::kScopedRoute, {});
  h.Subscribe(Type::kRoute, {"r1"});
  h.All();
  h.Publish({Endpoints("two"), Cluster("two", "1", true), Route("r2", {"two"}), Scope("s2", "r2")});
  EXPECT_EQ(h.NextAcked(), "Cluster +two=1");
  h.Subscribe(Type::kEndpoint, {"two"});
  EXPECT_EQ(h.Next(), "ClusterLoadAssignment +two=1");
  const Response endpoints = h.last;
  // The scope waits for the cluster, which waits for its endpoints; then it needs that cluster no more.
  h.Publish({Route("r2", {"one"}, "2")}, {{Type::kCluster, "two"}, {Type::kEndpoint, "two"}});
  EXPECT_EQ(h.NextAcked(), "ScopedRouteConfiguration +s2=r2");
  h.Subscribe(Type::kRoute, {"r2"});
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r2=2 one");
  h.Answer(endpoints);
  EXPECT_THAT(h.All(), ElementsAre("Cluster -two", "ClusterLoadAssignment -two"));
  EXPECT_TRUE(h.Converged());
}

TEST(DeltaSession, AClusterThatNeverHadItsEndpointsHoldsUpARouteThatWaitedBefore) {
  Harness h;
  h.Publish({Cluster("slow"), Route("r", {"slow"})});
  h.Subscribe(Type::kCluster, {});
  h.Subscribe(Type::kRoute, {"r"});
  EXPECT_EQ(h.Next(), "Cluster +slow=1");
  const Response slow = h.last;
  // The route waits since the first publication; the cluster that it needs now came later.
  h.Publish({Endpoints("two"), Cluster("two", "1", true), Route("r", {"two"}, "2")});
  EXPECT_EQ(h.NextAcked(), "Cluster +two=1");
  h.Subscribe(Type::kEndpoint, {"two"});
  EXPECT_EQ(h.Next(), "ClusterLoadAssignment +two=1");
  const Response endpoints = h.last;
  h.Answer(slow);
  EXPECT_EQ(h.Next(), "");
  h.Answer(endpoints);
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=2 two");
  EXPECT_TRUE(h.Converged());
}

TEST(DeltaSession, ListenersComeLastAndTakeOverInOneResponse) {
  Harness h;
  h.Publish({Listener("old"), Cluster("a")});
  h.Subscribe(Type::kCluster, {});
  h.Subscribe(Type::kListener, {});
  h.All();
  h.Publish({Listener("new"), Cluster("b")}, {{Type::kListener, "old"}});
  EXPECT_EQ(h.Next(), "Cluster +b=1");
  EXPECT_EQ(h.Next(), "");
  h.Answer(h.last);
  EXPECT_EQ(h.NextAcked(), "Listener +new=1 -old");
}

TEST(DeltaSession, ResponsesAreBoundedAndTheFirstOneLessSo) {
  Harness h(true, 400);
  std::vector<ResourcePtr> many;
  for (int i = 0; i < 20; ++i) many.push_back(Cluster(absl::StrCat("c", i)));
  h.Publish(many);
  h.Subscribe(Type::kCluster, {});
  h.NextAcked();
  EXPECT_EQ(h.last.items.size(), 20u);
  std::vector<ResourcePtr> changed;
  for (int i = 0; i < 20; ++i) changed.push_back(Cluster(absl::StrCat("c", i), "2"));
  h.Publish(changed);
  EXPECT_THAT(h.All().size(), 7u);
  EXPECT_TRUE(h.Converged());
}

TEST(DeltaSession, SecretsAreAnsweredByTheNearestName) {
  Harness h;
  h.Publish({Secret("*", "any")});
  h.Subscribe(Type::kSecret, {"a.b.c", "x.y", "*", "ns/own"});
  EXPECT_EQ(h.NextAcked(), "Secret +*=any +a.b.c=any +x.y=any -ns/own");
  h.Publish({Secret("*.b.c", "wild")});
  EXPECT_EQ(h.NextAcked(), "Secret +a.b.c=wild");
  h.Publish({Secret("a.b.c", "exact")});
  EXPECT_EQ(h.NextAcked(), "Secret +a.b.c=exact");
  h.Publish({Secret("*.b.c", "wild2")});
  EXPECT_EQ(h.Next(), "");
  h.Publish({}, {{Type::kSecret, "a.b.c"}});
  EXPECT_EQ(h.NextAcked(), "Secret +a.b.c=wild2");
  h.Publish({}, {{Type::kSecret, "*.b.c"}, {Type::kSecret, "*"}});
  EXPECT_EQ(h.NextAcked(), "Secret -* -a.b.c -x.y");
  // Acknowledgements speak of the entries that answered.
  EXPECT_THAT(h.acks, ElementsAre("0 *", "0 *", "0 *", "0 *.b.c", "0 a.b.c", "0 *.b.c"));
}

TEST(DeltaSession, SecretsAreFoundInAnySpelling) {
  Harness h;
  h.Publish({Secret("a.b.c", "exact"), Secret("*.b.c", "wild")});
  h.Subscribe(Type::kSecret, {"A.b.C.", "X.b.c."});
  EXPECT_EQ(h.NextAcked(), "Secret +A.b.C.=exact +X.b.c.=wild");
  h.Publish({Secret("a.b.c", "exact2"), Secret("other", "1")});
  EXPECT_EQ(h.NextAcked(), "Secret +A.b.C.=exact2");
  h.Publish({Secret("*.b.c", "wild2")});
  EXPECT_EQ(h.NextAcked(), "Secret +X.b.c.=wild2");
  h.Publish({Secret("x.b.c", "own")});
  EXPECT_EQ(h.NextAcked(), "Secret +X.b.c.=own");
  h.Unsubscribe(Type::kSecret, {"A.b.C.", "X.b.c."});
  h.Publish({Secret("a.b.c", "exact3"), Secret("*.b.c", "wild3")});
  EXPECT_EQ(h.Next(), "");
}

TEST(DeltaSession, AWildcardAnswersSoManyNamesAndNoMore) {
  Harness h;
  h.Publish({Secret("*.b.c", "wild"), Secret("*.d", "other"), Secret("own.b.c", "exact")});
  h.Subscribe(Type::kSecret, {"1.b.c", "2.b.c", "3.b.c"});
  EXPECT_EQ(h.NextAcked(), "Secret +1.b.c=wild +2.b.c=wild +3.b.c=wild");
  h.Subscribe(Type::kSecret, {"4.b.c", "own.b.c", "1.d"});
  EXPECT_EQ(h.NextAcked(), "Secret +1.d=other +own.b.c=exact -4.b.c");
  EXPECT_THAT(h.names_refused, ElementsAre("*.b.c"));
  h.Unsubscribe(Type::kSecret, {"4.b.c", "2.b.c"});
  h.Subscribe(Type::kSecret, {"5.b.c"});
  EXPECT_EQ(h.NextAcked(), "Secret +5.b.c=wild");
  // An entry of its own makes room, and its end needs some.
  h.Publish({Secret("1.b.c", "exact"), Secret("*.b.c", "wild2")});
  EXPECT_EQ(h.NextAcked(), "Secret +1.b.c=exact +3.b.c=wild2 +5.b.c=wild2");
  h.Subscribe(Type::kSecret, {"6.b.c"});
  EXPECT_EQ(h.NextAcked(), "Secret +6.b.c=wild2");
  h.Publish({}, {{Type::kSecret, "1.b.c"}});
  EXPECT_EQ(h.NextAcked(), "Secret -1.b.c");
  EXPECT_TRUE(h.Converged());
  EXPECT_THAT(h.names_refused, ElementsAre("*.b.c", "*.b.c"));
}

TEST(DeltaSession, WhatIsOnTheWayWhenTheClientUnsubscribesMayBeTakenAllTheSame) {
  Harness h;
  h.Publish({Cluster("a"), Route("r", {"a"})});
  h.Subscribe(Type::kCluster, {});
  h.All();
  h.Subscribe(Type::kRoute, {"r"});
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=1 a");
  const Response route = h.last;
  h.Unsubscribe(Type::kRoute, {"r"});
  h.Subscribe(Type::kRoute, {"r"});
  // The client has the route that needs the cluster now, and keeps it when it refuses the next.
  h.Publish({Route("r", {}, "bad")}, {{Type::kCluster, "a"}});
  h.Answer(route);
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=bad ");
  h.Answer(h.last, "no");
  EXPECT_EQ(h.Next(), "");
  h.Unsubscribe(Type::kRoute, {"r"});
  EXPECT_EQ(h.NextAcked(), "Cluster -a");
  EXPECT_TRUE(h.Converged());
}

TEST(DeltaSession, AClientThatAnswersNothingHoldsABoundedAmount) {
  Harness h;
  h.Publish({Endpoints("e")});
  for (int i = 0; i < 100; ++i) {
    h.Subscribe(Type::kEndpoint, {"e"});
    h.Next();
    h.Unsubscribe(Type::kEndpoint, {"e"});
  }
  EXPECT_EQ(h.session().in_flight(), 1u);
  std::vector<ResourcePtr> all;
  for (int i = 0; i < 100; ++i) all.push_back(Endpoints(absl::StrCat(i)));
  h.Publish(all);
  std::vector<Response> responses;
  for (int i = 0; i < 100; ++i) {
    h.Subscribe(Type::kEndpoint, {absl::StrCat(i)});
    if (!h.Next().empty()) responses.push_back(h.last);
  }
  EXPECT_EQ(h.session().in_flight(), 10u);
  ASSERT_EQ(responses.size(), 9u);
  h.Answer(responses[0]);
  EXPECT_NE(h.Next(), "");
  EXPECT_EQ(h.last.items.size(), 91u);
}

TEST(DeltaSession, NamesThatComeAndGoWhileNothingIsWrittenAreForgotten) {
  Harness h;
  h.Publish({Endpoints("e")});
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = absl::StrCat("e", i % 7);
    h.Subscribe(Type::kEndpoint, {name});
    h.Unsubscribe(Type::kEndpoint, {name});
  }
  EXPECT_LT(h.session().subscription(Type::kEndpoint).queue.size(), 1100u);
  EXPECT_EQ(h.Next(), "");
}

TEST(DeltaSession, TypesThatAreNotServedAreAnsweredAsAbsent) {
  Harness h;
  DeltaDiscoveryRequest request;
  request.set_type_url("type.googleapis.com/envoy.service.runtime.v3.Runtime");
  request.add_resource_names_subscribe("x");
  ASSERT_TRUE(h.session().OnRequest(request).ok());
  EXPECT_EQ(h.Next(), "Runtime -x");
  request.set_type_url("");
  EXPECT_EQ(h.session().OnRequest(request).message(), "type_url is missing");
  request.set_type_url(std::string(snapshot::TypeUrl(Type::kRoute)));
  request.set_resource_names_subscribe(0, std::string(5000, 'x'));
  EXPECT_THAT(std::string(h.session().OnRequest(request).message()), StartsWith("a resource name is longer"));
}

// Without its first having fetched the routes a scope that moves would answer 404 for a round trip.
TEST(DeltaSession, AScopeMovesToRoutesThatTheClientHasFetched) {
  Harness h;
  h.Publish({Route("a", {}), Route("b", {}), Scope("s", "a")});
  h.Subscribe(Type::kScopedRoute, {"*"});
  EXPECT_EQ(h.NextAcked(), "ScopedRouteConfiguration +s=a");
  h.Subscribe(Type::kRoute, {"a"});
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +a=1 ");

  h.Publish({Scope("s", "b")}, {});
  EXPECT_EQ(h.NextAcked(), "ScopedRouteConfiguration +~s=b") << "first one that no request has";
  EXPECT_EQ(h.Next(), "");
  h.Subscribe(Type::kRoute, {"b"});
  EXPECT_EQ(h.Next(), "RouteConfiguration +b=1 ");
  h.Answer(h.last);
  EXPECT_EQ(h.NextAcked(), "ScopedRouteConfiguration +s=b");
  EXPECT_EQ(h.NextAcked(), "ScopedRouteConfiguration -~s");
  EXPECT_EQ(h.Next(), "");
  EXPECT_TRUE(h.session().converged());

  // A scope that changes otherwise, or is new, needs none of it.
  h.Publish({MakeResource(Type::kScopedRoute, "s", "other", {{Type::kRoute, "b"}}), Scope("t", "a")});
  EXPECT_EQ(h.NextAcked(), "ScopedRouteConfiguration +s=other +t=a");

  // One that goes while it moves takes its helper along.
  h.Publish({Scope("s", "a")});
  EXPECT_EQ(h.NextAcked(), "ScopedRouteConfiguration +~s=a");
  h.Publish({}, {{Type::kScopedRoute, "s"}});
  EXPECT_EQ(h.NextAcked(), "ScopedRouteConfiguration -s -~s");
}

TEST(SotwSession, WildcardTypesAreSentWhole) {
  Harness h(false);
  h.Publish({Cluster("a"), Cluster("b")});
  h.Sotw(Type::kCluster, {});
  EXPECT_EQ(h.Next(), "Cluster +a=1 +b=1");
  h.Sotw(Type::kCluster, {}, h.last.nonce);
  h.Publish({Cluster("b", "2")}, {{Type::kCluster, "a"}});
  EXPECT_EQ(h.Next(), "Cluster +a=1 +b=2");
  h.Sotw(Type::kCluster, {}, h.last.nonce);
  EXPECT_EQ(h.Next(), "Cluster +b=2");
  EXPECT_EQ(h.last.version, h.snapshot().TypeVersion(Type::kCluster));
  h.Sotw(Type::kCluster, {}, h.last.nonce);
  EXPECT_EQ(h.Next(), "");
  EXPECT_TRUE(h.Converged());
}

TEST(SotwSession, StaleRequestsAreIgnored) {
  Harness h(false);
  h.Publish({Endpoints("a"), Endpoints("b")});
  h.Sotw(Type::kEndpoint, {"a"});
  EXPECT_EQ(h.Next(), "ClusterLoadAssignment +a=1");
  const std::string first = h.last.nonce;
  h.Sotw(Type::kEndpoint, {"a"}, first);
  h.Publish({Endpoints("a", "2")});
  EXPECT_EQ(h.Next(), "ClusterLoadAssignment +a=2");
  const std::string second = h.last.nonce;
  // Written before the second response arrived: neither an answer to it nor a change of names.
  h.Sotw(Type::kEndpoint, {"a", "b"}, first);
  EXPECT_EQ(h.State(Type::kEndpoint, "a"), ClientState::kWaiting);
  EXPECT_EQ(h.State(Type::kEndpoint, "b"), ClientState::kNotWanted);
  h.Sotw(Type::kEndpoint, {"a", "b"}, second);
  EXPECT_EQ(h.Next(), "ClusterLoadAssignment +b=1");
}

TEST(SotwSession, ARequestThatOnlyChangesNamesIsNoAcknowledgement) {
  Harness h(false);
  h.Publish({Cluster("a"), Route("r", {"a"}), Endpoints("x"), Endpoints("y")});
  h.Sotw(Type::kEndpoint, {"x"});
  h.Next();
  h.Sotw(Type::kEndpoint, {"x"}, h.last.nonce);
  const std::string nonce = h.last.nonce;
  h.acks.clear();
  h.Sotw(Type::kEndpoint, {"x", "y"}, nonce);
  EXPECT_THAT(h.acks, IsEmpty());
  EXPECT_EQ(h.Next(), "ClusterLoadAssignment +y=1");
}

TEST(SotwSession, RemovalsWaitAsTheyDoInDelta) {
  Harness h(false);
  h.Publish({Cluster("a"), Route("r", {"a"})});
  h.Sotw(Type::kCluster, {});
  h.Next();
  h.Sotw(Type::kCluster, {}, h.last.nonce);
  h.Sotw(Type::kRoute, {"r"});
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=1 a");
  h.Sotw(Type::kRoute, {"r"}, h.last.nonce);
  h.Publish({Cluster("b"), Route("r", {"b"}, "2")}, {{Type::kCluster, "a"}});
  EXPECT_EQ(h.Next(), "Cluster +a=1 +b=1");
  EXPECT_EQ(h.Next(), "");
  h.Sotw(Type::kCluster, {}, h.last.nonce);
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=2 b");
  EXPECT_EQ(h.Next(), "");
  h.Sotw(Type::kRoute, {"r"}, h.last.nonce);
  EXPECT_EQ(h.Next(), "Cluster +b=1");
}

TEST(SotwSession, ARefusedResourceIsLeftOutOfTheNextState) {
  Harness h(false);
  h.Publish({Cluster("a"), Cluster("b", "bad")});
  h.Sotw(Type::kCluster, {});
  EXPECT_EQ(h.Next(), "Cluster +a=1 +b=bad");
  h.Sotw(Type::kCluster, {}, h.last.nonce, "b is wrong");
  for (std::string next = h.Next(); !next.empty(); next = h.Next()) {
    h.Sotw(Type::kCluster, {}, h.last.nonce, next.find("bad") == std::string::npos ? "" : "b is wrong");
  }
  EXPECT_EQ(h.nacks.back(), "2 b b is wrong isolated");
  h.Publish({Cluster("c")});
  EXPECT_EQ(h.Next(), "Cluster +a=1 +c=1");
}

}  // namespace
}  // namespace gloo::xds
