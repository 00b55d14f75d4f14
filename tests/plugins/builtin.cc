// The list of plugins of build/tests/programs/gloo_unchecked and of the golden file of docs/plugin-tutorial.md.
#include "plugins/builtin.h"

#include "plugins/aws/aws.h"
#include "plugins/azure/azure.h"
#include "plugins/google/google.h"
#include "plugins/grpc/grpc.h"
#include "plugins/nats/nats.h"
#include "plugins/rest/presets.h"
#include "plugins/rest/rest.h"
#include "plugins/route_basics/route_basics.h"
#include "plugins/static/static.h"
#include "plugins/webhook/webhook.h"
#include "tests/plugins/unchecked/unchecked.pb.h"
#include "translator/envoy_build.h"
#include "translator/names.h"

namespace gloo::plugins {
namespace {

// Envoy makes the filter's settings with the route, and refuses the whole configuration where it cannot.
class UncheckedPlugin final : public translator::RoutePlugin {
 public:
  const google::protobuf::Descriptor* extensions() const override { return testing::Unchecked::descriptor(); }

  void Apply(const google::protobuf::Message& message, const v1::Route&, envoy::config::route::v3::Route*,
             translator::FilterConfigs* filters, Issues&) const override {
    const auto& unchecked = static_cast<const testing::Unchecked&>(message);
    filters->insert_or_assign(
        std::string(translator::kTransformation),
        translator::ModulePerRoute(translator::kTransformation, unchecked.unchecked_transformation()));
  }
};

}  // namespace

void AddBuiltins(translator::Registry& registry) {
  AddStatic(registry);
  AddRest(registry);
  AddPresets(registry);
  AddAws(registry);
  AddAzure(registry);
  AddGoogle(registry);
  AddGrpc(registry);
  AddNats(registry);
  AddRouteBasics(registry);
  AddWebhook(registry);
  registry.Add(std::make_unique<UncheckedPlugin>());
}

}  // namespace gloo::plugins
