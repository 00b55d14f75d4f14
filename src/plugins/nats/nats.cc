#include "plugins/nats/nats.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "envoy/extensions/upstreams/http/dynamic_modules/v3/dynamic_modules.pb.h"
#include "plugins/rest_call.h"
#include "src/plugins/nats/nats.pb.h"
#include "template/nats.h"
#include "template/nkey.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"
#include "translator/upstream_build.h"

namespace gloo::plugins {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using translator::Cat;
using translator::FunctionCall;
using translator::Inputs;
using translator::JsonQuote;

constexpr uint32_t kPort = 4222;
constexpr uint32_t kMaxPayload = 1 << 20;
constexpr uint32_t kMostMaxPayload = 8 << 20;
constexpr int64_t kTimeoutSeconds = 5;
// Listeners end a stream that has been silent for longer.
constexpr int64_t kMostTimeoutSeconds = 300;
constexpr char kModuleFilter[] = "envoy.extensions.filters.http.dynamic_modules";
// The bridge, and the filter that tells it of connections.
constexpr char kBridge[] = "gloo.nats";
// The module reads the credentials under these names.
constexpr char kUserHeader[] = "x-gloo-nats-user";
constexpr char kPasswordHeader[] = "x-gloo-nats-password";
constexpr char kTokenHeader[] = "x-gloo-nats-token";
constexpr char kJwtHeader[] = "x-gloo-nats-jwt";
constexpr char kSeedHeader[] = "x-gloo-nats-seed";

// ---- upstreams

void SetHosts(const NatsSpec& spec, Cluster* cluster, ClusterLoadAssignment* endpoints, translator::TlsHosts* tls,
              Issues& issues) {
  if (spec.hosts_size() == 0) issues.Error("hosts", "Required", "needs at least one host");
  ClusterLoadAssignment assignment;
  std::set<std::pair<std::string, uint32_t>> seen;
  std::set<std::string> names;
  auto* locality = assignment.add_endpoints();
  for (int i = 0; i < spec.hosts_size(); ++i) {
    const NatsHost& host = spec.hosts(i);
    IssuePath path(issues, "hosts", static_cast<size_t>(i));
    const uint32_t port = host.port() == 0 ? kPort : host.port();
    const std::string ip = translator::HostIp(host.addr());
    std::string address = ip;
    if (ip.empty()) {
      std::string error;
      if (host.addr().empty()) {
        issues.Error("addr", "Required", "needs an IP address or a DNS name");
      } else if (!translator::NormalizeDomain(host.addr(), &address, &error)) {
        issues.Error("addr", "BadAddress", error);
      } else if (address.front() == '*') {
        issues.Error("addr", "BadAddress", Cat(JsonQuote(host.addr()), " is neither an IP address nor a DNS name"));
      }
      names.insert(address);
    }
    if (port > 65535) issues.Error("port", "BadPort", Cat(port, " is no port; 1 to 65535 are"));
    if (!seen.emplace(address, port).second) {
      issues.Error("", "DuplicateHost", Cat(address, " with port ", port, " is there before"));
    }
    auto* endpoint = locality->add_lb_endpoints()->mutable_endpoint();
    endpoint->mutable_address()->mutable_socket_address()->set_address(address);
    endpoint->mutable_address()->mutable_socket_address()->set_port_value(port);
    if (ip.empty()) endpoint->set_hostname(address);
    tls->all_named = ip.empty() && (i == 0 || tls->all_named);
  }
  if (names.size() == 1 && spec.hosts_size() == 1) tls->only_name = *names.begin();
  if (names.empty()) {
    cluster->set_type(Cluster::EDS);
    *endpoints = std::move(assignment);
  } else {
    *cluster->mutable_load_assignment() = std::move(assignment);
    translator::SetDns(/*ipv6=*/true, nullptr, cluster, issues);
  }
}

struct Credentials {
  std::string_view auth;  // in the bridge's words
  // Keys of the secret, and the headers that the bridge reads.
  std::map<std::string, std::string> headers;
};
constexpr std::string_view kWantedKeys = "user and password, or token, or seed, or jwt and seed";

// By the keys that a secret has. Null: not one way of the four.
std::optional<Credentials> CredentialsOf(const model::NamedData& secret) {
  std::set<std::string> keys;
  for (const char* key : {"user", "password", "token", "seed", "jwt"}) {
    if (secret.data.contains(key)) keys.insert(key);
  }
  if (keys == std::set<std::string>{"user", "password"}) {
    return Credentials{"user", {{"user", kUserHeader}, {"password", kPasswordHeader}}};
  }
  if (keys == std::set<std::string>{"token"}) return Credentials{"token", {{"token", kTokenHeader}}};
  if (keys == std::set<std::string>{"seed"}) return Credentials{"nkey", {{"seed", kSeedHeader}}};
  if (keys == std::set<std::string>{"jwt", "seed"}) {
    return Credentials{"jwt", {{"jwt", kJwtHeader}, {"seed", kSeedHeader}}};
  }
  return std::nullopt;
}

bool IsGoodSeed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  std::string seed;
  return tmpl::ReadUserSeed(text, &seed);
}

