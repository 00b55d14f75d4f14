#include "snapshot/snapshot.h"

#include <deque>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/hash.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/wire_format_lite.h"

namespace gloo::snapshot {
namespace {

// What one resource adds to its type's hash; a sum of these does not depend on the order of changes.
uint64_t Contribution(const Resource& resource) {
  const std::string hash = ContentHash({resource.ref.name, resource.version});
  uint64_t value = 0;
  for (size_t i = 0; i < 16 && i < hash.size(); ++i) {
    const char c = hash[i];
    value = value << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return value;
}

std::string Print(const ResourceRef& ref) {
  const std::string url(TypeUrl(ref.type));
  return absl::StrCat(url.substr(url.rfind('.') + 1), " ", ref.name);
}

bool IsDnsName(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (const char c : name) {
    if (!absl::ascii_isalnum(c) && c != '-' && c != '.' && c != '_') return false;
  }
  return true;
}

// The upserts and removals of a delta that may be applied, and why the others may not.
class Checker {
 public:
  Checker(const Snapshot& snapshot, const absl::flat_hash_map<ResourceRef, int>& references, const Delta& delta)
      : snapshot_(snapshot), references_(references) {
    for (const ResourcePtr& r : delta.upserts) upserts_[r->ref] = r;
    for (const ResourceRef& ref : delta.removals) {
      if (!upserts_.contains(ref)) removals_.insert(ref);
    }
  }

  void Run(std::vector<std::string>* violations) {
    // Upserts that refer to nothing; leaving out a resource that is new may leave others without what they refer to.
    absl::flat_hash_map<ResourceRef, std::vector<ResourceRef>> users;
    std::deque<ResourceRef> todo;
    for (const auto& [ref, r] : upserts_) {
      todo.push_back(ref);
      for (const auto* list : {&r->warms, &r->needs}) {
        for (const ResourceRef& to : *list) {
          if (upserts_.contains(to)) users[to].push_back(ref);
        }
      }
    }
    while (!todo.empty()) {
      const ResourceRef ref = std::move(todo.front());
      todo.pop_front();
      const auto it = upserts_.find(ref);
      if (it == upserts_.end()) continue;
      const ResourceRef* missing = Missing(*it->second);
      if (missing == nullptr) continue;
      violations->push_back(
          absl::StrCat(Print(ref), " refers to ", Print(*missing), ", which is not in the snapshot; left out"));
      upserts_.erase(it);
      if (const auto u = users.find(ref); u != users.end()) todo.insert(todo.end(), u->second.begin(), u->second.end());
    }
    // Removals of what is still referred to by what stays, the old forms of upserts left out included. A removal left
    // out keeps what it refers to in turn.
    while (true) {
      absl::flat_hash_map<ResourceRef, int> change;
      for (const auto& [ref, r] : upserts_) {
        Count(r, 1, &change);
        Count(At(ref), -1, &change);
      }
      for (const ResourceRef& ref : removals_) Count(At(ref), -1, &change);
      std::vector<ResourceRef> wrong;
      for (const ResourceRef& ref : removals_) {
        const auto have = references_.find(ref);
        const auto step = change.find(ref);
        const int left = (have == references_.end() ? 0 : have->second) + (step == change.end() ? 0 : step->second);
        if (left > 0 && !Resolves(ref)) wrong.push_back(ref);
      }
      if (wrong.empty()) return;
      for (const ResourceRef& ref : wrong) {
        violations->push_back(absl::StrCat(Print(ref), " is still referred to; not removed"));
        removals_.erase(ref);
      }
    }
  }

  const absl::flat_hash_map<ResourceRef, ResourcePtr>& upserts() const { return upserts_; }
  const absl::flat_hash_set<ResourceRef>& removals() const { return removals_; }

 private:
  ResourcePtr At(const ResourceRef& ref) const {
    const auto& map = snapshot_.resources(ref.type);
    const auto it = map.find(ref.name);
    return it == map.end() ? nullptr : it->second;
  }

  static void Count(const ResourcePtr& r, int step, absl::flat_hash_map<ResourceRef, int>* change) {
    if (r == nullptr) return;
    for (const ResourceRef& to : r->warms) (*change)[to] += step;
    for (const ResourceRef& to : r->needs) (*change)[to] += step;
  }

  bool Present(const ResourceRef& ref) const {
    return upserts_.contains(ref) || (!removals_.contains(ref) && snapshot_.resources(ref.type).contains(ref.name));
  }

  bool Resolves(const ResourceRef& ref) const {
    if (Present(ref)) return true;
    if (ref.type != Type::kSecret) return false;
    for (std::string& name : SecretCandidates(ref.name)) {
      if (Present({Type::kSecret, std::move(name)})) return true;
    }
    return false;
  }

  const ResourceRef* Missing(const Resource& r) const {
    for (const auto* list : {&r.warms, &r.needs}) {
      for (const ResourceRef& to : *list) {
        if (!Resolves(to)) return &to;
      }
    }
    return nullptr;
  }

  const Snapshot& snapshot_;
  const absl::flat_hash_map<ResourceRef, int>& references_;
  absl::flat_hash_map<ResourceRef, ResourcePtr> upserts_;
  absl::flat_hash_set<ResourceRef> removals_;
};

}  // namespace

Delta Snapshot::Apply(const Delta& delta, std::vector<std::string>* violations) {
  std::vector<std::string> found;
  Checker checker(*this, references_, delta);
  checker.Run(&found);
  Delta changed;
  // In the order given: what follows from a delta does not depend on hash order.
  for (const ResourcePtr& r : delta.upserts) {
    const auto it = checker.upserts().find(r->ref);
    if (it == checker.upserts().end() || it->second != r) continue;
    const Map& map = resources(r->ref.type);
    if (const auto old = map.find(r->ref.name); old != map.end()) {
      if (old->second->version == r->version) {
        // The same bytes; only what they are known to refer to may have changed.
        if (old->second->warms != r->warms || old->second->needs != r->needs) Insert(r);
        continue;
      }
    }
    Insert(r);
    changed.upserts.push_back(r);
  }
  for (const ResourceRef& ref : delta.removals) {
    if (!checker.removals().contains(ref) || !resources(ref.type).contains(ref.name)) continue;
    Erase(ref);
    changed.removals.push_back(ref);
  }
  if (violations != nullptr) {
    for (std::string& v : found) violations->push_back(std::move(v));
  }
  return changed;
}

void Snapshot::Insert(const ResourcePtr& resource) {
  const int i = static_cast<int>(resource->ref.type);
  ResourcePtr& slot = maps_[i][resource->ref.name];
  CountReferences(*resource, 1);
  if (slot != nullptr) {
    CountReferences(*slot, -1);
    type_hash_[i] -= Contribution(*slot);
  }
  type_hash_[i] += Contribution(*resource);
  slot = resource;
}

void Snapshot::Erase(const ResourceRef& ref) {
  const int i = static_cast<int>(ref.type);
  const auto it = maps_[i].find(ref.name);
  CountReferences(*it->second, -1);
  type_hash_[i] -= Contribution(*it->second);
  maps_[i].erase(it);
}

void Snapshot::CountReferences(const Resource& resource, int step) {
  for (const auto* list : {&resource.warms, &resource.needs}) {
    for (const ResourceRef& to : *list) {
      const auto it = references_.try_emplace(to, 0).first;
      it->second += step;
      if (it->second == 0) references_.erase(it);
    }
  }
}

ResourcePtr Snapshot::Find(Type type, std::string_view name) const {
  if (type == Type::kSecret) return ResolveSecret(name);
  const Map& map = resources(type);
  const auto it = map.find(std::string(name));
  return it == map.end() ? nullptr : it->second;
}

ResourcePtr Snapshot::FindSecretEntry(std::string_view server_name) const {
  const Map& map = resources(Type::kSecret);
  if (const auto it = map.find(std::string(server_name)); it != map.end()) return it->second;
  for (const std::string& name : SecretCandidates(server_name)) {
    if (const auto it = map.find(name); it != map.end()) return it->second;
  }
  return nullptr;
}

ResourcePtr Snapshot::ResolveSecret(std::string_view server_name) const {
  ResourcePtr entry = FindSecretEntry(server_name);
  if (entry == nullptr || entry->ref.name == server_name) return entry;
  auto renamed = std::make_shared<Resource>(*entry);
  renamed->ref.name = std::string(server_name);
  renamed->body = RenameSecret(entry->body, server_name);
  return renamed;
}

std::string Snapshot::TypeVersion(Type type) const {
  return absl::StrFormat("%016x", type_hash_[static_cast<int>(type)]);
}

std::vector<std::string> SecretCandidates(std::string_view server_name) {
  if (!IsDnsName(server_name)) return {std::string(server_name)};
  std::string name = absl::AsciiStrToLower(std::string(server_name));
  if (name.back() == '.') name.pop_back();
  std::vector<std::string> out = {name};
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    out.push_back(absl::StrCat("*", name.substr(dot)));
  }
  out.push_back("*");
  return out;
}

ResourcePtr ScopeMover(const Resource& scope) {
  envoy::config::route::v3::ScopedRouteConfiguration message;
  message.ParseFromString(scope.body);
  const std::string name = absl::StrCat("gloo.move|", scope.ref.name);
  message.set_name(name);
  message.mutable_key()->clear_fragments();
  message.mutable_key()->add_fragments()->set_string_key(name);
  return MakeResource(Type::kScopedRoute, name, message.SerializeAsString(), scope.warms, scope.needs);
}

std::string EndpointsName(std::string_view cluster, std::string_view way) {
  return way.empty() ? std::string(cluster) : std::string(cluster) + "|" + std::string(way);
}

std::string_view ClusterOfEndpoints(std::string_view endpoints) { return endpoints.substr(0, endpoints.rfind('|')); }

std::string RenameSecret(std::string_view body, std::string_view name) {
  using google::protobuf::internal::WireFormatLite;
  std::string out;
  out.reserve(body.size() + name.size() + 8);
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.WriteTag(WireFormatLite::MakeTag(1, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
    coded.WriteVarint32(static_cast<uint32_t>(name.size()));
    coded.WriteRaw(name.data(), static_cast<int>(name.size()));
  }
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(body.data()),
                                            static_cast<int>(body.size()));
  while (true) {
    const int begin = in.CurrentPosition();
    const uint32_t tag = in.ReadTag();
    if (tag == 0 || !WireFormatLite::SkipField(&in, tag)) break;
    if (WireFormatLite::GetTagFieldNumber(tag) == 1) continue;
    out.append(body.substr(static_cast<size_t>(begin), static_cast<size_t>(in.CurrentPosition() - begin)));
  }
  return out;
}

}  // namespace gloo::snapshot
