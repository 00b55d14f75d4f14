#include "plugins/rest/rest.h"

#include <algorithm>
#include <memory>

#include "plugins/rest_call.h"
#include "src/plugins/rest.pb.h"
#include "translator/envoy_build.h"
#include "translator/names.h"

namespace gloo::plugins {
namespace {

using translator::FilterConfigs;
using translator::FunctionCall;

class RestFunctions final : public translator::FunctionPlugin {
 public:
  std::string_view type() const override { return "REST"; }
  const google::protobuf::Descriptor* function_spec() const override { return RestFunction::descriptor(); }

  bool SetsPath(const FunctionCall& call) const override {
    RestFunction function;
    if (!Read(call, &function)) return false;
    return WritesPath(function);
  }

  void Check(const FunctionCall& call, Issues& issues) const override {
    RestFunction function;
    if (!Read(call, &function)) {
      issues.Error("", "BadSpec", "is not of a REST function");
      return;
    }
    CheckRestFunction(function, issues);
  }

  void Call(const FunctionCall& call, const v1::Route& route, envoy::config::route::v3::Route* out,
            FilterConfigs* filters, Issues& issues) const override {
    RestFunction function;
    if (!Read(call, &function)) return;
    CallRestFunction(function, call.name, /*call_key=*/"", route, out, filters, issues);
  }

 private:
  static bool Read(const FunctionCall& call, RestFunction* function) {
    if (call.function == nullptr) return false;
    return !call.function->has_spec() || call.function->spec().UnpackTo(function);
  }
};

bool CallsFunction(const v1::Route& route) {
  if (route.single_destination().has_function()) return true;
  return std::any_of(route.multiple_destinations().begin(), route.multiple_destinations().end(),
                     [](const v1::WeightedDestination& part) { return part.destination().has_function(); });
}

// Responses of plain upstreams; what concerns functions is theirs.
class RestRoutes final : public translator::RoutePlugin {
 public:
  const google::protobuf::Descriptor* extensions() const override { return RestExtensions::descriptor(); }

  void Apply(const google::protobuf::Message& message, const v1::Route& route, envoy::config::route::v3::Route* out,
             FilterConfigs* filters, Issues& issues) const override {
    const auto& extensions = static_cast<const RestExtensions&>(message);
    if (extensions.has_parameters() && !CallsFunction(route)) {
      issues.Warning("parameters", "NoEffect", "has no effect: the route calls no function");
    }
    if (extensions.validate_input() && !CallsFunction(route)) {
      issues.Warning("validateInput", "NoEffect", "has no effect: the route calls no function");
    }
    // Of a route that calls nothing but one function all has been said and done by that.
    if (route.single_destination().has_function()) return;
    // A weighted function has said the same things.
    TransformPlainResponse(extensions, CallsFunction(route), out, filters, issues);
  }
};

class RestFilter final : public translator::FilterPlugin {
 public:
  std::vector<Filter> Filters() const override {
    return {{translator::FilterSlot::kTransformation, std::string(translator::kTransformation),
             translator::ModuleFilter(translator::kTransformation, ""), true}};
  }
};

}  // namespace

void AddRest(translator::Registry& registry) {
  registry.Add(std::unique_ptr<translator::FunctionPlugin>(std::make_unique<RestFunctions>()));
  registry.Add(std::unique_ptr<translator::RoutePlugin>(std::make_unique<RestRoutes>()));
  registry.Add(std::unique_ptr<translator::FilterPlugin>(std::make_unique<RestFilter>()));
}

}  // namespace gloo::plugins
