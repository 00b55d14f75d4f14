// The state of the translator: inputs, what each unit made of them, and what each role is served. Private to this
// folder. docs/design/translator.md has the picture.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "translator/dependencies.h"
#include "translator/domain_table.h"
#include "translator/role_unit.h"
#include "translator/routes_unit.h"
#include "translator/secrets.h"
#include "translator/translator.h"
#include "translator/upstream_unit.h"

namespace gloo::translator {

// What one virtual service asks for: a domain of a listener, or a server name (SNI) of a role.
struct ClaimKey {
  std::string role;
  // Empty: a server name.
  std::string listener;
  std::string domain;

  auto operator<=>(const ClaimKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const ClaimKey& c) {
    return H::combine(std::move(h), c.role, c.listener, c.domain);
  }
  bool is_server_name() const { return listener.empty(); }
};

// The smallest is the oldest, and the owner.
struct Claimant {
  int64_t created = 0;
  model::ObjectKey key;
  auto operator<=>(const Claimant&) const = default;
};

// What all kinds of objects have.
struct Node {
  Entry entry;
  // The form in force: `entry.current`, or `entry.last_good` while the current one is wrong.
  model::ObjectPtr in_force;
  // Of the translation of `entry.current`.
  std::vector<Issue> issues;
  std::optional<Report> reported;

  int64_t created() const {
    return entry.current ? entry.current->created : entry.last_good ? entry.last_good->created : 0;
  }
};

struct UpstreamNode : Node {
  UpstreamOutput output;
  model::TokensWanted tokens_wanted;
};

struct VirtualServiceNode : Node {
  RoutesOutput routes;
  // Where there are many.
  std::unique_ptr<RouteMemo> memo;
  struct Claim {
    int64_t created = 0;
    // Of the field, for the report of a conflict.
    std::string path;
    bool operator==(const Claim&) const = default;
  };
  std::map<ClaimKey, Claim> claims;
  // Roles that are not there, secrets that are missing.
  std::vector<Issue> exposure_issues;
  std::optional<model::DataKey> secret;
  // In how many listeners' domains, by role; the roles here have its routes and clusters.
  std::map<std::string, int> served;
};

struct RoleNode : Node {
  RoleOutput output;
};

// What the Envoys of one role are served.
struct RoleState {
  bool defined = false;
  RoleOutput output;
  DomainTable domains;
  // How many virtual services of the role use a cluster; what is published of it besides itself.
  absl::flat_hash_map<std::string, int> cluster_uses;
  // The name of its endpoints, which says how the cluster talks to them.
  absl::flat_hash_map<std::string, std::string> cluster_endpoints;
  absl::flat_hash_map<std::string, std::vector<std::string>> cluster_secrets;
  absl::flat_hash_map<std::string, int> secret_uses;
  absl::flat_hash_map<snapshot::ResourceRef, snapshot::ResourcePtr> published;
  // Changes of this Apply(); null: to be removed.
  std::map<snapshot::ResourceRef, snapshot::ResourcePtr> pending;
};

class Translator::Impl {
 public:
  Impl(const Registry& registry, Settings settings);

  Result Apply(const Changes& changes);
  std::vector<OwnedResource> ResourcesOf(const model::ObjectKey& key) const;
  std::vector<model::ObjectKey> OwnersOf(const std::string& role, const snapshot::ResourceRef& ref) const;
  Changes Inputs() const;
  std::vector<std::string> Roles() const;
  const Settings& settings() const { return settings_; }

 private:
  friend class RecordingInputs;
  friend class Upstreams;

  // inputs (translator.cc)
  void TakeInputs(const Changes& changes, Result* result);
  void TakeSecret(const model::DataKey& key, model::NamedDataPtr data, Result* result);
  void Touch(const model::ObjectKey& key);
  void TouchReaders(const Fact& fact);
  template <typename NodeType>
  void TakeEntry(absl::node_hash_map<model::ObjectKey, NodeType>& nodes, const model::ObjectKey& key,
                 const Entry& entry);

  // units (units.cc)
  void RunRole(const model::ObjectKey& key);
  void ResolveRole(const std::string& name);
  void RunUpstream(const model::ObjectKey& key);
  void RunRoutes(const model::ObjectKey& key);
  void RunExposure(const model::ObjectKey& key);
  std::map<ClaimKey, VirtualServiceNode::Claim> ComputeExposure(const model::ObjectKey& key, VirtualServiceNode& node,
                                                                std::set<Fact>* facts);
  void SetClaims(const model::ObjectKey& key, VirtualServiceNode* node,
                 std::map<ClaimKey, VirtualServiceNode::Claim> claims);

  // what follows for roles (publish.cc)
  void ResolveClaim(const ClaimKey& claim);
  // All scopes of the role, where it wants them otherwise now.
  void PublishScopes(const std::string& name, RoleState& role);
  void Serve(const std::string& role, const model::ObjectKey& key);
  void Unserve(const std::string& role, const model::ObjectKey& key);
  void UseCluster(RoleState& role, const std::string& cluster);
  void DropCluster(RoleState& role, const std::string& cluster);
  void PublishCluster(RoleState& role, const std::string& cluster, const UpstreamOutput* output);
  static void Publish(RoleState& role, const snapshot::ResourceRef& ref, snapshot::ResourcePtr resource);
  void Finish(Result* result);
  // What an object's place among the others makes wrong: domains and names that an older one holds.
  void AddConflicts(const model::ObjectKey& key, std::vector<Issue>* issues) const;
  Report MakeReport(const model::ObjectKey& key, const Node& node) const;
  Node* Find(const model::ObjectKey& key);

  const Registry& registry_;
  const Settings settings_;
  // As Envoys get them; null where there are none, with why.
  snapshot::ResourcePtr system_authorities_;
  std::string system_authorities_error_;
  // Of the Apply() that runs, see Result::refused.
  Issues refused_;

  absl::node_hash_map<model::ObjectKey, UpstreamNode> upstreams_;
  absl::node_hash_map<model::ObjectKey, VirtualServiceNode> virtual_services_;
  absl::node_hash_map<model::ObjectKey, RoleNode> role_nodes_;
  absl::flat_hash_map<model::DataKey, SecretState> secrets_;
  absl::flat_hash_map<model::DataKey, model::NamedDataPtr> artifacts_;

  absl::flat_hash_map<model::TokenKey, model::Token> tokens_;

  Dependencies dependencies_;
  absl::flat_hash_map<ClaimKey, std::set<Claimant>> claims_;
  absl::flat_hash_map<ClaimKey, model::ObjectKey> owners_;
  // Role objects by the name that they define.
  std::map<std::string, std::set<Claimant>> role_claims_;
  std::map<std::string, model::ObjectKey> role_owners_;
  std::map<std::string, RoleState> roles_;

  // What is to be done in this Apply().
  std::set<model::ObjectKey> dirty_roles_;
  std::set<std::string> dirty_role_names_;
  std::set<model::ObjectKey> dirty_upstreams_;
  std::set<model::ObjectKey> dirty_routes_;
  std::set<model::ObjectKey> dirty_exposures_;
  std::set<ClaimKey> dirty_claims_;
  std::set<model::ObjectKey> dirty_reports_;
  std::set<std::string> touched_roles_;
  bool tokens_wanted_change_ = false;
  size_t units_run_ = 0;
};

}  // namespace gloo::translator
