#include "plugins/azure/azure.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "plugins/rest_call.h"
#include "src/plugins/azure/azure.pb.h"
#include "translator/names.h"
#include "translator/text.h"
#include "translator/upstream_build.h"

namespace gloo::plugins {
namespace {

using envoy::config::cluster::v3::Cluster;
using translator::Cat;
using translator::FunctionCall;
using translator::Inputs;
using translator::JsonQuote;

constexpr char kKeyHeader[] = "x-functions-key";
constexpr char kMasterKey[] = "_master";
constexpr size_t kLongestApp = 60;
constexpr size_t kLongestFunction = 127;

enum class Level { kAnonymous, kFunction, kAdmin, kUnknown };

Level LevelOf(const AzureFunction& function) {
  const std::string level = translator::Lower(function.auth_level());
  if (level.empty() || level == "function") return Level::kFunction;
  if (level == "anonymous") return Level::kAnonymous;
  return level == "admin" ? Level::kAdmin : Level::kUnknown;
}

// False: it is of another type.
bool Read(const v1::Function& written, AzureFunction* function) {
  if (written.has_spec() && !written.spec().UnpackTo(function)) return false;
  if (function->function_name().empty()) function->set_function_name(written.name());
  return true;
}

bool IsGood(const AzureFunction& function) {
  return LevelOf(function) != Level::kUnknown &&
         translator::IsNameOf(function.function_name(), 1, kLongestFunction, "-_");
}

std::string HostOf(const AzureSpec& spec, Issues& issues) {
  if (!translator::IsNameOf(spec.function_app_name(), 1, kLongestApp, "-")) {
    issues.Error("functionAppName", "BadName",
                 Cat(JsonQuote(spec.function_app_name()), " is no name of a function app: letters, digits and \"-\", ",
                     kLongestApp, " at most"));
  }
  if (!spec.slot().empty() && !translator::IsNameOf(spec.slot(), 1, kLongestApp, "-")) {
    issues.Error("slot", "BadName", Cat(JsonQuote(spec.slot()), " is no name of a slot: letters, digits and \"-\""));
  }
  if (spec.host().empty()) {
    const bool production = spec.slot().empty() || translator::Lower(spec.slot()) == "production";
    return translator::Lower(
        Cat(spec.function_app_name(), production ? "" : "-", production ? "" : spec.slot(), ".azurewebsites.net"));
  }
  if (!spec.slot().empty()) {
    issues.Error("slot", "Contradiction", "there is a host too, which says all; write one of them");
  }
  if (!translator::HostIp(spec.host()).empty()) return spec.host();
  std::string domain;
  std::string error;
  if (!translator::NormalizeDomain(spec.host(), &domain, &error)) {
    issues.Error("host", "BadAddress", error);
  } else if (domain.front() == '*') {
    issues.Error("host", "BadAddress", Cat(JsonQuote(spec.host()), " is neither an IP address nor a DNS name"));
  }
  return domain;
}

uint32_t PortOf(const AzureSpec& spec) { return spec.port() == 0 ? 443 : spec.port(); }

// The keys that the functions are called with, by the names of functions. What is missing is a warning at the function:
// the others go on.
std::map<std::string, std::string> Keys(const v1::UpstreamSpec& upstream, const AzureSpec& spec, Inputs& inputs,
                                        Issues& issues) {
  std::map<std::string, std::string> keys;
  const bool needed = std::any_of(upstream.functions().begin(), upstream.functions().end(), [](const auto& written) {
    AzureFunction function;
    return Read(written, &function) && IsGood(function) && LevelOf(function) != Level::kAnonymous;
  });
  if (!needed) return keys;
  constexpr std::string_view kEffect = "functions that need a key are called without one, which Azure answers 401";
  if (spec.secret_ref().empty()) {
    issues.Warning("secretRef", "SecretNotFound",
                   Cat("names no secret; ", kEffect, "; name one, or write authLevel: anonymous"));
    return keys;
  }
  const model::NamedDataPtr secret = inputs.Secret(spec.secret_ref(), "secretRef", issues);
  if (secret == nullptr) {
    issues.Warning("secretRef", "SecretNotFound",
                   Cat("there is no secret ", JsonQuote(spec.secret_ref()), " that is good; ", kEffect));
    return keys;
  }
  for (int i = 0; i < upstream.functions_size(); ++i) {
    AzureFunction function;
    if (!Read(upstream.functions(i), &function) || !IsGood(function)) continue;
    const Level level = LevelOf(function);
    if (level == Level::kAnonymous) continue;
    const bool own = level == Level::kFunction && secret->data.contains(function.function_name());
    const std::string key = own ? function.function_name() : kMasterKey;
    Issues said;
    const std::string resource =
        secret->data.contains(key) ? inputs.TextResource(spec.secret_ref(), key, "", "secretRef", said) : std::string();
    if (!resource.empty()) {
      keys[function.function_name()] = resource;
      continue;
    }
    std::string wanted = level == Level::kFunction ? Cat(JsonQuote(function.function_name()), " or ") : "";
    Issues at(Cat("spec.functions[", i, "].spec"));
    at.Warning("authLevel", "KeyNotFound",
               Cat("secret ", JsonQuote(spec.secret_ref()), " has no key ", wanted, JsonQuote(kMasterKey),
                   " of one line; the function is called without a key, which Azure answers 401"));
    issues.Merge(at);
  }
  return keys;
}

class AzureUpstreams final : public translator::UpstreamPlugin {
 public:
  std::string_view type() const override { return "azure"; }
  const google::protobuf::Descriptor* spec() const override { return AzureSpec::descriptor(); }

