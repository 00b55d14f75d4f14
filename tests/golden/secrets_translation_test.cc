// Certificates: by server name, the last good pair, secrets of upstreams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/golden/world.h"

namespace gloo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kUpstream[] =
    "{kind: Upstream, apiVersion: gloo.solo.io/v1, metadata: {name: u}, spec: {type: static, "
    "spec: {hosts: [{addr: 10.0.0.1, port: 80}]}}}";

model::ObjectPtr Secure(const std::string& name, const std::string& domains, const std::string& secret,
                        int64_t created = 1, const std::string& rest = "") {
  return Read("{kind: VirtualService, apiVersion: gloo.solo.io/v1, metadata: {name: " + name + "}, spec: {domains: [" +
                  domains + "], sslConfig: {secretRef: " + secret + rest +
                  "}, routes: [{singleDestination: {upstream: {name: u}}}]}}",
              created);
}

model::NamedDataPtr Pair(const std::string& name, const std::string& subject) {
  return Data(name, {{"tls.crt", PairFor(subject).certificate}, {"tls.key", PairFor(subject).key}});
}

std::string Body(const World& world, const std::string& name) {
  const auto& secrets = world.Role("ingress").resources(snapshot::Type::kSecret);
  auto it = secrets.find(name);
  return it == secrets.end() ? "" : it->second->body;
}

TEST(SecretsTest, AServerNameIsASecret) {
  World world;
  world.Put(Read(kUpstream));
  world.PutSecret(Pair("cert", "a.test"));
  world.Put(Secure("v", "a.test, '*.b.test'", "cert"));
  EXPECT_THAT(world.Names(snapshot::Type::kSecret), ElementsAre("*.b.test", "a.test"));
  EXPECT_THAT(world.Names(snapshot::Type::kScopedRoute), ElementsAre("https|*.b.test", "https|a.test"));
  EXPECT_THAT(Body(world, "a.test"), HasSubstr(PairFor("a.test").certificate));
  // Another certificate changes the secrets and nothing else.
  translator::Result result = world.PutSecret(Pair("cert", "other"));
  EXPECT_EQ(result.deltas.at("ingress").upserts.size(), 2u);
  for (const auto& resource : result.deltas.at("ingress").upserts) {
    EXPECT_EQ(resource->ref.type, snapshot::Type::kSecret);
  }
}

TEST(SecretsTest, MissingThenThere) {
  World world;
  world.Put(Read(kUpstream));
  world.Put(Secure("v", "a.test", "cert"));
  EXPECT_EQ(ToText(world.ReportOf("VirtualService default/v")),
            "VirtualService default/v: WARNING SecretNotFound generation 1\n"
            "  warning: spec.sslConfig.secretRef: there is no secret \"default/cert\"; handshakes are refused until "
            "there is (SecretNotFound)\n");
  EXPECT_THAT(world.Names(snapshot::Type::kSecret), IsEmpty());
  world.PutSecret(Pair("cert", "a.test"));
  EXPECT_EQ(world.ReportOf("VirtualService default/v").state, v1::Status::ACCEPTED);
  EXPECT_THAT(world.Names(snapshot::Type::kSecret), ElementsAre("a.test"));
  world.RemoveSecret("cert");
  EXPECT_THAT(world.Names(snapshot::Type::kSecret), IsEmpty());
}

TEST(SecretsTest, TheLastGoodPairStays) {
  World world;
  world.Put(Read(kUpstream));
  world.PutSecret(Pair("cert", "a.test"));
  world.Put(Secure("v", "a.test", "cert"));
  std::string good = Body(world, "a.test");
  translator::Result result =
      world.PutSecret(Data("cert", {{"tls.crt", PairFor("a.test").certificate}, {"tls.key", PairFor("other").key}}));
  EXPECT_TRUE(result.deltas.empty());
  EXPECT_EQ(Body(world, "a.test"), good);
  const translator::Report& report = world.ReportOf("VirtualService default/v");
  EXPECT_EQ(report.state, v1::Status::WARNING);
  EXPECT_EQ(report.reason, "BadSecret");
  EXPECT_THAT(report.message, HasSubstr("the pair that it held before stays in force"));
  EXPECT_THAT(report.message, Not(HasSubstr("PRIVATE KEY-----\nM")));
  // A start from what was kept serves the same.
  World again;
  again.Apply(world.translator().Inputs());
  EXPECT_EQ(again.Dump(), world.Dump());
}

TEST(SecretsTest, TheOlderKeepsAServerName) {
  World world;
  world.Put(Read(kUpstream));
  world.PutSecret(Pair("one", "one"));
  world.PutSecret(Pair("two", "two"));
  world.Put(Secure("older", "a.test", "one", 10, ", sniDomains: ['*.test']"));
  world.Put(Secure("younger", "b.test", "two", 20, ", sniDomains: ['*.test', b.test]"));
  EXPECT_THAT(Body(world, "*.test"), HasSubstr(PairFor("one").certificate));
  EXPECT_THAT(Body(world, "b.test"), HasSubstr(PairFor("two").certificate));
  EXPECT_EQ(ToText(world.ReportOf("VirtualService default/younger")),
            "VirtualService default/younger: WARNING ServerNameTaken generation 1\n"
            "  warning: spec.sslConfig.sniDomains[0]: the certificate of server name \"*.test\" in role \"ingress\" is "
            "chosen by the older VirtualService default/older (ServerNameTaken)\n");
}

