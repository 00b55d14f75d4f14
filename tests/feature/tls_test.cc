// Certificates: secrets by server name.
#include <gmock/gmock.h>

#include "envoy/config/route/v3/scoped_route.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "tests/feature/envoy.h"
#include "tests/feature/pipeline.h"
#include "tests/golden/world.h"

namespace gloo::testing {
namespace {

using envoy::config::route::v3::ScopedRouteConfiguration;
using envoy::extensions::transport_sockets::tls::v3::Secret;
using snapshot::Type;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class TlsFeature : public Pipeline {
 protected:
  static std::map<std::string, std::string> Pair(const std::string& subject) {
    return {{"tls.crt", PairFor(subject).certificate}, {"tls.key", PairFor(subject).key}};
  }
  static std::string Chain(const Secret& secret) { return secret.tls_certificate().certificate_chain().inline_bytes(); }
};

TEST_F(TlsFeature, AServerNameIsGivenItsCertificateAndFollowsIt) {
  Put(Upstream("u") + VirtualService("v", "a.test, '*.b.test'", To("u"), "sslConfig: {secretRef: cert}"));
  PutSecret("cert", Pair("one"));
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Wait<ScopedRouteConfiguration>(Type::kScopedRoute, "https|a.test");
  envoy.Subscribe(Type::kSecret, {"a.test", "deep.below.b.test", "other.test"});
  EXPECT_EQ(Chain(envoy.Wait<Secret>(Type::kSecret, "a.test")), PairFor("one").certificate);
  EXPECT_EQ(Chain(envoy.Wait<Secret>(Type::kSecret, "deep.below.b.test")), PairFor("one").certificate);
  envoy.Fence();
  EXPECT_FALSE(envoy.Has(Type::kSecret, "other.test"));
  envoy.ForgetEvents();
  PutSecret("cert", Pair("two"));
  envoy.Wait<Secret>(Type::kSecret, "a.test",
                     [](const Secret& secret) { return Chain(secret) == PairFor("two").certificate; });
  envoy.Fence();
  for (const std::string& event : envoy.Events()) EXPECT_THAT(event, HasSubstr("secret"));
}

TEST_F(TlsFeature, APairThatDoesNotMatchLeavesTheGoodOneInForce) {
  Put(Upstream("u") + VirtualService("v", "a.test", To("u"), "sslConfig: {secretRef: cert}"));
  PutSecret("cert", Pair("one"));
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Subscribe(Type::kSecret, {"a.test"});
  envoy.Wait<Secret>(Type::kSecret, "a.test");
  PutSecret("cert", {{"tls.crt", PairFor("two").certificate}, {"tls.key", PairFor("one").key}});
  const v1::Status status = WaitStatus(model::Kind::kVirtualService, "v",
                                       [](const v1::Status& s) { return s.state() != v1::Status::ACCEPTED; });
  EXPECT_THAT(status.DebugString(), Not(HasSubstr("PRIVATE KEY")));
  envoy.Fence();
  EXPECT_EQ(Chain(envoy.Wait<Secret>(Type::kSecret, "a.test")), PairFor("one").certificate);
}

TEST_F(TlsFeature, ASecretThatComesLaterIsServedThen) {
  Put(Upstream("u") + VirtualService("v", "a.test", To("u"), "sslConfig: {secretRef: cert}"));
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Subscribe(Type::kSecret, {"a.test"});
  EXPECT_EQ(WaitStatus(model::Kind::kVirtualService, "v",
                       [](const v1::Status& s) { return s.state() == v1::Status::WARNING; })
                .reason(),
            "SecretNotFound");
  PutSecret("cert", Pair("one"));
  envoy.Wait<Secret>(Type::kSecret, "a.test");
  WaitStatus(model::Kind::kVirtualService, "v", [](const v1::Status& s) { return s.state() == v1::Status::ACCEPTED; });
}

}  // namespace
}  // namespace gloo::testing