  bool Translate(const model::Object& upstream, const google::protobuf::Message& message, Inputs& inputs,
                 Cluster* cluster, envoy::config::endpoint::v3::ClusterLoadAssignment*, Issues& issues) const override {
    const auto& spec = static_cast<const AzureSpec&>(message);
    const std::string host = HostOf(spec, issues);
    if (spec.port() > 65535) issues.Error("port", "BadPort", Cat(spec.port(), " is no port; 1 to 65535 are"));
    if (!issues.ok()) return false;
    translator::SetHost(host, PortOf(spec), cluster, issues);
    // What is not called as a function has a mark of no key, and no key.
    translator::AddCallCredentials(kKeyHeader, Keys(upstream.upstream(), spec, inputs, issues), cluster);
    translator::TlsHosts hosts;
    hosts.all_named = translator::HostIp(host).empty();
    if (hosts.all_named) hosts.only_name = host;
    IssuePath path(issues, "tls");
    return translator::SetTls(spec.tls(), hosts, inputs, cluster, issues);
  }
};

class AzureFunctions final : public translator::FunctionPlugin {
 public:
  std::string_view type() const override { return "azure"; }
  const google::protobuf::Descriptor* function_spec() const override { return AzureFunction::descriptor(); }
  bool reads_upstream_spec() const override { return true; }
  bool SetsPath(const FunctionCall&) const override { return true; }

  void Check(const FunctionCall& call, Issues& issues) const override {
    AzureFunction function;
    if (call.function == nullptr || !Read(*call.function, &function)) {
      issues.Error("", "BadSpec", "is not of an Azure function");
      return;
    }
    if (!translator::IsNameOf(function.function_name(), 1, kLongestFunction, "-_")) {
      issues.Error(
          "functionName", "BadName",
          Cat(JsonQuote(function.function_name()),
              " is no name of an Azure function: letters, digits, \"-\" and \"_\", ", kLongestFunction, " at most"));
    }
    if (LevelOf(function) == Level::kUnknown) {
      issues.Error("authLevel", "UnknownAuthLevel",
                   Cat(JsonQuote(function.auth_level()), " is none of anonymous, function and admin"));
    }
    if (function.route().find_first_of("?#{} ") != std::string::npos ||
        (!function.route().empty() && function.route().front() == '/')) {
      issues.Error("route", "BadPath",
                   Cat(JsonQuote(function.route()), " must be a path behind \"/api/\", without \"{\", \"?\" or \"#\""));
    }
  }

  void Call(const FunctionCall& call, const v1::Route& route, envoy::config::route::v3::Route* out,
            translator::FilterConfigs* filters, Issues& issues) const override {
    AzureFunction function;
    AzureSpec spec;
    if (call.function == nullptr || !Read(*call.function, &function)) return;
    if (!call.upstream.upstream().spec().UnpackTo(&spec)) return;
    Issues said;
    const std::string host = HostOf(spec, said);
    RestFunction request;
    request.set_path(
        PathWithQuery(Cat("/api/", function.route().empty() ? function.function_name() : function.route())));
    (*request.mutable_headers())["host"] = PortOf(spec) == 443 ? host : Cat(host, ":", PortOf(spec));
    // Keys are Gloo's to give: a client's own does not count.
    request.add_remove_headers(kKeyHeader);
    (*request.mutable_query())["code"] = "";
    CallRestFunction(request, call.name, LevelOf(function) == Level::kAnonymous ? "" : function.function_name(), route,
                     out, filters, issues);
  }
};

}  // namespace

void AddAzure(translator::Registry& registry) {
  registry.Add(std::unique_ptr<translator::UpstreamPlugin>(std::make_unique<AzureUpstreams>()));
  registry.Add(std::unique_ptr<translator::FunctionPlugin>(std::make_unique<AzureFunctions>()));
}

}  // namespace gloo::plugins
