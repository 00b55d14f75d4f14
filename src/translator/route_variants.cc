#include "translator/route_variants.h"

#include <set>
#include <utility>

#include "translator/envoy_build.h"
#include "translator/routes_unit.h"

namespace gloo::translator {
namespace {

using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteConfiguration;

template <typename Routes>
std::string Matches(const Routes& routes) {
  std::string out;
  for (const Route& route : routes) out += Serialize(route.match()) + '\n';
  return out;
}

template <typename Routes>
std::string Contents(const Routes& routes) {
  std::string out;
  for (const Route& route : routes) out += Serialize(route) + '\n';
  return out;
}

// The routes of the one virtual host, those of one name that follow each other together.
std::vector<std::vector<Route>> Grouped(const RouteConfiguration& configuration) {
  std::vector<std::vector<Route>> groups;
  for (const auto& host : configuration.virtual_hosts()) {
    for (const Route& route : host.routes()) {
      if (groups.empty() || groups.back().front().name() != route.name()) groups.emplace_back();
      groups.back().push_back(route);
    }
  }
  return groups;
}

// In the place of routes that an Envoy does not take.
std::vector<Route> Unavailable(const std::vector<Route>& routes) {
  std::vector<Route> out;
  for (const Route& route : routes) {
    Route& answer = out.emplace_back();
    answer.set_name(route.name());
    *answer.mutable_match() = route.match();
    answer.mutable_direct_response()->set_status(503);
    answer.mutable_direct_response()->mutable_body()->set_inline_string("this route is not available\n");
  }
  return out;
}

void AddClusters(const Route& route, std::set<std::string>* clusters) {
  if (!route.route().cluster().empty()) clusters->insert(route.route().cluster());
  for (const auto& part : route.route().weighted_clusters().clusters()) clusters->insert(part.name());
}

}  // namespace

RouteVariants::RouteVariants(const snapshot::Resource& refused, const snapshot::Resource* held)
    : name_(refused.ref.name) {
  // Bytes of our own making: they parse.
  frame_.ParseFromString(refused.body);
  RouteConfiguration before;
  if (held != nullptr) before.ParseFromString(held->body);
  std::map<std::string, std::vector<Route>> last_good;
  for (std::vector<Route>& group : Grouped(before)) last_good.emplace(Matches(group), std::move(group));
  for (std::vector<Route>& routes : Grouped(frame_)) {
    Group& group = groups_.emplace_back();
    group.routes = std::move(routes);
    const std::string& name = group.routes.front().name();
    std::vector<Route> unavailable = Unavailable(group.routes);
    bool has_last_good = false;
    if (auto found = last_good.find(Matches(group.routes)); found != last_good.end()) {
      // A route without a name of its own is named by its place, which others move.
      for (Route& route : found->second) route.set_name(name);
      if (Contents(found->second) == Contents(group.routes)) continue;
      // It may have been held back before.
      has_last_good = Contents(found->second) != Contents(unavailable);
      if (has_last_good) group.instead = found->second;
    }
    if (!has_last_good) group.instead = std::move(unavailable);
    changes_.push_back({name, has_last_good});
  }
  for (auto& host : *frame_.mutable_virtual_hosts()) host.clear_routes();
}

snapshot::ResourcePtr RouteVariants::Make(const std::vector<bool>& without) const {
  std::weak_ptr<const snapshot::Resource>& made = made_[without];
  if (snapshot::ResourcePtr known = made.lock()) return known;
  RouteConfiguration configuration = frame_;
  std::set<std::string> clusters;
  size_t change = 0;
  for (const Group& group : groups_) {
    const bool changed = !group.instead.empty();
    for (const Route& route : changed&& without[change] ? group.instead : group.routes) {
      AddClusters(route, &clusters);
      *configuration.mutable_virtual_hosts(0)->add_routes() = route;
    }
    if (changed) ++change;
  }
  std::vector<snapshot::ResourceRef> needs;
  for (const std::string& cluster : clusters) needs.push_back({snapshot::Type::kCluster, cluster});
  snapshot::ResourcePtr out =
      snapshot::MakeResource(snapshot::Type::kRoute, name_, Serialize(configuration), {}, std::move(needs));
  made = out;
  return out;
}

std::optional<int> RouteIndex(const v1::VirtualServiceSpec& spec, std::string_view name) {
  for (int i = 0; i < spec.routes_size(); ++i) {
    if (RouteName(spec.routes(i).name(), static_cast<size_t>(i)) == name) return i;
  }
  return std::nullopt;
}

}  // namespace gloo::translator
