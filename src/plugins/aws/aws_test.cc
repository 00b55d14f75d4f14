#include "plugins/aws/aws.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "envoy/extensions/filters/http/aws_request_signing/v3/aws_request_signing.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "src/plugins/aws/aws.pb.h"
#include "translator/fake_inputs.h"

namespace gloo::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AwsTest : public ::testing::Test {
 protected:
  AwsTest() { AddAws(registry_); }

  // The issues of the upstream and, behind them, of its functions.
  std::vector<std::string> Said(const std::string& text, const std::vector<std::string>& functions = {}) {
    AwsSpec spec;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    upstream_.mutable_spec()->mutable_spec()->PackFrom(spec);
    upstream_.mutable_spec()->clear_functions();
    for (const std::string& written : functions) {
      LambdaFunction function;
      EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(written, &function)) << written;
      v1::Function* added = upstream_.mutable_spec()->add_functions();
      added->set_name("hello");
      added->mutable_spec()->PackFrom(function);
    }
    model::Object object;
    object.body = model::Body(upstream_);
    Issues issues("spec.spec");
    cluster_.Clear();
    ready_ = registry_.upstream("aws")->Translate(object, spec, inputs_, &cluster_, nullptr, issues);
    Issues of_functions;
    for (const v1::Function& function : object.upstream().functions()) {
      registry_.function("aws")->Check({object, &function, function.name()}, of_functions);
    }
    std::vector<std::string> out;
    for (const Issue& issue : issues.items()) out.push_back(ToString(issue));
    for (const Issue& issue : of_functions.items()) out.push_back(ToString(issue));
    return out;
  }

  // How Envoy signs.
  envoy::extensions::filters::http::aws_request_signing::v3::AwsRequestSigning Signing() const {
    envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
    envoy::extensions::filters::http::aws_request_signing::v3::AwsRequestSigning signing;
    for (const auto& [name, any] : cluster_.typed_extension_protocol_options()) any.UnpackTo(&options);
    EXPECT_EQ(options.http_filters_size(), 3);
    if (options.http_filters_size() == 3) options.http_filters(1).typed_config().UnpackTo(&signing);
    return signing;
  }

  std::string Credentials() const { return Signing().credential_provider().ShortDebugString(); }

  void SetSecret(std::map<std::string, std::string> data) {
    auto secret = std::make_shared<model::NamedData>();
    secret->data = std::move(data);
    inputs_.secret = secret;
  }

  // What the route gets for a function.
  std::string CallOf(const std::string& text, const std::string& function) {
    Said(text, {function});
    model::Object object;
    object.body = model::Body(upstream_);
    const v1::Function& called = object.upstream().functions(0);
    envoy::config::route::v3::Route out;
    translator::FilterConfigs filters;
    Issues issues;
    registry_.function("aws")->Call({object, &called, called.name()}, v1::Route(), &out, &filters, issues);
    const auto found = filters.find("gloo.lambda");
    return found == filters.end() ? "" : found->second.value();
  }

  translator::Registry registry_;
  translator::FakeInputs inputs_;
  v1::Upstream upstream_;
  envoy::config::cluster::v3::Cluster cluster_;
  bool ready_ = false;
};

TEST_F(AwsTest, EndpointsOfRegions) {
  const auto host = [this](const std::string& text) {
    EXPECT_THAT(Said(text), ElementsAre());
    EXPECT_TRUE(ready_);
    const auto& address = cluster_.load_assignment().endpoints(0).lb_endpoints(0).endpoint().address().socket_address();
    return address.address() + ":" + std::to_string(address.port_value()) +
           (cluster_.has_transport_socket() ? " tls" : "");
  };
  EXPECT_EQ(host("region: 'eu-west-1'"), "lambda.eu-west-1.amazonaws.com:443 tls");
  EXPECT_EQ(host("region: 'cn-north-1'"), "lambda.cn-north-1.amazonaws.com.cn:443 tls");
  EXPECT_EQ(host("region: 'eu-west-1' endpoint: 'http://127.0.0.1:9001'"), "127.0.0.1:9001");
  EXPECT_EQ(host("region: 'eu-west-1' endpoint: 'https://VPCE-1.lambda.test/'"), "vpce-1.lambda.test:443 tls");
  EXPECT_EQ(Signing().region(), "eu-west-1");
  EXPECT_FALSE(Signing().has_credential_provider());
}

