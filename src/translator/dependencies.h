// Who read what: a unit that ran records the facts that it read, and a fact that changes names its readers.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/node_hash_map.h"
#include "model/object.h"

namespace gloo::translator {

struct Fact {
  enum class Kind : uint8_t {
    kSecret,
    kArtifact,
    kToken,     // of a secret; part: the audience
    kRole,      // name: what listeners the role has
    kUpstream,  // whether it can be sent to
    kFunction,  // part: the function's name
  };
  Kind kind;
  std::string ns;
  std::string name;
  std::string part;

  auto operator<=>(const Fact&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Fact& f) {
    return H::combine(std::move(h), f.kind, f.ns, f.name, f.part);
  }
};

// A piece of work for one object; the stages run in this order, so that what a unit reads is up to date.
struct Unit {
  enum class Stage : uint8_t { kUpstream, kRoutes, kExposure };
  Stage stage;
  model::ObjectKey key;

  auto operator<=>(const Unit&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Unit& u) {
    return H::combine(std::move(h), u.stage, u.key);
  }
};

class Dependencies {
 public:
  // Replaces what `unit` had read before.
  void SetReads(const Unit& unit, const std::set<Fact>& facts);
  // Calls `visit` for each reader; the order is not defined.
  template <typename Visit>
  void VisitReaders(const Fact& fact, Visit visit) const {
    auto it = readers_.find(fact);
    if (it == readers_.end()) return;
    for (const Unit* unit : it->second) visit(*unit);
  }

 private:
  // A unit and a fact stand once each, as keys; all else points to them, for a large configuration has a million pairs.
  absl::node_hash_map<Unit, std::vector<const Fact*>> reads_;
  absl::node_hash_map<Fact, absl::btree_set<const Unit*>> readers_;
};

}  // namespace gloo::translator
