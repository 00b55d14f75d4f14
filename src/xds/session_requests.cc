// What clients say: subscriptions, acknowledgements, refusals.
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "xds/session_internal.h"

namespace gloo::xds {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryRequest;
using snapshot::ResourcePtr;
using snapshot::ResourceRef;
using snapshot::Type;

namespace {

// Bound what a client can make the server keep.
constexpr size_t kMaxNames = 2'000'000;
constexpr size_t kMaxNameBytes = 4096;
constexpr size_t kMaxForeignTypes = 32;
constexpr size_t kMaxForeignNames = 4096;

// "*" asks for everything, but for secrets: there it is the name of the default certificate.
bool AsksForAll(Type type, std::string_view name) { return name == "*" && type != Type::kSecret; }

uint64_t ParseNonce(const std::string& nonce) {
  uint64_t out = 0;
  // The number alone: SimpleAtoi() takes blanks and signs too.
  return nonce.find_first_not_of("0123456789") == std::string::npos && absl::SimpleAtoi(nonce, &out) ? out : 0;
}

NamedVersions VersionsOf(const InFlight& response) {
  NamedVersions out;
  out.reserve(response.upserts.size());
  // Secrets by the entry that answered: that is what the rest of the control plane knows.
  for (const auto& [name, resource] : response.upserts) out.emplace_back(resource->ref.name, resource->version);
  return out;
}

}  // namespace

absl::Status Session::OnRequest(const DeltaDiscoveryRequest& request) {
  Type type;
  if (!snapshot::ParseTypeUrl(request.type_url(), &type)) {
    return OnForeignType(request.type_url(),
                         {request.resource_names_subscribe().begin(), request.resource_names_subscribe().end()});
  }
  Subscription& s = sub(type);
  const bool first = !s.asked;
  s.asked = s.active = true;

  if (!request.response_nonce().empty()) {
    if (auto node = s.in_flight.extract(ParseNonce(request.response_nonce())); !node.empty()) {
      if (request.has_error_detail()) {
        Refuse(type, std::move(node.mapped()), request.error_detail().message());
      } else {
        Acknowledge(type, std::move(node.mapped()));
      }
    }
  }

  // What it was offered unasked it has; what it wants it says now.
  if (first) s.wildcard = false;
  bool all = first && request.resource_names_subscribe().empty() && HasLegacyWildcard(type);
  for (const std::string& name : request.resource_names_subscribe()) all |= AsksForAll(type, name);
  if (first && !request.initial_resource_versions().empty()) {
    for (const auto& [name, version] : request.initial_resource_versions()) {
      Adopt(type, name, version);
    }
  }
  for (const std::string& name : request.resource_names_unsubscribe()) {
    if (AsksForAll(type, name)) {
      UnsubscribeAll(type);
    } else {
      Unsubscribe(type, name);
    }
  }
  for (const std::string& name : request.resource_names_subscribe()) {
    if (AsksForAll(type, name)) continue;
    if (absl::Status status = Subscribe(type, name); !status.ok()) return status;
  }
  if (all) SubscribeAll(type);
  if (first && !s.wildcard) {
    // Of what it says to hold only what it subscribes to counts.
    std::vector<std::string> extra;
    for (const auto& [name, entry] : s.entries) {
      if (!entry.subscribed) extra.push_back(name);
    }
    for (const std::string& name : extra) EraseEntry(type, name);
  }
  if (first && type == Type::kCluster) Wake(ClustersKey());
  if (first && type == Type::kEndpoint && ClustersWithheld()) {
    // It may be warming a changed cluster with endpoints that it has: it wants them again, and does not say so.
    for (auto& [name, entry] : s.entries) {
      if (entry.acked == nullptr) continue;
      MarkChanged(type, name, entry);
      entry.lag->force = true;
    }
  }
  return absl::OkStatus();
}

absl::Status Session::OnRequest(const DiscoveryRequest& request) {
  Type type;
  if (!snapshot::ParseTypeUrl(request.type_url(), &type)) return OnForeignType(request.type_url(), {});
  Subscription& s = sub(type);
  const bool first = !s.asked;
  s.asked = s.active = true;

  if (!first && !request.response_nonce().empty()) {
    const uint64_t nonce = ParseNonce(request.response_nonce());
    // Written before the client saw the last response: its answer to that one will say all again.
    if (nonce != s.last_nonce) return absl::OkStatus();
    if (auto node = s.in_flight.extract(nonce); !node.empty()) {
      if (request.has_error_detail()) {
        Refuse(type, std::move(node.mapped()), request.error_detail().message());
      } else {
        Acknowledge(type, std::move(node.mapped()));
      }
    }
  }

  bool all = request.resource_names().empty() && HasLegacyWildcard(type) && (first || s.wildcard);
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(request.resource_names_size()));
  for (const std::string& name : request.resource_names()) {
    if (AsksForAll(type, name)) {
      all = true;
    } else {
      names.push_back(name);
    }
  }
  absl::flat_hash_set<std::string_view> wanted(names.begin(), names.end());
  std::vector<std::string> dropped;
  for (const auto& [name, entry] : s.entries) {
    if (entry.subscribed && !wanted.contains(name)) dropped.push_back(name);
  }
  for (const std::string& name : dropped) Unsubscribe(type, name);
  bool added = false;
  for (const std::string& name : names) {
    const auto it = s.entries.find(name);
    if (it != s.entries.end() && it->second.subscribed) continue;
    added = true;
    if (absl::Status status = Subscribe(type, name); !status.ok()) return status;
  }
  if (all && !s.wildcard) {
    SubscribeAll(type);
  } else if (!all && s.wildcard) {
    UnsubscribeAll(type);
    added = true;
  }
  if (FullState(type) && (added || !dropped.empty())) s.owes_answer = true;
  return absl::OkStatus();
}

