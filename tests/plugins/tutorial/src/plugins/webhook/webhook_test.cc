#include "plugins/webhook/webhook.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "src/plugins/webhook/webhook.pb.h"
#include "translator/fake_inputs.h"

namespace gloo::plugins {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class WebhookTest : public ::testing::Test {
 protected:
  WebhookTest() { AddWebhook(registry_); }

  // Translates an upstream of this spec; what is said of it is left in said_.
  bool Translate(const std::string& text) {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec_)) << text;
    upstream_.mutable_spec()->mutable_spec()->PackFrom(spec_);
    cluster_.Clear();
    Issues issues;
    const bool ready = registry_.upstream("webhook")->Translate(Object(), spec_, inputs_, &cluster_, nullptr, issues);
    Keep(issues);
    return ready;
  }

  // Checks a function of this spec, and where nothing is said of it, what a route that calls it is told.
  std::string Call(const std::string& text) {
    WebhookFunction spec;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    v1::Function function;
    function.set_name("deploy");
    function.mutable_spec()->PackFrom(spec);
    const model::Object object = Object();
    const translator::FunctionCall call{object, &function, function.name()};
    Issues issues;
    registry_.function("webhook")->Check(call, issues);
    envoy::config::route::v3::Route route;
    translator::FilterConfigs filters;
    if (issues.ok()) registry_.function("webhook")->Call(call, {}, &route, &filters, issues);
    Keep(issues);
    return filters.empty() ? "" : filters.begin()->second.value();
  }

  model::Object Object() const {
    model::Object object;
    object.body = model::Body(upstream_);
    return object;
  }

  void Keep(const Issues& issues) {
    said_.clear();
    for (const Issue& issue : issues.items()) said_.push_back(ToString(issue));
  }

  translator::Registry registry_;
  translator::FakeInputs inputs_;
  WebhookSpec spec_;
  v1::Upstream upstream_;
  envoy::config::cluster::v3::Cluster cluster_;
  std::vector<std::string> said_;
};

TEST_F(WebhookTest, TheTokenGoesByName) {
  EXPECT_TRUE(Translate("host: 'Hooks.test' secret_ref: 'hooks'"));
  EXPECT_THAT(said_, ElementsAre());
  // FakeInputs names what it is asked for: the prefix, the key and the secret.
  EXPECT_THAT(cluster_.ShortDebugString(),
              AllOf(HasSubstr("text:Bearer :token:hooks"), HasSubstr("authorization"), HasSubstr("\"hooks.test\"")));
  EXPECT_TRUE(cluster_.has_transport_socket());
  EXPECT_TRUE(
      Translate("host: '127.0.0.1' port: 8000 secret_ref: 'hooks' token_header: 'X-Token' tls { enabled: false }"));
  EXPECT_THAT(cluster_.ShortDebugString(),
              AllOf(HasSubstr("text::token:hooks"), HasSubstr("x-token"), Not(HasSubstr("authorization"))));
  EXPECT_FALSE(cluster_.has_transport_socket());
}

TEST_F(WebhookTest, WaitsForItsSecret) {
  EXPECT_FALSE(Translate("host: 'hooks.test' secret_ref: 'missing'"));
  EXPECT_THAT(said_, ElementsAre("warning: secretRef: missing (SecretNotFound)"));
}

TEST_F(WebhookTest, ACallIsAPost) {
  Translate("host: 'hooks.test' secret_ref: 'hooks'");
  EXPECT_THAT(Call(""), AllOf(HasSubstr("POST"), HasSubstr("/deploy{{"), HasSubstr("\"hooks.test\"")));
  Translate("host: 'hooks.test' port: 8000 secret_ref: 'hooks'");
  EXPECT_THAT(Call("path: '/api/hook'"), AllOf(HasSubstr("/api/hook{{"), HasSubstr("\"hooks.test:8000\"")));
  EXPECT_THAT(said_, ElementsAre());
}

TEST_F(WebhookTest, SaysWhatIsWrong) {
  EXPECT_FALSE(Translate("host: '*.test' port: 70000 secret_ref: 'hooks' token_header: 'Host'"));
  EXPECT_THAT(said_,
              ElementsAre("error: host: \"*.test\" is neither an IP address nor a DNS name (BadAddress)",
                          "error: port: 70000 is no port; 1 to 65535 are (BadPort)",
                          "error: tokenHeader: \"host\" cannot carry a token; write a name of letters, digits and "
                          "\"-\", but not \"host\" (BadHeader)"));
  EXPECT_EQ(Call("path: 'hook?a=1'"), "");
  EXPECT_THAT(said_,
              ElementsAre("error: path: \"hook?a=1\" is no path of a hook: it must start with \"/\" and be without "
                          "\"?\", \"#\", \"{\", \"}\" and blanks (BadPath)"));
}

}  // namespace
}  // namespace gloo::plugins
