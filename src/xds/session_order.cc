// The order of changes: what an upsert or a removal waits for, and who waits for whom.
#include <algorithm>
#include <utility>

#include "xds/session_internal.h"

namespace gloo::xds {

using snapshot::Resource;
using snapshot::ResourcePtr;
using snapshot::ResourceRef;
using snapshot::Type;

namespace {

// A queue is tidied up only when it is longer than this.
constexpr size_t kMinQueue = 1024;

}  // namespace

Session::Forms Session::FormsOf(const Entry& entry) {
  Forms out;
  for (const ResourcePtr& form : {entry.sent, entry.acked, entry.lag->maybe}) {
    if (form != nullptr && std::find(out.begin(), out.end(), form) == out.end()) out.push_back(form);
  }
  return out;
}

void Session::AddReferences(const Forms& forms) {
  for (const ResourcePtr& r : forms) {
    if (IsUnknown(r)) ++unknown_[static_cast<int>(r->ref.type)];
    for (const auto* list : {&r->warms, &r->needs}) {
      for (const ResourceRef& ref : *list) ++holds_[ref].count;
    }
  }
}

void Session::DropReferences(const Forms& forms) {
  std::vector<ResourceRef> free;
  bool known = false;
  for (const ResourcePtr& r : forms) {
    if (IsUnknown(r) && --unknown_[static_cast<int>(r->ref.type)] == 0) known = true;
    for (const auto* list : {&r->warms, &r->needs}) {
      for (const ResourceRef& ref : *list) {
        const auto it = holds_.find(ref);
        if (--it->second.count > 0) continue;
        holds_.erase(it);
        free.push_back(ref);
      }
    }
  }
  for (const ResourceRef& ref : free) Wake(ref);
  if (known) Wake(AdoptKey());
}

bool Session::MarkChanged(Type type, const std::string& name, Entry& entry) {
  if (type == Type::kSecret) AssignSecret(name);
  if (type == Type::kScopedRoute) DropStaleMover(name);
  if (entry.lag == nullptr) {
    Mutate(entry, [&] { entry.lag = std::make_unique<Lag>(); });
    entry.lag->sequence = sequence_;
    ++sub(type).lagging;
  } else if (entry.lag->nonce != 0) {
    if (entry.lag->uncovered == 0) entry.lag->uncovered = sequence_;
  } else if (entry.lag->pending == 0) {
    // A refusal, or a removal that waited: what comes now is a change of its own.
    entry.lag->sequence = sequence_;
  }
  entry.lag->newest = sequence_;
  entry.lag->stays_until = 0;
  UpdatePending(type, name, entry);
  Enqueue(type, name, entry);
  return entry.lag->pending != 0;
}

void Session::Enqueue(Type type, const std::string& name, Entry& entry) {
  if (entry.lag == nullptr || entry.lag->queued) return;
  StopWaiting(type, name, *entry.lag);
  entry.lag->queued = true;
  Subscription& s = sub(type);
  s.queue.push_back(name);
  // Names that went, and came again, while nothing could be written.
  if (s.queue.size() <= kMinQueue + 2 * s.lagging) return;
  absl::flat_hash_set<std::string> seen;
  std::erase_if(s.queue, [&](const std::string& queued) {
    const auto it = s.entries.find(queued);
    return it == s.entries.end() || it->second.lag == nullptr || !it->second.lag->queued || !seen.insert(queued).second;
  });
}

void Session::Settle(Type type, const std::string& name, Entry& entry) {
  SetPending(type, *entry.lag, 0);
  StopWaiting(type, name, *entry.lag);
  --sub(type).lagging;
  entry.warm = entry.acked != nullptr;
  Mutate(entry, [&] { entry.lag = nullptr; });
  Wake({type, name});
  if (type == Type::kScopedRoute) DropMover(name);
}

void Session::Leave(Type type, const std::string& name, Entry& entry) {
  if (entry.lag == nullptr || entry.lag->nonce == 0) {
    EraseEntry(type, name);
    return;
  }
  // What is on the way may be taken all the same, if the client asks again before it arrives.
  entry.subscribed = false;
  entry.warm = false;
  Mutate(entry, [&] {
    entry.acked = nullptr;
    entry.lag->maybe = nullptr;
  });
}

void Session::EraseEntry(Type type, const std::string& name) {
  Subscription& s = sub(type);
  const auto it = s.entries.find(name);
  if (it == s.entries.end()) return;
  // Taken out first: what wakes must no longer find it.
  const std::string key = it->first;
  Entry entry = std::move(it->second);
  s.entries.erase(it);
  if (type == Type::kSecret) server_names_.Drop(key);
  if (type == Type::kScopedRoute) DropMover(key);
  if (entry.lag == nullptr) return;
  SetPending(type, *entry.lag, 0);
  StopWaiting(type, key, *entry.lag);
  --s.lagging;
  DropReferences(FormsOf(entry));
  Wake({type, key});
}

void Session::SetPending(Type type, Lag& lag, uint64_t sequence) {
  if (lag.pending == sequence) return;
  auto& pending = sub(type).pending;
  if (sequence != 0) ++pending[sequence];
  const uint64_t was = std::exchange(lag.pending, sequence);
  if (was == 0) return;
  const auto it = pending.find(was);
  if (--it->second > 0) return;
  pending.erase(it);
  Wake(WholeType(type));
}

void Session::UpdatePending(Type type, const std::string& name, Entry& entry) {
  Lag& lag = *entry.lag;
  const ResourcePtr current = Current(type, name);
  const bool refused = current != nullptr && entry.refusal != nullptr && entry.refusal->version == current->version;
  const bool was = lag.pending != 0;
  SetPending(type, lag, current == nullptr || refused ? 0 : lag.sequence);
  // What is gone or refused holds nothing up any more.
  if (was && lag.pending == 0) Wake({type, name});
}

void Session::WaitFor(const ResourceRef& key, Type type, const std::string& name, Lag& lag) {
  StopWaiting(type, name, lag);
  lag.waiting_for = key;
  waiters_[key].insert({type, name});
}

void Session::StopWaiting(Type type, const std::string& name, Lag& lag) {
  if (!lag.waiting_for.has_value()) return;
  const auto it = waiters_.find(*lag.waiting_for);
  lag.waiting_for.reset();
  if (it == waiters_.end()) return;
  it->second.erase(ResourceRef{type, name});
  if (it->second.empty()) waiters_.erase(it);
}

void Session::Wake(const ResourceRef& key) {
  const auto it = waiters_.find(key);
  if (it == waiters_.end()) return;
  const auto woken = std::move(it->second);
  waiters_.erase(it);
  for (const ResourceRef& ref : woken) {
    Subscription& s = sub(ref.type);
    const auto entry = s.entries.find(ref.name);
    if (entry == s.entries.end() || entry->second.lag == nullptr) continue;
    entry->second.lag->waiting_for.reset();
    Enqueue(ref.type, ref.name, entry->second);
  }
}

bool Session::InForce(const Entry& entry) {
  // `sent` is null while its removal is on the way.
  return entry.acked != nullptr && entry.sent != nullptr && (entry.lag == nullptr || entry.warm);
}

bool Session::NotInForce(const ResourceRef& ref, uint64_t sequence) const {
  const Subscription& s = subscription(ref.type);
  if (!s.active) return false;
  const auto it = s.entries.find(ref.name);
  // What the client does not ask for, or is all right, or it refused itself, holds nothing up.
  if (it == s.entries.end() || it->second.lag == nullptr || it->second.lag->pending == 0) return false;
  const Entry& entry = it->second;
  return !InForce(entry) || entry.lag->pending <= sequence;
}

bool Session::Usable(const Resource& resource) const {
  for (const ResourceRef& ref : resource.needs) {
    const Subscription& s = subscription(ref.type);
    if (!s.active) continue;
    const auto it = s.entries.find(ref.name);
    if (it == s.entries.end() || !InForce(it->second)) return false;
  }
  return true;
}

bool Session::PendingUpTo(Type type, uint64_t sequence) const {
  const Subscription& s = subscription(type);
  return s.active && !s.pending.empty() && s.pending.begin()->first <= sequence;
}

std::optional<ResourceRef> Session::UpsertBlockedBy(const Resource& resource, const Lag& lag) const {
  const Type type = resource.ref.type;
  // What is named must be in force in some form, and in its newest one as of the oldest change that waits here: not
  // later, or two objects that change all the time would hold each other up for ever.
  const uint64_t sequence = lag.sequence;
  // Secrets, endpoints and clusters come first in the order; clusters warm what stands before them.
  if (type <= Type::kCluster) return std::nullopt;
  if (ClustersWithheld()) return ClustersKey();
  for (const ResourceRef& ref : resource.needs) {
    // In the state of the world all of a type are in one response.
    const bool comes_first = ref.type < type || (ref.type == type && !FullState(type));
    if (comes_first && NotInForce(ref, sequence)) return ref;
  }
  for (const ResourceRef& ref : resource.warms) {
    if (ref.type >= type) continue;
    if (NotInForce(ref, sequence)) return ref;
    // The client asks for it only once it has this: what it needs in turn must be there by then.
    const ResourcePtr warmed = Current(ref.type, ref.name);
    if (warmed == nullptr) continue;
    for (const ResourceRef& need : warmed->needs) {
      if (need.type < type && NotInForce(need, sequence)) return need;
    }
  }
  // These do not name what they rely on; they hold what was known when they last changed.
  if (type == Type::kExtensionConfig && PendingUpTo(Type::kScopedRoute, lag.newest)) {
    return WholeType(Type::kScopedRoute);
  }
  if (type == Type::kListener) {
    for (const Type before : {Type::kCluster, Type::kRoute, Type::kScopedRoute, Type::kExtensionConfig}) {
      if (PendingUpTo(before, lag.newest)) return WholeType(before);
    }
  }
  return std::nullopt;
}

std::optional<ResourceRef> Session::RemovalBlockedBy(Type type, const std::string& name, Lag& lag) const {
  if (const ResourceRef self{type, name}; holds_.contains(self)) return self;
  if (type < Type::kListener && ClustersWithheld()) return ClustersKey();
  if (adopted_at_ > 0 && type < Type::kListener) {
    // What a client that reconnected still uses is known once it has said all that it holds, and holds known forms.
    if (ticks_ < adopted_at_) return AdoptKey();
    for (int above = static_cast<int>(type) + 1; above < snapshot::kTypeCount; ++above) {
      if (unknown_[above] > 0) return AdoptKey();
    }
  }
  if (type >= Type::kEndpoint && type < Type::kListener) {
    // What replaces it comes first: its own kind and all that may refer to it.
    for (int above = static_cast<int>(type); above < static_cast<int>(Type::kListener); ++above) {
      if (PendingUpTo(static_cast<Type>(above), lag.newest)) return WholeType(static_cast<Type>(above));
    }
  }
  if (type == Type::kScopedRoute) {
    // The table names it no more. Later tables do not matter.
    if (lag.stays_until == 0) lag.stays_until = table_settled_at_;
    if (ticks_ < lag.stays_until) return TableKey();
  }
  if (type == Type::kListener) {
    // A listener that takes over an address must come with the removal of the one that had it: neither before
    // (the address is taken) nor after (nobody listens).
    for (const auto& [other, entry] : subscription(type).entries) {
      if (entry.lag == nullptr || entry.lag->pending == 0 || entry.lag->nonce != 0) continue;
      const ResourcePtr current = Current(type, other);
      if (current == nullptr) continue;
      if (auto key = UpsertBlockedBy(*current, *entry.lag)) return key;
    }
  }
  return std::nullopt;
}

std::optional<ResourceRef> Session::WarmingBlockedBy(const Resource& resource, Lag& lag, bool* grace) {
  for (const ResourceRef& ref : resource.warms) {
    const Subscription& s = subscription(ref.type);
    const auto it = s.entries.find(ref.name);
    if (!s.active || it == s.entries.end()) {
      if (lag.grace_over) continue;
      *grace = true;
      return ref;
    }
    const Entry& warmed = it->second;
    const ResourcePtr current = Current(ref.type, ref.name);
    const bool refused = warmed.refusal != nullptr && current != nullptr && warmed.refusal->version == current->version;
    if (warmed.acked == nullptr && !refused && !(warmed.absent && current == nullptr)) return ref;
  }
  return std::nullopt;
}

bool Session::ClustersWithheld() const { return ticks_ < withheld_until_ && !subscription(Type::kCluster).asked; }

bool Session::OfferClusterOf(const std::string& endpoints) {
  const std::string name(snapshot::ClusterOfEndpoints(endpoints));
  if (!snapshot_.resources(Type::kCluster).contains(name)) return false;
  Subscription& s = sub(Type::kCluster);
  s.active = s.wildcard = true;
  const auto [it, inserted] = s.entries.try_emplace(name);
  if (inserted) MarkChanged(Type::kCluster, name, it->second);
  return true;
}

void Session::KeepGraceTimer() {
  if (grace_timer_ == nullptr) grace_timer_ = loop_.After(options_.grace, [this] { OnGrace(); });
}

void Session::OnGrace() {
  // The timer that fires must live until its function returns.
  const std::unique_ptr<runtime::Timer> fired = std::move(grace_timer_);
  if (++ticks_ == adopted_at_) Wake(AdoptKey());
  if (ticks_ == withheld_until_) Wake(ClustersKey());
  Wake(TableKey());
  for (const ResourceRef& ref : grace_second_) {
    Subscription& s = sub(ref.type);
    const auto it = s.entries.find(ref.name);
    if (it == s.entries.end() || it->second.lag == nullptr || !it->second.lag->grace_started) continue;
    it->second.lag->grace_over = true;
    Enqueue(ref.type, ref.name, it->second);
  }
  grace_second_ = std::exchange(grace_first_, {});
  if (!grace_second_.empty() || ticks_ < adopted_at_ || ticks_ < table_settled_at_ || ClustersWithheld()) {
    KeepGraceTimer();
  }
  events_.OnRunnable();
}

}  // namespace gloo::xds