// What the servers know Gloo by reaches Envoy by SDS, and the bridge as headers that no request can bring along: the
// bridge reads only those of its `auth`, and the cluster writes them over. Nothing: it is not there yet.
std::optional<std::string> SetCredentials(const NatsSpec& spec, Inputs& inputs, Cluster* cluster, Issues& issues) {
  if (spec.secret_ref().empty()) return "none";
  constexpr std::string_view kField = "secretRef";
  const std::string name = JsonQuote(spec.secret_ref());
  const model::NamedDataPtr secret = inputs.Secret(spec.secret_ref(), kField, issues);
  if (secret == nullptr) {
    issues.Warning(kField, "SecretNotFound",
                   Cat("there is no secret ", name, " that is good; the upstream is not served until there is"));
    return std::nullopt;
  }
  const std::optional<Credentials> credentials = CredentialsOf(*secret);
  if (!credentials.has_value()) {
    issues.Warning(kField, "KeyNotFound",
                   Cat("secret ", name, " must have the keys ", kWantedKeys,
                       ", and none of the others; the upstream is not ", "served until it has"));
    return std::nullopt;
  }
  if (secret->data.contains("seed") && !IsGoodSeed(secret->data.at("seed"))) {
    issues.Warning(kField, "BadSeed",
                   Cat("the seed of secret ", name,
                       " is none of a NATS user (\"SU...\"); the upstream is not served until it is"));
    return std::nullopt;
  }
  // A server that keeps its passwords hashed takes a tenth of a second to check one: it is told once a connection.
  translator::AddUpstreamFilter(kModuleFilter, translator::ModuleFilter(kBridge, ""), cluster);
  for (const auto& [key, header] : credentials->headers) {
    const std::string resource = inputs.TextResource(spec.secret_ref(), key, "", kField, issues);
    if (resource.empty()) return std::nullopt;
    translator::AddCredential(header, resource, cluster);
  }
  return std::string(credentials->auth);
}

void SetBridge(const NatsSpec& spec, std::string_view auth, Cluster* cluster) {
  const std::string inbox = spec.inbox_prefix().empty() ? "_INBOX" : spec.inbox_prefix();
  const uint32_t most = spec.max_payload_bytes() == 0 ? kMaxPayload : spec.max_payload_bytes();
  const bool tls = spec.has_tls() && (!spec.tls().has_enabled() || spec.tls().enabled());
  google::protobuf::StringValue config;
  config.set_value(Cat("{\"auth\":", JsonQuote(auth), ",\"inbox\":", JsonQuote(inbox), ",\"max_payload\":\"", most,
                       "\",\"tls\":", tls ? "true" : "false", "}"));
  envoy::extensions::upstreams::http::dynamic_modules::v3::Config bridge;
  bridge.mutable_dynamic_module_config()->set_name(std::string(translator::kModuleName));
  bridge.mutable_dynamic_module_config()->set_do_not_close(true);
  bridge.set_bridge_name(kBridge);
  *bridge.mutable_bridge_config() = translator::Pack(config);
  cluster->mutable_upstream_config()->set_name("envoy.upstreams.http.dynamic_modules");
  *cluster->mutable_upstream_config()->mutable_typed_config() = translator::Pack(bridge);
}

class NatsUpstreams final : public translator::UpstreamPlugin {
 public:
  std::string_view type() const override { return "nats"; }
  const google::protobuf::Descriptor* spec() const override { return NatsSpec::descriptor(); }

  bool Translate(const model::Object&, const google::protobuf::Message& message, Inputs& inputs, Cluster* cluster,
                 ClusterLoadAssignment* endpoints, Issues& issues) const override {
    const auto& spec = static_cast<const NatsSpec&>(message);
    translator::TlsHosts hosts;
    SetHosts(spec, cluster, endpoints, &hosts, issues);
    if (!spec.inbox_prefix().empty()) {
      std::string mistake = tmpl::NatsSubjectMistake(spec.inbox_prefix());
      if (mistake.empty() && spec.inbox_prefix().size() > 256) mistake = "has more than 256 bytes";
      if (!mistake.empty())
        issues.Error("inboxPrefix", "BadSubject", Cat(JsonQuote(spec.inbox_prefix()), " ", mistake));
    }
    if (spec.max_payload_bytes() > kMostMaxPayload) {
      issues.Error("maxPayloadBytes", "TooLarge", Cat("must be at most ", kMostMaxPayload));
    }
    if (!issues.ok()) return false;
    const std::optional<std::string> auth = SetCredentials(spec, inputs, cluster, issues);
    if (!auth.has_value()) return false;
    SetBridge(spec, *auth, cluster);
    if (!spec.has_tls()) return true;
    IssuePath path(issues, "tls");
    return translator::SetTls(spec.tls(), hosts, inputs, cluster, issues);
  }
};

