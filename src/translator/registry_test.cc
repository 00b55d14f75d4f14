#include "translator/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gloo::translator {
namespace {

using ::testing::ElementsAre;

// Any message does for a schema.
class FakeUpstreams final : public UpstreamPlugin {
 public:
  std::string_view type() const override { return "fake"; }
  std::vector<std::string_view> aliases() const override { return {"other"}; }
  const google::protobuf::Descriptor* spec() const override { return v1::Metadata::descriptor(); }
  bool Translate(const model::Object&, const google::protobuf::Message&, Inputs&, envoy::config::cluster::v3::Cluster*,
                 envoy::config::endpoint::v3::ClusterLoadAssignment*, Issues&) const override {
    return true;
  }
};

class FakeRoutes final : public RoutePlugin {
 public:
  const google::protobuf::Descriptor* extensions() const override { return v1::Metadata::descriptor(); }
  void Apply(const google::protobuf::Message&, const v1::Route&, envoy::config::route::v3::Route*, FilterConfigs*,
             Issues&) const override {}
};

TEST(RegistryTest, FindsByTypeAndAliasInAnyLetterCase) {
  Registry registry;
  registry.Add(std::unique_ptr<UpstreamPlugin>(std::make_unique<FakeUpstreams>()));
  EXPECT_NE(registry.upstream("fake"), nullptr);
  EXPECT_EQ(registry.upstream("Fake"), registry.upstream("other"));
  EXPECT_EQ(registry.upstream("none"), nullptr);
  EXPECT_EQ(registry.FindMessage(v1::UPSTREAM_SPEC, "other"), v1::Metadata::descriptor());
  EXPECT_EQ(registry.FindMessage(v1::FUNCTION_SPEC, "fake"), nullptr);
  EXPECT_THAT(registry.Known(v1::UPSTREAM_SPEC), ElementsAre("fake"));
}

TEST(RegistryTest, ExtensionsAreFields) {
  Registry registry;
  registry.Add(std::unique_ptr<RoutePlugin>(std::make_unique<FakeRoutes>()));
  ASSERT_NE(registry.FindExtension("creationTimestamp"), nullptr);
  EXPECT_EQ(registry.FindExtension("creationTimestamp"), registry.FindExtension("creation_timestamp"));
  EXPECT_NE(registry.route("gloo.v1.Metadata"), nullptr);
}

TEST(RegistryDeathTest, ADoubleNameEndsTheProgram) {
  Registry registry;
  registry.Add(std::unique_ptr<UpstreamPlugin>(std::make_unique<FakeUpstreams>()));
  EXPECT_DEATH(registry.Add(std::unique_ptr<UpstreamPlugin>(std::make_unique<FakeUpstreams>())),
               "two upstream plugins are called \"other\"");
}

}  // namespace
}  // namespace gloo::translator
