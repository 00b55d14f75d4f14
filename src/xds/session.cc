#include "xds/session.h"

#include <utility>

#include "xds/session_internal.h"

namespace gloo::xds {

namespace {

constexpr size_t kMaxPublications = 1000;

}  // namespace

using snapshot::ResourcePtr;
using snapshot::ResourceRef;
using snapshot::Type;

Session::Session(runtime::Loop& loop, const snapshot::Snapshot& snapshot, SessionEvents& events, SessionOptions options)
    : loop_(loop), snapshot_(snapshot), events_(events), options_(options) {}

Session::~Session() = default;

bool Session::FullState(Type type) const { return !options_.delta && HasLegacyWildcard(type); }

ResourcePtr Session::Current(Type type, const std::string& name) const {
  if (type == Type::kSecret) {
    ResourcePtr entry = snapshot_.FindSecretEntry(name);
    return entry != nullptr && server_names_.Answers(name, entry->ref.name) ? entry : nullptr;
  }
  const auto& map = snapshot_.resources(type);
  if (const auto it = map.find(name); it != map.end()) return it->second;
  if (type != Type::kScopedRoute) return nullptr;
  const auto mover = mover_scopes_.find(name);
  return mover == mover_scopes_.end() ? nullptr : mover->second;
}

void Session::OnChange(const Change& change) {
  ++sequence_;
  bool marked = false;
  std::vector<std::string> secrets;
  for (const Change::Item& item : change.items) {
    const Type type = item.ref.type;
    Subscription& s = sub(type);
    if (!s.active) continue;
    if (type == Type::kSecret) {
      secrets.push_back(item.ref.name);
      continue;
    }
    auto it = s.entries.find(item.ref.name);
    if (it == s.entries.end()) {
      if (!s.wildcard || item.after == nullptr) continue;
      it = s.entries.try_emplace(item.ref.name).first;
    }
    marked |= MarkChanged(type, item.ref.name, it->second);
  }
  if (!secrets.empty()) marked |= OnSecretsChanged(secrets);
  if (publications_.size() < kMaxPublications && change.since != absl::InfinitePast() && marked) {
    publications_.emplace_back(sequence_, change.since);
  }
  for (const Change::Item& item : change.items) {
    if (item.after != nullptr) continue;
    if (const auto it = holds_.find(item.ref); it != holds_.end()) it->second.gone = item.before;
  }
}

ClientState Session::StateOf(const ResourceRef& ref, std::string_view version, std::string* message) const {
  const Subscription& s = subscription(ref.type);
  const auto it = s.entries.find(ref.name);
  if (!s.active || it == s.entries.end()) {
    return s.active && s.wildcard ? ClientState::kWaiting : ClientState::kNotWanted;
  }
  const Entry& entry = it->second;
  if (entry.acked != nullptr && entry.acked->version == version) return ClientState::kAcknowledged;
  if (entry.refusal != nullptr && entry.refusal->version == version) {
    if (message != nullptr) *message = entry.refusal->message;
    return ClientState::kRefused;
  }
  return ClientState::kWaiting;
}

ResourcePtr Session::Held(const ResourceRef& ref) const {
  const Subscription& s = subscription(ref.type);
  const auto it = s.entries.find(ref.name);
  return it == s.entries.end() || it->second.acked == nullptr || IsUnknown(it->second.acked) ? nullptr
                                                                                             : it->second.acked;
}

bool Session::Substitute(const ResourceRef& ref, std::string_view version, ResourcePtr form) {
  Subscription& s = sub(ref.type);
  const auto it = s.entries.find(ref.name);
  if (it == s.entries.end() || it->second.lag == nullptr || it->second.refusal == nullptr) return false;
  Entry& entry = it->second;
  const ResourcePtr current = Current(ref.type, ref.name);
  if (current == nullptr || current->version != version || entry.refusal->version != version) return false;
  entry.refusal->substitute = std::move(form);
  Enqueue(ref.type, ref.name, entry);
  return true;
}

bool Session::converged() const {
  if (ClustersWithheld()) return false;
  bool any = false;
  for (const Subscription& s : subscriptions_) {
    if (s.lagging > 0 || s.owes_answer) return false;
    any |= s.active;
  }
  return any;
}

bool Session::settled() const {
  if (ClustersWithheld()) return false;
  bool any = false;
  for (const Subscription& s : subscriptions_) {
    if (!s.pending.empty() || !s.in_flight.empty() || s.owes_answer) return false;
    any |= s.active;
  }
  return any;
}

void Session::FinishPublications(bool acknowledged) {
  while (!publications_.empty()) {
    const auto [sequence, since] = publications_.front();
    for (int i = 0; i < snapshot::kTypeCount; ++i) {
      if (PendingUpTo(static_cast<Type>(i), sequence)) return;
    }
    publications_.pop_front();
    if (acknowledged) events_.OnInForce(SteadyNow() - since);
  }
}

size_t Session::in_flight() const {
  size_t out = 0;
  for (const Subscription& s : subscriptions_) out += s.in_flight.size();
  return out;
}

}  // namespace gloo::xds
