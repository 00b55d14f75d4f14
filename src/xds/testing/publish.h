// Applies a delta to a snapshot as the server does, for tests of sessions.
#pragma once

#include <string>
#include <vector>

#include "snapshot/snapshot.h"
#include "xds/session.h"

namespace gloo::xds::testing {

// As snapshot::ScopeMover, for scopes whose body is any text.
inline snapshot::ResourcePtr TextMover(const snapshot::Resource& scope) {
  return snapshot::MakeResource(snapshot::Type::kScopedRoute, "~" + scope.ref.name, scope.body, scope.warms);
}

inline Change Apply(snapshot::Snapshot& snapshot, const snapshot::Delta& delta,
                    std::vector<std::string>* violations = nullptr) {
  const snapshot::Snapshot before = snapshot;
  const snapshot::Delta changed = snapshot.Apply(delta, violations);
  Change out;
  const auto find = [&](const snapshot::ResourceRef& ref) {
    const auto& map = before.resources(ref.type);
    const auto it = map.find(ref.name);
    return it == map.end() ? nullptr : it->second;
  };
  for (const auto& r : changed.upserts) out.items.push_back({r->ref, find(r->ref), r});
  for (const auto& ref : changed.removals) out.items.push_back({ref, find(ref), nullptr});
  return out;
}

}  // namespace gloo::xds::testing
