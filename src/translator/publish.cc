// What follows for the roles: who owns which domain, which resources each role is served, and the reports.
#include <algorithm>
#include <utility>

#include "envoy/config/route/v3/scoped_route.pb.h"
#include "translator/envoy_build.h"
#include "translator/impl.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

snapshot::ResourcePtr MakeScope(const ClaimKey& claim, const model::ObjectKey& owner, bool on_demand, Issues& issues) {
  std::string name = ScopeName(claim.listener, claim.domain);
  std::string routes = ResourceName(owner.ns, owner.name);
  envoy::config::route::v3::ScopedRouteConfiguration scope;
  scope.set_name(name);
  scope.set_route_configuration_name(routes);
  scope.mutable_key()->add_fragments()->set_string_key(name);
  scope.set_on_demand(on_demand);
  std::vector<snapshot::ResourceRef> refs = {{snapshot::Type::kRoute, std::move(routes)}};
  std::vector<snapshot::ResourceRef> none;
  // An Envoy asks for the routes when it has the scope, or when it has a request for it.
  return MakeChecked(snapshot::Type::kScopedRoute, name, scope, "scope", issues, on_demand ? none : refs,
                     on_demand ? refs : none);
}

bool SameForm(const model::ObjectPtr& a, const model::ObjectPtr& b) {
  return a == b || (a != nullptr && b != nullptr && a->hash == b->hash && a->generation == b->generation);
}

bool SameReport(const Report& a, const Report& b) {
  return SameForm(a.in_force, b.in_force) && SameForm(a.last_good, b.last_good) && a.state == b.state &&
         a.reason == b.reason && a.message == b.message && a.generation == b.generation && a.issues == b.issues;
}

}  // namespace

void Translator::Impl::Publish(RoleState& role, const snapshot::ResourceRef& ref, snapshot::ResourcePtr resource) {
  role.pending[ref] = std::move(resource);
}

void Translator::Impl::PublishCluster(RoleState& role, const std::string& cluster, const UpstreamOutput* output) {
  bool usable = output != nullptr && output->usable();
  Publish(role, {snapshot::Type::kCluster, cluster}, usable ? output->cluster : nullptr);
  const snapshot::ResourcePtr endpoints = usable ? output->endpoints : nullptr;
  if (auto held = role.cluster_endpoints.find(cluster); held != role.cluster_endpoints.end()) {
    Publish(role, {snapshot::Type::kEndpoint, held->second}, nullptr);
    role.cluster_endpoints.erase(held);
  }
  if (endpoints != nullptr) {
    role.cluster_endpoints[cluster] = endpoints->ref.name;
    Publish(role, endpoints->ref, endpoints);
  }
  std::vector<std::string> secrets;
  if (usable) {
    for (const snapshot::ResourcePtr& secret : output->secrets) {
      secrets.push_back(secret->ref.name);
      ++role.secret_uses[secret->ref.name];
      Publish(role, secret->ref, secret);
    }
  }
  auto held = role.cluster_secrets.find(cluster);
  if (held != role.cluster_secrets.end()) {
    for (const std::string& secret : held->second) {
      auto uses = role.secret_uses.find(secret);
      if (--uses->second > 0) continue;
      role.secret_uses.erase(uses);
      Publish(role, {snapshot::Type::kSecret, secret}, nullptr);
    }
    role.cluster_secrets.erase(held);
  }
  if (!secrets.empty()) role.cluster_secrets.emplace(cluster, std::move(secrets));
}

void Translator::Impl::UseCluster(RoleState& role, const std::string& cluster) {
  if (++role.cluster_uses[cluster] > 1) return;
  model::DataKey name = Resolve("", cluster);
  auto it = upstreams_.find(model::ObjectKey{model::Kind::kUpstream, name.ns, name.name});
  PublishCluster(role, cluster, it == upstreams_.end() ? nullptr : &it->second.output);
}

void Translator::Impl::DropCluster(RoleState& role, const std::string& cluster) {
  auto uses = role.cluster_uses.find(cluster);
  if (--uses->second > 0) return;
  role.cluster_uses.erase(uses);
  PublishCluster(role, cluster, nullptr);
}