absl::Status Session::OnForeignType(const std::string& type_url, std::vector<std::string> names) {
  if (type_url.empty()) return absl::InvalidArgumentError("type_url is missing");
  if (names.empty()) return absl::OkStatus();
  if (foreign_.size() >= kMaxForeignTypes && !foreign_.contains(type_url)) {
    return absl::ResourceExhaustedError("too many types that are not served here");
  }
  std::vector<std::string>& waiting = foreign_[type_url];
  if (waiting.size() + names.size() > kMaxForeignNames) {
    return absl::ResourceExhaustedError(absl::StrCat("too many names of ", type_url, ", which is not served here"));
  }
  waiting.insert(waiting.end(), names.begin(), names.end());
  return absl::OkStatus();
}

void Session::Adopt(Type type, const std::string& name, const std::string& version) {
  Subscription& s = sub(type);
  if (name.size() > kMaxNameBytes || s.entries.size() >= kMaxNames) return;
  const auto [it, inserted] = s.entries.try_emplace(name);
  Entry& entry = it->second;
  if (type == Type::kSecret) AssignSecret(name);
  const ResourcePtr current = Current(type, name);
  const bool same = current != nullptr && current->version == version;
  if (!inserted) {
    // Offered unasked, and refused or not answered yet.
    if (entry.acked != nullptr || entry.lag == nullptr) return;
    Mutate(entry, [&] {
      entry.acked = same ? current : UnknownForm(type);
      if (entry.sent == nullptr) entry.sent = entry.acked;
    });
    return;
  }
  entry.sent = entry.acked = same ? current : UnknownForm(type);
  if (adopted_at_ == 0) {
    adopted_at_ = ticks_ + 2;
    KeepGraceTimer();
  }
  // Who has endpoints or routes has clusters too; listeners and secrets alone say nothing of them.
  const bool has_clusters = type == Type::kEndpoint || type == Type::kRoute || type == Type::kScopedRoute;
  if (has_clusters && withheld_until_ == 0 && options_.delta && options_.withheld > absl::ZeroDuration()) {
    withheld_until_ = ticks_ + 1 + static_cast<uint64_t>(options_.withheld / options_.grace);
    KeepGraceTimer();
  }
  entry.warm = same && current->warms.empty();
  // Held does not mean warm: the stream may have broken before the client had what it refers to.
  const bool owed = owed_.erase({type, name}) > 0;
  if (!same || owed || !current->warms.empty()) MarkChanged(type, name, entry);
  if (owed) entry.lag->force = true;
}

absl::Status Session::Subscribe(Type type, const std::string& name) {
  if (name.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a resource name is longer than ", kMaxNameBytes, " bytes"));
  }
  Subscription& s = sub(type);
  if (s.entries.size() >= kMaxNames) {
    return absl::ResourceExhaustedError(absl::StrCat("more than ", kMaxNames, " names of a type on one stream"));
  }
  const auto [it, inserted] = s.entries.try_emplace(name);
  Entry& entry = it->second;
  // Known by initial_resource_versions of this very request: it has it.
  const bool has_it =
      !entry.subscribed && !s.wildcard && entry.acked != nullptr && (entry.lag == nullptr || entry.lag->nonce == 0);
  const bool again = !inserted && !has_it;
  entry.subscribed = true;
  if (has_it) return absl::OkStatus();
  MarkChanged(type, name, entry);
  if (again) entry.lag->force = true;
  return absl::OkStatus();
}

void Session::Unsubscribe(Type type, const std::string& name) {
  Subscription& s = sub(type);
  const auto it = s.entries.find(name);
  if (it == s.entries.end() || !it->second.subscribed) return;
  if (!s.wildcard) {
    Leave(type, name, it->second);
    return;
  }
  // The wildcard still covers it; the client has dropped it and must be told again.
  it->second.subscribed = false;
  MarkChanged(type, name, it->second);
  it->second.lag->force = true;
}

