// What waits to be written: the latest value of each key.
#pragma once

#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "state/store.h"

namespace gloo::state {

struct Pending {
  // No value: to be deleted.
  absl::flat_hash_map<model::ObjectKey, model::ObjectPtr> good;
  absl::flat_hash_map<model::ObjectKey, std::optional<SeenObject>> seen;
  absl::flat_hash_map<model::ObjectKey, std::optional<v1::Status>> statuses;
  absl::flat_hash_map<std::pair<bool, model::DataKey>, model::NamedDataPtr> data;

  bool empty() const { return good.empty() && seen.empty() && statuses.empty() && data.empty(); }
  // What the write says is newer than what waits. A key that is gone and given in one write is given.
  void Add(Write write);
  // What failed is put back: whatever has come since is newer.
  void AddOlder(Pending older);
};

}  // namespace gloo::state