TEST(SecretsTest, ServerNamesThatMeetNoDomainAreSaid) {
  World world;
  world.Put(Read(kUpstream));
  world.PutSecret(Pair("cert", "a.test"));
  world.Put(Secure("v", "a.test", "cert", 1, ", sniDomains: [b.test]"));
  EXPECT_THAT(ToText(world.ReportOf("VirtualService default/v")), HasSubstr("(SniMeetsNoDomain)"));
  world.Put(Secure("v", "a.test", "cert", 1, ", sniDomains: [b.test, '*.test']"));
  EXPECT_THAT(ToText(world.ReportOf("VirtualService default/v")), Not(HasSubstr("SniMeetsNoDomain")));
}

TEST(SecretsTest, ALastGoodSecretThatIsNotGoodIsNotTaken) {
  World world;
  translator::Changes changes;
  changes.last_good_secrets.emplace_back(
      model::DataKey{"default", "cert"},
      Data("cert", {{"tls.crt", PairFor("a.test").certificate}, {"tls.key", PairFor("other").key}}));
  world.Put(Read(kUpstream));
  world.Put(Secure("v", "a.test", "cert"));
  world.Apply(changes);
  EXPECT_EQ(Body(world, "a.test"), "");
}

TEST(SecretsTest, OnlyWhatIsGoodIsToldAsGood) {
  World world;
  EXPECT_EQ(world.PutSecret(Pair("cert", "a.test")).last_good_secrets.size(), 1u);
  EXPECT_THAT(world.PutSecret(Pair("cert", "a.test")).last_good_secrets, IsEmpty());
  EXPECT_THAT(
      world.PutSecret(Data("cert", {{"tls.crt", PairFor("a.test").certificate}, {"tls.key", PairFor("other").key}}))
          .last_good_secrets,
      IsEmpty());
  const auto gone = world.RemoveSecret("cert").last_good_secrets;
  ASSERT_EQ(gone.size(), 1u);
  EXPECT_EQ(gone[0].second, nullptr);
}

constexpr char kVerifiedUpstream[] =
    "{kind: Upstream, apiVersion: gloo.solo.io/v1, metadata: {name: u}, spec: {type: static, "
    "spec: {hosts: [{addr: a.test, port: 443}], tls: true}}}";
constexpr char kRouteToIt[] =
    "{kind: VirtualService, apiVersion: gloo.solo.io/v1, metadata: {name: v}, "
    "spec: {routes: [{singleDestination: {upstream: {name: u}}}]}}";

TEST(SecretsTest, TheAuthoritiesOfTheSystemTravelBySds) {
  World world;
  world.Put(Read(kVerifiedUpstream));
  world.Put(Read(kRouteToIt));
  ASSERT_THAT(world.Names(snapshot::Type::kSecret), ElementsAre(StartsWith("system:")));
  EXPECT_GT(world.Names(snapshot::Type::kSecret)[0].size(), 255u);
  world.Remove({model::Kind::kVirtualService, "default", "v"});
  EXPECT_THAT(world.Names(snapshot::Type::kSecret), IsEmpty());
}

TEST(SecretsTest, WithoutAuthoritiesOfTheSystemTheUpstreamSaysSo) {
  World world(translator::Settings{.system_authorities = "nonsense"});
  world.Put(Read(kVerifiedUpstream));
  world.Put(Read(kRouteToIt));
  EXPECT_THAT(ToText(world.ReportOf("Upstream default/u")),
              HasSubstr("spec.spec.tls.caSecretRef: the system's certificate authorities cannot be used: "));
  EXPECT_THAT(world.Names(snapshot::Type::kCluster), IsEmpty());
}

TEST(SecretsTest, UpstreamSecretsTravelBySds) {
  World world;
  world.Put(
      Read("{kind: Upstream, apiVersion: gloo.solo.io/v1, metadata: {name: u}, spec: {type: static, spec: {hosts: "
           "[{addr: 10.0.0.1, port: 443}], tls: {sni: a.test, caSecretRef: ca, clientCertSecretRef: cert}}}}"));
  world.Put(
      Read("{kind: VirtualService, apiVersion: gloo.solo.io/v1, metadata: {name: v}, spec: {routes: "
           "[{singleDestination: {upstream: {name: u}}}]}}"));
  EXPECT_EQ(world.ReportOf("Upstream default/u").reason, "SecretNotFound");
  EXPECT_EQ(world.ReportOf("VirtualService default/v").reason, "UpstreamNotReady");
  EXPECT_THAT(world.Names(snapshot::Type::kCluster), IsEmpty());
  world.PutSecret(Data("ca", {{"ca.crt", PairFor("a.test").certificate}}));
  world.PutSecret(Pair("cert", "client"));
  EXPECT_THAT(world.Names(snapshot::Type::kCluster), ElementsAre("default/u"));
  EXPECT_THAT(world.Names(snapshot::Type::kSecret),
              ElementsAre(StartsWith("ca:default/ca:"), StartsWith("cert:default/cert:")));
  for (const std::string& name : world.Names(snapshot::Type::kSecret)) {
    EXPECT_THAT(world.translator().OwnersOf("ingress", {snapshot::Type::kSecret, name}),
                ElementsAre(model::ObjectKey{model::Kind::kUpstream, "default", "u"}));
    // No server name is that long.
    EXPECT_GT(name.size(), 255u);
  }
  const auto& cluster = *world.Role("ingress").Find(snapshot::Type::kCluster, "default/u");
  EXPECT_THAT(cluster.body, Not(HasSubstr("PRIVATE KEY")));
  EXPECT_EQ(cluster.warms.size(), 3u);
  EXPECT_THAT(world.violations(), IsEmpty());
}

}  // namespace
}  // namespace gloo::testing