TEST_F(AwsTest, CredentialsOfASecret) {
  SetSecret({{"access_key", "AKIDEXAMPLE\n"}, {"secret_key", "wJalr/+x="}, {"session_token", "tok=="}});
  EXPECT_THAT(Said("region: 'eu-west-1' secret_ref: 'keys'"), ElementsAre());
  EXPECT_TRUE(ready_);
  EXPECT_TRUE(Signing().credential_provider().custom_credential_provider_chain());
  EXPECT_EQ(Signing().credential_provider().credentials_file_provider().credentials_data_source().inline_string(),
            "[gloo]\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key=wJalr/+x=\naws_session_token=tok==\n");
  SetSecret({{"aws_access_key_id", "AKID2"}, {"aws_secret_access_key", "s"}});
  EXPECT_THAT(Said("region: 'eu-west-1' secret_ref: 'keys'"), ElementsAre());
  EXPECT_THAT(Credentials(), HasSubstr("aws_access_key_id=AKID2"));
  SetSecret({{"other", "x"}});
  EXPECT_THAT(Said("region: 'eu-west-1' secret_ref: 'keys'"),
              ElementsAre("warning: spec.spec.secretRef: secret \"keys\" has no \"access_key\" and \"secret_key\"; no "
                          "function can be called (KeyNotFound)"));
  EXPECT_FALSE(ready_);
  inputs_.secret = nullptr;
  EXPECT_THAT(Said("region: 'eu-west-1' secret_ref: 'keys'"),
              ElementsAre("warning: spec.spec.secretRef: there is no secret \"keys\" that is good; no function can be "
                          "called (SecretNotFound)"));
  EXPECT_FALSE(ready_);
}

TEST_F(AwsTest, CredentialsThatEnvoyFinds) {
  const auto credentials = [this](const std::string& text) {
    EXPECT_THAT(Said("region: 'eu-west-1' " + text), ElementsAre());
    return Credentials();
  };
  EXPECT_EQ(credentials("credentials: 'any'"), "");
  EXPECT_EQ(credentials("credentials: 'Any' profile: 'shop'"), "credentials_file_provider { profile: \"shop\" }");
  EXPECT_EQ(credentials("credentials: 'environment'"),
            "custom_credential_provider_chain: true environment_credential_provider { }");
  EXPECT_EQ(credentials("credentials: 'profile' profile: 'shop'"),
            "credentials_file_provider { profile: \"shop\" } custom_credential_provider_chain: true");
  EXPECT_EQ(
      credentials("credentials: 'webIdentity' role { arn: 'arn:aws:iam::123456789012:role/r' session_name: 's1' }"),
      "assume_role_with_web_identity_provider { role_arn: \"arn:aws:iam::123456789012:role/r\" role_session_name: "
      "\"s1\" } custom_credential_provider_chain: true");
  EXPECT_EQ(credentials("credentials: 'container'"),
            "custom_credential_provider_chain: true container_credential_provider { }");
  EXPECT_EQ(credentials("credentials: 'instance'"),
            "custom_credential_provider_chain: true instance_profile_credential_provider { }");
}

TEST_F(AwsTest, RolesAreAssumedWithThem) {
  const std::string role =
      "role { arn: 'arn:aws:iam::123456789012:role/team/call' session_name: 'gloo' external_id: 'x:1' "
      "session_duration { seconds: 900 } }";
  EXPECT_THAT(Said("region: 'eu-west-1' credentials: 'environment' " + role), ElementsAre());
  const auto assume = Signing().credential_provider().assume_role_credential_provider();
  EXPECT_EQ(assume.role_arn(), "arn:aws:iam::123456789012:role/team/call");
  EXPECT_EQ(assume.role_session_name(), "gloo");
  EXPECT_EQ(assume.external_id(), "x:1");
  EXPECT_EQ(assume.session_duration().seconds(), 900);
  EXPECT_TRUE(assume.credential_provider().has_environment_credential_provider());
  EXPECT_THAT(Said("region: 'eu-west-1' " + role), ElementsAre());
  EXPECT_FALSE(Signing().credential_provider().assume_role_credential_provider().has_credential_provider());
  EXPECT_THAT(Said("region: 'eu-west-1' role { arn: 'role/x' session_name: 'a b' external_id: '!' "
                   "session_duration { seconds: 60 } }"),
              ElementsAre(HasSubstr("error: spec.spec.role.arn: \"role/x\" is no ARN of a role"),
                          HasSubstr("error: spec.spec.role.sessionName: \"a b\" must be"),
                          HasSubstr("error: spec.spec.role.externalId: must be"),
                          "error: spec.spec.role.sessionDuration: must be 15m to 12h (BadDuration)"));
}

