#include "translator/upstream_unit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "translator/fake_inputs.h"

namespace gloo::translator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Functions called "bad" are wrong, those called "odd" are warned of. Tells which it was asked for.
class CountingFunctions final : public FunctionPlugin {
 public:
  explicit CountingFunctions(std::vector<std::string>* checked) : checked_(checked) {}
  std::string_view type() const override { return "counting"; }
  const google::protobuf::Descriptor* function_spec() const override { return v1::Metadata::descriptor(); }
  void Check(const FunctionCall& call, Issues& issues) const override {
    checked_->emplace_back(call.name);
    if (call.name == "bad") issues.Error("x", "Bad", "is bad");
    if (call.name == "odd") issues.Warning("", "Odd", "is odd");
  }
  void Call(const FunctionCall&, const v1::Route&, envoy::config::route::v3::Route*, FilterConfigs*,
            Issues&) const override {}

 private:
  std::vector<std::string>* checked_;
};

class UpstreamUnitTest : public ::testing::Test {
 protected:
  UpstreamUnitTest() {
    registry_.Add(std::unique_ptr<FunctionPlugin>(std::make_unique<CountingFunctions>(&checked_)));
    upstream_.mutable_spec()->mutable_service_info()->set_type("counting");
  }

  // What was said of functions.
  std::vector<std::string> Translate(const std::vector<std::string>& names) {
    upstream_.mutable_spec()->clear_functions();
    for (const std::string& name : names) upstream_.mutable_spec()->add_functions()->set_name(name);
    auto object = std::make_shared<model::Object>();
    object->body = model::Body(upstream_);
    checked_.clear();
    FakeInputs inputs;
    std::vector<snapshot::ResourcePtr> secrets;
    Issues issues;
    output_ = TranslateUpstream(registry_, object, output_, inputs, &secrets, issues);
    std::vector<std::string> said;
    for (const Issue& issue : issues.items()) {
      if (issue.path.starts_with("spec.functions")) said.push_back(issue.path + " " + issue.reason);
    }
    return said;
  }

  Registry registry_;
  v1::Upstream upstream_;
  std::vector<std::string> checked_;
  UpstreamOutput output_;
};

TEST_F(UpstreamUnitTest, FunctionsThatDidNotChangeAreNotCheckedAgain) {
  const std::vector<std::string> said = {"spec.functions[1].spec.x Bad", "spec.functions[2].spec Odd"};
  EXPECT_EQ(Translate({"a", "bad", "odd"}), said);
  EXPECT_THAT(checked_, ElementsAre("a", "bad", "odd"));
  upstream_.mutable_spec()->mutable_connection_timeout()->set_seconds(3);
  EXPECT_EQ(Translate({"a", "bad", "odd"}), said) << "it is said all the same";
  EXPECT_THAT(checked_, IsEmpty());
  EXPECT_TRUE(output_.functions.at("bad").wrong);
  // At another place what was said has another path.
  EXPECT_THAT(Translate({"bad", "a", "b"}), ElementsAre("spec.functions[0].spec.x Bad"));
  EXPECT_THAT(checked_, ElementsAre("bad", "b"));
}

TEST_F(UpstreamUnitTest, FunctionsOfAnotherServiceAreCheckedAgain) {
  Translate({"a"});
  upstream_.mutable_spec()->mutable_service_info()->mutable_properties()->PackFrom(v1::Metadata());
  Translate({"a"});
  EXPECT_THAT(checked_, IsEmpty()) << "nothing was written in there";
  v1::Metadata written;
  written.set_name("x");
  upstream_.mutable_spec()->mutable_service_info()->mutable_properties()->PackFrom(written);
  Translate({"a"});
  EXPECT_THAT(checked_, ElementsAre("a"));
}

}  // namespace
}  // namespace gloo::translator
