#include "plugins/google/google.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/suggest.h"
#include "base/url.h"
#include "envoy/extensions/filters/http/gcp_authn/v3/gcp_authn.pb.h"
#include "plugins/rest_call.h"
#include "src/plugins/google/google.pb.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"
#include "translator/upstream_build.h"

namespace gloo::plugins {
namespace {

namespace gcp_authn = envoy::extensions::filters::http::gcp_authn::v3;
using envoy::config::cluster::v3::Cluster;
using translator::Cat;
using translator::FunctionCall;
using translator::Inputs;
using translator::JsonQuote;

constexpr char kFilter[] = "envoy.filters.http.gcp_authn";

// Of functions of the first generation.
const std::vector<std::string>& Regions() {
  static const auto* const regions =
      new std::vector<std::string>{"asia-east1",         "asia-east2",      "asia-northeast1",
                                   "asia-northeast2",    "asia-northeast3", "asia-south1",
                                   "asia-southeast1",    "asia-southeast2", "australia-southeast1",
                                   "europe-central2",    "europe-west1",    "europe-west2",
                                   "europe-west3",       "europe-west6",    "northamerica-northeast1",
                                   "southamerica-east1", "us-central1",     "us-east1",
                                   "us-east4",           "us-west1",        "us-west2",
                                   "us-west3",           "us-west4"};
  return *regions;
}

bool IsLabel(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-'; });
}

bool IsPath(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("-_./~%").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

// As Gloo and Envoy write hosts; the path is "" for the root.
std::optional<Url> ParseFunctionUrl(std::string_view text) {
  std::optional<Url> url = ParseUrl(text);
  if (!url || !IsPath(url->target)) return std::nullopt;
  if (url->target == "/") url->target.clear();
  std::string error;
  std::string host = translator::HostIp(url->host);
  if (host.empty() && (!translator::NormalizeDomain(url->host, &host, &error) || host.front() == '*')) {
    return std::nullopt;
  }
  url->host = std::move(host);
  return url;
}

// The mark of calls that get the token of a service account key.
constexpr char kCall[] = "identity";

bool WantsMetadata(const GoogleSpec& spec) { return translator::Lower(spec.identity()) == "metadata"; }

// Where the upstream is; none after an error.
std::optional<Url> HostOf(const GoogleSpec& spec, Issues& issues) {
  if (!spec.url().empty()) {
    if (!spec.region().empty() || !spec.project_id().empty()) {
      issues.Error("url", "Contradiction", "there are region and projectId too; write them, or url");
      return std::nullopt;
    }
    std::optional<Url> url = ParseFunctionUrl(spec.url());
    if (!url || !url->target.empty()) {
      issues.Error("url", "BadUrl",
                   Cat(JsonQuote(spec.url()),
                       " must be as https://NAME-HASH.a.run.app is: a scheme and a host; paths "
                       "belong to the functions"));
      return std::nullopt;
    }
    return url;
  }
  if (!IsLabel(spec.region())) {
    issues.Error("region", spec.region().empty() ? "Required" : "BadName",
                 Cat(JsonQuote(spec.region()), " is no region; write one such as \"us-central1\", or url"));
  } else if (std::find(Regions().begin(), Regions().end(), spec.region()) == Regions().end()) {
    issues.Warning("region", "UnknownRegion",
                   Cat("no region ", JsonQuote(spec.region()), " is known to have functions of the first generation",
                       Suggestion(spec.region(), Regions())));
  }
  if (!IsLabel(spec.project_id())) {
    issues.Error("projectId", spec.project_id().empty() ? "Required" : "BadName",
                 Cat(JsonQuote(spec.project_id()), " is no id of a project: small letters, digits and \"-\""));
  }
  Url url;
  url.tls = true;
  url.port = 443;
  url.host = Cat(spec.region(), "-", spec.project_id(), ".cloudfunctions.net");
  if (!IsLabel(spec.region()) || !IsLabel(spec.project_id())) return std::nullopt;
  return url;
}

// The path of a function; empty: as it came. None after an error.
std::optional<std::string> PathOf(const GoogleSpec& spec, const v1::Function& written, Issues& issues) {
  GoogleFunction function;
  if (written.has_spec() && !written.spec().UnpackTo(&function)) {
    issues.Error("", "BadSpec", "is not of a Google function");
    return std::nullopt;
  }
  const int ways =
      (function.url().empty() ? 0 : 1) + (function.function_name().empty() ? 0 : 1) + (function.path().empty() ? 0 : 1);
  if (ways > 1) {
    issues.Error("", "Contradiction", "has two of url, functionName and path; write one of them");
    return std::nullopt;
  }
  if (!function.url().empty()) {
    Issues said;
    const std::optional<Url> host = HostOf(spec, said);
    const std::optional<Url> url = ParseFunctionUrl(function.url());
    if (!url) {
      issues.Error("url", "BadUrl", Cat(JsonQuote(function.url()), " is no URL of a function"));
      return std::nullopt;
    }
    if (host && host->origin() != url->origin()) {
      issues.Error("url", "HostMismatch",
                   Cat("is at ", url->origin(), ", the upstream at ", host->origin(),
                       "; a function of another host belongs to an upstream of its own"));
      return std::nullopt;
    }
    return url->target.empty() ? "/" : url->target;
  }
  if (!function.path().empty()) {
    if (function.path().front() != '/' || !IsPath(function.path())) {
      issues.Error("path", "BadPath", Cat(JsonQuote(function.path()), " must be a path that starts with \"/\""));
      return std::nullopt;
    }
    return function.path();
  }
  if (function.function_name().empty() && !spec.url().empty()) return "";
  const std::string& name = function.function_name().empty() ? written.name() : function.function_name();
  if (!IsPath(name) || name.find_first_of("/.%") != std::string::npos) {
    issues.Error("functionName", "BadName", Cat(JsonQuote(name), " is no name of a function"));
    return std::nullopt;
  }
  return Cat("/", name);
}

std::string Audience(const v1::UpstreamSpec& upstream, const GoogleSpec& spec, const Url& host, Issues& issues) {
  if (!spec.audience().empty()) {
    if (spec.audience().find_first_of(" &#?\"\\") != std::string::npos) {
      issues.Error("audience", "BadUrl", Cat(JsonQuote(spec.audience()), " cannot be an audience; write a URL"));
    }
    return spec.audience();
  }
  if (!spec.url().empty()) return host.origin();
  // Each function of the first generation is an audience of its own, and an upstream has one.
  if (upstream.functions_size() != 1) {
    issues.Error("audience", "Required",
                 "tokens for functions of the first generation are for one function each: write an audience, or an "
                 "upstream for each function");
    return "";
  }
  Issues said;
  return Cat(host.origin(), PathOf(spec, upstream.functions(0), said).value_or(""));
}

class GoogleUpstreams final : public translator::UpstreamPlugin {
 public:
  std::string_view type() const override { return "google"; }
  const google::protobuf::Descriptor* spec() const override { return GoogleSpec::descriptor(); }

  bool Translate(const model::Object& upstream, const google::protobuf::Message& message, Inputs& inputs,
                 Cluster* cluster, envoy::config::endpoint::v3::ClusterLoadAssignment*, Issues& issues) const override {
    const auto& spec = static_cast<const GoogleSpec&>(message);
    const size_t errors_before = issues.errors();
    const std::optional<Url> host = HostOf(spec, issues);
    const std::string identity = translator::Lower(spec.identity());
    if (!identity.empty() && identity != "none" && identity != "metadata") {
      issues.Error("identity", "UnknownIdentity", Cat(JsonQuote(spec.identity()), " is neither metadata nor none"));
    }
    if (!host || issues.errors() > errors_before) return false;
    if (!identity.empty() && !spec.secret_ref().empty()) {
      issues.Error("identity", "Contradiction", "there is a secretRef too; write one of them");
      return false;
    }
    translator::SetHost(host->host, host->port, cluster, issues);
    if (WantsMetadata(spec) || !spec.secret_ref().empty()) {
      gcp_authn::Audience audience;
      audience.set_url(Audience(upstream.upstream(), spec, *host, issues));
      if (issues.errors() > errors_before) return false;
      if (!host->tls) {
        issues.Warning("url", "TokenInClear", "tokens are sent in the clear; write https where others can listen");
      }
      if (!WantsMetadata(spec)) {
        std::map<std::string, std::string> tokens;
        std::string token = inputs.IdentityToken(spec.secret_ref(), audience.url(), "secretRef", issues);
        if (!token.empty()) tokens.emplace(kCall, std::move(token));
        translator::AddCallCredentials("authorization", tokens, cluster);
      } else if (inputs.GoogleMetadata("identity", issues)) {
        (*cluster->mutable_metadata()->mutable_typed_filter_metadata())[kFilter] = translator::Pack(audience);
      }
    }
    if (!host->tls) return true;
    translator::TlsHosts hosts;
    hosts.all_named = translator::HostIp(host->host).empty();
    if (hosts.all_named) hosts.only_name = host->host;
    IssuePath path(issues, "tls");
    return translator::SetTls(spec.tls(), hosts, inputs, cluster, issues);
  }
};

class GoogleFunctions final : public translator::FunctionPlugin {
 public:
  std::string_view type() const override { return "google"; }
  const google::protobuf::Descriptor* function_spec() const override { return GoogleFunction::descriptor(); }
  bool reads_upstream_spec() const override { return true; }

  bool SetsPath(const FunctionCall& call) const override {
    Issues said;
    return call.function != nullptr && !PathOf(SpecOf(call), *call.function, said).value_or("").empty();
  }

  void Check(const FunctionCall& call, Issues& issues) const override {
    if (call.function != nullptr) PathOf(SpecOf(call), *call.function, issues);
  }

  void Call(const FunctionCall& call, const v1::Route& route, envoy::config::route::v3::Route* out,
            translator::FilterConfigs* filters, Issues& issues) const override {
    if (call.function == nullptr) return;
    const GoogleSpec spec = SpecOf(call);
    Issues said;
    const std::optional<Url> host = HostOf(spec, said);
    const std::optional<std::string> path = PathOf(spec, *call.function, said);
    if (!host || !path) return;
    RestFunction request;
    if (!path->empty()) request.set_path(PathWithQuery(*path));
    (*request.mutable_headers())["host"] = host->authority();
    const bool by_key = !spec.secret_ref().empty();
    // Where no token comes, the client's own must not stand in for it.
    if (by_key || WantsMetadata(spec)) request.add_remove_headers("authorization");
    if (WantsMetadata(spec)) {
      envoy::config::route::v3::FilterConfig enabled;
      enabled.mutable_config();
      filters->emplace(kFilter, translator::Pack(enabled));
    }
    CallRestFunction(request, call.name, by_key ? kCall : "", route, out, filters, issues);
  }

 private:
  static GoogleSpec SpecOf(const FunctionCall& call) {
    GoogleSpec spec;
    call.upstream.upstream().spec().UnpackTo(&spec);
    return spec;
  }
};

class GoogleFilter final : public translator::FilterPlugin {
 public:
  std::vector<Filter> Filters() const override {
    gcp_authn::GcpAuthnFilterConfig config;
    config.set_cluster(std::string(translator::kGoogleMetadata));
    config.mutable_timeout()->set_seconds(5);
    config.mutable_cache_config()->mutable_cache_size()->set_value(1000);
    return {{translator::FilterSlot::kIdentity, kFilter, translator::Pack(config), true}};
  }
};

}  // namespace

void AddGoogle(translator::Registry& registry) {
  registry.Add(std::unique_ptr<translator::UpstreamPlugin>(std::make_unique<GoogleUpstreams>()));
  registry.Add(std::unique_ptr<translator::FunctionPlugin>(std::make_unique<GoogleFunctions>()));
  registry.Add(std::unique_ptr<translator::FilterPlugin>(std::make_unique<GoogleFilter>()));
}

}  // namespace gloo::plugins
