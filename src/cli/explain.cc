// glooctl explain: which virtual service, route and function take a request, and what is sent on; by the code of the
// control plane and of the filter, on what Envoys would be served.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "cli/applied.h"
#include "cli/config_set.h"
#include "cli/listener_rules.h"
#include "cli/rendering.h"
#include "cli/route_match.h"
#include "cli/verb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "google/protobuf/util/time_util.h"
#include "template/host.h"
#include "translator/names.h"

namespace gloo::cli {
namespace {

using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::WeightedCluster;
using HttpConnectionManager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using Resources = std::map<snapshot::ResourceRef, snapshot::ResourcePtr>;

// Of the routes before the one that matches, the last so many are told about.
constexpr size_t kShownMisses = 10;

struct Options {
  std::vector<std::string> files;
  std::string host;
  std::string path = "/";
  std::string method;
  std::vector<std::string> headers;
  std::string body;
  std::string role = std::string(translator::kDefaultRole);
  std::string listener;
  std::string secrets_dir;
  bool tls = false;
  bool all = false;
};

std::string Pad(std::string title) {
  title.resize(std::max<size_t>(title.size() + 1, 17), ' ');
  return title;
}

std::string Place(const ConfigSet& set, const ConfigSet::Entry& entry, const std::string& path) {
  if (entry.object == nullptr) return "";
  const model::Origin& origin = entry.object->origin;
  const std::string* text = set.Text(origin.location);
  if (text == nullptr) return "";
  return StrCat(" at ", origin.location, ":",
                path.empty() ? origin.line : model::Locate(*text, origin.document, path).line);
}

// Nothing of what a user wrote is lost: the first that cannot be read is told.
absl::StatusOr<Request> MakeRequest(const Options& options) {
  Request request;
  request.host = options.host;
  request.body = options.body;
  if (!request.body.empty() && request.body.front() == '@') {
    std::ifstream file(request.body.substr(1), std::ios::binary);
    if (!file) return absl::InvalidArgumentError(StrCat("cannot read ", request.body.substr(1)));
    request.body.assign(std::istreambuf_iterator<char>(file), {});
  }
  request.method = !options.method.empty() ? options.method : request.body.empty() ? "GET" : "POST";
  if (options.path.empty() || options.path.front() != '/') {
    return absl::InvalidArgumentError(StrCat("the path \"", options.path, "\" must start with \"/\""));
  }
  request.path = options.path;
  for (const std::string& header : options.headers) {
    const size_t colon = header.find(':');
    if (colon == std::string::npos || colon == 0) {
      return absl::InvalidArgumentError(StrCat("the header \"", header, "\" must be written NAME: VALUE"));
    }
    request.headers.emplace_back(absl::AsciiStrToLower(header.substr(0, colon)),
                                 std::string(absl::StripAsciiWhitespace(header.substr(colon + 1))));
  }
  if (!request.body.empty()) {
    if (!request.Header("content-type")) request.headers.emplace_back("content-type", "application/json");
    if (!request.Header("content-length")) request.headers.emplace_back("content-length", StrCat(request.body.size()));
  }
  return request;
}

template <typename Message>
bool Unpack(const snapshot::ResourcePtr& resource, Message* out) {
  return resource != nullptr && out->ParseFromString(resource->body);
}

std::vector<std::string> Listeners(const Resources& resources, bool tls) {
  std::vector<std::string> names;
  for (const auto& [ref, resource] : resources) {
    envoy::config::listener::v3::Listener listener;
    if (ref.type != snapshot::Type::kListener || ref.name == translator::kDomainTable) continue;
    if (!Unpack(resource, &listener)) continue;
    const bool has_tls = listener.filter_chains_size() > 0 && listener.filter_chains(0).has_transport_socket();
    if (has_tls == tls) names.push_back(ref.name);
  }
  return names;
}

// The domain of a listener that a host belongs to; empty where there is none.
std::string DomainFor(const Resources& resources, const std::string& listener, const std::string& host) {
  std::string found;
  const auto serves = [&](const std::string& domain) {
    if (!resources.contains({snapshot::Type::kScopedRoute, translator::ScopeName(listener, domain)})) return false;
    found = domain;
    return true;
  };
  if (!serves(host)) translator::VisitWildcards(host, serves);
  return found;
}

class Explanation {
 public:
  Explanation(const Context& context, const Options& options, const ConfigSet& set, const ConfigSet::Checked& checked,
              Request request)
      : context_(context), options_(options), set_(set), checked_(checked), request_(std::move(request)) {}

