// The state of the world.
#include "xds/testing/session_harness.h"

namespace gloo::xds::testing {
namespace {

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
}  // namespace gloo::xds::testing
