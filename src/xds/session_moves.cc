// Scopes that move to other routes.
#include <utility>

#include "xds/session_internal.h"

namespace gloo::xds {

using snapshot::Resource;
using snapshot::ResourcePtr;
using snapshot::ResourceRef;
using snapshot::Type;

bool Session::WaitsForMover(const std::string& name, const Entry& entry, const Resource& current, Lag& lag) {
  // One that the client does not have yet answers 404 anyway.
  if (entry.acked == nullptr || mover_scopes_.contains(name) || !sub(Type::kScopedRoute).wildcard) return false;
  if (!IsUnknown(entry.acked) && entry.acked->warms == current.warms) return false;
  const auto made = movers_.find(name);
  if (made != movers_.end() && made->second.of == current.version) {
    const ResourceRef mover = made->second.scope->ref;
    const Entry& waiting = sub(Type::kScopedRoute).entries[mover.name];
    // In force, or refused: then nothing more can be done for it.
    if (waiting.lag == nullptr || waiting.lag->pending == 0) return false;
    WaitFor(mover, Type::kScopedRoute, name, lag);
    return true;
  }
  // Also when the client has the routes now: it may have let go of them by the time that the scope arrives.
  Mover& mover = movers_[name];
  mover = {options_.make_mover(current), current.version};
  const ResourceRef ref = mover.scope->ref;
  mover_scopes_[ref.name] = mover.scope;
  MarkChanged(Type::kScopedRoute, ref.name, sub(Type::kScopedRoute).entries[ref.name]);
  WaitFor(ref, Type::kScopedRoute, name, lag);
  return true;
}

void Session::DropStaleMover(const std::string& name) {
  const auto it = movers_.find(name);
  if (it == movers_.end()) return;
  const ResourcePtr current = Current(Type::kScopedRoute, name);
  if (current == nullptr || current->version != it->second.of) DropMover(name);
}

void Session::DropMover(const std::string& name) {
  auto mover = movers_.extract(name);
  if (mover.empty()) return;
  const std::string mover_name = mover.mapped().scope->ref.name;
  mover_scopes_.erase(mover_name);
  auto& entries = sub(Type::kScopedRoute).entries;
  const auto it = entries.find(mover_name);
  if (it != entries.end()) MarkChanged(Type::kScopedRoute, mover_name, it->second);
}

}  // namespace gloo::xds
