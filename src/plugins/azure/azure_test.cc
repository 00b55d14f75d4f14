#include "plugins/azure/azure.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "src/plugins/azure/azure.pb.h"
#include "translator/fake_inputs.h"

namespace gloo::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class AzureTest : public ::testing::Test {
 protected:
  AzureTest() { AddAzure(registry_); }

  void AddFunction(const std::string& name, const std::string& text) {
    AzureFunction spec;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    v1::Function* function = upstream_.mutable_spec()->add_functions();
    function->set_name(name);
    function->mutable_spec()->PackFrom(spec);
  }

  void Translate(const std::string& text) {
    AzureSpec spec;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    model::Object object;
    object.body = model::Body(upstream_);
    Issues issues;
    cluster_.Clear();
    ready_ = registry_.upstream("azure")->Translate(object, spec, inputs_, &cluster_, nullptr, issues);
    issues_.clear();
    for (const Issue& issue : issues.items()) issues_.push_back(ToString(issue));
  }

  std::vector<std::string> Check() {
    model::Object object;
    object.body = model::Body(upstream_);
    std::vector<std::string> out;
    for (const v1::Function& function : upstream_.spec().functions()) {
      Issues issues;
      registry_.function("azure")->Check({object, &function, function.name()}, issues);
      for (const Issue& issue : issues.items()) out.push_back(ToString(issue));
    }
    return out;
  }

  void SetSecret(std::map<std::string, std::string> data) {
    auto secret = std::make_shared<model::NamedData>();
    secret->data = std::move(data);
    inputs_.secret = secret;
  }

  std::string Text() const { return cluster_.ShortDebugString(); }

  translator::Registry registry_;
  translator::FakeInputs inputs_;
  v1::Upstream upstream_;
  envoy::config::cluster::v3::Cluster cluster_;
  bool ready_ = false;
  std::vector<std::string> issues_;
};

TEST_F(AzureTest, HostsOfAppsAndSlots) {
  auto host = [this](const std::string& text) {
    Translate(text);
    EXPECT_THAT(issues_, ElementsAre());
    EXPECT_TRUE(ready_);
    return cluster_.load_assignment().endpoints(0).lb_endpoints(0).endpoint().address().socket_address().address();
  };
  EXPECT_EQ(host("function_app_name: 'Shop'"), "shop.azurewebsites.net");
  EXPECT_EQ(host("function_app_name: 'shop' slot: 'staging'"), "shop-staging.azurewebsites.net");
  EXPECT_EQ(host("function_app_name: 'shop' slot: 'production'"), "shop.azurewebsites.net");
  EXPECT_EQ(host("function_app_name: 'shop' host: 'shop.azurewebsites.us'"), "shop.azurewebsites.us");
  envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext tls;
  ASSERT_TRUE(cluster_.transport_socket().typed_config().UnpackTo(&tls));
  EXPECT_EQ(tls.sni(), "shop.azurewebsites.us");
  Translate("function_app_name: 'shop' host: '127.0.0.1' port: 7071 tls { enabled: false }");
  EXPECT_FALSE(cluster_.has_transport_socket());
}

TEST_F(AzureTest, KeysByLevel) {
  AddFunction("own", "");
  AddFunction("other", "function_name: 'none'");
  AddFunction("boss", "auth_level: 'Admin'");
  AddFunction("open", "auth_level: 'anonymous'");
  SetSecret({{"own", "k1"}, {"_master", "k2"}, {"boss", "k3"}});
  Translate("function_app_name: 'shop' secret_ref: 'keys'");
  EXPECT_THAT(issues_, ElementsAre());
  EXPECT_THAT(Text(), HasSubstr("text::own:keys"));
  EXPECT_THAT(Text(), HasSubstr("text::_master:keys"));
  EXPECT_THAT(Text(), Not(HasSubstr("text::boss:keys")));
  // The keys themselves travel by SDS alone.
  EXPECT_THAT(Text(), Not(HasSubstr("k1")));
}

TEST_F(AzureTest, SaysWhichKeysAreMissing) {
  AddFunction("own", "");
  AddFunction("open", "auth_level: 'anonymous'");
  AddFunction("boss", "auth_level: 'admin'");
  SetSecret({{"own", "k1"}});
  Translate("function_app_name: 'shop' secret_ref: 'keys'");
  EXPECT_TRUE(ready_);
  EXPECT_THAT(issues_,
              ElementsAre("warning: spec.functions[2].spec.authLevel: secret \"keys\" has no key \"_master\" of "
                          "one line; the function is called without a key, which Azure answers 401 "
                          "(KeyNotFound)"));
  inputs_.secret = nullptr;
  Translate("function_app_name: 'shop' secret_ref: 'keys'");
  EXPECT_TRUE(ready_);
  EXPECT_THAT(issues_, ElementsAre(HasSubstr("warning: secretRef: there is no secret \"keys\"")));
  Translate("function_app_name: 'shop'");
  EXPECT_THAT(issues_, ElementsAre(HasSubstr("warning: secretRef: names no secret")));
}

TEST_F(AzureTest, SaysWhatIsWrong) {
  Translate("function_app_name: 'a.b' slot: 'x y' host: '*.test' port: 70000");
  EXPECT_FALSE(ready_);
  EXPECT_THAT(issues_,
              ElementsAre(HasSubstr("error: functionAppName: \"a.b\" is no name of a function app"),
                          HasSubstr("error: slot: \"x y\" is no name of a slot"),
                          "error: slot: there is a host too, which says all; write one of them (Contradiction)",
                          "error: host: \"*.test\" is neither an IP address nor a DNS name (BadAddress)",
                          "error: port: 70000 is no port; 1 to 65535 are (BadPort)"));
  AddFunction("a/b", "auth_level: 'root' route: '/x'");
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("error: functionName: \"a/b\" is no name of an Azure function"),
                                   "error: authLevel: \"root\" is none of anonymous, function and admin "
                                   "(UnknownAuthLevel)",
                                   HasSubstr("error: route: \"/x\" must be a path behind \"/api/\"")));
}

}  // namespace
}  // namespace gloo::plugins
