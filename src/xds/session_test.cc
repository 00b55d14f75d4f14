#include "xds/testing/session_harness.h"

namespace gloo::xds::testing {
namespace {

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

// From the arrival of a change to the acknowledgement of the last resource that it made for this client.
TEST(DeltaSession, TheTimeOfAPublicationIsTakenOnceAllOfItIsInForce) {
  Harness h;
  h.Subscribe(Type::kCluster, {});
  h.Subscribe(Type::kRoute, {"r"});
  h.All();
  const absl::Time since = SteadyNow() - absl::Seconds(5);
  h.PublishSince(since, {Cluster("a"), Route("r", {"a"})});
  // Nothing of it is for this client.
  h.PublishSince(since, {Listener("l")});
  EXPECT_EQ(h.NextAcked(), "Cluster +a=1");
  EXPECT_THAT(h.in_force, IsEmpty());
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=1 a");
  EXPECT_EQ(h.Next(), "");
  ASSERT_EQ(h.in_force.size(), 1u);
  EXPECT_GE(h.in_force[0], absl::Seconds(5));
  EXPECT_LT(h.in_force[0], absl::Seconds(15));
  // Two changes of one resource, of which the client sees the last.
  h.PublishSince(since, {Cluster("a", "2")});
  h.PublishSince(since, {Cluster("a", "3")});
  EXPECT_EQ(h.NextAcked(), "Cluster +a=3");
  EXPECT_EQ(h.Next(), "");
  EXPECT_EQ(h.in_force.size(), 3u);
  // What is refused was never in force.
  h.PublishSince(since, {Cluster("a", "4")});
  EXPECT_EQ(h.Next(), "Cluster +a=4");
  h.Answer(h.last, "no");
  EXPECT_EQ(h.Next(), "");
  EXPECT_EQ(h.in_force.size(), 3u);
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

// An Envoy asks for no clusters while it warms one: what it holds of them is not known until it does.
TEST(DeltaSession, AClientThatHoldsItsClustersBackGetsNoRoutesButItsEndpoints) {
  Harness h;
  h.Publish({Endpoints("a"), Cluster("a", "1", true), Route("r", {"a"}, "2")});
  h.Subscribe(Type::kEndpoint, {"a"}, {{"a", Endpoints("a")->version}});
  // It may be warming with endpoints that it has, and would wait for them.
  EXPECT_EQ(h.NextAcked(), "ClusterLoadAssignment +a=1");
  h.Subscribe(Type::kRoute, {"r"}, {{"r", "old"}});
  EXPECT_EQ(h.Next(), "");
  EXPECT_FALSE(h.Converged());
  h.Subscribe(Type::kCluster, {}, {{"a", Cluster("a", "1", true)->version}});
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=2 a");
  EXPECT_TRUE(h.Converged());
}

TEST(DeltaSession, AClientThatNeverAsksForClustersIsNotWaitedForForEver) {
  Harness h;
  h.Publish({Route("r", {}, "2")});
  h.Subscribe(Type::kRoute, {"r"}, {{"r", "old"}});
  EXPECT_EQ(h.Next(), "");
  for (int i = 0; i < 70; ++i) h.Tick();
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=2 ");
}

// It says that it has listeners, and long after that it has routes.
TEST(DeltaSession, NorIsOneThatTellsOfItsRoutesLate) {
  Harness h;
  h.Publish({Listener("l"), Route("r", {}, "2")});
  h.Subscribe(Type::kListener, {}, {{"l", Listener("l")->version}});
  for (int i = 0; i < 10; ++i) h.Tick();
  h.Subscribe(Type::kRoute, {"r"}, {{"r", "old"}});
  EXPECT_EQ(h.Next(), "");
  for (int i = 0; i < 70; ++i) h.Tick();
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=2 ");
}

// The form that it warms is one that this server does not know: it gets the current one in its place.
TEST(DeltaSession, EndpointsOfAnUnknownFormBringTheCurrentCluster) {
  Harness h;
  h.Publish({Endpoints("a"), Cluster("a", "2", true)});
  h.Subscribe(Type::kRoute, {"r"}, {{"r", "old"}});
  h.Subscribe(Type::kEndpoint, {"a|1"});
  EXPECT_EQ(h.NextAcked(), "Cluster +a=2");
  h.Unsubscribe(Type::kEndpoint, {"a|1"});
  h.Subscribe(Type::kEndpoint, {"a"});
  EXPECT_EQ(h.NextAcked(), "ClusterLoadAssignment +a=1");
  h.Subscribe(Type::kCluster, {}, {{"a", Cluster("a", "2", true)->version}});
  for (int i = 0; i < 2; ++i) h.Tick();
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration -r");
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

TEST(DeltaSession, WhatStandsInForARefusedFormIsSentInItsPlace) {
  Harness h;
  h.Publish({Cluster("a"), Cluster("b"), Route("r", {"a"})});
  h.Subscribe(Type::kCluster, {});
  h.Subscribe(Type::kRoute, {"r"});
  h.All();
  const ResourcePtr bad = Route("r", {"b"}, "bad");
  h.Publish({bad}, {{Type::kCluster, "a"}});
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=bad b");
  EXPECT_FALSE(h.session().Substitute(bad->ref, bad->version, Route("r", {"a", "b"}, "early")));
  h.Answer(h.last, "no");
  EXPECT_EQ(h.session().Held(bad->ref)->version, Route("r", {"a"})->version);
  EXPECT_FALSE(h.session().Substitute(bad->ref, "another version", Route("r", {"a", "b"}, "half")));
  EXPECT_TRUE(h.session().Substitute(bad->ref, bad->version, Route("r", {"a", "b"}, "half")));
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=half a,b");
  // Refused too: nothing else is known, and neither is sent again.
  h.Answer(h.last, "not that");
  EXPECT_EQ(h.Next(), "");
  EXPECT_EQ(h.State(Type::kRoute, "r"), ClientState::kRefused);
  EXPECT_EQ(h.message, "no");
  EXPECT_TRUE(h.session().Substitute(bad->ref, bad->version, Route("r", {"a", "b"}, "other")));
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=other a,b");
  EXPECT_EQ(h.Next(), "");
  // What the snapshot has stays refused, and what stands in for it keeps its clusters.
  EXPECT_EQ(h.State(Type::kRoute, "r"), ClientState::kRefused);
  EXPECT_FALSE(h.Converged());
  EXPECT_TRUE(h.session().settled());
  // A client that asks again gets that form.
  h.Unsubscribe(Type::kRoute, {"r"});
  h.Subscribe(Type::kRoute, {"r"});
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=bad b");
}

TEST(DeltaSession, ASubstituteLastsUntilTheNextVersion) {
  Harness h;
  h.Publish({Route("r", {})});
  h.Subscribe(Type::kRoute, {"r"});
  h.All();
  const ResourcePtr bad = Route("r", {}, "bad");
  h.Publish({bad});
  h.Next();
  h.Answer(h.last, "no");
  EXPECT_TRUE(h.session().Substitute(bad->ref, bad->version, Route("r", {}, "half")));
  EXPECT_EQ(h.Next(), "RouteConfiguration +r=half ");
  const Response half = h.last;
  h.Publish({Route("r", {}, "good")});
  h.Answer(half);
  EXPECT_EQ(h.NextAcked(), "RouteConfiguration +r=good ");
  EXPECT_TRUE(h.Converged());
  EXPECT_EQ(h.session().held(), 0u);
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
  EXPECT_EQ(h.Next(), "") << "the workers of the client take the new table one after the other";
  h.Tick();
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

}  // namespace
}  // namespace gloo::xds::testing
