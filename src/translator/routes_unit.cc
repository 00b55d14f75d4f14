#include "translator/routes_unit.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "envoy/config/route/v3/route.pb.h"
#include "translator/checks/checks.h"
#include "translator/envoy_build.h"
#include "translator/event_match.h"
#include "translator/names.h"
#include "translator/route_match.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::RouteMatch;
using envoy::config::route::v3::VirtualHost;
using envoy::config::route::v3::WeightedCluster;
using google::protobuf::internal::WireFormatLite;

void Answer(Route* out, uint32_t status, std::string_view body) {
  out->mutable_direct_response()->set_status(status);
  out->mutable_direct_response()->mutable_body()->set_inline_string(std::string(body));
}

// Serialized, fields have the order of their numbers.
RouteOutput::Nameless WithoutName(const Route& route) {
  RouteOutput::Nameless out{Serialize(route), 0};
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(out.bytes.data()),
                                            static_cast<int>(out.bytes.size()));
  while (const uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagFieldNumber(tag) > Route::kNameFieldNumber || !WireFormatLite::SkipField(&in, tag)) break;
    out.name_at = static_cast<size_t>(in.CurrentPosition());
  }
  return out;
}

class RouteTranslation {
 public:
  RouteTranslation(const Registry& registry, const std::string& ns, const UpstreamReader& upstreams)
      : registry_(registry), ns_(ns), upstreams_(upstreams) {}

  // All but the name, which may depend on the place of the route. Current path of `issues`: the route.
  RouteOutput Translate(const v1::Route& route, Issues& issues) {
    RouteOutput output;
    output.name = route.name();
    const size_t errors_before = issues.errors();
    std::vector<RouteMatch> matches = TranslateMatcher(route, issues);
    // Of a match that is wrong it is not known what it takes.
    const bool exact = issues.errors() == errors_before;
    if (matches.empty()) {
      issues.Warning("", "RouteLeftOut",
                     "is left out as long as its path is not known: later routes get its requests, unless an earlier "
                     "form of the virtual service that was good is in force");
    }
    Route out = TranslateAction(route, issues);
    if (route.has_event_matcher() && exact) {
      output.event = MakeEventMatch(route.event_matcher());
      // Checks the events whose attributes are in headers.
      if (out.has_route()) {
        (*out.mutable_typed_per_filter_config())[std::string(kEvents)] = ModulePerRoute(kEvents, R"({"matches":[]})");
      }
    }
    for (RouteMatch& match : matches) {
      if (exact && match.dynamic_metadata().empty()) output.takes.push_back(Coverage::Of(match));
      *out.mutable_match() = std::move(match);
      if (issues.ok()) CheckForEnvoy(out, "route", issues);
      if (!issues.ok()) {
        RouteMatch kept = std::move(*out.mutable_match());
        out = Wrong();
        *out.mutable_match() = std::move(kept);
        Issues refused;
        checks::CheckMessage(out, refused);
        // Not even its match is taken: it cannot be there at all.
        if (!refused.ok()) continue;
      }
      output.routes.push_back(WithoutName(out));
    }
    if (!out.has_route()) reads_.clusters.clear();
    output.reads = std::make_shared<const RouteReads>(std::exchange(reads_, {}));
    return output;
  }

 private:
  // The route without its match.
  Route TranslateAction(const v1::Route& route, Issues& issues) {
    Route out;
    size_t errors_before = issues.errors();
    sets_path_.clear();
    bool served = SetDestination(route, &out, issues);
    if (served) {
      SetRewrite(route, &out, issues);
      ApplyExtensions(route, &out, issues);
    }
    if (issues.errors() > errors_before) return Wrong();
    if (!served) {
      out.clear_action();
      Answer(&out, 503, "the upstream of this route is not available\n");
      return out;
    }
    for (auto& [name, config] : filters_) (*out.mutable_typed_per_filter_config())[name] = std::move(config);
    return out;
  }

