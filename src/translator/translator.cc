#include "translator/translator.h"

#include <algorithm>
#include <utility>

#include "translator/checks/certificates.h"
#include "translator/impl.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

bool SameData(const model::NamedDataPtr& a, const model::NamedDataPtr& b) {
  return a == b || (a != nullptr && b != nullptr && a->data == b->data);
}

}  // namespace

Translator::Translator(const Registry& registry, Settings settings)
    : impl_(std::make_unique<Impl>(registry, std::move(settings))) {}
Translator::~Translator() = default;

Result Translator::Apply(const Changes& changes) { return impl_->Apply(changes); }
std::vector<OwnedResource> Translator::ResourcesOf(const model::ObjectKey& key) const {
  return impl_->ResourcesOf(key);
}
std::vector<model::ObjectKey> Translator::OwnersOf(const std::string& role, const snapshot::ResourceRef& ref) const {
  return impl_->OwnersOf(role, ref);
}
Changes Translator::Inputs() const { return impl_->Inputs(); }
std::vector<std::string> Translator::Roles() const { return impl_->Roles(); }

snapshot::Delta Translator::UnknownRole(const std::string& role) const {
  // Clients choose the name, and Envoy bounds the body.
  constexpr size_t kMostOfName = 200;
  const std::string name = role.size() <= kMostOfName ? role : Cat(role.substr(0, kMostOfName), "...");
  return AnswerOnly(impl_->settings(),
                    Cat("no role ", JsonQuote(name), " is defined: write a Role of this name, or give Envoy a node id ",
                        "whose part before \"~\" is the name of one"));
}

Translator::Impl::Impl(const Registry& registry, Settings settings)
    : registry_(registry), settings_(std::move(settings)) {
  if (settings_.system_authorities.empty()) {
    system_authorities_error_ = "were not found where the control plane runs";
  } else {
    model::NamedData data;
    data.data.emplace("ca.crt", settings_.system_authorities);
    const std::string error = CheckSecret(data);
    if (error.empty()) {
      system_authorities_ = AuthorityResource(UpstreamSecretName("system", {"system", "authorities"}), data);
    } else {
      system_authorities_error_ = Cat("cannot be used: ", error.substr(error.find(": ") + 2));
    }
  }
  dirty_role_names_.insert(std::string(kDefaultRole));
}

Result Translator::Impl::Apply(const Changes& changes) {
  Result result;
  units_run_ = 0;
  refused_ = Issues();
  TakeInputs(changes, &result);
  // Each stage reads only what the stages before it have made.
  for (const model::ObjectKey& key : std::exchange(dirty_roles_, {})) RunRole(key);
  for (const std::string& name : std::exchange(dirty_role_names_, {})) ResolveRole(name);
  for (const model::ObjectKey& key : std::exchange(dirty_upstreams_, {})) RunUpstream(key);
  for (const model::ObjectKey& key : std::exchange(dirty_routes_, {})) RunRoutes(key);
  for (const model::ObjectKey& key : std::exchange(dirty_exposures_, {})) RunExposure(key);
  for (const ClaimKey& claim : std::exchange(dirty_claims_, {})) ResolveClaim(claim);
  Finish(&result);
  if (std::exchange(tokens_wanted_change_, false)) {
    result.tokens_wanted.emplace();
    for (const auto& [key, node] : upstreams_) {
      result.tokens_wanted->insert(node.tokens_wanted.begin(), node.tokens_wanted.end());
    }
  }
  result.units_run = units_run_;
  for (const Issue& issue : refused_.items()) result.refused.push_back(issue.message);
  return result;
}

template <typename NodeType>
void Translator::Impl::TakeEntry(absl::node_hash_map<model::ObjectKey, NodeType>& nodes, const model::ObjectKey& key,
                                 const Entry& entry) {
  Entry& mine = nodes[key].entry;
  mine.current = entry.current;
  mine.read_issues = entry.read_issues;
  if (entry.last_good != nullptr) mine.last_good = entry.last_good;
}

