#include "plugins/webhook/webhook.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <string_view>

#include "plugins/rest_call.h"
#include "src/plugins/webhook/webhook.pb.h"
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

constexpr char kTokenKey[] = "token";
constexpr char kDefaultHeader[] = "authorization";

uint32_t PortOf(const WebhookSpec& spec) { return spec.port() == 0 ? 443 : spec.port(); }

std::string HeaderOf(const WebhookSpec& spec) {
  return spec.token_header().empty() ? kDefaultHeader : translator::Lower(spec.token_header());
}

// In its one spelling; an error where it is neither a name nor an address.
std::string HostOf(const WebhookSpec& spec, Issues& issues) {
  const std::string ip = translator::HostIp(spec.host());
  if (!ip.empty()) return ip;
  std::string name;
  std::string error;
  if (!translator::NormalizeDomain(spec.host(), &name, &error) || name.front() == '*') {
    issues.Error("host", "BadAddress", Cat(JsonQuote(spec.host()), " is neither an IP address nor a DNS name"));
  }
  return name;
}

void CheckHeader(std::string_view name, Issues& issues) {
  const bool good =
      std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
  if (good && name != "host") return;
  issues.Error(
      "tokenHeader", "BadHeader",
      Cat(JsonQuote(name), " cannot carry a token; write a name of letters, digits and \"-\", but not \"host\""));
}

class WebhookUpstreams final : public translator::UpstreamPlugin {
 public:
  std::string_view type() const override { return "webhook"; }
  const google::protobuf::Descriptor* spec() const override { return WebhookSpec::descriptor(); }

  bool Translate(const model::Object&, const google::protobuf::Message& message, Inputs& inputs, Cluster* cluster,
                 envoy::config::endpoint::v3::ClusterLoadAssignment*, Issues& issues) const override {
    const auto& spec = static_cast<const WebhookSpec&>(message);
    const std::string host = HostOf(spec, issues);
    const std::string header = HeaderOf(spec);
    if (spec.port() > 65535) issues.Error("port", "BadPort", Cat(spec.port(), " is no port; 1 to 65535 are"));
    CheckHeader(header, issues);
    if (!issues.ok()) return false;

    translator::SetHost(host, PortOf(spec), cluster, issues);
    // Without its token no hook may be called: the upstream waits for the secret, after a warning.
    const std::string_view before_token = header == kDefaultHeader ? "Bearer " : "";
    const std::string token = inputs.TextResource(spec.secret_ref(), kTokenKey, before_token, "secretRef", issues);
    if (token.empty()) return false;
    translator::AddCredential(header, token, cluster);

    translator::TlsHosts hosts;
    hosts.all_named = translator::HostIp(host).empty();
    if (hosts.all_named) hosts.only_name = host;
    IssuePath path(issues, "tls");
    return translator::SetTls(spec.tls(), hosts, inputs, cluster, issues);
  }
};

// False: it is of another type.
bool Read(const v1::Function& written, WebhookFunction* function) {
  if (written.has_spec() && !written.spec().UnpackTo(function)) return false;
  if (function->path().empty()) function->set_path(Cat("/", written.name()));
  return true;
}

class WebhookFunctions final : public translator::FunctionPlugin {
 public:
  std::string_view type() const override { return "webhook"; }
  const google::protobuf::Descriptor* function_spec() const override { return WebhookFunction::descriptor(); }
  // The host, for a header.
  bool reads_upstream_spec() const override { return true; }
  bool SetsPath(const FunctionCall&) const override { return true; }

  void Check(const FunctionCall& call, Issues& issues) const override {
    WebhookFunction function;
    if (call.function == nullptr || !Read(*call.function, &function)) {
      issues.Error("", "BadSpec", "is not of a webhook");
      return;
    }
    if (function.path().front() != '/' || function.path().find_first_of("?#{} ") != std::string::npos) {
      issues.Error("path", "BadPath",
                   Cat(JsonQuote(function.path()),
                       " is no path of a hook: it must start with \"/\" and be without \"?\", "
                       "\"#\", \"{\", \"}\" and blanks"));
    }
  }

  void Call(const FunctionCall& call, const v1::Route& route, envoy::config::route::v3::Route* out,
            translator::FilterConfigs* filters, Issues& issues) const override {
    WebhookFunction function;
    WebhookSpec spec;
    if (call.function == nullptr || !Read(*call.function, &function)) return;
    if (!call.upstream.upstream().spec().UnpackTo(&spec)) return;
    Issues said;
    const std::string host = HostOf(spec, said);
    RestFunction request;
    request.set_method("POST");
    request.set_path(PathWithQuery(function.path()));
    (*request.mutable_headers())["host"] = PortOf(spec) == 443 ? host : Cat(host, ":", PortOf(spec));
    CallRestFunction(request, call.name, /*call_key=*/"", route, out, filters, issues);
  }
};

}  // namespace

void AddWebhook(translator::Registry& registry) {
  registry.Add(std::unique_ptr<translator::UpstreamPlugin>(std::make_unique<WebhookUpstreams>()));
  registry.Add(std::unique_ptr<translator::FunctionPlugin>(std::make_unique<WebhookFunctions>()));
}

}  // namespace gloo::plugins