void Translator::Impl::Serve(const std::string& name, const model::ObjectKey& key) {
  VirtualServiceNode& node = virtual_services_.at(key);
  if (++node.served[name] > 1) return;
  RoleState& role = roles_.at(name);
  Publish(role, node.routes.routes->ref, node.routes.routes);
  for (const std::string& cluster : node.routes.clusters) UseCluster(role, cluster);
}

void Translator::Impl::Unserve(const std::string& name, const model::ObjectKey& key) {
  VirtualServiceNode& node = virtual_services_.at(key);
  if (--node.served.at(name) > 0) return;
  node.served.erase(name);
  RoleState& role = roles_.at(name);
  Publish(role, node.routes.routes->ref, nullptr);
  for (const std::string& cluster : node.routes.clusters) DropCluster(role, cluster);
}

void Translator::Impl::ResolveClaim(const ClaimKey& claim) {
  RoleState& role = roles_.at(claim.role);
  touched_roles_.insert(claim.role);
  auto claimants = claims_.find(claim);
  auto held = owners_.find(claim);
  std::optional<model::ObjectKey> before;
  std::optional<model::ObjectKey> now;
  if (held != owners_.end()) before = held->second;
  if (claimants != claims_.end()) now = claimants->second.begin()->key;
  if (now) {
    owners_[claim] = *now;
  } else if (before) {
    owners_.erase(held);
  }
  if (before != now && claimants != claims_.end()) {
    for (const Claimant& claimant : claimants->second) dirty_reports_.insert(claimant.key);
  }
  if (claim.is_server_name()) {
    snapshot::ResourcePtr secret;
    if (now) {
      const VirtualServiceNode& owner = virtual_services_.at(*now);
      auto state = owner.secret ? secrets_.find(*owner.secret) : secrets_.end();
      if (state != secrets_.end() && state->second.in_force() != nullptr) {
        secret = PairResource(claim.domain, *state->second.in_force());
      }
    }
    Publish(role, {snapshot::Type::kSecret, claim.domain}, std::move(secret));
    // Younger claimants compare their secret with the owner's.
    if (claimants != claims_.end()) {
      for (const Claimant& claimant : claimants->second) dirty_reports_.insert(claimant.key);
    }
    return;
  }
  if (before == now) return;
  if (now) Serve(claim.role, *now);
  if (before) Unserve(claim.role, *before);
  snapshot::ResourceRef ref{snapshot::Type::kScopedRoute, ScopeName(claim.listener, claim.domain)};
  Publish(role, ref, now ? MakeScope(claim, *now, role.output.on_demand, refused_) : nullptr);
  if (now && !before) role.domains.Add(claim.listener, claim.domain);
  if (before && !now) role.domains.Remove(claim.listener, claim.domain);
}

void Translator::Impl::PublishScopes(const std::string& name, RoleState& role) {
  for (const auto& [claim, owner] : owners_) {
    if (claim.role != name || claim.is_server_name()) continue;
    Publish(role, {snapshot::Type::kScopedRoute, ScopeName(claim.listener, claim.domain)},
            MakeScope(claim, owner, role.output.on_demand, refused_));
  }
}

void Translator::Impl::AddConflicts(const model::ObjectKey& key, std::vector<Issue>* issues) const {
  if (key.kind == model::Kind::kRole) {
    // Without a form in force it claims nothing.
    auto owner = role_owners_.find(key.name);
    if (role_nodes_.at(key).in_force == nullptr || owner == role_owners_.end() || owner->second == key) return;
    issues->push_back({Severity::kError,
                       "RoleTaken",
                       "metadata.name",
                       Cat("role ", JsonQuote(key.name), " is defined by the older ", model::ToString(owner->second)),
                       {}});
    return;
  }
  if (key.kind != model::Kind::kVirtualService) return;
  const VirtualServiceNode& node = virtual_services_.at(key);
  std::set<std::pair<std::string, std::string>> taken;
  for (const auto& [claim, held] : node.claims) {
    if (claim.is_server_name()) continue;
    const model::ObjectKey& owner = owners_.at(claim);
    if (owner == key) continue;
    taken.emplace(claim.role, claim.domain);
    issues->push_back({Severity::kError,
                       "DomainTaken",
                       held.path,
                       Cat(JsonQuote(claim.domain), " on listener ", JsonQuote(claim.listener), " of role ",
                           JsonQuote(claim.role), " is held by the older ", model::ToString(owner)),
                       {}});
  }
  for (const auto& [claim, held] : node.claims) {
    if (!claim.is_server_name() || taken.count({claim.role, claim.domain}) > 0) continue;
    const model::ObjectKey& owner = owners_.at(claim);
    if (owner == key || virtual_services_.at(owner).secret == node.secret) continue;
    issues->push_back({Severity::kWarning,
                       "ServerNameTaken",
                       held.path,
                       Cat("the certificate of server name ", JsonQuote(claim.domain), " in role ",
                           JsonQuote(claim.role), " is chosen by the older ", model::ToString(owner)),
                       {}});
  }
}

