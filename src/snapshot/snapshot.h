// The resources that the Envoys of one role are served.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "snapshot/resource.h"

namespace gloo::snapshot {

// Mutable, owned by the loop thread; the resources in it are shared and immutable. Applying a delta costs what the
// delta holds, whatever the snapshot holds.
class Snapshot {
 public:
  using Map = absl::flat_hash_map<std::string, ResourcePtr>;

  // Checks first that every `warms` and `needs` of an upsert is in the snapshot after the delta, and that nothing
  // removed is still needed by what stays; a violation is our own bug, is returned, and the offending upsert or
  // removal left out. Returns what truly changed (same version: left out). A name both upserted and removed is
  // upserted.
  Delta Apply(const Delta& delta, std::vector<std::string>* violations);

  const Map& resources(Type type) const { return maps_[static_cast<int>(type)]; }
  // Null where there is none. For kSecret a name that is a DNS name finds the longest wildcard that covers it
  // ("a.b.c": "a.b.c", "*.b.c", "*.c", "*"): see ResolveSecret().
  ResourcePtr Find(Type type, std::string_view name) const;

  // Server certificates are asked for by SNI. The entry that answers for `server_name`, renamed to it, or null.
  // Its version is that of the entry.
  ResourcePtr ResolveSecret(std::string_view server_name) const;
  // The same entry as it is, under its own name.
  ResourcePtr FindSecretEntry(std::string_view server_name) const;

  // A hash over names and versions of a type: the version_info of SotW responses. Kept incrementally.
  std::string TypeVersion(Type type) const;

 private:
  void Insert(const ResourcePtr& resource);
  void Erase(const ResourceRef& ref);
  void CountReferences(const Resource& resource, int step);

  Map maps_[kTypeCount];
  uint64_t type_hash_[kTypeCount] = {};
  // How many resources in the snapshot refer to one (`warms` and `needs`).
  absl::flat_hash_map<ResourceRef, int> references_;
};

// The names that answer for a server name, best first: itself, then the wildcards that cover it, then "*". For what
// is no DNS name only itself.
std::vector<std::string> SecretCandidates(std::string_view server_name);

// The same scope under a name and with a key that no request has ("gloo.move|" and its name): an Envoy that has it has
// fetched the route configuration of `scope` before `scope` points there.
ResourcePtr ScopeMover(const Resource& scope);

// Endpoints belong to a way to talk to them: "CLUSTER|WAY", or the name of the cluster alone.
std::string EndpointsName(std::string_view cluster, std::string_view way);
std::string_view ClusterOfEndpoints(std::string_view endpoints);

// A serialized Secret under another name; the rest, key material included, is copied unread.
std::string RenameSecret(std::string_view body, std::string_view name);

}  // namespace gloo::snapshot