void Translator::Impl::TakeInputs(const Changes& changes, Result* result) {
  for (const auto& [key, data] : changes.last_good_secrets) {
    // What was good once may not be for this version of the checks.
    if (data == nullptr || !CheckSecret(*data).empty()) continue;
    secrets_[key].last_good = data;
    TouchReaders({Fact::Kind::kSecret, key.ns, key.name, ""});
  }
  for (const auto& [key, data] : changes.secrets) TakeSecret(key, data, result);
  for (const auto& [key, data] : changes.artifacts) {
    auto it = artifacts_.find(key);
    if (SameData(it == artifacts_.end() ? nullptr : it->second, data)) continue;
    if (data == nullptr) {
      artifacts_.erase(key);
    } else {
      artifacts_[key] = data;
    }
    TouchReaders({Fact::Kind::kArtifact, key.ns, key.name, ""});
  }
  for (const auto& [key, token] : changes.tokens) {
    if (token) {
      tokens_[key] = *token;
    } else {
      tokens_.erase(key);
    }
    TouchReaders({Fact::Kind::kToken, key.secret.ns, key.secret.name, key.audience});
  }
  for (const auto& [key, entry] : changes.objects) {
    if (entry) {
      switch (key.kind) {
        case model::Kind::kUpstream:
          TakeEntry(upstreams_, key, *entry);
          break;
        case model::Kind::kVirtualService:
          TakeEntry(virtual_services_, key, *entry);
          break;
        case model::Kind::kRole:
          TakeEntry(role_nodes_, key, *entry);
          break;
      }
      Touch(key);
    } else if (Node* node = Find(key)) {
      // Its units run once more, on nothing, and take back what they made.
      node->entry = {};
      Touch(key);
    }
  }
  // A key may be taken away and given again in one batch: only the last word counts.
  std::set<model::ObjectKey> gone;
  for (const auto& [key, entry] : changes.objects) {
    if (entry) {
      gone.erase(key);
    } else if (Find(key) != nullptr) {
      gone.insert(key);
    }
  }
  result->gone.assign(gone.begin(), gone.end());
}

void Translator::Impl::TakeSecret(const model::DataKey& key, model::NamedDataPtr data, Result* result) {
  Fact fact{Fact::Kind::kSecret, key.ns, key.name, ""};
  auto it = secrets_.find(key);
  if (data == nullptr) {
    if (it == secrets_.end()) return;
    secrets_.erase(it);
    result->last_good_secrets.emplace_back(key, nullptr);
  } else {
    if (it != secrets_.end() && it->second.current != nullptr && SameData(it->second.current, data)) return;
    SecretState& state = secrets_[key];
    state.current = data;
    state.error = CheckSecret(*data);
    if (state.error.empty()) {
      if (!SameData(state.last_good, data)) result->last_good_secrets.emplace_back(key, data);
      state.last_good = data;
    }
  }
  TouchReaders(fact);
}

void Translator::Impl::Touch(const model::ObjectKey& key) {
  dirty_reports_.insert(key);
  switch (key.kind) {
    case model::Kind::kUpstream:
      dirty_upstreams_.insert(key);
      break;
    case model::Kind::kVirtualService:
      dirty_routes_.insert(key);
      // The time of its making may have changed alone.
      dirty_exposures_.insert(key);
      break;
    case model::Kind::kRole:
      dirty_roles_.insert(key);
      break;
  }
}

void Translator::Impl::TouchReaders(const Fact& fact) {
  dependencies_.VisitReaders(fact, [&](const Unit& unit) {
    switch (unit.stage) {
      case Unit::Stage::kUpstream:
        dirty_upstreams_.insert(unit.key);
        break;
      case Unit::Stage::kRoutes:
        dirty_routes_.insert(unit.key);
        if (RouteMemo* memo = virtual_services_.at(unit.key).memo.get()) memo->Forget(fact);
        break;
      case Unit::Stage::kExposure:
        dirty_exposures_.insert(unit.key);
        break;
    }
  });
}

Changes Translator::Impl::Inputs() const {
  Changes inputs;
  auto add = [&inputs](const auto& nodes) {
    for (const auto& [key, node] : nodes) inputs.objects.emplace_back(key, node.entry);
  };
  add(upstreams_);
  add(virtual_services_);
  add(role_nodes_);
  for (const auto& [key, state] : secrets_) {
    if (state.current != nullptr) inputs.secrets.emplace_back(key, state.current);
    if (state.last_good != nullptr && state.last_good != state.current) {
      inputs.last_good_secrets.emplace_back(key, state.last_good);
    }
  }
  for (const auto& [key, data] : artifacts_) inputs.artifacts.emplace_back(key, data);
  for (const auto& [key, token] : tokens_) inputs.tokens.emplace_back(key, token);
  auto by_key = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::sort(inputs.objects.begin(), inputs.objects.end(), by_key);
  std::sort(inputs.secrets.begin(), inputs.secrets.end(), by_key);
  std::sort(inputs.last_good_secrets.begin(), inputs.last_good_secrets.end(), by_key);
  std::sort(inputs.artifacts.begin(), inputs.artifacts.end(), by_key);
  std::sort(inputs.tokens.begin(), inputs.tokens.end(), by_key);
  return inputs;
}

std::vector<std::string> Translator::Impl::Roles() const {
  std::vector<std::string> names;
  for (const auto& [name, role] : roles_) {
    if (role.defined) names.push_back(name);
  }
  return names;
}

Node* Translator::Impl::Find(const model::ObjectKey& key) {
  auto find = [&key](auto& nodes) -> Node* {
    auto it = nodes.find(key);
    return it == nodes.end() ? nullptr : &it->second;
  };
  switch (key.kind) {
    case model::Kind::kUpstream:
      return find(upstreams_);
    case model::Kind::kVirtualService:
      return find(virtual_services_);
    case model::Kind::kRole:
      return find(role_nodes_);
  }
  return nullptr;
}

}  // namespace gloo::translator