Report Translator::Impl::MakeReport(const model::ObjectKey& key, const Node& node) const {
  Report report;
  report.key = key;
  report.in_force = node.in_force;
  report.last_good = node.entry.last_good;
  report.issues = node.entry.read_issues;
  report.issues.insert(report.issues.end(), node.issues.begin(), node.issues.end());
  if (key.kind == model::Kind::kVirtualService) {
    const auto& exposure = virtual_services_.at(key).exposure_issues;
    report.issues.insert(report.issues.end(), exposure.begin(), exposure.end());
  }
  AddConflicts(key, &report.issues);
  const model::ObjectPtr& spoken_of = node.entry.current ? node.entry.current : node.entry.last_good;
  report.generation = spoken_of ? spoken_of->generation : 0;

  const Issue* gravest = nullptr;
  for (const Issue& issue : report.issues) {
    if (gravest == nullptr || (gravest->severity == Severity::kWarning && issue.severity == Severity::kError)) {
      gravest = &issue;
    }
  }
  bool unreadable = node.entry.current == nullptr;
  if (gravest == nullptr) {
    // Only what was good is known, and why the rest could not be read is not said: a start from the state directory.
    report.state = unreadable ? v1::Status::PENDING : v1::Status::ACCEPTED;
    report.reason = unreadable ? "Pending" : "Accepted";
    return report;
  }
  report.state = gravest->severity == Severity::kError ? v1::Status::REJECTED : v1::Status::WARNING;
  report.reason = gravest->reason;
  report.message = gravest->path.empty() ? gravest->message : Cat(gravest->path, ": ", gravest->message);
  if (report.issues.size() > 1) report.message += Cat(" (and ", report.issues.size() - 1, " more)");
  return report;
}

void Translator::Impl::Finish(Result* result) {
  for (const std::string& name : std::exchange(touched_roles_, {})) {
    auto it = roles_.find(name);
    if (it == roles_.end()) continue;
    RoleState& role = it->second;
    for (snapshot::ResourcePtr& part : role.domains.TakeChanged(name, refused_)) {
      Publish(role, part->ref, role.defined ? part : nullptr);
    }
    snapshot::Delta delta;
    for (auto& [ref, resource] : std::exchange(role.pending, {})) {
      auto published = role.published.find(ref);
      if (resource == nullptr) {
        if (published == role.published.end()) continue;
        role.published.erase(published);
        delta.removals.push_back(ref);
      } else if (published == role.published.end()) {
        role.published.emplace(ref, resource);
        delta.upserts.push_back(std::move(resource));
      } else if (published->second->version != resource->version || published->second->warms != resource->warms ||
                 published->second->needs != resource->needs) {
        published->second = resource;
        delta.upserts.push_back(std::move(resource));
      }
    }
    if (!delta.empty()) result->deltas.emplace(name, std::move(delta));
    if (!role.defined && role.published.empty()) roles_.erase(it);
  }
  std::set<model::ObjectKey> reports = std::exchange(dirty_reports_, {});
  for (const model::ObjectKey& key : result->gone) {
    if (key.kind == model::Kind::kVirtualService) virtual_services_.erase(key);
  }
  for (const model::ObjectKey& key : reports) {
    Node* node = Find(key);
    if (node == nullptr) continue;
    Report report = MakeReport(key, *node);
    if (node->reported && SameReport(*node->reported, report)) continue;
    node->reported = report;
    result->reports.push_back(std::move(report));
  }
}

