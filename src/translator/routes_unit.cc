#include "translator/routes_unit.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <utility>

#include "envoy/config/route/v3/route.pb.h"
#include "translator/checks/checks.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/route_match.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteAction;
using envoy::config::route::v3::WeightedCluster;

void Answer(Route* out, uint32_t status, std::string_view body) {
  out->mutable_direct_response()->set_status(status);
  out->mutable_direct_response()->mutable_body()->set_inline_string(std::string(body));
}

class RouteTranslation {
 public:
  RouteTranslation(const Registry& registry, const std::string& ns, UpstreamReader& upstreams)
      : registry_(registry), ns_(ns), upstreams_(upstreams) {}

  // The route without its match. Current path of `issues`: the route.
  Route Translate(const v1::Route& route, size_t index, Issues& issues) {
    Route out;
    out.set_name(RouteName(route, index));
    size_t errors_before = issues.errors();
    used_.clear();
    sets_path_.clear();
    bool served = SetDestination(route, &out, issues);
    if (served) {
      SetRewrite(route, &out, issues);
      ApplyExtensions(route, &out, issues);
    }
    if (issues.errors() > errors_before) return Wrong(out.name());
    if (!served) {
      out.clear_action();
      Answer(&out, 503, "the upstream of this route is not available\n");
      return out;
    }
    for (auto& [name, config] : filters_) (*out.mutable_typed_per_filter_config())[name] = std::move(config);
    return out;
  }

  // Clusters of the route that was translated last.
  const std::set<std::string>& used() const { return used_; }

  static Route Wrong(const std::string& name) {
    Route out;
    out.set_name(name);
    Answer(&out, 500, "this route is not configured correctly\n");
    return out;
  }

 private:
  // False where nothing can be sent to: what is missing is a warning, what is wrong an error.
  bool SetDestination(const v1::Route& route, Route* out, Issues& issues) {
    filters_.clear();
    if (route.has_single_destination() && route.multiple_destinations_size() > 0) {
      issues.Error("", "TwoDestinations", "has both singleDestination and multipleDestinations; write one of them");
      return false;
    }
    effect_ = route.has_single_destination() ? "the route answers 503" : "its share goes to the others";
    if (route.has_single_destination()) {
      IssuePath path(issues, "singleDestination");
      std::string cluster;
      if (!Destination(route.single_destination(), route, out, &filters_, &cluster, issues)) return false;
      out->mutable_route()->set_cluster(cluster);
      used_.insert(cluster);
      return true;
    }
    if (route.multiple_destinations_size() == 0) {
      issues.Error("", "NoDestination", "has no destination; write singleDestination or multipleDestinations");
      return false;
    }
    return SetWeighted(route, out, issues);
  }

  bool SetWeighted(const v1::Route& route, Route* out, Issues& issues) {
    uint64_t total = 0;
    for (const v1::WeightedDestination& part : route.multiple_destinations()) total += part.weight();
    if (total == 0) {
      issues.Error("multipleDestinations", "NoWeight", "all weights are 0; at least one must be greater");
      return false;
    }
    if (total > std::numeric_limits<uint32_t>::max()) {
      issues.Error("multipleDestinations", "TooMuchWeight",
                   Cat("weights add up to ", total, "; 4294967295 is the most"));
      return false;
    }
    std::vector<WeightedCluster::ClusterWeight> parts;
    for (int i = 0; i < route.multiple_destinations_size(); ++i) {
      const v1::WeightedDestination& part = route.multiple_destinations(i);
      IssuePath path(issues, "multipleDestinations", static_cast<size_t>(i));
      if (!part.has_weight()) issues.Warning("", "NoWeight", "has no weight and gets nothing; write weight");
      IssuePath destination(issues, "destination");
      FilterConfigs filters;
      std::string cluster;
      if (!Destination(part.destination(), route, out, &filters, &cluster, issues) || part.weight() == 0) continue;
      WeightedCluster::ClusterWeight& weight = parts.emplace_back();
      weight.set_name(cluster);
      weight.mutable_weight()->set_value(part.weight());
      for (auto& [name, config] : filters) (*weight.mutable_typed_per_filter_config())[name] = std::move(config);
      used_.insert(cluster);
    }
    if (parts.empty()) return false;
    for (WeightedCluster::ClusterWeight& part : parts) {
      *out->mutable_route()->mutable_weighted_clusters()->add_clusters() = std::move(part);
    }
    return true;
  }

