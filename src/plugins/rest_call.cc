#include "plugins/rest_call.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "plugins/rest_input.h"
#include "plugins/rest_transformation_config.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::plugins {
namespace {

using translator::Cat;
using translator::FilterConfigs;

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

void AddConfig(const tmpl::TransformationConfig& config, envoy::config::route::v3::Route* out, FilterConfigs* filters) {
  if (!config.request && !config.response) return;
  // A function's configuration is there before the route's own.
  filters->emplace(std::string(translator::kTransformation),
                   translator::ModulePerRoute(translator::kTransformation, tmpl::ToJson(config)));
  size_t limit = config.max_body_bytes;
  if (limit <= kConnectionLimit) return;
  auto* held = out->mutable_request_body_buffer_limit();
  held->set_value(std::max<uint64_t>(held->value(), limit));
}

}  // namespace

std::string PathWithQuery(std::string_view path) {
  return Cat(path, R"({{ raw(substring(header(":path"), length(path))) }})");
}

bool WritesPath(const RestFunction& function) {
  return !function.path().empty() ||
         std::any_of(function.headers().begin(), function.headers().end(),
                     [](const auto& header) { return translator::Lower(header.first) == ":path"; });
}

void CheckRestFunction(const RestFunction& function, Issues& issues) {
  if (function.max_body_bytes() > kMostBodyBytes) {
    issues.Error("maxBodyBytes", "TooLarge", Cat("must be at most ", kMostBodyBytes));
  }
  TransformationBuilder builder(&function, nullptr, Place::Owner::kFunction, issues);
  builder.Compile(issues);
  CheckInputSchema(function, issues);
}

void CallRestFunction(const RestFunction& function, std::string_view name, std::string_view call_key,
                      const v1::Route& route, envoy::config::route::v3::Route* out, FilterConfigs* filters,
                      Issues& issues) {
  RestExtensions extensions;
  bool extended = ReadExtensions(route, &extensions);
  IssuePath path(issues, "extensions");
  TransformationBuilder builder(&function, extended ? &extensions : nullptr, Place::Owner::kRoute, issues);
  const std::unique_ptr<tmpl::Transformation> transformation = builder.Compile(issues);
  if (transformation != nullptr) WarnOfMissingInputs(name, function, route, *transformation, issues);
  tmpl::TransformationConfig config = builder.config();
  if (!call_key.empty()) {
    if (!config.request) config.request.emplace();
    config.request->headers.emplace_back(std::string(translator::kCallHeader), std::string(call_key));
  }
  AddConfig(config, out, filters);
}

void TransformPlainResponse(const RestExtensions& extensions, bool functions_have_spoken,
                            envoy::config::route::v3::Route* out, FilterConfigs* filters, Issues& issues) {
  Issues said(issues.path());
  TransformationBuilder builder(nullptr, &extensions, Place::Owner::kRoute, said);
  builder.Compile(said);
  for (const Issue& issue : said.items()) {
    bool known = functions_have_spoken && issue.reason == "NoResponseTemplate";
    if (!known) issues.Add(issue);
  }
  AddConfig(builder.config(), out, filters);
}

}  // namespace gloo::plugins