// ---- functions

std::optional<tmpl::NatsMode> ModeOf(const NatsFunction& function) {
  const std::string mode = translator::Lower(function.mode());
  if (mode.empty() || mode == "publish") return tmpl::NatsMode::kPublish;
  if (mode == "jetstream") return tmpl::NatsMode::kJetStream;
  if (mode == "request") return tmpl::NatsMode::kRequest;
  return std::nullopt;
}

bool HasTemplate(std::string_view text) {
  return text.find("{{") != std::string_view::npos || text.find("{%") != std::string_view::npos ||
         text.find("{#") != std::string_view::npos;
}

// What can be seen before a request comes: each value counts as good, and statements as anything.
std::string SubjectMistake(std::string_view subject) {
  if (subject.find("{%") != std::string_view::npos || subject.find("{#") != std::string_view::npos) return "";
  std::string shown;
  while (!subject.empty()) {
    const size_t begin = subject.find("{{");
    shown.append(subject.substr(0, begin));
    if (begin == std::string_view::npos) break;
    const size_t end = subject.find("}}", begin);
    // The compiler of templates says what is wrong.
    if (end == std::string_view::npos) return "";
    shown.push_back('x');
    subject.remove_prefix(end + 2);
  }
  return tmpl::NatsSubjectMistake(shown);
}

// Sorted by name, so that equal functions are equal to Envoy.
std::map<std::string, std::string> HeadersOf(const NatsFunction& function) {
  return {function.headers().begin(), function.headers().end()};
}

// The request that the bridge reads the message from; `call` is the value of the call header.
RestFunction RequestOf(const NatsFunction& function, std::string* call) {
  tmpl::NatsCall message;
  message.mode = ModeOf(function).value_or(tmpl::NatsMode::kPublish);
  message.system_subject = tmpl::IsNatsSystemSubject(function.subject());
  RestFunction request;
  (*request.mutable_headers())[std::string(tmpl::kNatsSubjectHeader)] = function.subject();
  for (const auto& [name, text] : HeadersOf(function)) {
    (*request.mutable_headers())[tmpl::NatsValueHeader(message.headers.size())] = text;
    message.headers.push_back(name);
  }
  for (const std::string& name : function.forward_headers()) message.forward.push_back(translator::Lower(name));
  if (function.has_body()) request.set_body(function.body());
  if (function.has_parameters()) *request.mutable_parameters() = function.parameters();
  *call = tmpl::ToText(message);
  return request;
}

void CheckHeaders(const NatsFunction& function, Issues& issues) {
  if (static_cast<size_t>(function.headers_size()) > tmpl::kMostNatsHeaders) {
    issues.Error("headers", "TooMany", Cat("must be at most ", tmpl::kMostNatsHeaders));
  }
  std::set<std::string> seen;
  for (const auto& [name, text] : HeadersOf(function)) {
    const std::string field = Cat("headers[", JsonQuote(name), "]");
    if (!tmpl::IsNatsHeaderName(name)) {
      issues.Error(field, "BadHeaderName",
                   Cat(JsonQuote(name), " is no header name; letters, digits and any of -_.!#$%&'*+^`|~ are possible"));
    } else if (!seen.insert(translator::Lower(name)).second) {
      issues.Error(field, "Contradiction", "is there before in another spelling; write one of them");
    }
  }
  if (static_cast<size_t>(function.forward_headers_size()) > tmpl::kMostNatsHeaders) {
    issues.Error("forwardHeaders", "TooMany", Cat("must be at most ", tmpl::kMostNatsHeaders));
  }
  for (int i = 0; i < function.forward_headers_size(); ++i) {
    const std::string field = Cat("forwardHeaders[", i, "]");
    const std::string& written = function.forward_headers(i);
    const std::string name = translator::HeaderName(written, translator::HeaderUse::kMatch, field, issues);
    if (!name.empty() && !tmpl::IsNatsHeaderName(name)) {
      issues.Error(field, "BadHeaderName", Cat(JsonQuote(written), " cannot be a header of a message"));
    }
  }
}

