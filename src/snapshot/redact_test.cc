#include "snapshot/redact.h"

#include <gtest/gtest.h>

#include <string>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/filters/http/aws_request_signing/v3/aws_request_signing.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"

namespace gloo::snapshot {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::extensions::filters::http::aws_request_signing::v3::AwsRequestSigning;
using envoy::extensions::transport_sockets::tls::v3::Secret;

std::string Shown(Type type, const google::protobuf::Message& message) {
  const auto shown = Redacted(*MakeResource(type, "name", message.SerializeAsString()));
  return shown == nullptr ? "" : shown->SerializeAsString();
}

TEST(Redact, KeysOfASecretAreNotShownAndItsChainIs) {
  Secret secret;
  secret.set_name("name");
  secret.mutable_tls_certificate()->mutable_certificate_chain()->set_inline_bytes("the chain");
  secret.mutable_tls_certificate()->mutable_private_key()->set_inline_bytes("the key");
  const std::string shown = Shown(Type::kSecret, secret);
  EXPECT_NE(shown.find("the chain"), std::string::npos);
  EXPECT_EQ(shown.find("the key"), std::string::npos);
  EXPECT_NE(shown.find("[redacted]"), std::string::npos);
}

TEST(Redact, AllFormsOfASecretAreHidden) {
  Secret generic;
  generic.mutable_generic_secret()->mutable_secret()->set_inline_string("the key");
  (*generic.mutable_generic_secret()->mutable_secrets())["a"].set_inline_bytes("the key");
  Secret tickets;
  tickets.mutable_session_ticket_keys()->add_keys()->set_inline_bytes("the key");
  Secret bundle;
  bundle.mutable_tls_certificate()->mutable_pkcs12()->set_inline_bytes("the key");
  bundle.mutable_tls_certificate()->mutable_password()->set_inline_string("the key");
  bundle.GetReflection()->MutableUnknownFields(&bundle)->AddLengthDelimited(999, "the key");
  for (const Secret& secret : {generic, tickets, bundle}) {
    const std::string shown = Shown(Type::kSecret, secret);
    EXPECT_NE(shown.find("[redacted]"), std::string::npos) << secret.DebugString();
    EXPECT_EQ(shown.find("the key"), std::string::npos) << secret.DebugString();
  }
}

TEST(Redact, WhatIsPackedIsHiddenToo) {
  AwsRequestSigning signing;
  signing.set_service_name("lambda");
  signing.mutable_credential_provider()->mutable_inline_credential()->set_secret_access_key("the key");
  Cluster cluster;
  (*cluster.mutable_typed_extension_protocol_options())["options"].PackFrom(signing);
  const std::string shown = Shown(Type::kCluster, cluster);
  EXPECT_NE(shown.find("lambda"), std::string::npos);
  EXPECT_EQ(shown.find("the key"), std::string::npos);
}

TEST(Redact, WhatDoesNotParseIsNotShown) {
  EXPECT_EQ(Redacted(*MakeResource(Type::kSecret, "name", "\xff\xff the key")), nullptr);
}

}  // namespace
}  // namespace gloo::snapshot