  bool Destination(const v1::Destination& destination, const v1::Route& route, Route* out, FilterConfigs* filters,
                   std::string* cluster, Issues& issues) {
    switch (destination.destination_case()) {
      case v1::Destination::kUpstream: {
        IssuePath path(issues, "upstream");
        model::DataKey key;
        return Upstream(destination.upstream().name(), "name", &key, cluster, issues) != nullptr;
      }
      case v1::Destination::kFunction: {
        IssuePath path(issues, "function");
        return Function(destination.function(), route, out, filters, cluster, issues);
      }
      case v1::Destination::DESTINATION_NOT_SET:
        break;
    }
    issues.Error("", "NoDestination", "is empty; write function or upstream");
    return false;
  }

  const UpstreamOutput* Upstream(const std::string& name, std::string_view field, model::DataKey* key,
                                 std::string* cluster, Issues& issues) {
    if (name.empty()) {
      issues.Error(field, "Required", "names no upstream");
      return nullptr;
    }
    *key = Resolve(ns_, name);
    *cluster = ResourceName(key->ns, key->name);
    const UpstreamOutput* upstream = upstreams_.Upstream(*key);
    if (upstream == nullptr) {
      issues.Warning(field, "UpstreamNotFound",
                     Cat("there is no upstream ", JsonQuote(*cluster), "; ", effect_, " until there is"));
      return nullptr;
    }
    if (!upstream->usable()) {
      issues.Warning(field, "UpstreamNotReady",
                     Cat("upstream ", JsonQuote(*cluster), " cannot be served, see its status; ", effect_));
      return nullptr;
    }
    return upstream;
  }

  bool Function(const v1::FunctionDestination& destination, const v1::Route& route, Route* out, FilterConfigs* filters,
                std::string* cluster, Issues& issues) {
    const std::string& name = destination.function_name();
    if (name.empty()) issues.Error("functionName", "Required", "names no function");
    model::DataKey key;
    const UpstreamOutput* upstream = Upstream(destination.upstream_name(), "upstreamName", &key, cluster, issues);
    if (upstream == nullptr || name.empty()) return false;
    const FunctionFace* function = upstreams_.Function(key, name);
    bool unlisted_is_fine = upstream->functions_plugin != nullptr && upstream->functions_plugin->any_function();
    if (function == nullptr && !unlisted_is_fine) {
      issues.Warning(
          "functionName", "FunctionNotFound",
          Cat("upstream ", JsonQuote(*cluster), " has no function ", JsonQuote(name), "; ", effect_, " until it has"));
      return false;
    }
    if (function != nullptr && function->wrong) {
      issues.Warning("functionName", "FunctionNotReady",
                     Cat("function ", JsonQuote(name), " of upstream ", JsonQuote(*cluster),
                         " is wrong, see the upstream's status; ", effect_));
      return false;
    }
    // The plugin speaks of the route as a whole, so its paths start there.
    Issues local(RoutePath(issues));
    const FunctionCall call{*upstream->object, function != nullptr ? function->function : nullptr, name};
    upstream->functions_plugin->Call(call, route, out, filters, local);
    if (upstream->functions_plugin->SetsPath(call)) {
      sets_path_ = Cat(JsonQuote(name), " of upstream ", JsonQuote(*cluster));
    }
    issues.Merge(local);
    return local.ok();
  }

  // `spec.routes[3]` of `spec.routes[3].singleDestination.function`.
  static std::string RoutePath(const Issues& issues) { return issues.path().substr(0, issues.path().find(']') + 1); }

  void SetRewrite(const v1::Route& route, Route* out, Issues& issues) {
    if (route.prefix_rewrite().empty()) return;
    if (route.has_request_matcher() && route.request_matcher().has_path_regex()) {
      issues.Error("prefixRewrite", "RewriteOfRegex",
                   "cannot be used with pathRegex, which has no prefix; use pathPrefix or pathExact");
      return;
    }
    if (route.prefix_rewrite().front() != '/') {
      issues.Error("prefixRewrite", "BadPath", Cat(JsonQuote(route.prefix_rewrite()), " must start with \"/\""));
      return;
    }
    if (route.prefix_rewrite().find_first_of("?#") != std::string::npos) {
      issues.Error("prefixRewrite", "BadPath",
                   Cat(JsonQuote(route.prefix_rewrite()), " must not hold a query string or fragment"));
      return;
    }
    if (!sets_path_.empty()) {
      issues.Error("prefixRewrite", "RewriteOfFunction",
                   Cat("has no place here: function ", sets_path_, " sets the path of its request itself"));
      return;
    }
    out->mutable_route()->set_prefix_rewrite(route.prefix_rewrite());
  }

