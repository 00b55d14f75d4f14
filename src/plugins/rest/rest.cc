#include "plugins/rest/rest.h"

#include <algorithm>
#include <memory>

#include "plugins/rest/input.h"
#include "plugins/rest/transformation_config.h"
#include "src/plugins/rest/rest.pb.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::plugins {
namespace {

using translator::Cat;
using translator::FilterConfigs;
using translator::FunctionCall;

// Connections hold bodies of this size without being told (role_unit.cc); more is said by the route.
constexpr size_t kConnectionLimit = 1 << 20;
// A request may take nine times as much in Envoy's memory: the body, and its fields.
constexpr size_t kMostBodyBytes = 16 << 20;

bool ReadExtensions(const v1::Route& route, RestExtensions* extensions) {
  for (const google::protobuf::Any& any : route.extensions()) {
    if (any.Is<RestExtensions>()) return any.UnpackTo(extensions);
  }
  return false;
}

void AddConfig(const TransformationBuilder& builder, envoy::config::route::v3::Route* out, FilterConfigs* filters) {
  if (builder.empty()) return;
  // A function's configuration is there before the route's own.
  filters->emplace(std::string(translator::kTransformation),
                   translator::ModulePerRoute(translator::kTransformation, tmpl::ToJson(builder.config())));
  size_t limit = builder.config().max_body_bytes;
  if (limit <= kConnectionLimit) return;
  auto* held = out->mutable_request_body_buffer_limit();
  held->set_value(std::max<uint64_t>(held->value(), limit));
}

class RestFunctions final : public translator::FunctionPlugin {
 public:
  std::string_view type() const override { return "REST"; }
  const google::protobuf::Descriptor* function_spec() const override { return RestFunction::descriptor(); }

  bool SetsPath(const FunctionCall& call) const override {
    RestFunction function;
    if (!Read(call, &function)) return false;
    return !function.path().empty() ||
           std::any_of(function.headers().begin(), function.headers().end(),
                       [](const auto& header) { return translator::Lower(header.first) == ":path"; });
  }

  void Check(const FunctionCall& call, Issues& issues) const override {
    RestFunction function;
    if (!Read(call, &function)) {
      issues.Error("", "BadSpec", "is not of a REST function");
      return;
    }
    if (function.max_body_bytes() > kMostBodyBytes) {
      issues.Error("maxBodyBytes", "TooLarge", Cat("must be at most ", kMostBodyBytes));
    }
    TransformationBuilder builder(&function, nullptr, Place::Owner::kFunction, issues);
    builder.Compile(issues);
    CheckInputSchema(function, issues);
  }

  void Call(const FunctionCall& call, const v1::Route& route, envoy::config::route::v3::Route* out,
            FilterConfigs* filters, Issues& issues) const override {
    RestFunction function;
    RestExtensions extensions;
    if (!Read(call, &function)) return;
    bool extended = ReadExtensions(route, &extensions);
    IssuePath path(issues, "extensions");
    TransformationBuilder builder(&function, extended ? &extensions : nullptr, Place::Owner::kRoute, issues);
    const std::unique_ptr<tmpl::Transformation> transformation = builder.Compile(issues);
    if (transformation != nullptr) WarnOfMissingInputs(call.name, function, route, *transformation, issues);
    AddConfig(builder, out, filters);
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
    Issues said(issues.path());
    TransformationBuilder builder(nullptr, &extensions, Place::Owner::kRoute, said);
    builder.Compile(said);
    // A weighted function has said the same things.
    for (const Issue& issue : said.items()) {
      bool known = CallsFunction(route) && issue.reason == "NoResponseTemplate";
      if (!known) issues.Add(issue);
    }
    AddConfig(builder, out, filters);
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
