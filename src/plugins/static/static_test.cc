#include "plugins/static/static.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "envoy/extensions/clusters/dns/v3/dns_cluster.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "src/plugins/static/static.pb.h"
#include "translator/fake_inputs.h"

namespace gloo::plugins {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using translator::FakeInputs;

struct Translation {
  bool ready = false;
  Cluster cluster;
  ClusterLoadAssignment endpoints;
  std::vector<std::string> issues;

  envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext Tls() const {
    envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext context;
    EXPECT_TRUE(cluster.transport_socket().typed_config().UnpackTo(&context));
    return context;
  }
};

Translation Translate(const std::string& text, bool has_system = true) {
  translator::Registry registry;
  AddStatic(registry);
  StaticSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  model::Object object;
  FakeInputs inputs;
  inputs.has_system = has_system;
  Issues issues;
  Translation out;
  out.ready = registry.upstream("static")->Translate(object, spec, inputs, &out.cluster, &out.endpoints, issues);
  for (const Issue& issue : issues.items()) out.issues.push_back(ToString(issue));
  return out;
}

TEST(StaticTest, HasAnAlias) {
  translator::Registry registry;
  AddStatic(registry);
  EXPECT_EQ(registry.upstream("service"), registry.upstream("static"));
  EXPECT_EQ(registry.upstream("kubernetes"), nullptr);
}

TEST(StaticTest, AddressesTravelAsEndpoints) {
  Translation out = Translate("hosts { addr: '10.0.0.1' port: 80 } hosts { addr: '[::1]' port: 81 weight: 5 }");
  EXPECT_TRUE(out.ready);
  EXPECT_EQ(out.cluster.type(), Cluster::EDS);
  ASSERT_EQ(out.endpoints.endpoints(0).lb_endpoints_size(), 2);
  const auto& second = out.endpoints.endpoints(0).lb_endpoints(1);
  EXPECT_EQ(second.endpoint().address().socket_address().address(), "::1");
  EXPECT_EQ(second.load_balancing_weight().value(), 5u);
  EXPECT_FALSE(out.cluster.has_transport_socket());
}

TEST(StaticTest, NamesAreResolvedByTheirTimeToLive) {
  Translation out = Translate("hosts { addr: 'API.example.com.' port: 80 } hosts { addr: '10.0.0.1' port: 80 }");
  EXPECT_TRUE(out.ready);
  envoy::extensions::clusters::dns::v3::DnsCluster dns;
  ASSERT_TRUE(out.cluster.cluster_type().typed_config().UnpackTo(&dns));
  EXPECT_TRUE(dns.respect_dns_ttl());
  EXPECT_EQ(dns.dns_lookup_family(), envoy::extensions::clusters::common::dns::v3::V4_ONLY);
  const auto& endpoint = out.cluster.load_assignment().endpoints(0).lb_endpoints(0).endpoint();
  EXPECT_EQ(endpoint.address().socket_address().address(), "api.example.com");
  EXPECT_EQ(endpoint.hostname(), "api.example.com");
}

TEST(StaticTest, VerifiesByTheSystemsAuthoritiesAndTheName) {
  Translation out = Translate("hosts { addr: 'a.test' port: 443 } tls { enabled: true }");
  EXPECT_THAT(out.issues, ElementsAre());
  auto tls = out.Tls();
  EXPECT_EQ(tls.sni(), "a.test");
  const auto& combined = tls.common_tls_context().combined_validation_context();
  EXPECT_EQ(combined.validation_context_sds_secret_config().name(), "system");
  const auto& validation = combined.default_validation_context();
  EXPECT_EQ(validation.match_typed_subject_alt_names(0).matcher().exact(), "a.test");
}

TEST(StaticTest, WithoutTheSystemsAuthoritiesItIsNotServed) {
  const std::string text = "hosts { addr: 'a.test' port: 443 } ";
  Translation out = Translate(text + "tls {}", false);
  EXPECT_FALSE(out.ready);
  EXPECT_THAT(out.issues, ElementsAre("warning: tls.caSecretRef: none (NoSystemCertificates)"));
  EXPECT_TRUE(Translate(text + "tls { insecure_skip_verify: true }", false).ready);
  EXPECT_TRUE(Translate(text + "tls { ca_secret_ref: 'x' }", false).ready);
}

TEST(StaticTest, OneAddressInTwoSpellingsIsOneHost) {
  EXPECT_THAT(Translate("hosts { addr: '::1' port: 80 } hosts { addr: '[0::1]' port: 80 }").issues,
              ElementsAre("error: hosts[1]: ::1 with port 80 is there before (DuplicateHost)"));
}

TEST(StaticTest, ANameThatIsAnAddressIsVerifiedAsOne) {
  using envoy::extensions::transport_sockets::tls::v3::SubjectAltNameMatcher;
  auto verified = [](const std::string& sni) {
    return Translate("hosts { addr: '10.0.0.1' port: 443 } tls { sni: '" + sni + "' }").Tls();
  };
  auto matcher = [&](const std::string& sni) {
    return verified(sni)
        .common_tls_context()
        .combined_validation_context()
        .default_validation_context()
        .match_typed_subject_alt_names(0);
  };
  EXPECT_EQ(matcher("10.0.0.1").san_type(), SubjectAltNameMatcher::IP_ADDRESS);
  EXPECT_EQ(matcher("[0::1]").matcher().exact(), "::1");
  EXPECT_EQ(verified("10.0.0.1").sni(), "");
  EXPECT_EQ(matcher("a.test").san_type(), SubjectAltNameMatcher::DNS);
  EXPECT_EQ(verified("A.Test.").sni(), "a.test");
}

TEST(StaticTest, SaysWhatIsWrongAboutNames) {
  EXPECT_THAT(Translate("hosts { addr: '10.0.0.1' port: 443 } tls { sni: 'a b' }").issues,
              ElementsAre(AllOf(HasSubstr("error: tls.sni: \"a b\" holds \" \""), HasSubstr("(BadName)"))));
  EXPECT_THAT(Translate("hosts { addr: '10.0.0.1' port: 443 } tls { sni: '*.test' }").issues,
              ElementsAre("error: tls.sni: \"*.test\" is no name of one host (BadName)"));
  EXPECT_THAT(Translate("hosts { addr: '' port: 80 }").issues,
              ElementsAre("error: hosts[0].addr: needs an IP address or a DNS name (Required)"));
}

TEST(StaticTest, SeveralNamesAreVerifiedEachByItsOwn) {
  auto tls = Translate("hosts { addr: 'a.test' port: 443 } hosts { addr: 'b.test' port: 443 } tls {}").Tls();
  EXPECT_TRUE(tls.auto_host_sni());
  EXPECT_TRUE(tls.auto_sni_san_validation());
  EXPECT_EQ(tls.sni(), "");
}

TEST(StaticTest, SecretsAreAskedForBySds) {
  auto tls = Translate(
                 "hosts { addr: '10.0.0.1' port: 443 } http2: true "
                 "tls { sni: 'a.test' ca_secret_ref: 'x' client_cert_secret_ref: 'y' }")
                 .Tls();
  const auto& common = tls.common_tls_context();
  EXPECT_EQ(common.combined_validation_context().validation_context_sds_secret_config().name(), "ca:x");
  EXPECT_EQ(common.tls_certificate_sds_secret_configs(0).name(), "cert:y");
  EXPECT_EQ(common.alpn_protocols(0), "h2");
}

TEST(StaticTest, WithoutItsSecretItIsNotReady) {
  Translation out = Translate("hosts { addr: '10.0.0.1' port: 443 } tls { sni: 'a' ca_secret_ref: 'missing' }");
  EXPECT_FALSE(out.ready);
  EXPECT_THAT(out.issues, ElementsAre("warning: tls.caSecretRef: missing (SecretNotFound)"));
}

TEST(StaticTest, SaysAllThatIsWrong) {
  EXPECT_THAT(
      Translate("hosts { addr: 'a b' port: 80 } hosts { addr: '10.0.0.1' port: 0 } "
                "hosts { addr: '10.0.0.2' port: 80 } hosts { addr: '10.0.0.2' port: 80 } hosts { addr: '*.x' port: 1 }")
          .issues,
      ElementsAre("error: hosts[0].addr: \"a b\" holds \" \", which no host name has (BadAddress)",
                  "error: hosts[1].port: 0 is no port; 1 to 65535 are (BadPort)",
                  "error: hosts[3]: 10.0.0.2 with port 80 is there before (DuplicateHost)",
                  "error: hosts[4].addr: \"*.x\" is neither an IP address nor a DNS name (BadAddress)"));
  EXPECT_THAT(Translate("").issues, ElementsAre("error: hosts: needs at least one host (Required)"));
  EXPECT_THAT(Translate("hosts { addr: '10.0.0.1' port: 443 } tls {}").issues,
              ElementsAre(HasSubstr("tls.sni: a host that is an IP address has no name")));
  EXPECT_THAT(Translate("hosts { addr: 'a.test' port: 443 }").issues,
              ElementsAre("warning: hosts[0].port: 443 is the port of TLS: write tls: true, or tls: false if it is not "
                          "(PlainToTlsPort)"));
}

}  // namespace
}  // namespace gloo::plugins