TEST_F(AwsTest, SaysWhatIsWrongWithAnUpstream) {
  EXPECT_THAT(Said("region: ''"),
              ElementsAre(HasSubstr("error: spec.spec.region: \"\" is no region; write one such as")));
  EXPECT_THAT(Said("region: 'EU west'"), ElementsAre(HasSubstr("is no region")));
  EXPECT_THAT(Said("region: 'eu-wset-1'"),
              ElementsAre("warning: spec.spec.region: no region \"eu-wset-1\" is known; did you mean \"eu-west-1\"? "
                          "(UnknownRegion)"));
  EXPECT_TRUE(ready_);
  EXPECT_THAT(Said("region: 'eu-west-1' endpoint: 'lambda.test'"),
              ElementsAre(HasSubstr("endpoint: \"lambda.test\" must be")));
  EXPECT_THAT(Said("region: 'eu-west-1' endpoint: 'http://a.test/x'"), ElementsAre(HasSubstr("(BadUrl)")));
  EXPECT_THAT(Said("region: 'eu-west-1' credentials: 'instanc'"),
              ElementsAre(HasSubstr("did you mean \"instance\"? (UnknownSource)")));
  EXPECT_THAT(Said("region: 'eu-west-1' credentials: 'container' profile: 'x'"),
              ElementsAre(HasSubstr("spec.spec.profile: counts where credentials is profile or any")));
  SetSecret({{"access_key", "a"}, {"secret_key", "b"}});
  EXPECT_THAT(Said("region: 'eu-west-1' secret_ref: 'keys' credentials: 'any'"),
              ElementsAre(HasSubstr("spec.spec.credentials: there is a secretRef too")));
  EXPECT_THAT(Said("region: 'eu-west-1' credentials: 'webIdentity'"),
              ElementsAre(HasSubstr("error: spec.spec.role.arn: \"\" is no ARN of a role")));
  EXPECT_THAT(Said("region: 'eu-west-1' credentials: 'webIdentity' "
                   "role { arn: 'arn:aws:iam::123456789012:role/r' external_id: 'xy' }"),
              ElementsAre(HasSubstr("error: spec.spec.role: has externalId or sessionDuration, which a web identity")));
  upstream_.mutable_spec()->mutable_service_info()->set_type("REST");
  EXPECT_THAT(Said("region: 'eu-west-1'"), ElementsAre(HasSubstr("error: spec.serviceInfo: an upstream of type aws")));
}

TEST_F(AwsTest, CallsOfFunctions) {
  EXPECT_THAT(CallOf("region: 'eu-west-1'", ""),
              HasSubstr(R"({"path":"/2015-03-31/functions/hello/invocations","host":"lambda.eu-west-1.amazonaws.com",)"
                        R"("payload":"raw"})"));
  EXPECT_THAT(CallOf("region: 'eu-west-1' endpoint: 'http://127.0.0.1:9001'",
                     "function_name: 'f' qualifier: '$LATEST' payload: 'apigatewayv2' async: true max_body_bytes: 100"),
              HasSubstr(R"({"path":"/2015-03-31/functions/f/invocations?Qualifier=%24LATEST","host":"127.0.0.1:9001",)"
                        R"("payload":"apiGatewayV2","async":true,"max_body_bytes":100})"));
  EXPECT_THAT(CallOf("region: 'eu-west-1'", "function_name: 'arn:aws:lambda:eu-west-1:123456789012:function:f:live'"),
              HasSubstr("/functions/arn:aws:lambda:eu-west-1:123456789012:function:f:live/invocations\""));
  EXPECT_THAT(CallOf("region: 'eu-west-1'", "function_name: '123456789012:function:f'"),
              HasSubstr("/functions/123456789012:function:f/invocations\""));
}

TEST_F(AwsTest, SaysWhatIsWrongWithFunctions) {
  const auto said = [this](const std::string& function) { return Said("region: 'eu-west-1'", {function}); };
  EXPECT_THAT(said("function_name: 'a/b'"), ElementsAre(HasSubstr("error: functionName: \"a/b\" is neither a name")));
  EXPECT_THAT(
      said("function_name: 'arn:aws:lambda:us-east-1:123456789012:function:f'"),
      ElementsAre("error: functionName: is in us-east-1, the upstream in eu-west-1; a function of another region "
                  "belongs to an upstream of its own (RegionMismatch)"));
  EXPECT_THAT(said("function_name: 'arn:aws:lambda:eu-west-1:123456789012:function:f:a' qualifier: 'b'"),
              ElementsAre(HasSubstr("error: qualifier: the ARN has a qualifier too")));
  EXPECT_THAT(
      said("qualifier: 'a b' payload: 'albb' max_body_bytes: 10000000"),
      ElementsAre(HasSubstr("error: qualifier: \"a b\" is neither a version nor an alias"),
                  HasSubstr("error: payload: \"albb\" is none of raw, alb, apiGatewayV1 and apiGatewayV2; did you "
                            "mean \"alb\"? (UnknownPayload)"),
                  HasSubstr("error: maxBodyBytes: must be at most 6291456")));
}

TEST_F(AwsTest, ARouteNamesAFunction) {
  Issues issues("spec.routes[0]");
  envoy::config::route::v3::Route out;
  translator::FilterConfigs filters;
  registry_.function("aws")->CallUpstream(model::Object(), nullptr, v1::Route(), &out, &filters, issues);
  ASSERT_EQ(issues.items().size(), 1u);
  EXPECT_EQ(issues.items()[0].reason, "FunctionRequired");
}

}  // namespace
}  // namespace gloo::plugins
