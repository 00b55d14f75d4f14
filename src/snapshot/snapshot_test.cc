#include "snapshot/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "envoy/config/route/v3/scoped_route.pb.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"

namespace gloo::snapshot {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

ResourcePtr Cluster(const std::string& name, const std::string& body = "c", std::vector<ResourceRef> warms = {}) {
  return MakeResource(Type::kCluster, name, body, std::move(warms));
}
ResourcePtr Route(const std::string& name, std::vector<ResourceRef> needs, const std::string& body = "r") {
  return MakeResource(Type::kRoute, name, body, {}, std::move(needs));
}

TEST(Resource, TypeUrlsRoundTrip) {
  for (int i = 0; i < kTypeCount; ++i) {
    Type type = Type::kSecret;
    ASSERT_TRUE(ParseTypeUrl(TypeUrl(static_cast<Type>(i)), &type));
    EXPECT_EQ(type, static_cast<Type>(i));
  }
  Type type;
  EXPECT_FALSE(ParseTypeUrl("type.googleapis.com/envoy.config.cluster.v3.Clusters", &type));
}

TEST(Resource, VersionIsOfTheBytes) {
  EXPECT_EQ(Cluster("a", "x")->version, Cluster("b", "x")->version);
  EXPECT_NE(Cluster("a", "x")->version, Cluster("a", "y")->version);
}

TEST(Snapshot, ReturnsWhatTrulyChanged) {
  Snapshot s;
  std::vector<std::string> violations;
  Delta d = s.Apply({.upserts = {Cluster("a"), Cluster("b")}, .removals = {{Type::kCluster, "never"}}}, &violations);
  EXPECT_EQ(d.upserts.size(), 2u);
  EXPECT_THAT(d.removals, IsEmpty());
  d = s.Apply({.upserts = {Cluster("a"), Cluster("b", "new")}}, &violations);
  ASSERT_EQ(d.upserts.size(), 1u);
  EXPECT_EQ(d.upserts[0]->ref.name, "b");
  d = s.Apply({.removals = {{Type::kCluster, "a"}}}, &violations);
  EXPECT_THAT(d.removals, ElementsAre(ResourceRef{Type::kCluster, "a"}));
  EXPECT_EQ(s.Find(Type::kCluster, "a"), nullptr);
  EXPECT_EQ(s.Find(Type::kCluster, "b")->body, "new");
  EXPECT_THAT(violations, IsEmpty());
}

TEST(Snapshot, LeavesOutWhatRefersToNothingAndWhatRefersToThat) {
  Snapshot s;
  std::vector<std::string> violations;
  const auto scope = MakeResource(Type::kScopedRoute, "s", "s", {{Type::kRoute, "r"}});
  const Delta d = s.Apply({.upserts = {scope, Route("r", {{Type::kCluster, "gone"}}), Route("ok", {})}}, &violations);
  ASSERT_EQ(d.upserts.size(), 1u);
  EXPECT_EQ(d.upserts[0]->ref.name, "ok");
  EXPECT_THAT(violations,
              UnorderedElementsAre(
                  "RouteConfiguration r refers to Cluster gone, which is not in the snapshot; left out",
                  "ScopedRouteConfiguration s refers to RouteConfiguration r, which is not in the snapshot; left out"));
}

TEST(Snapshot, AnUpsertMayNotNeedWhatTheSameDeltaRemoves) {
  Snapshot s;
  std::vector<std::string> violations;
  s.Apply({.upserts = {Cluster("c"), Route("r", {})}}, &violations);
  const Delta d = s.Apply({.upserts = {Route("r", {{Type::kCluster, "c"}}, "r2")}, .removals = {{Type::kCluster, "c"}}},
                          &violations);
  EXPECT_THAT(d.upserts, IsEmpty());
  EXPECT_EQ(d.removals.size(), 1u);
  EXPECT_EQ(violations.size(), 1u);
  EXPECT_EQ(s.Find(Type::kRoute, "r")->body, "r");
}

TEST(Snapshot, KeepsWhatIsStillReferredTo) {
  Snapshot s;
  std::vector<std::string> violations;
  s.Apply({.upserts = {MakeResource(Type::kEndpoint, "e", "e"), Cluster("c", "c", {{Type::kEndpoint, "e"}}),
                       Route("r", {{Type::kCluster, "c"}})}},
          &violations);
  const Delta d = s.Apply({.removals = {{Type::kEndpoint, "e"}, {Type::kCluster, "c"}}}, &violations);
  EXPECT_TRUE(d.empty());
  EXPECT_THAT(violations, UnorderedElementsAre("Cluster c is still referred to; not removed",
                                               "ClusterLoadAssignment e is still referred to; not removed"));
  violations.clear();
  EXPECT_EQ(s.Apply({.removals = {{Type::kCluster, "c"}, {Type::kRoute, "r"}, {Type::kEndpoint, "e"}}}, &violations)
                .removals.size(),
            3u);
  EXPECT_THAT(violations, IsEmpty());
}

TEST(Snapshot, AChangeOfReferencesAloneIsKeptAndIsNoChange) {
  Snapshot s;
  std::vector<std::string> violations;
  s.Apply({.upserts = {Cluster("c"), Route("r", {{Type::kCluster, "c"}})}}, &violations);
  EXPECT_TRUE(s.Apply({.upserts = {Route("r", {})}}, &violations).empty());
  EXPECT_EQ(s.Apply({.removals = {{Type::kCluster, "c"}}}, &violations).removals.size(), 1u);
  EXPECT_THAT(violations, IsEmpty());
}

TEST(Snapshot, TypeVersionDependsOnContentAlone) {
  Snapshot a, b;
  EXPECT_EQ(a.TypeVersion(Type::kCluster), b.TypeVersion(Type::kCluster));
  std::mt19937 random(7);
  std::vector<ResourcePtr> all;
  for (int i = 0; i < 50; ++i) all.push_back(Cluster(absl::StrCat("c", i), absl::StrCat("b", i)));
  for (const auto& r : all) a.Apply({.upserts = {r}}, nullptr);
  std::shuffle(all.begin(), all.end(), random);
  for (const auto& r : all) b.Apply({.upserts = {Cluster(r->ref.name, "first")}}, nullptr);
  EXPECT_NE(a.TypeVersion(Type::kCluster), b.TypeVersion(Type::kCluster));
  b.Apply({.upserts = all}, nullptr);
  EXPECT_EQ(a.TypeVersion(Type::kCluster), b.TypeVersion(Type::kCluster));
  b.Apply({.upserts = {Cluster("more")}}, nullptr);
  EXPECT_NE(a.TypeVersion(Type::kCluster), b.TypeVersion(Type::kCluster));
  b.Apply({.removals = {{Type::kCluster, "more"}}}, nullptr);
  EXPECT_EQ(a.TypeVersion(Type::kCluster), b.TypeVersion(Type::kCluster));
}

ResourcePtr SecretNamed(const std::string& name, const std::string& key) {
  envoy::extensions::transport_sockets::tls::v3::Secret secret;
  secret.set_name(name);
  secret.mutable_tls_certificate()->mutable_private_key()->set_inline_string(key);
  return MakeResource(Type::kSecret, name, secret.SerializeAsString());
}

TEST(Secrets, TheMostSpecificNameAnswers) {
  Snapshot s;
  s.Apply({.upserts = {SecretNamed("*", "any"), SecretNamed("*.b.c", "wild"), SecretNamed("a.b.c", "exact"),
                       SecretNamed("ns/own", "own")}},
          nullptr);
  const auto key = [&](const std::string& name) {
    envoy::extensions::transport_sockets::tls::v3::Secret secret;
    const ResourcePtr r = s.Find(Type::kSecret, name);
    if (r == nullptr) return std::string("none");
    EXPECT_TRUE(secret.ParseFromString(r->body));
    EXPECT_EQ(secret.name(), name);
    EXPECT_EQ(r->ref.name, name);
    return secret.tls_certificate().private_key().inline_string();
  };
  EXPECT_EQ(key("a.b.c"), "exact");
  EXPECT_EQ(key("A.B.C"), "exact");
  EXPECT_EQ(key("a.b.c."), "exact");
  EXPECT_EQ(key("x.b.c"), "wild");
  EXPECT_EQ(key("x.y.b.c"), "wild");
  EXPECT_EQ(key("b.c"), "any");
  EXPECT_EQ(key("localhost"), "any");
  EXPECT_EQ(key("*"), "any");
  EXPECT_EQ(key("ns/own"), "own");
  EXPECT_EQ(key("ns/other"), "none");
  EXPECT_EQ(key(""), "none");
  s.Apply({.removals = {{Type::kSecret, "*"}, {Type::kSecret, "a.b.c"}}}, nullptr);
  EXPECT_EQ(key("a.b.c"), "wild");
  EXPECT_EQ(key("b.c"), "none");
}

TEST(Secrets, RenamingKeepsTheRest) {
  const ResourcePtr secret = SecretNamed("*.example.com", "key bytes");
  const std::string renamed = RenameSecret(secret->body, "www.example.com");
  EXPECT_EQ(renamed, SecretNamed("www.example.com", "key bytes")->body);
  EXPECT_EQ(RenameSecret("", "x"), SecretNamed("x", "")->body.substr(0, 3));
}

TEST(Secrets, AReferenceMayBeAnsweredByAWildcard) {
  Snapshot s;
  std::vector<std::string> violations;
  const Delta d =
      s.Apply({.upserts = {SecretNamed("*.b.c", "k"), Cluster("c", "c", {{Type::kSecret, "a.b.c"}})}}, &violations);
  EXPECT_EQ(d.upserts.size(), 2u);
  EXPECT_THAT(violations, IsEmpty());
}

TEST(ScopeMoverTest, HasTheRoutesAndAKeyThatNoRequestHas) {
  envoy::config::route::v3::ScopedRouteConfiguration scope;
  scope.set_name("http|a.test");
  scope.set_route_configuration_name("default/v");
  scope.mutable_key()->add_fragments()->set_string_key("http|a.test");
  const ResourcePtr mover = ScopeMover(
      *MakeResource(Type::kScopedRoute, "http|a.test", scope.SerializeAsString(), {{Type::kRoute, "default/v"}}));
  EXPECT_EQ(mover->ref.name, "gloo.move|http|a.test");
  EXPECT_EQ(mover->warms, (std::vector<ResourceRef>{{Type::kRoute, "default/v"}}));
  ASSERT_TRUE(scope.ParseFromString(mover->body));
  EXPECT_EQ(scope.name(), "gloo.move|http|a.test");
  EXPECT_EQ(scope.route_configuration_name(), "default/v");
  ASSERT_EQ(scope.key().fragments_size(), 1);
  EXPECT_EQ(scope.key().fragments(0).string_key(), "gloo.move|http|a.test");
}

}  // namespace
}  // namespace gloo::snapshot