  int Run() {
    const std::string problem = FindListener();
    EarlyAnswer early;
    if (problem.empty()) early = Admit(Manager(), &request_);
    Line("request", StrCat(request_.method, " ", options_.tls ? "https" : "http", "://", request_.host, request_.path));
    if (problem.empty()) Line("listener", StrCat(listener_, " of role ", options_.role));
    if (early.status != 0 || !problem.empty()) {
      Line("answer", problem.empty() ? StrCat(early.status, ": ", early.text) : problem);
      return kFoundErrors;
    }
    return FindVirtualService() ? FindRoute() : kFoundErrors;
  }

 private:
  void Line(const std::string& title, const std::string& text) { context_.out << Pad(title) << text << "\n"; }

  // Empty, or the answer of an Envoy that has none.
  std::string FindListener() {
    const auto role = checked_.resources.find(options_.role);
    if (role == checked_.resources.end()) {
      std::string known;
      for (const auto& [name, resources] : checked_.resources) StrAppend(&known, known.empty() ? "" : ", ", name);
      return StrCat("500: there is no role \"", options_.role, "\"; known: ", known);
    }
    resources_ = &role->second;
    const std::vector<std::string> listeners = Listeners(*resources_, options_.tls);
    if (!options_.listener.empty()) {
      if (std::find(listeners.begin(), listeners.end(), options_.listener) == listeners.end()) {
        return StrCat("none: role ", options_.role, " has no listener \"", options_.listener, "\" ",
                      options_.tls ? "with TLS" : "without TLS");
      }
      listener_ = options_.listener;
    } else if (listeners.empty()) {
      return StrCat("none: role ", options_.role, " has no listener ", options_.tls ? "with TLS" : "without TLS");
    } else {
      listener_ = listeners.front();
    }
    return "";
  }

  // The settings of the listener for HTTP.
  HttpConnectionManager Manager() const {
    HttpConnectionManager manager;
    envoy::config::listener::v3::Listener listener;
    if (Unpack(resources_->at({snapshot::Type::kListener, listener_}), &listener) &&
        listener.filter_chains_size() > 0 && listener.filter_chains(0).filters_size() > 0) {
      listener.filter_chains(0).filters(0).typed_config().UnpackTo(&manager);
    }
    return manager;
  }

  bool FindVirtualService() {
    std::array<char, tmpl::kMaxHost> buffer;
    const std::string host(tmpl::NormalizeHost(request_.host, &buffer));
    const std::string domain = DomainFor(*resources_, listener_, host);
    if (domain.empty()) {
      std::string hint;
      for (const std::string& other : Listeners(*resources_, !options_.tls)) {
        if (!DomainFor(*resources_, other, host).empty()) {
          hint = options_.tls ? "; it is served without TLS: leave out --tls" : "; it is served over TLS: add --tls";
        }
      }
      Line("answer", StrCat("404: no virtual service has the domain ", host, hint));
      return false;
    }
    envoy::config::route::v3::ScopedRouteConfiguration scope;
    Unpack(resources_->at({snapshot::Type::kScopedRoute, translator::ScopeName(listener_, domain)}), &scope);
    const std::string& name = scope.route_configuration_name();
    const auto routes = resources_->find({snapshot::Type::kRoute, name});
    if (routes == resources_->end() || !Unpack(routes->second, &routes_)) {
      Line("answer", StrCat("404: the routes of ", name, " are not served"));
      return false;
    }
    const model::DataKey key = translator::Resolve(model::kDefaultNamespace, name);
    entry_ = checked_.Find({model::Kind::kVirtualService, key.ns, key.name});
    if (entry_ == nullptr) return false;
    written_ = entry_->object->virtual_service();
    Line("virtual service", StrCat(name, Place(set_, *entry_, ""), ", domain ", domain));
    return true;
  }

  // Routes of Envoy are named by ours, in our order; one of ours may be two of Envoy's, or none.
  std::vector<size_t> Indices() const {
    std::vector<size_t> indices;
    const auto& written = written_.routes();
    size_t at = 0;
    for (const Route& route : routes_.virtual_hosts(0).routes()) {
      const auto is_named = [&](size_t i) {
        const std::string& name = written[static_cast<int>(i)].name();
        return route.name() == (name.empty() ? StrCat("route-", i) : name);
      };
      size_t i = at;
      while (i < static_cast<size_t>(written.size()) && !is_named(i)) ++i;
      if (i < static_cast<size_t>(written.size())) at = i;
      indices.push_back(at);
    }
    return indices;
  }

  std::string RouteTitle(size_t index) const {
    const std::string& name = written_.routes(static_cast<int>(index)).name();
    return StrCat("spec.routes[", index, "]", name.empty() ? "" : StrCat(" \"", name, "\""));
  }