  static Route Wrong() {
    Route out;
    Answer(&out, 500, "this route is not configured correctly\n");
    return out;
  }

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
      reads_.clusters.insert(cluster);
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
      reads_.clusters.insert(cluster);
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
        const UpstreamOutput* upstream = Upstream(destination.upstream().name(), "name", &key, cluster, issues);
        if (upstream == nullptr) return false;
        const FunctionPlugin* plugin = upstream->functions_plugin;
        if (plugin == nullptr || !plugin->calls_upstream()) return true;
        if (!upstream->service_ready) {
          issues.Warning("name", "ServiceNotReady",
                         Cat("what upstream ", JsonQuote(*cluster), " offers is not known, see its status; ", effect_));
          return false;
        }
        Issues local(RoutePath(issues));
        plugin->CallUpstream(*upstream->object, upstream->service.get(), route, out, filters, local);
        issues.Merge(local);
        return local.ok();
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
    reads_.facts.insert({Fact::Kind::kUpstream, key->ns, key->name, ""});
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
    reads_.facts.insert({Fact::Kind::kFunction, key.ns, key.name, name});
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
                         " cannot be called, see the upstream's status; ", effect_));
      return false;
    }
    // The plugin speaks of the route as a whole, so its paths start there.
    Issues local(RoutePath(issues));
    const FunctionCall call{*upstream->object, function != nullptr ? function->function : nullptr, name,
                            upstream->service.get()};
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
    if (!out->route().has_regex_rewrite()) out->mutable_route()->set_prefix_rewrite(route.prefix_rewrite());
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
  const UpstreamReader& upstreams_;
  // Of the route at hand.
  RouteReads reads_;
  FilterConfigs filters_;
  // The function, if one is called, that sets the path.
  std::string sets_path_;
  // What comes of a destination that is not there.
  std::string_view effect_;
};

std::string RoutePath(size_t index) { return Cat("spec.routes[", index, "]"); }

// Without its routes, which are checked one by one.
RouteConfiguration EmptyConfiguration(const std::string& name) {
  RouteConfiguration configuration;
  configuration.set_name(name);
  configuration.add_request_headers_to_remove(std::string(kScopeHeader));
  VirtualHost* host = configuration.add_virtual_hosts();
  host->set_name(name);
  host->add_domains(std::string(1, '*'));
  return configuration;
}

// Fields of a message that are there as bytes already.
class Fields {
 public:
  void Add(int number, std::string_view content) {
    AddHead(number, content.size());
    bytes_.append(content);
  }
  void AddHead(int number, size_t size) {
    AddVarint(static_cast<size_t>(number) << 3 | kLengthDelimited);
    AddVarint(size);
  }
  void Append(std::string_view bytes) { bytes_.append(bytes); }
  std::string Take() { return std::move(bytes_); }

 private:
  static constexpr size_t kLengthDelimited = 2;
  void AddVarint(size_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }
  std::string bytes_;
};

void AddFilters(const google::protobuf::Map<std::string, google::protobuf::Any>& filters, Route* out) {
  for (const auto& [name, config] : filters) out->mutable_typed_per_filter_config()->insert({name, config});
}

// By their places, what stands before the first route of events of each path. The filters of a stream are those of the
// first route that it is given, so that this one has all that its later one may need; their settings are the later
// one's, whatever is written here.
std::map<size_t, std::vector<Route>> EventEntrances(const std::vector<const RouteOutput*>& outputs) {
  struct Path {
    size_t index;
    std::vector<const EventMatch*> matches;
  };
  std::map<std::string_view, Path> paths;
  for (size_t index = 0; index < outputs.size(); ++index) {
    const std::optional<EventMatch>& event = outputs[index]->event;
    if (event && !outputs[index]->routes.empty()) {
      paths.try_emplace(event->path, Path{index, {}}).first->second.matches.push_back(&*event);
    }
  }
  std::map<size_t, std::vector<Route>> entrances;
  if (paths.empty()) return entrances;
  Route all;
  for (const RouteOutput* output : outputs) {
    // Those of one route differ in their matches only.
    if (output->routes.empty()) continue;
    Route route;
    route.ParseFromString(output->routes.front().bytes);
    AddFilters(route.typed_per_filter_config(), &all);
    for (const auto& part : route.route().weighted_clusters().clusters()) {
      AddFilters(part.typed_per_filter_config(), &all);
    }
  }
  for (const auto& [_, path] : paths) {
    std::vector<Route> entrance = EventEntrance(path.matches);
    AddFilters(all.typed_per_filter_config(), &entrance.front());
    for (Route& route : entrance) entrances[path.index].push_back(std::move(route));
  }
  return entrances;
}