// The texts as REST functions have them checked, and what is wrong at the fields that were written.
void CheckTexts(const NatsFunction& function, Issues& issues) {
  std::string call;
  const RestFunction request = RequestOf(function, &call);
  std::map<std::string, std::string> fields{{Cat("headers[\"", tmpl::kNatsSubjectHeader, "\"]"), "subject"}};
  size_t index = 0;
  for (const auto& [name, text] : HeadersOf(function)) {
    fields[Cat("headers[\"", tmpl::NatsValueHeader(index++), "\"]")] = Cat("headers[", JsonQuote(name), "]");
  }
  Issues said(issues.path());
  CheckRestFunction(request, said);
  for (Issue issue : said.items()) {
    for (const auto& [made, written] : fields) {
      const size_t at = issue.path.rfind(made);
      if (at == std::string::npos) continue;
      issue.path.replace(at, made.size(), written);
      break;
    }
    issues.Add(std::move(issue));
  }
}

// False: it is of another type.
bool Read(const v1::Function& written, NatsFunction* function) {
  if (written.has_spec() && !written.spec().UnpackTo(function)) return false;
  return true;
}

class NatsFunctions final : public translator::FunctionPlugin {
 public:
  std::string_view type() const override { return "nats"; }
  const google::protobuf::Descriptor* function_spec() const override { return NatsFunction::descriptor(); }
  // Its name is the subject.
  bool any_function() const override { return true; }
  bool calls_upstream() const override { return true; }
  bool SetsPath(const FunctionCall&) const override { return true; }

  void Check(const FunctionCall& call, Issues& issues) const override {
    NatsFunction function;
    if (call.function == nullptr || !Read(*call.function, &function)) {
      issues.Error("", "BadSpec", "is not of a NATS function");
      return;
    }
    if (function.subject().empty()) {
      if (!TakeName(call.name, &function, "subject", issues)) return;
    } else if (const std::string mistake = SubjectMistake(function.subject()); !mistake.empty()) {
      issues.Error("subject", "BadSubject", Cat(JsonQuote(function.subject()), " ", mistake));
    }
    if (!ModeOf(function).has_value()) {
      issues.Error("mode", "UnknownMode",
                   Cat(JsonQuote(function.mode()), " is none of publish, jetstream and request"));
    }
    const auto& timeout = function.timeout();
    if (function.has_timeout() &&
        (timeout.seconds() < 0 || timeout.nanos() < 0 || (timeout.seconds() == 0 && timeout.nanos() < 1'000'000) ||
         timeout.seconds() > kMostTimeoutSeconds)) {
      issues.Error("timeout", "BadDuration", Cat("must be from 1ms to ", kMostTimeoutSeconds, "s"));
    }
    CheckHeaders(function, issues);
    CheckTexts(function, issues);
  }

  void Call(const FunctionCall& call, const v1::Route& route, envoy::config::route::v3::Route* out,
            translator::FilterConfigs* filters, Issues& issues) const override {
    NatsFunction function;
    if (call.function != nullptr && !Read(*call.function, &function)) return;
    if (function.subject().empty() && !TakeName(call.name, &function, "", issues)) return;
    std::string header;
    const RestFunction request = RequestOf(function, &header);
    CallRestFunction(request, call.name, header, route, out, filters, issues);
    // Of several functions the longest counts: a route has one.
    google::protobuf::Duration timeout = function.timeout();
    if (!function.has_timeout()) timeout.set_seconds(kTimeoutSeconds);
    auto* longest = out->mutable_route()->mutable_timeout();
    if (std::pair(longest->seconds(), longest->nanos()) < std::pair(timeout.seconds(), timeout.nanos())) {
      *longest = timeout;
    }
  }

  void CallUpstream(const model::Object& upstream, translator::Service*, const v1::Route&,
                    envoy::config::route::v3::Route*, translator::FilterConfigs*, Issues& issues) const override {
    issues.Error("", "FunctionRequired",
                 Cat("upstream ", JsonQuote(upstream.key.name),
                     " is of type nats, to which requests go by a function: write function, with the subject as "
                     "functionName"));
  }

 private:
  // The name of a function is a subject as it stands.
  static bool TakeName(std::string_view name, NatsFunction* function, std::string_view field, Issues& issues) {
    std::string mistake = tmpl::NatsSubjectMistake(name);
    if (mistake.empty() && HasTemplate(name)) mistake = "is a template; list the function, with a subject";
    if (!mistake.empty()) {
      issues.Error(field, "BadSubject", Cat("the function's name ", JsonQuote(name), " is no subject: it ", mistake));
      return false;
    }
    function->set_subject(std::string(name));
    return true;
  }
};

}  // namespace

void AddNats(translator::Registry& registry) {
  registry.Add(std::unique_ptr<translator::UpstreamPlugin>(std::make_unique<NatsUpstreams>()));
  registry.Add(std::unique_ptr<translator::FunctionPlugin>(std::make_unique<NatsFunctions>()));
}

}  // namespace gloo::plugins
