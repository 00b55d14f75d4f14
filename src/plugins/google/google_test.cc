#include "plugins/google/google.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "src/plugins/google/google.pb.h"
#include "translator/fake_inputs.h"

namespace gloo::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class GoogleTest : public ::testing::Test {
 protected:
  GoogleTest() { AddGoogle(registry_); }

  // The issues of the upstream and, behind them, of its functions.
  std::vector<std::string> Said(const std::string& text, const std::vector<std::string>& functions) {
    GoogleSpec spec;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    v1::Upstream upstream;
    upstream.mutable_spec()->mutable_spec()->PackFrom(spec);
    for (const std::string& written : functions) {
      GoogleFunction function;
      EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(written, &function)) << written;
      v1::Function* added = upstream.mutable_spec()->add_functions();
      added->set_name("hello");
      added->mutable_spec()->PackFrom(function);
    }
    model::Object object;
    object.body = model::Body(upstream);
    Issues issues;
    cluster_.Clear();
    ready_ = registry_.upstream("google")->Translate(object, spec, inputs_, &cluster_, nullptr, issues);
    for (const v1::Function& function : object.upstream().functions()) {
      registry_.function("google")->Check({object, &function, function.name()}, issues);
    }
    std::vector<std::string> out;
    for (const Issue& issue : issues.items()) out.push_back(ToString(issue));
    return out;
  }

  translator::Registry registry_;
  translator::FakeInputs inputs_;
  envoy::config::cluster::v3::Cluster cluster_;
  bool ready_ = false;
};

TEST_F(GoogleTest, HostsAndAudiencesOfBothGenerations) {
  EXPECT_THAT(Said("region: 'us-central1' project_id: 'shop' identity: 'metadata'", {""}), ElementsAre());
  EXPECT_TRUE(ready_);
  EXPECT_THAT(cluster_.ShortDebugString(), HasSubstr("us-central1-shop.cloudfunctions.net"));
  EXPECT_THAT(cluster_.ShortDebugString(), HasSubstr("https://us-central1-shop.cloudfunctions.net/hello"));
  EXPECT_THAT(Said("url: 'https://hello-x.a.run.app' identity: 'metadata'", {"", "path: '/a'"}), ElementsAre());
  EXPECT_THAT(cluster_.ShortDebugString(), HasSubstr("https://hello-x.a.run.app"));
  EXPECT_THAT(Said("url: 'https://hello-x.a.run.app' secret_ref: 'caller'", {""}), ElementsAre());
  EXPECT_THAT(cluster_.ShortDebugString(), HasSubstr("token:caller:https://hello-x.a.run.app"));
  EXPECT_THAT(cluster_.ShortDebugString(), Not(HasSubstr("gcp_authn")));
  inputs_.has_token = false;
  EXPECT_THAT(Said("url: 'https://hello-x.a.run.app' secret_ref: 'caller'", {""}),
              ElementsAre("warning: secretRef: none (TokenPending)"));
  EXPECT_TRUE(ready_);
  EXPECT_THAT(Said("url: 'https://x.test' secret_ref: 'caller' identity: 'metadata'", {}),
              ElementsAre("error: identity: there is a secretRef too; write one of them (Contradiction)"));
  EXPECT_THAT(Said("url: 'https://hello-x.a.run.app'", {""}), ElementsAre());
  EXPECT_THAT(cluster_.ShortDebugString(), Not(HasSubstr("gcp_authn")));
  inputs_.has_google_metadata = false;
  EXPECT_THAT(Said("url: 'https://hello-x.a.run.app' identity: 'metadata'", {""}),
              ElementsAre("warning: identity: none (NoMetadataServer)"));
  EXPECT_TRUE(ready_);
}

TEST_F(GoogleTest, SaysWhatIsWrong) {
  EXPECT_THAT(Said("region: 'us-centrl1' project_id: 'shop'", {""}),
              ElementsAre(HasSubstr("did you mean \"us-central1\"? (UnknownRegion)")));
  EXPECT_TRUE(ready_);
  EXPECT_THAT(
      Said("region: 'US' project_id: 'a b' identity: 'x'", {}),
      ElementsAre(HasSubstr("error: region: \"US\" is no region"), HasSubstr("error: projectId: \"a b\" is no id"),
                  "error: identity: \"x\" is neither metadata nor none (UnknownIdentity)"));
  EXPECT_THAT(Said("", {}), ElementsAre(HasSubstr("region: \"\" is no region"), HasSubstr("(Required)")));
  EXPECT_THAT(Said("url: 'ftp://x' ", {}), ElementsAre(HasSubstr("(BadUrl)")));
  EXPECT_THAT(Said("url: 'https://x.test/p'", {}), ElementsAre(HasSubstr("(BadUrl)")));
  EXPECT_THAT(Said("url: 'https://x.test' region: 'us-east1'", {}), ElementsAre(HasSubstr("(Contradiction)")));
  EXPECT_THAT(Said("url: 'http://x.test' identity: 'metadata'", {}), ElementsAre(HasSubstr("(TokenInClear)")));
  EXPECT_THAT(Said("url: 'https://x.test' identity: 'metadata' audience: 'a b'", {}),
              ElementsAre(HasSubstr("error: audience")));
  EXPECT_THAT(Said("region: 'us-east1' project_id: 'shop' identity: 'metadata'", {"", "function_name: 'b'"}),
              ElementsAre(HasSubstr("error: audience: tokens for functions of the first generation")));
  EXPECT_THAT(
      Said("url: 'https://x.test'", {"url: 'https://y.test/f'", "path: 'x'", "path: '/x' function_name: 'y'",
                                     "function_name: '../y'", "url: 'y'"}),
      ElementsAre(
          "error: url: is at https://y.test, the upstream at https://x.test; a function of another host belongs "
          "to an upstream of its own (HostMismatch)",
          HasSubstr("(BadPath)"), HasSubstr("(Contradiction)"), HasSubstr("(BadName)"), HasSubstr("(BadUrl)")));
}

}  // namespace
}  // namespace gloo::plugins
