// What is sent next.
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "xds/session_internal.h"

namespace gloo::xds {

using snapshot::ResourcePtr;
using snapshot::ResourceRef;
using snapshot::Type;

namespace {

// The first answer to a wildcard may be this much longer, so that a client that starts has all of a type at once.
constexpr size_t kFirstAnswerFactor = 16;
// Framing of one resource: nonce aside, type URL, version, tags and lengths.
constexpr size_t kResourceOverhead = 160;

bool SameForm(const ResourcePtr& form, const ResourcePtr& current) {
  return form != nullptr && form->version == current->version && form->ref == current->ref;
}

}  // namespace

Session::Decision Session::Decide(Type type, const std::string& name, Entry& entry, ResourcePtr* resource) {
  Lag& lag = *entry.lag;
  // Its answer will queue it again.
  if (lag.nonce != 0) return Decision::kNothing;
  ResourcePtr current = Current(type, name);
  if (current == nullptr && entry.subscribed && (lag.force || entry.sent == nullptr)) {
    // Gone, but something that the client has still refers to it: it may be waiting for the answer.
    if (const auto it = holds_.find(ResourceRef{type, name}); it != holds_.end() && it->second.gone != nullptr) {
      ResourcePtr form = entry.sent != nullptr && !IsUnknown(entry.sent) ? entry.sent : it->second.gone;
      if (entry.refusal != nullptr && entry.refusal->version == form->version) {
        WaitFor({type, name}, type, name, lag);
        return Decision::kNothing;
      }
      if (Usable(*form)) {
        *resource = std::move(form);
        return Decision::kUpsert;
      }
    }
  }
  if (current == nullptr && type == Type::kEndpoint && ClustersWithheld() && OfferClusterOf(name)) {
    WaitFor(ClustersKey(), type, name, lag);
    return Decision::kNothing;
  }
  if (current != nullptr) {
    if (!lag.force && SameForm(entry.acked, current) && entry.sent == entry.acked) {
      Mutate(entry, [&] { entry.sent = entry.acked = current; });
      bool grace = false;
      if (const auto key = WarmingBlockedBy(*current, lag, &grace); key.has_value()) {
        if (grace && !std::exchange(lag.grace_started, true)) {
          grace_first_.push_back({type, name});
          KeepGraceTimer();
        }
        WaitFor(*key, type, name, lag);
        return Decision::kNothing;
      }
      entry.refusal = nullptr;
      Settle(type, name, entry);
      return Decision::kNothing;
    }
    UpdatePending(type, name, entry);
    if (lag.pending == 0) {
      // Refused: it stays behind until there is another version, with what stands in for it.
      current = entry.refusal->substitute;
      if (current == nullptr || (!lag.force && SameForm(entry.acked, current))) return Decision::kNothing;
    }
    if (const auto key = UpsertBlockedBy(*current, lag); key.has_value()) {
      WaitFor(*key, type, name, lag);
      return Decision::kNothing;
    }
    if (type == Type::kScopedRoute && WaitsForMover(name, entry, *current, lag)) return Decision::kNothing;
    *resource = std::move(current);
    return Decision::kUpsert;
  }
  UpdatePending(type, name, entry);
  if (entry.sent == nullptr && entry.acked == nullptr) {
    const bool tell = entry.subscribed && (!entry.absent || lag.force);
    if (tell) return Decision::kRemove;
    if (entry.subscribed) {
      Settle(type, name, entry);
    } else {
      EraseEntry(type, name);
    }
    return Decision::kNothing;
  }
  if (const auto key = RemovalBlockedBy(type, name, lag); key.has_value()) {
    WaitFor(*key, type, name, lag);
    return Decision::kNothing;
  }
  return Decision::kRemove;
}

void Session::Collect(Type type, Response* response, InFlight* in_flight) {
  Subscription& s = sub(type);
  const bool full = FullState(type);
  const size_t limit = options_.max_response_bytes * (s.owes_answer && s.wildcard ? kFirstAnswerFactor : 1);
  size_t bytes = 0;
  std::deque<std::string> later;
  while (!s.queue.empty() && (full || bytes < limit)) {
    const std::string name = std::move(s.queue.front());
    s.queue.pop_front();
    const auto it = s.entries.find(name);
    // Gone, or gone and come back and queued anew.
    if (it == s.entries.end() || it->second.lag == nullptr || !it->second.lag->queued) continue;
    Entry& entry = it->second;
    entry.lag->queued = false;
    ResourcePtr resource;
    const Decision decision = Decide(type, name, entry, &resource);
    if (decision == Decision::kNothing) continue;
    const bool alone = decision == Decision::kUpsert && entry.lag->alone;
    if (alone && !(in_flight->upserts.empty() && in_flight->removals.empty())) {
      entry.lag->queued = true;
      if (full) {
        later.push_back(name);
        continue;
      }
      s.queue.push_front(name);
      break;
    }
    if (decision == Decision::kUpsert) {
      bytes += kResourceOverhead + 2 * name.size() + resource->body.size();
      // Envoy warms the new form of a cluster with endpoints that come after it, and does not ask for them again: it is
      // subscribed to them already. Without them it waits for 15 s.
      if (type == Type::kCluster && (full || !s.asked || entry.sent != nullptr || entry.acked != nullptr)) {
        SendAgain(resource->warms);
      }
      Mutate(entry, [&] { entry.sent = resource; });
      entry.lag->nonce = in_flight->nonce;
      entry.lag->force = false;
      entry.absent = false;
      in_flight->upserts.emplace_back(name, resource);
      if (full) {
        if (type != Type::kCluster) SendAgain(resource->warms);
      } else {
        response->items.push_back({name, std::move(resource)});
      }
    } else if (entry.sent == nullptr && entry.acked == nullptr) {
      // Never had: an answer, not a change.
      bytes += kResourceOverhead + name.size();
      entry.absent = true;
      Settle(type, name, entry);
      if (options_.delta) response->removed.push_back(name);
      if (full) s.owes_answer = true;
    } else if (options_.delta || full) {
      bytes += kResourceOverhead + name.size();
      Mutate(entry, [&] { entry.sent = nullptr; });
      entry.lag->nonce = in_flight->nonce;
      entry.lag->force = false;
      in_flight->removals.push_back(name);
      if (!full) response->removed.push_back(name);
    } else {
      // The state of the world cannot say that one of these is gone; the client drops it with what refers to it.
      Mutate(entry, [&] { entry.sent = entry.acked = nullptr; });
      entry.absent = true;
      Settle(type, name, entry);
    }
    if (alone) {
      if (!full) break;
      // Whole state: the others wait for the answer to this one.
      while (!s.queue.empty()) {
        later.push_back(std::move(s.queue.front()));
        s.queue.pop_front();
      }
    }
  }
  for (std::string& name : later) s.queue.push_back(std::move(name));
}

void Session::SendAgain(const std::vector<ResourceRef>& refs) {
  for (const ResourceRef& ref : refs) {
    Subscription& s = sub(ref.type);
    const auto it = s.entries.find(ref.name);
    // A client that reconnects may say only later that it has them.
    if (it == s.entries.end() && !s.active) owed_.insert(ref);
    if (it == s.entries.end() || it->second.sent == nullptr) continue;
    MarkChanged(ref.type, ref.name, it->second);
    it->second.lag->force = true;
  }
}

void Session::FillFullState(Type type, Response* response, const InFlight& in_flight) {
  for (const auto& [name, entry] : sub(type).entries) {
    const bool changed = entry.lag != nullptr && entry.lag->nonce == in_flight.nonce;
    const ResourcePtr& form = changed ? entry.sent : entry.acked;
    if (form != nullptr) response->items.push_back({name, form});
  }
}

bool Session::MayRespond(const Subscription& s) const {
  // A response in the state of the world replaces the one before: only one may be unanswered.
  return options_.delta ? s.in_flight.size() < options_.max_unanswered : s.in_flight.empty();
}

std::optional<Response> Session::Next() {
  // What was acknowledged is known to be in force once it has been looked at here.
  const absl::Cleanup finish = [this] { FinishPublications(true); };
  if (!foreign_.empty()) {
    auto node = foreign_.extract(foreign_.begin());
    Response response;
    response.type_url = node.key();
    response.nonce = std::to_string(++last_nonce_);
    response.removed = std::move(node.mapped());
    return response;
  }
  bool again = true;
  while (again) {
    again = false;
    const int begin = next_type_;
    for (int i = 0; i < snapshot::kTypeCount; ++i) {
      const int index = (begin + i) % snapshot::kTypeCount;
      const Type type = static_cast<Type>(index);
      Subscription& s = sub(type);
      if (!s.active) continue;
      if (!MayRespond(s)) continue;
      Response response;
      InFlight in_flight;
      in_flight.nonce = last_nonce_ + 1;
      Collect(type, &response, &in_flight);
      const bool changed = !in_flight.upserts.empty() || !in_flight.removals.empty() || !response.removed.empty();
      if (!changed && !(s.owes_answer && s.queue.empty() && s.pending.empty())) continue;
      if (FullState(type)) FillFullState(type, &response, in_flight);
      ++last_nonce_;
      s.owes_answer = false;
      s.last_nonce = in_flight.nonce;
      response.type_url = std::string(snapshot::TypeUrl(type));
      response.nonce = std::to_string(in_flight.nonce);
      response.version = snapshot_.TypeVersion(type);
      in_flight.sent = SteadyNow();
      // Every response that wants an answer is known by its nonce, an empty one too: a client in the state of the
      // world must answer it before the next.
      if (!options_.delta || !in_flight.upserts.empty() || !in_flight.removals.empty()) {
        s.in_flight.emplace(in_flight.nonce, std::move(in_flight));
      }
      next_type_ = (index + 1) % snapshot::kTypeCount;
      return response;
    }
    // What one type did may have woken another.
    for (Subscription& s : subscriptions_) {
      again |= s.active && !s.queue.empty() && MayRespond(s);
    }
  }
  return std::nullopt;
}

}  // namespace gloo::xds