  void ApplyExtensions(const v1::Route& route, Route* out, Issues& issues) {
    IssuePath path(issues, "extensions");
    size_t known = 0;
    for (const auto& plugin : registry_.routes()) {
      const std::string& type = plugin->extensions()->full_name();
      for (const google::protobuf::Any& any : route.extensions()) {
        if (std::string_view(any.type_url()).substr(any.type_url().rfind('/') + 1) != type) continue;
        ++known;
        std::unique_ptr<google::protobuf::Message> message(
            google::protobuf::MessageFactory::generated_factory()->GetPrototype(plugin->extensions())->New());
        if (!message->ParseFromString(any.value())) {
          issues.Error("", "BadExtensions", "cannot be read");
          continue;
        }
        plugin->Apply(*message, route, out, &filters_, issues);
      }
    }
    if (known < static_cast<size_t>(route.extensions_size())) {
      issues.Error("", "BadExtensions", "hold keys that no plugin of this program knows");
    }
  }

  const Registry& registry_;
  const std::string& ns_;
  UpstreamReader& upstreams_;
  // Of the route at hand.
  std::set<std::string> used_;
  FilterConfigs filters_;
  // The function, if one is called, that sets the path.
  std::string sets_path_;
  // What comes of a destination that is not there.
  std::string_view effect_;
};

}  // namespace

std::string RouteName(const v1::Route& route, size_t index) {
  return route.name().empty() ? Cat("route-", index) : route.name();
}

RoutesOutput TranslateRoutes(const Registry& registry, const model::ObjectKey& key, const v1::VirtualServiceSpec& spec,
                             UpstreamReader& upstreams, Issues& issues) {
  std::string name = ResourceName(key.ns, key.name);
  envoy::config::route::v3::RouteConfiguration configuration;
  configuration.set_name(name);
  configuration.add_request_headers_to_remove(std::string(kScopeHeader));
  envoy::config::route::v3::VirtualHost* host = configuration.add_virtual_hosts();
  host->set_name(name);
  host->add_domains(std::string(1, '*'));

  // Without its routes, which are checked one by one.
  CheckForEnvoy(configuration, "virtual service", issues);

  std::set<std::string> clusters;
  RouteTranslation translation(registry, key.ns, upstreams);
  Coverage coverage;
  std::set<std::string> names;
  for (int i = 0; i < spec.routes_size(); ++i) {
    const v1::Route& route = spec.routes(i);
    size_t index = static_cast<size_t>(i);
    Issues found(Cat("spec.routes[", index, "]"));
    if (!route.name().empty() && !names.insert(route.name()).second) {
      found.Error("name", "DuplicateName", Cat("there is a route ", JsonQuote(route.name()), " before this one"));
    }
    size_t errors_before = found.errors();
    auto matches = TranslateMatcher(route, found);
    // Of a match that is wrong it is not known what it takes.
    bool exact = found.errors() == errors_before;
    if (matches.empty()) {
      found.Warning("", "RouteLeftOut",
                    "is left out as long as its path is not known: later routes get its requests, unless an earlier "
                    "form of the virtual service that was good is in force");
    }
    Route out = translation.Translate(route, index, found);
    std::optional<size_t> by;
    size_t covered = 0;
    for (auto& match : matches) {
      if (!exact) break;
      if (std::optional<size_t> earlier = coverage.CoveredBy(match)) {
        ++covered;
        by = earlier;
      }
    }
    for (auto& match : matches) {
      if (exact) coverage.Add(match, index);
      *out.mutable_match() = std::move(match);
      if (found.ok()) CheckForEnvoy(out, "route", found);
      if (!found.ok()) {
        envoy::config::route::v3::RouteMatch kept = out.match();
        out = RouteTranslation::Wrong(out.name());
        *out.mutable_match() = std::move(kept);
        Issues refused;
        checks::CheckMessage(out, refused);
        // Not even its match is taken: it cannot be there at all.
        if (!refused.ok()) continue;
      }
      *host->add_routes() = out;
    }
    if (out.has_route()) clusters.insert(translation.used().begin(), translation.used().end());
    if (!matches.empty() && covered == matches.size()) {
      found.Warning("", "RouteNeverMatches",
                    Cat("never matches: spec.routes[", *by, "] before it takes all of its requests"));
    }
    issues.Merge(found);
  }

  RoutesOutput result;
  std::vector<snapshot::ResourceRef> needs;
  for (const std::string& cluster : clusters) {
    result.clusters.push_back(cluster);
    needs.push_back({snapshot::Type::kCluster, cluster});
  }
  result.routes = snapshot::MakeResource(snapshot::Type::kRoute, name, Serialize(configuration), {}, std::move(needs));
  return result;
}

}  // namespace gloo::translator