  int FindRoute() {
    const std::vector<size_t> indices = Indices();
    const auto& routes = routes_.virtual_hosts(0).routes();
    std::vector<std::string> misses;
    int found = 0;
    for (; found < routes.size(); ++found) {
      const std::string why = WhyNot(routes[found].match(), request_);
      if (why.empty()) {
        const absl::StatusOr<EventReading> event = ReadEvent(routes[found], &request_);
        if (!event.ok()) return context_.Fail(kFoundErrors, std::string(event.status().message()));
        if (!event->error.empty()) {
          Line("answer", StrCat("400: bad request: ", event->error));
          return kFoundErrors;
        }
        if (!event->read) break;
        // The route is chosen anew.
        misses.clear();
        found = -1;
        continue;
      }
      // What stands before routes of events is no route of the user's.
      if (routes[found].has_direct_response() && routes[found].match().dynamic_metadata_size() > 0) continue;
      std::string miss = StrCat(RouteTitle(indices[found]), ": ", why);
      // The routes that Envoy has for an event mostly say the same.
      if (misses.empty() || misses.back() != miss) misses.push_back(std::move(miss));
    }
    const size_t skipped = options_.all || misses.size() <= kShownMisses ? 0 : misses.size() - kShownMisses;
    if (skipped > 0) Line("not", StrCat("the first ", skipped, " routes (--all shows why)"));
    for (size_t i = skipped; i < misses.size(); ++i) Line("not", misses[i]);
    if (found == routes.size()) {
      Line("answer", "404: no route takes it");
      return kFoundErrors;
    }
    const size_t index = indices[found];
    const std::string path = StrCat("spec.routes[", index, "]");
    Line("route", StrCat(RouteTitle(index), Place(set_, *entry_, path)));
    const int code = Destinations(routes[found], written_.routes(static_cast<int>(index)));
    for (const Issue& issue : entry_->issues) {
      if (issue.path.rfind(path, 0) == 0) context_.err << Format({model::ToString(entry_->key), issue}, set_);
    }
    return code;
  }

  int Destinations(const Route& route, const v1::Route& written) {
    if (route.has_direct_response()) {
      std::string body = route.direct_response().body().inline_string();
      while (!body.empty() && absl::ascii_isspace(body.back())) body.pop_back();
      Line("answer", StrCat(route.direct_response().status(), ": ", body));
      return kFoundErrors;
    }
    if (route.route().has_timeout()) {
      Line("timeout", google::protobuf::util::TimeUtil::ToString(route.route().timeout()));
    }
    if (!route.route().has_weighted_clusters()) {
      Line("destination", Title(written.single_destination()));
      return Sent(route, nullptr);
    }
    uint64_t sum = 0;
    for (const auto& part : route.route().weighted_clusters().clusters()) sum += part.weight().value();
    int code = kOk;
    int at = 0;
    for (const auto& part : route.route().weighted_clusters().clusters()) {
      // Parts that cannot be served, or get nothing, are left out of Envoy's list.
      std::string title = StrCat("upstream ", part.name());
      for (; at < written.multiple_destinations_size(); ++at) {
        const v1::WeightedDestination& candidate = written.multiple_destinations(at);
        if (candidate.weight() != part.weight().value() || Cluster(candidate.destination()) != part.name()) continue;
        title = Title(candidate.destination());
        ++at;
        break;
      }
      const uint64_t tenths = sum == 0 ? 0 : (part.weight().value() * 1000 + sum / 2) / sum;
      Line("destination", StrCat(title, ", ", tenths / 10, tenths % 10 == 0 ? "" : StrCat(".", tenths % 10), "%"));
      code = std::max(code, Sent(route, &part));
    }
    return code;
  }

  std::string Cluster(const v1::Destination& destination) const {
    const std::string& name =
        destination.has_function() ? destination.function().upstream_name() : destination.upstream().name();
    const model::DataKey key = translator::Resolve(entry_->key.ns, name);
    return translator::ResourceName(key.ns, key.name);
  }

  std::string Title(const v1::Destination& destination) const {
    return StrCat(destination.has_function() ? StrCat("function ", destination.function().function_name(), " of ") : "",
                  "upstream ", Cluster(destination));
  }