// The configuration with its routes, the bytes as Serialize() would give them.
std::string WithRoutes(const std::string& name, const std::vector<const RouteOutput*>& outputs,
                       const std::map<size_t, std::vector<Route>>& entrances) {
  RouteConfiguration configuration = EmptyConfiguration(name);
  Fields host;
  host.Append(Serialize(configuration.virtual_hosts(0)));
  for (size_t index = 0; index < outputs.size(); ++index) {
    const std::string& own = outputs[index]->name;
    Fields named;
    named.Add(Route::kNameFieldNumber, RouteName(own, index));
    const std::string name_field = named.Take();
    const auto add = [&](const RouteOutput::Nameless& route) {
      const std::string_view bytes = route.bytes;
      host.AddHead(VirtualHost::kRoutesFieldNumber, bytes.size() + name_field.size());
      host.Append(bytes.substr(0, route.name_at));
      host.Append(name_field);
      host.Append(bytes.substr(route.name_at));
    };
    if (const auto entrance = entrances.find(index); entrance != entrances.end()) {
      for (const Route& route : entrance->second) add(WithoutName(route));
    }
    for (const RouteOutput::Nameless& route : outputs[index]->routes) add(route);
  }
  configuration.clear_virtual_hosts();
  configuration.clear_name();
  Fields out;
  out.Add(RouteConfiguration::kNameFieldNumber, name);
  out.Add(RouteConfiguration::kVirtualHostsFieldNumber, host.Take());
  out.Append(Serialize(configuration));
  return out.Take();
}

}  // namespace

std::string RouteName(const std::string& own, size_t index) { return own.empty() ? Cat("route-", index) : own; }

RoutesOutput TranslateRoutes(const Registry& registry, const model::ObjectKey& key,
                             const model::VirtualServiceParts& service, const UpstreamReader& upstreams,
                             RouteMemo* memo, std::set<Fact>* facts, Issues& issues) {
  const std::string name = ResourceName(key.ns, key.name);
  CheckForEnvoy(EmptyConfiguration(name), "virtual service", issues);

  RouteTranslation translation(registry, key.ns, upstreams);
  std::deque<RouteOutput> not_kept;
  std::vector<const RouteOutput*> outputs;
  outputs.reserve(service.routes().size());
  absl::flat_hash_set<std::string_view> names;
  absl::flat_hash_set<const RouteReads*> reads;
  std::set<std::string> clusters;
  Coverage coverage;
  for (size_t index = 0; index < service.routes().size(); ++index) {
    const std::string_view bytes = service.routes()[index];
    const RouteOutput* output = memo == nullptr ? nullptr : memo->Find(bytes);
    if (output == nullptr || (!output->name.empty() && names.contains(output->name))) {
      Issues found(RoutePath(index));
      v1::Route route;
      route.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
      if (!route.name().empty() && names.contains(route.name())) {
        found.Error("name", "DuplicateName", Cat("there is a route ", JsonQuote(route.name()), " before this one"));
      }
      RouteOutput made = translation.Translate(route, found);
      // What was said of it names its place.
      output = memo != nullptr && found.empty() ? memo->Keep(bytes, std::move(made))
                                                : &not_kept.emplace_back(std::move(made));
      issues.Merge(found);
    }
    outputs.push_back(output);
    if (!output->name.empty()) names.insert(output->name);
    if (reads.insert(output->reads.get()).second) {
      facts->insert(output->reads->facts.begin(), output->reads->facts.end());
      clusters.insert(output->reads->clusters.begin(), output->reads->clusters.end());
    }
    std::optional<size_t> by;
    size_t covered = 0;
    for (const Coverage::Taken& taken : output->takes) {
      const std::optional<size_t> earlier = coverage.CoveredBy(taken);
      if (!earlier) continue;
      ++covered;
      by = earlier;
    }
    for (const Coverage::Taken& taken : output->takes) coverage.Add(taken, index);
    if (by && covered == output->takes.size()) {
      issues.Warning(RoutePath(index), "RouteNeverMatches",
                     Cat("never matches: ", RoutePath(*by), " before it takes all of its requests"));
    }
  }

  const std::map<size_t, std::vector<Route>> entrances = EventEntrances(outputs);
  for (const auto& [index, entrance] : entrances) {
    IssuePath path(issues, RoutePath(index));
    for (const Route& route : entrance) CheckForEnvoy(route, "route", issues);
  }

  RoutesOutput result;
  std::vector<snapshot::ResourceRef> needs;
  for (const std::string& cluster : clusters) {
    result.clusters.push_back(cluster);
    needs.push_back({snapshot::Type::kCluster, cluster});
  }
  result.routes =
      snapshot::MakeResource(snapshot::Type::kRoute, name, WithRoutes(name, outputs, entrances), {}, std::move(needs));
  return result;
}

}  // namespace gloo::translator