void Session::SubscribeAll(Type type) {
  Subscription& s = sub(type);
  if (s.wildcard) return;
  s.wildcard = true;
  bool holds_some = false;
  for (const auto& [name, entry] : s.entries) holds_some |= entry.acked != nullptr;
  // A client that holds something already is not waiting for a first answer.
  s.owes_answer = !holds_some;
  for (const auto& [name, resource] : snapshot_.resources(type)) {
    const auto [it, inserted] = s.entries.try_emplace(name);
    if (inserted) MarkChanged(type, name, it->second);
  }
}

void Session::UnsubscribeAll(Type type) {
  Subscription& s = sub(type);
  if (!s.wildcard) return;
  s.wildcard = false;
  s.owes_answer = false;
  std::vector<std::string> dropped;
  for (const auto& [name, entry] : s.entries) {
    if (!entry.subscribed) dropped.push_back(name);
  }
  for (const std::string& name : dropped) Leave(type, name, s.entries.find(name)->second);
}

void Session::Acknowledge(Type type, InFlight response) {
  Subscription& s = sub(type);
  NamedVersions taken;
  const auto advance = [&](const std::string& name, Entry& entry, const ResourcePtr& form) {
    Lag& lag = *entry.lag;
    lag.nonce = 0;
    lag.alone = false;
    lag.grace_started = lag.grace_over = false;
    if (lag.uncovered != 0) lag.sequence = std::exchange(lag.uncovered, 0);
    if (type == Type::kExtensionConfig && entry.acked != nullptr && entry.acked != form) {
      table_settled_at_ = ticks_ + 2;
      KeepGraceTimer();
    }
    Mutate(entry, [&] {
      entry.sent = entry.acked = form;
      lag.maybe = nullptr;
    });
    UpdatePending(type, name, entry);
    Enqueue(type, name, entry);
    Wake({type, name});
  };
  for (const auto& [name, resource] : response.upserts) {
    const auto it = s.entries.find(name);
    if (it == s.entries.end() || it->second.lag == nullptr || it->second.lag->nonce != response.nonce) continue;
    if (it->second.refusal != nullptr && it->second.refusal->substitute != resource) it->second.refusal = nullptr;
    taken.emplace_back(resource->ref.name, resource->version);
    advance(name, it->second, resource);
    if (!s.wildcard && !it->second.subscribed) EraseEntry(type, name);
  }
  for (const std::string& name : response.removals) {
    const auto it = s.entries.find(name);
    if (it == s.entries.end() || it->second.lag == nullptr || it->second.lag->nonce != response.nonce) continue;
    it->second.absent = true;
    it->second.warm = false;
    advance(name, it->second, nullptr);
    if (!s.wildcard && !it->second.subscribed) EraseEntry(type, name);
  }
  events_.OnAck(type, taken, SteadyNow() - response.sent);
}

void Session::Refuse(Type type, InFlight response, const std::string& message) {
  if (response.upserts.empty()) {
    // Removals alone: there is nothing else to offer.
    events_.OnNack(type, {}, message, false);
    Acknowledge(type, std::move(response));
    return;
  }
  Subscription& s = sub(type);
  const bool isolated = response.upserts.size() == 1;
  const auto again = [&](const std::string& name, Entry& entry) {
    Lag& lag = *entry.lag;
    lag.nonce = 0;
    // The change is not in force, so its sequence number stays.
    lag.uncovered = 0;
    UpdatePending(type, name, entry);
    Enqueue(type, name, entry);
    Wake({type, name});
  };
  for (const auto& [name, resource] : response.upserts) {
    const auto it = s.entries.find(name);
    if (it == s.entries.end() || it->second.lag == nullptr || it->second.lag->nonce != response.nonce) continue;
    Entry& entry = it->second;
    if (isolated) {
      if (entry.refusal != nullptr && entry.refusal->substitute == resource) {
        // What it stood in for is no less refused.
        entry.refusal->substitute = nullptr;
      } else {
        entry.refusal = std::make_unique<Refusal>(Refusal{resource->version, message, nullptr});
      }
      entry.lag->alone = false;
      // Envoy keeps the form before.
      Mutate(entry, [&] {
        ResourcePtr& maybe = entry.lag->maybe;
        if (maybe != nullptr && maybe->version == resource->version) maybe = nullptr;
        entry.sent = maybe != nullptr ? maybe : entry.acked;
      });
    } else {
      entry.lag->alone = true;
      Mutate(entry, [&] { entry.lag->maybe = resource; });
    }
    again(name, entry);
    if (!s.wildcard && !entry.subscribed) EraseEntry(type, name);
  }
  for (const std::string& name : response.removals) {
    const auto it = s.entries.find(name);
    if (it == s.entries.end() || it->second.lag == nullptr || it->second.lag->nonce != response.nonce) continue;
    again(name, it->second);
    if (!s.wildcard && !it->second.subscribed) EraseEntry(type, name);
  }
  FinishPublications(false);
  events_.OnNack(type, VersionsOf(response), message, isolated);
}

}  // namespace gloo::xds