  int Sent(const Route& route, const WeightedCluster::ClusterWeight* part) {
    const absl::StatusOr<Rendered> rendered = Render(route, part, request_);
    if (!rendered.ok()) return context_.Fail(kFoundErrors, std::string(rendered.status().message()));
    if (rendered->status != 0) {
      Line("answer", StrCat(rendered->status, ": ", rendered->answer));
      if (!request_.body.empty() || rendered->needed_fields.empty()) return kFoundErrors;
      std::string names;
      for (const std::string& name : rendered->needed_fields) StrAppend(&names, names.empty() ? "" : ", ", name);
      Line("", StrCat("the function reads from the body: ", names, "; give one with -d"));
      return kOk;
    }
    const absl::StatusOr<std::optional<GrpcCall>> call = FindGrpcCall(route, part, *rendered);
    if (!call.ok()) return context_.Fail(kFoundErrors, std::string(call.status().message()));
    if (*call && (*call)->method.empty()) {
      Line("answer", StrCat("404: no method takes ", rendered->method, " ", rendered->unrewritten_path,
                            "; JSON is sent as google.api.http says, or by POST"));
      return kFoundErrors;
    }
    if (*call && !(*call)->rule.empty()) {
      Line("calls", StrCat((*call)->method, " by ", (*call)->rule, ", with gRPC made of the JSON"));
    } else {
      if (!rendered->calls.empty()) Line("calls", rendered->calls);
      // A message has neither method nor path.
      if (!rendered->calls.starts_with("NATS")) Line("sent on", StrCat(rendered->method, " ", rendered->path));
    }
    for (const auto& [name, value] : rendered->headers) Line("", StrCat(name, ": ", value));
    if (!rendered->body.empty()) context_.out << "\n" << rendered->body << (rendered->body.back() == '\n' ? "" : "\n");
    if (rendered->transforms_answer) Line("answer", "of the upstream, transformed");
    return kOk;
  }

  const Context& context_;
  const Options& options_;
  const ConfigSet& set_;
  const ConfigSet::Checked& checked_;
  Request request_;
  const Resources* resources_ = nullptr;
  std::string listener_;
  RouteConfiguration routes_;
  const ConfigSet::Entry* entry_ = nullptr;
  v1::VirtualServiceSpec written_;
};

int Explain(const Context& context, const Options& options) {
  absl::StatusOr<Request> request = MakeRequest(options);
  if (!request.ok()) return context.Fail(kUsage, std::string(request.status().message()));
  ConfigSet set(context.registry);
  std::vector<std::string> files = options.files;
  if (files.empty() && !context.config_dir.empty()) files.push_back(context.config_dir);
  if (files.empty()) {
    const absl::StatusOr<ConfigFolder> folder = FindConfigFolder(context);
    if (!folder.ok()) {
      return context.Fail(absl::IsUnavailable(folder.status()) ? kUnreachable : kUsage,
                          StrCat("give the configuration with -f; ", std::string(folder.status().message())));
    }
    files.push_back(folder->path);
  }
  for (const std::string& file : files) {
    if (absl::Status status = set.AddPath(file); !status.ok()) {
      return context.Fail(kUsage, std::string(status.message()));
    }
  }
  if (!options.secrets_dir.empty()) {
    if (absl::Status status = set.AddSecrets(options.secrets_dir); !status.ok()) {
      return context.Fail(kUsage, std::string(status.message()));
    }
  }
  const ConfigSet::Checked checked = set.Check();
  if (const std::vector<Finding> findings = checked.All(); HasErrors(findings)) {
    context.err << "glooctl: the configuration has errors (" << CountText(findings)
                << "); glooctl validate shows them; what is right is explained\n";
  }
  return Explanation(context, options, set, checked, *std::move(request)).Run();
}

}  // namespace

RunVerb AddExplain(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-f,--file", options->files,
                 "File or folder of the configuration; --config-dir, else the folder of the running control plane")
      ->type_name("FILE|DIR");
  app.add_option("--host", options->host, "Host that the client asks for")->required()->type_name("HOST");
  app.add_option("--path", options->path, "Path with its query string")->type_name("PATH")->capture_default_str();
  app.add_option("-X,--method", options->method, "Method; GET by default, POST with a body")->type_name("METHOD");
  app.add_option("-H,--header", options->headers, "Header as NAME: VALUE; may be repeated")
      ->type_name("HEADER")
      ->allow_extra_args(false);
  app.add_option("-d,--data", options->body, "Body; @FILE reads a file; application/json where no -H says else")
      ->type_name("BODY");
  app.add_flag("--tls", options->tls, "The request comes over TLS");
  app.add_option("--role", options->role, "Role of the Envoy")->type_name("ROLE")->capture_default_str();
  app.add_option("--listener", options->listener, "Listener of the role; the first by default")->type_name("NAME");
  app.add_option("--secrets-dir", options->secrets_dir, "Folder of secrets")->type_name("DIR");
  app.add_flag("--all", options->all, "Say of every earlier route why it does not match");
  app.footer(
      "\nSends nothing: files are translated as for Envoy, the request is treated as by the settings of the listener, "
      "and\n"
      "templates are run by the code of the filter. With -f no control plane is needed. Headers that Envoy adds by "
      "itself are not shown. Ends with 1 if nothing is\n"
      "sent on, unless all that is missing is a body.\n"
      "\nExamples:\n"
      "  glooctl explain -f config/ --host shop.example --path /pets/3 -H 'x-tier: gold'\n"
      "  glooctl explain -f config/ --host shop.example --path /pets -d '{\"name\": \"Rex\"}'");
  return [options](Context& context) { return Explain(context, *options); };
}

}  // namespace gloo::cli