std::vector<OwnedResource> Translator::Impl::ResourcesOf(const model::ObjectKey& key) const {
  std::vector<OwnedResource> owned;
  auto add = [&owned](const std::string& role_name, const RoleState& role, const snapshot::ResourceRef& ref) {
    auto it = role.published.find(ref);
    if (it != role.published.end()) owned.push_back({role_name, ref, it->second->version});
  };
  switch (key.kind) {
    case model::Kind::kUpstream: {
      std::string cluster = ResourceName(key.ns, key.name);
      for (const auto& [name, role] : roles_) {
        if (!role.cluster_uses.contains(cluster)) continue;
        add(name, role, {snapshot::Type::kCluster, cluster});
        auto endpoints = role.cluster_endpoints.find(cluster);
        if (endpoints != role.cluster_endpoints.end()) add(name, role, {snapshot::Type::kEndpoint, endpoints->second});
        auto secrets = role.cluster_secrets.find(cluster);
        if (secrets == role.cluster_secrets.end()) continue;
        for (const std::string& secret : secrets->second) add(name, role, {snapshot::Type::kSecret, secret});
      }
      break;
    }
    case model::Kind::kVirtualService: {
      auto node = virtual_services_.find(key);
      if (node == virtual_services_.end()) break;
      for (const auto& [name, count] : node->second.served) {
        add(name, roles_.at(name), node->second.routes.routes->ref);
      }
      for (const auto& [claim, held] : node->second.claims) {
        auto owner = owners_.find(claim);
        if (owner == owners_.end() || owner->second != key) continue;
        add(claim.role, roles_.at(claim.role),
            claim.is_server_name()
                ? snapshot::ResourceRef{snapshot::Type::kSecret, claim.domain}
                : snapshot::ResourceRef{snapshot::Type::kScopedRoute, ScopeName(claim.listener, claim.domain)});
      }
      break;
    }
    case model::Kind::kRole: {
      auto owner = role_owners_.find(key.name);
      auto role = roles_.find(key.name);
      if (owner == role_owners_.end() || owner->second != key || role == roles_.end()) break;
      for (const snapshot::ResourcePtr& listener : role->second.output.resources) {
        add(key.name, role->second, listener->ref);
      }
      for (size_t part = 0; part < kDomainParts; ++part) {
        add(key.name, role->second, {snapshot::Type::kExtensionConfig, DomainPartName(part)});
      }
      break;
    }
  }
  return owned;
}

std::vector<model::ObjectKey> Translator::Impl::OwnersOf(const std::string& role_name,
                                                         const snapshot::ResourceRef& ref) const {
  std::vector<model::ObjectKey> owners;
  auto add = [&owners](const auto& map, const auto& key) {
    auto it = map.find(key);
    if (it != map.end() && !it->second.name.empty()) owners.push_back(it->second);
  };
  // Behind the bar of endpoints is the way to talk to them.
  const model::DataKey name = Resolve("", ref.name.substr(0, ref.name.find('|')));
  switch (ref.type) {
    case snapshot::Type::kCluster:
    case snapshot::Type::kEndpoint:
      owners.push_back({model::Kind::kUpstream, name.ns, name.name});
      break;
    case snapshot::Type::kRoute:
      owners.push_back({model::Kind::kVirtualService, name.ns, name.name});
      break;
    case snapshot::Type::kScopedRoute: {
      size_t bar = ref.name.find('|');
      if (bar == std::string::npos) break;
      add(owners_, ClaimKey{role_name, ref.name.substr(0, bar), ref.name.substr(bar + 1)});
      break;
    }
    case snapshot::Type::kSecret: {
      add(owners_, ClaimKey{role_name, "", ref.name});
      auto role = roles_.find(role_name);
      if (role == roles_.end()) break;
      for (const auto& [cluster, secrets] : role->second.cluster_secrets) {
        if (std::find(secrets.begin(), secrets.end(), ref.name) == secrets.end()) continue;
        const model::DataKey upstream = Resolve("", cluster);
        owners.push_back({model::Kind::kUpstream, upstream.ns, upstream.name});
      }
      break;
    }
    case snapshot::Type::kExtensionConfig:
    case snapshot::Type::kListener:
      add(role_owners_, role_name);
      break;
  }
  return owners;
}

}  // namespace gloo::translator
