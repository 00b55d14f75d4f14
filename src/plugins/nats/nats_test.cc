#include "plugins/nats/nats.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include "envoy/extensions/filters/http/dynamic_modules/v3/dynamic_modules.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "envoy/extensions/upstreams/http/dynamic_modules/v3/dynamic_modules.pb.h"
#include "src/plugins/nats/nats.pb.h"
#include "translator/fake_inputs.h"
#include "translator/names.h"

namespace gloo::plugins {
namespace {

using envoy::config::cluster::v3::Cluster;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class NatsTest : public ::testing::Test {
 protected:
  NatsTest() { AddNats(registry_); }

  void Translate(const std::string& text) {
    NatsSpec spec;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    model::Object object;
    Issues issues;
    cluster_.Clear();
    endpoints_.Clear();
    ready_ = registry_.upstream("nats")->Translate(object, spec, inputs_, &cluster_, &endpoints_, issues);
    issues_.clear();
    for (const Issue& issue : issues.items()) issues_.push_back(ToString(issue));
  }

  static v1::Function Function(const std::string& name, const std::string& text) {
    NatsFunction spec;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    v1::Function function;
    function.set_name(name);
    function.mutable_spec()->PackFrom(spec);
    return function;
  }

  std::vector<std::string> Check(const std::string& text, const std::string& name = "f") {
    const v1::Function function = Function(name, text);
    const model::Object object;
    Issues issues("spec.functions[0].spec");
    registry_.function("nats")->Check({object, &function, name}, issues);
    std::vector<std::string> out;
    for (const Issue& issue : issues.items()) out.push_back(ToString(issue));
    return out;
  }

  // The route that calls the function, and what it configures of the transformation.
  struct Called {
    envoy::config::route::v3::Route route;
    std::string transformation;
    std::vector<std::string> issues;
  };
  Called Call(const v1::Function* function, const std::string& name) {
    const model::Object object;
    Issues issues("spec.routes[0]");
    translator::FilterConfigs filters;
    Called out;
    registry_.function("nats")->Call({object, function, name}, v1::Route(), &out.route, &filters, issues);
    for (const Issue& issue : issues.items()) out.issues.push_back(ToString(issue));
    envoy::extensions::filters::http::dynamic_modules::v3::DynamicModuleFilterPerRoute config;
    google::protobuf::StringValue json;
    if (filters.contains(std::string(translator::kTransformation)) &&
        filters.at(std::string(translator::kTransformation)).UnpackTo(&config) &&
        config.filter_config().UnpackTo(&json)) {
      out.transformation = json.value();
    }
    return out;
  }

  void SetSecret(std::map<std::string, std::string> data) {
    auto secret = std::make_shared<model::NamedData>();
    secret->data = std::move(data);
    inputs_.secret = secret;
  }

  std::string Bridge() const {
    envoy::extensions::upstreams::http::dynamic_modules::v3::Config config;
    google::protobuf::StringValue json;
    EXPECT_TRUE(cluster_.upstream_config().typed_config().UnpackTo(&config));
    EXPECT_EQ(config.bridge_name(), "gloo.nats");
    EXPECT_EQ(config.dynamic_module_config().name(), "gloo_filters");
    EXPECT_TRUE(config.dynamic_module_config().do_not_close());
    EXPECT_TRUE(config.bridge_config().UnpackTo(&json));
    return json.value();
  }

  translator::Registry registry_;
  translator::FakeInputs inputs_;
  Cluster cluster_;
  envoy::config::endpoint::v3::ClusterLoadAssignment endpoints_;
  bool ready_ = false;
  std::vector<std::string> issues_;
};

TEST_F(NatsTest, ServersByAddressAndByName) {
  Translate("hosts { addr: '10.0.0.1' } hosts { addr: '::1' port: 4333 }");
  EXPECT_TRUE(ready_);
  EXPECT_THAT(issues_, ElementsAre());
  EXPECT_EQ(cluster_.type(), Cluster::EDS);
  const auto address = [this](int i) {
    return endpoints_.endpoints(0).lb_endpoints(i).endpoint().address().socket_address();
  };
  EXPECT_EQ(address(0).port_value(), 4222u);
  EXPECT_EQ(address(1).address(), "::1");
  EXPECT_EQ(address(1).port_value(), 4333u);
  EXPECT_EQ(cluster_.upstream_config().name(), "envoy.upstreams.http.dynamic_modules");
  EXPECT_EQ(Bridge(), R"({"auth":"none","inbox":"_INBOX","max_payload":"1048576","tls":false})");
  EXPECT_FALSE(cluster_.has_transport_socket());
  EXPECT_EQ(cluster_.typed_extension_protocol_options_size(), 0);
  Translate("hosts { addr: 'NATS.test.' } inbox_prefix: '_INBOX_gloo' max_payload_bytes: 5");
  EXPECT_EQ(cluster_.cluster_type().name(), "envoy.clusters.dns");
  EXPECT_EQ(cluster_.load_assignment().endpoints(0).lb_endpoints(0).endpoint().hostname(), "nats.test");
  EXPECT_EQ(Bridge(), R"({"auth":"none","inbox":"_INBOX_gloo","max_payload":"5","tls":false})");
}

TEST_F(NatsTest, Tls) {
  Translate("hosts { addr: 'nats.test' } tls { enabled: true }");
  envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext tls;
  ASSERT_TRUE(cluster_.transport_socket().typed_config().UnpackTo(&tls));
  EXPECT_EQ(tls.sni(), "nats.test");
  EXPECT_THAT(Bridge(), HasSubstr(R"("tls":true)"));
  Translate("hosts { addr: 'nats.test' } tls { ca_secret_ref: 'missing' }");
  EXPECT_FALSE(ready_);
  EXPECT_THAT(issues_, ElementsAre("warning: tls.caSecretRef: missing (SecretNotFound)"));
}

TEST_F(NatsTest, CredentialsTravelBySds) {
  SetSecret({{"user", "u1"}, {"password", "p1"}});
  Translate("hosts { addr: '10.0.0.1' } secret_ref: 'keys'");
  EXPECT_TRUE(ready_);
  EXPECT_THAT(issues_, ElementsAre());
  EXPECT_THAT(cluster_.ShortDebugString(), AllOf(HasSubstr("text::user:keys"), HasSubstr("text::password:keys"),
                                                 HasSubstr("x-gloo-nats-user"), HasSubstr("x-gloo-nats-password")));
  EXPECT_THAT(cluster_.ShortDebugString(), AllOf(Not(HasSubstr("u1")), Not(HasSubstr("p1"))));
  EXPECT_THAT(Bridge(), HasSubstr(R"("auth":"user")"));
  EXPECT_THAT(cluster_.ShortDebugString(), HasSubstr("filter_name: \"gloo.nats\""));
  SetSecret({{"token", "t1"}});
  Translate("hosts { addr: '10.0.0.1' } secret_ref: 'keys'");
  EXPECT_THAT(cluster_.ShortDebugString(), HasSubstr("text::token:keys"));
  EXPECT_THAT(Bridge(), HasSubstr(R"("auth":"token")"));
  const std::string seed = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";
  SetSecret({{"seed", seed + "\n"}});
  Translate("hosts { addr: '10.0.0.1' } secret_ref: 'keys'");
  EXPECT_TRUE(ready_);
  EXPECT_THAT(Bridge(), HasSubstr(R"("auth":"nkey")"));
  SetSecret({{"seed", seed}, {"jwt", "e.y.x"}});
  Translate("hosts { addr: '10.0.0.1' } secret_ref: 'keys'");
  EXPECT_THAT(Bridge(), HasSubstr(R"("auth":"jwt")"));
  EXPECT_THAT(cluster_.ShortDebugString(), AllOf(HasSubstr("text::jwt:keys"), HasSubstr("text::seed:keys")));
}

TEST_F(NatsTest, WithoutGoodCredentialsItIsNotServed) {
  Translate("hosts { addr: '10.0.0.1' } secret_ref: 'keys'");
  EXPECT_FALSE(ready_);
  EXPECT_THAT(issues_, ElementsAre("warning: secretRef: there is no secret \"keys\" that is good; the upstream is not "
                                   "served until there is (SecretNotFound)"));
  SetSecret({{"user", "u1"}});
  Translate("hosts { addr: '10.0.0.1' } secret_ref: 'keys'");
  EXPECT_FALSE(ready_);
  EXPECT_THAT(issues_,
              ElementsAre("warning: secretRef: secret \"keys\" must have the keys user and password, or token, or "
                          "seed, or jwt and seed, and none of the others; the upstream is not served until it has "
                          "(KeyNotFound)"));
  SetSecret({{"user", "u1"}, {"password", "p"}, {"token", "t"}});
  Translate("hosts { addr: '10.0.0.1' } secret_ref: 'keys'");
  EXPECT_FALSE(ready_);
  EXPECT_THAT(issues_, ElementsAre(HasSubstr("(KeyNotFound)")));
  SetSecret({{"seed", "SUnone"}});
  Translate("hosts { addr: '10.0.0.1' } secret_ref: 'keys'");
  EXPECT_FALSE(ready_);
  EXPECT_THAT(issues_,
              ElementsAre("warning: secretRef: the seed of secret \"keys\" is none of a NATS user (\"SU...\"); the "
                          "upstream is not served until it is (BadSeed)"));
}

TEST_F(NatsTest, SaysAllThatIsWrongOfAnUpstream) {
  Translate("");
  EXPECT_THAT(issues_, ElementsAre("error: hosts: needs at least one host (Required)"));
  Translate(
      "hosts { addr: '' } hosts { addr: '*.x' } hosts { addr: '10.0.0.1' port: 70000 } hosts { addr: '10.0.0.2' } "
      "hosts { addr: '10.0.0.2' port: 4222 } inbox_prefix: 'a.*' max_payload_bytes: 8388609");
  EXPECT_FALSE(ready_);
  EXPECT_THAT(issues_,
              ElementsAre("error: hosts[0].addr: needs an IP address or a DNS name (Required)",
                          "error: hosts[1].addr: \"*.x\" is neither an IP address nor a DNS name (BadAddress)",
                          "error: hosts[2].port: 70000 is no port; 1 to 65535 are (BadPort)",
                          "error: hosts[4]: 10.0.0.2 with port 4222 is there before (DuplicateHost)",
                          "error: inboxPrefix: \"a.*\" has a wildcard, which messages are not sent to (BadSubject)",
                          "error: maxPayloadBytes: must be at most 8388608 (TooLarge)"));
}

TEST_F(NatsTest, ARouteWritesWhatTheBridgeReads) {
  const v1::Function function = Function(
      "f",
      "subject: 'orders.{{ id }}' mode: 'Request' timeout { seconds: 2 } headers { key: 'Nats-Msg-Id' value: 'm' } "
      "headers { key: 'A' value: '{{ id }}' } forward_headers: 'X-Tenant' body: 'b'");
  const Called called = Call(&function, "f");
  EXPECT_THAT(called.issues, ElementsAre());
  EXPECT_EQ(called.route.route().timeout().seconds(), 2);
  EXPECT_THAT(called.transformation,
              AllOf(HasSubstr(R"({"name":"x-gloo-nats-subject","value":"orders.{{ id }}"})"),
                    HasSubstr(R"({"name":"x-gloo-nats-h0","value":"{{ id }}"})"),
                    HasSubstr(R"({"name":"x-gloo-nats-h1","value":"m"})"),
                    HasSubstr(R"({"name":"x-gloo-call","value":"nats request h=A,Nats-Msg-Id f=x-tenant"})"),
                    HasSubstr(R"("body":"b")")));
}

TEST_F(NatsTest, ANameIsASubjectWhereNoneIsWritten) {
  const Called unlisted = Call(nullptr, "orders.made");
  EXPECT_THAT(unlisted.issues, ElementsAre());
  EXPECT_EQ(unlisted.route.route().timeout().seconds(), 5);
  EXPECT_THAT(unlisted.transformation, AllOf(HasSubstr(R"("value":"orders.made")"), HasSubstr(R"("nats publish")")));
  EXPECT_THAT(
      Call(nullptr, "orders made").issues,
      ElementsAre("error: spec.routes[0]: the function's name \"orders made\" is no subject: it has a space or a "
                  "control character (BadSubject)"));
  EXPECT_THAT(
      Call(nullptr, "orders.{{x}}").issues,
      ElementsAre("error: spec.routes[0]: the function's name \"orders.{{x}}\" is no subject: it is a template; "
                  "list the function, with a subject (BadSubject)"));
  EXPECT_THAT(
      Check("", "orders.>"),
      ElementsAre("error: spec.functions[0].spec.subject: the function's name \"orders.>\" is no subject: it has "
                  "a wildcard, which messages are not sent to (BadSubject)"));
  EXPECT_THAT(Check("", "orders.made"), ElementsAre());
}

TEST_F(NatsTest, TheLongestTimeoutOfWeightedFunctionsCounts) {
  const model::Object object;
  envoy::config::route::v3::Route route;
  Issues issues;
  for (const int seconds : {3, 7, 4}) {
    const v1::Function function = Function("f", "timeout { seconds: " + std::to_string(seconds) + " }");
    translator::FilterConfigs filters;
    registry_.function("nats")->Call({object, &function, "f"}, v1::Route(), &route, &filters, issues);
  }
  EXPECT_EQ(route.route().timeout().seconds(), 7);
}

TEST_F(NatsTest, SubjectsOfTheSystemMustBeWritten) {
  const auto call = [this](const std::string& subject) {
    const v1::Function function = Function("f", "subject: '" + subject + "'");
    return Call(&function, "f").transformation;
  };
  EXPECT_THAT(call("$JS.API.{{ x }}"), HasSubstr("nats publish system"));
  EXPECT_THAT(call("{{ x }}"), Not(HasSubstr("system")));
  EXPECT_THAT(call("a.$JS"), Not(HasSubstr("system")));
}

TEST_F(NatsTest, SaysWhatIsWrongOfAFunction) {
  EXPECT_THAT(Check("subject: 'orders.{{ id }}.made' mode: 'jetstream' timeout { nanos: 1000000 }"), ElementsAre());
  EXPECT_THAT(Check("subject: 'a.{% if x %}b c{% endif %}'"), ElementsAre());
  EXPECT_THAT(Check("subject: 'orders.{{ id }}.*' mode: 'fly' timeout {}"),
              ElementsAre("error: spec.functions[0].spec.subject: \"orders.{{ id }}.*\" has a wildcard, which messages "
                          "are not sent to (BadSubject)",
                          "error: spec.functions[0].spec.mode: \"fly\" is none of publish, jetstream and request "
                          "(UnknownMode)",
                          "error: spec.functions[0].spec.timeout: must be from 1ms to 300s (BadDuration)"));
  EXPECT_THAT(Check("subject: 'a' timeout { seconds: 301 }"), ElementsAre(HasSubstr("(BadDuration)")));
  EXPECT_THAT(Check("subject: 'a {{ x }}'"), ElementsAre(HasSubstr("has a space or a control character")));
  EXPECT_THAT(Check("subject: 'a.{{ hedaer(\"x\") }}'"),
              ElementsAre(AllOf(HasSubstr("error: spec.functions[0].spec.subject: "), HasSubstr("hedaer"))));
  EXPECT_THAT(Check("subject: 'a' headers { key: 'B' value: 'x' } headers { key: 'C' value: '{{ nope( }}' }"),
              ElementsAre(HasSubstr("error: spec.functions[0].spec.headers[\"C\"]: ")));
  EXPECT_THAT(Check("subject: 'a' headers { key: 'B B' value: 'x' } headers { key: 'a-b' value: 'x' } "
                    "headers { key: 'A-B' value: 'x' } forward_headers: ':path' forward_headers: 'x y'"),
              ElementsAre(HasSubstr("spec.headers[\"B B\"]: \"B B\" is no header name"),
                          HasSubstr("spec.headers[\"a-b\"]: is there before in another spelling"),
                          HasSubstr("spec.forwardHeaders[0]: \":path\" cannot be a header of a message"),
                          HasSubstr("spec.forwardHeaders[1]: \"x y\" is no header name")));
  std::string many = "subject: 'a'";
  for (int i = 0; i < 33; ++i) many += " headers { key: 'h" + std::to_string(i) + "' value: 'x' } forward_headers: 'x'";
  EXPECT_THAT(Check(many), ElementsAre("error: spec.functions[0].spec.headers: must be at most 32 (TooMany)",
                                       "error: spec.functions[0].spec.forwardHeaders: must be at most 32 (TooMany)"));
}

TEST_F(NatsTest, ARouteMustNameAFunction) {
  model::Object object;
  object.key.name = "bus";
  envoy::config::route::v3::Route route;
  translator::FilterConfigs filters;
  Issues issues("spec.routes[0]");
  registry_.function("nats")->CallUpstream(object, nullptr, v1::Route(), &route, &filters, issues);
  ASSERT_EQ(issues.items().size(), 1u);
  EXPECT_EQ(
      ToString(issues.items()[0]),
      "error: spec.routes[0]: upstream \"bus\" is of type nats, to which requests go by a function: write function, "
      "with the subject as functionName (FunctionRequired)");
}

}  // namespace
}  // namespace gloo::plugins
