#include "xds/testing/sim_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "xds/server_impl.h"
#include "xds/testing/publish.h"

namespace gloo::xds::testing {

using snapshot::Resource;
using snapshot::ResourcePtr;
using snapshot::ResourceRef;
using snapshot::Type;

namespace {

constexpr Type kWildcardTypes[] = {Type::kCluster, Type::kScopedRoute, Type::kListener};

bool Bad(const Resource& r) { return r.body.find(kBad) != std::string::npos; }

std::vector<std::string> ScopesOf(const Resource& table) {
  if (table.body.rfind(kTable, 0) != 0) return {};
  return absl::StrSplit(table.body.substr(sizeof(kTable) - 1), ',', absl::SkipEmpty());
}

}  // namespace

SimClient::SimClient(runtime::FakeLoop& loop, const snapshot::Snapshot& snapshot, bool delta, uint32_t seed)
    : loop_(loop), snapshot_(snapshot), delta_(delta), random_(seed) {}

bool SimClient::Wildcard(Type type) const {
  for (const Type t : kWildcardTypes) {
    if (t == type) return true;
  }
  return false;
}

void SimClient::Connect() {
  to_server_.clear();
  to_client_.clear();
  cluster_acks_.clear();
  session_ = std::make_unique<Session>(
      loop_, snapshot_, *this, SessionOptions{.delta = delta_, .max_response_bytes = 150, .make_mover = TextMover});
  for (bool& asked : asked_) asked = false;
  for (auto& names : subscribed_) names.clear();
  absent_.clear();
  advertised_.clear();
  got_.clear();
  asked_again_.clear();
  // A client that was waiting for them goes on after its own timeout; the server cannot know of it.
  stale_.clear();
  const auto ask = [&](Type type) {
    const int i = static_cast<int>(type);
    asked_[i] = true;
    Request request{.type = type};
    request.delta.set_type_url(std::string(snapshot::TypeUrl(type)));
    for (const auto& [name, form] : held(type))
      (*request.delta.mutable_initial_resource_versions())[name] = form->version;
    request.sotw.set_type_url(request.delta.type_url());
    to_server_.push_back(std::move(request));
  };
  // As Envoy: clusters first; what waits for other resources comes with them, or at once if they are held.
  ask(Type::kCluster);
  ask(Type::kListener);
  if (!held(Type::kListener).empty()) ask(Type::kScopedRoute);
  Resubscribe({});
}

void SimClient::Resubscribe(const std::set<ResourceRef>& again) {
  std::set<std::string> want[snapshot::kTypeCount];
  bool scopes = false;
  for (const auto& map : held_) {
    for (const auto& [name, form] : map) {
      for (const ResourceRef& ref : form->warms) want[static_cast<int>(ref.type)].insert(ref.name);
    }
  }
  scopes = !held(Type::kListener).empty();
  if (scopes && !asked_[static_cast<int>(Type::kScopedRoute)]) {
    asked_[static_cast<int>(Type::kScopedRoute)] = true;
    Request request{.type = Type::kScopedRoute};
    request.delta.set_type_url(std::string(snapshot::TypeUrl(Type::kScopedRoute)));
    request.sotw.set_type_url(request.delta.type_url());
    to_server_.push_back(std::move(request));
  }
  for (int i = 0; i < snapshot::kTypeCount; ++i) {
    const Type type = static_cast<Type>(i);
    if (Wildcard(type)) continue;
    Request request{.type = type};
    request.delta.set_type_url(std::string(snapshot::TypeUrl(type)));
    request.sotw.set_type_url(request.delta.type_url());
    bool changed = false;
    for (const std::string& name : want[i]) {
      if (!subscribed_[i].insert(name).second && !again.contains({type, name})) continue;
      request.delta.add_resource_names_subscribe(name);
      ++asked_again_[{type, name}];
      changed = true;
    }
    for (auto it = subscribed_[i].begin(); it != subscribed_[i].end();) {
      if (want[i].contains(*it)) {
        ++it;
        continue;
      }
      request.delta.add_resource_names_unsubscribe(*it);
      held(type).erase(*it);
      absent_.erase({type, *it});
      refused_.erase({type, *it});
      it = subscribed_[i].erase(it);
      changed = true;
    }
    if (!changed) continue;
    if (!asked_[i]) {
      asked_[i] = true;
      for (const auto& [name, form] : held(type)) {
        (*request.delta.mutable_initial_resource_versions())[name] = form->version;
        asked_again_.erase({type, name});
      }
    }
    for (const std::string& name : subscribed_[i]) request.sotw.add_resource_names(name);
    request.sotw.set_response_nonce(last_nonce_[i]);
    to_server_.push_back(std::move(request));
  }
}

bool SimClient::Warm(const Resource& cluster) const {
  for (const ResourceRef& ref : cluster.warms) {
    if (!held(ref.type).contains(ref.name) && !absent_.contains(ref) && !refused_.contains(ref)) return false;
    if (stale_.contains(ref)) return false;
  }
  return true;
}

void SimClient::OnNack(Type type, const NamedVersions& resources, const std::string&, bool isolated) {
  if (type != Type::kRoute || !isolated || random_() % 4 == 0) return;
  const ResourceRef ref{type, resources.front().first};
  const auto current = snapshot_.resources(type).find(ref.name);
  if (current == snapshot_.resources(type).end()) return;
  const ResourcePtr before = session_->Held(ref);
  std::vector<ResourceRef> needs;
  for (const Resource* form : {current->second.get(), before.get()}) {
    if (form == nullptr) continue;
    for (const ResourceRef& need : form->needs) {
      if (random_() % 3 != 0 && std::find(needs.begin(), needs.end(), need) == needs.end()) needs.push_back(need);
    }
  }
  const std::string body = absl::StrCat("substitute ", ++substitutes_, random_() % 4 == 0 ? kBad : "");
  session_->Substitute(ref, current->second->version, snapshot::MakeResource(type, ref.name, body, {}, needs));
}

bool SimClient::AnyWarming() const {
  for (const auto& [name, form] : held(Type::kCluster)) {
    if (!Warm(*form)) return true;
  }
  return false;
}

void SimClient::ReleaseAcks() {
  for (const auto& [name, form] : held(Type::kCluster)) {
    if (!Warm(*form)) continue;
    active_.insert(name);
    if (mending_.erase(name) > 0) refused_.erase({Type::kCluster, name});
  }
  if (AnyWarming()) return;
  for (const auto& [nonce, ok] : std::exchange(cluster_acks_, {})) Answer(Type::kCluster, nonce, ok);
}

void SimClient::Answer(Type type, const std::string& nonce, bool ok) {
  Request request{.type = type};
  const std::string url(snapshot::TypeUrl(type));
  request.delta.set_type_url(url);
  request.delta.set_response_nonce(nonce);
  request.sotw.set_type_url(url);
  request.sotw.set_response_nonce(nonce);
  if (!ok) {
    request.delta.mutable_error_detail()->set_message("bad");
    request.sotw.mutable_error_detail()->set_message("bad");
  }
  for (const std::string& name : subscribed_[static_cast<int>(type)]) request.sotw.add_resource_names(name);
  to_server_.push_back(std::move(request));
}

void SimClient::Receive(const Response& response) {
  ++responses_;
  Type type = Type::kSecret;
  if (!snapshot::ParseTypeUrl(response.type_url, &type)) {
    violations_.push_back("unknown type " + response.type_url);
    return;
  }
  last_nonce_[static_cast<int>(type)] = response.nonce;
  bool ok = true;
  std::set<std::string> names;
  for (const auto& item : response.items) {
    if (!names.insert(item.name).second) violations_.push_back("twice in a response: " + item.name);
    ok &= !Bad(*item.resource);
  }
  if (delta_) CheckTwice(type, response, ok);
  // Clusters and listeners are taken one by one, the others as a whole.
  const bool partial = type == Type::kCluster || type == Type::kListener;
  std::set<ResourceRef> again;
  for (const auto& item : response.items) {
    const ResourceRef ref{type, item.name};
    if (Bad(*item.resource)) {
      refused_.insert(ref);
      mending_.erase(item.name);
    } else if (type == Type::kCluster) {
      // In the state of the world what came in a refused response goes again with the next.
      if (ok || delta_) mending_.insert(item.name);
      advertised_.insert(item.name);
    }
    if (!ok && (!partial || Bad(*item.resource))) continue;
    // On the way when it was unsubscribed.
    if (!Wildcard(type) && !subscribed_[static_cast<int>(type)].contains(item.name)) continue;
    ResourcePtr& form = held(type)[item.name];
    // A cluster that changes waits for endpoints that come after it. Only in the state of the world it asks for them.
    if (form != nullptr && form->version != item.resource->version) {
      if (delta_ && type == Type::kCluster) {
        stale_.insert(item.resource->warms.begin(), item.resource->warms.end());
      } else {
        again.insert(form->warms.begin(), form->warms.end());
      }
    }
    stale_.erase(ref);
    // Its workers take a new table a little later.
    if (form != nullptr && type == Type::kExtensionConfig) {
      tables_before_.emplace_back(form, passed_ + kWorkersLag);
    }
    form = item.resource;
    // A cluster is missed until it is warm.
    if (type != Type::kCluster) refused_.erase(ref);
    absent_.erase(ref);
  }
  if (!delta_ && Wildcard(type)) {
    for (auto it = held(type).begin(); it != held(type).end();) {
      if (names.contains(it->first)) {
        ++it;
        continue;
      }
      if (type == Type::kCluster) active_.erase(it->first);
      it = held(type).erase(it);
    }
  }
  for (const std::string& name : response.removed) {
    if (!ok && !partial) continue;
    held(type).erase(name);
    absent_.insert({type, name});
    if (type == Type::kCluster) active_.erase(name);
    if (type != Type::kEndpoint) continue;
    for (const auto& [cluster, form] : held(Type::kCluster)) {
      if (!advertised_.contains(cluster)) continue;
      for (const ResourceRef& ref : form->warms) {
        if (ref == ResourceRef{type, name}) violations_.push_back("endpoints of held cluster told absent: " + name);
      }
    }
  }
  if (!ok) ++nacks_;
  // Envoy holds the acknowledgement back until the clusters are warm, but for those that it starts with. One in hand
  // is answered first: answers keep the order of responses.
  if (type == Type::kCluster && (!cluster_acks_.empty() || random_() % 2 == 0)) {
    cluster_acks_.emplace_back(response.nonce, ok);
  } else {
    Answer(type, response.nonce, ok);
  }
  ReleaseAcks();
  Resubscribe(again);
  Check(response.type_url.c_str());
}

void SimClient::CheckTwice(Type type, const Response& response, bool ok) {
  for (const auto& item : response.items) {
    const ResourceRef ref{type, item.name};
    // Endpoints follow each form of their cluster.
    if (type == Type::kCluster) {
      for (const ResourceRef& warmed : item.resource->warms) ++asked_again_[warmed];
    }
    std::string& last = got_[ref];
    if (last == item.resource->version && --asked_again_[ref] < 0) violations_.push_back("sent again: " + item.name);
    last = item.resource->version;
    // Refused ones are offered again, one by one.
    if (!ok) got_.erase(ref);
  }
  for (const std::string& name : response.removed) got_.erase({type, name});
}

void SimClient::Check(const char* after) {
  const auto fail = [&](const std::string& what) { violations_.push_back(absl::StrCat(what, " (after ", after, ")")); };
  for (const auto& [name, form] : held(Type::kRoute)) {
    for (const ResourceRef& ref : form->needs) {
      if (!active_.contains(ref.name) && !refused_.contains(ref)) fail("route " + name + " needs cluster " + ref.name);
    }
  }
  // A scope that had its routes keeps having some, also when it moves to others.
  for (const auto& [name, form] : held(Type::kScopedRoute)) {
    if (name.starts_with('~')) continue;  // no request has it
    for (const ResourceRef& ref : form->warms) {
      if (held(ref.type).contains(ref.name)) {
        routed_.insert(name);
      } else if (routed_.contains(name) && !refused_.contains(ref)) {
        fail("scope " + name + " lost its routes, " + ref.name + " is not there");
      }
    }
  }
  std::erase_if(routed_, [&](const std::string& name) { return !held(Type::kScopedRoute).contains(name); });
  bool fits = true;
  for (const auto& [name, form] : held(Type::kExtensionConfig)) {
    for (const std::string& scope : ScopesOf(*form)) {
      if (held(Type::kScopedRoute).contains(scope) || refused_.contains({Type::kScopedRoute, scope})) continue;
      fits = false;
      if (serving_) fail("table names scope " + scope);
    }
  }
  std::erase_if(tables_before_, [&](const auto& before) { return before.second <= passed_; });
  for (const auto& [table, until] : tables_before_) {
    for (const std::string& scope : ScopesOf(*table)) {
      if (!serving_ || held(Type::kScopedRoute).contains(scope)) continue;
      if (!refused_.contains({Type::kScopedRoute, scope})) fail("a worker's table names scope " + scope);
    }
  }
  serving_ |= fits && !held(Type::kExtensionConfig).empty() && !held(Type::kScopedRoute).empty();
}

void SimClient::Deliver() {
  const Request request = std::move(to_server_.front());
  to_server_.pop_front();
  for (const auto& [name, version] : request.delta.initial_resource_versions()) {
    // Another version than that of the snapshot is one that the session does not know.
    const auto& map = snapshot_.resources(request.type);
    if (const auto it = map.find(name); it != map.end() && it->second->version == version) {
      got_[{request.type, name}] = version;
    }
  }
  const absl::Status status = delta_ ? session_->OnRequest(request.delta) : session_->OnRequest(request.sotw);
  if (!status.ok()) violations_.push_back(std::string(status.message()));
}

bool SimClient::Step() {
  const bool up = !to_server_.empty(), down = !to_client_.empty();
  const int choice = static_cast<int>(random_() % 3);
  if (choice == 0 && up) {
    Deliver();
    return true;
  }
  if (choice == 1 && down) {
    const Response response = std::move(to_client_.front());
    to_client_.pop_front();
    Receive(response);
    return true;
  }
  if (choice == 2 && to_client_.size() < 3) {
    if (auto response = session_->Next(); response.has_value()) {
      to_client_.push_back(*std::move(response));
      return true;
    }
  }
  return up || down;
}

void SimClient::Wait(absl::Duration duration) {
  while (!to_server_.empty()) Deliver();
  passed_ += duration;
  loop_.Advance(duration);
}

void SimClient::Drain() {
  for (int quiet = 0; quiet < 4;) {
    int idle = 0;
    while (idle < 40) idle = Step() ? 0 : idle + 1;
    const size_t before = responses_;
    passed_ += absl::Seconds(1);
    loop_.Advance(absl::Seconds(1));
    while (Step()) {
    }
    quiet = responses_ == before && to_server_.empty() && to_client_.empty() ? quiet + 1 : 0;
    if (responses_ > 1'000'000) {
      violations_.push_back("does not come to rest");
      return;
    }
  }
}

std::vector<std::string> SimClient::Differences() const {
  std::vector<std::string> out;
  for (int i = 0; i < snapshot::kTypeCount; ++i) {
    const Type type = static_cast<Type>(i);
    if (Wildcard(type) && !asked_[i]) continue;
    const auto& want = snapshot_.resources(type);
    const auto differs = [&](const std::string& name) {
      const auto w = want.find(name);
      const auto h = held(type).find(name);
      const bool has = h != held(type).end();
      if (w == want.end() ? has : (!has || h->second->version != w->second->version)) {
        out.push_back(absl::StrCat(TypeLabel(type), " ", name, has ? " is another" : " is missing"));
      }
    };
    if (Wildcard(type)) {
      for (const auto& [name, form] : want) differs(name);
      for (const auto& [name, form] : held(type)) {
        if (!want.contains(name)) out.push_back(absl::StrCat(TypeLabel(type), " ", name, " is left over"));
      }
    } else {
      for (const std::string& name : subscribed_[i]) differs(name);
    }
  }
  return out;
}

}  // namespace gloo::xds::testing
