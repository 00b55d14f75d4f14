// Shared by the sources of Session only.
#pragma once

#include <string>
#include <utility>

#include "base/clock.h"
#include "xds/session.h"

namespace gloo::xds {

// Stands for a form of a resource at the client that this server does not have: the client reconnected with it.
inline const snapshot::ResourcePtr& UnknownForm(snapshot::Type type) {
  static const auto* forms = [] {
    auto* out = new std::vector<snapshot::ResourcePtr>;
    for (int i = 0; i < snapshot::kTypeCount; ++i) {
      auto form = std::make_shared<snapshot::Resource>();
      form->ref.type = static_cast<snapshot::Type>(i);
      out->push_back(std::move(form));
    }
    return out;
  }();
  return (*forms)[static_cast<size_t>(type)];
}
inline bool IsUnknown(const snapshot::ResourcePtr& form) { return form->version.empty(); }

// Keys of waiters that are no resources. No resource has such a name.
inline snapshot::ResourceRef WholeType(snapshot::Type type) { return {type, std::string("\0type", 5)}; }
inline snapshot::ResourceRef TableKey() { return {snapshot::Type::kSecret, std::string("\0table", 6)}; }
inline snapshot::ResourceRef AdoptKey() { return {snapshot::Type::kSecret, std::string("\0adopt", 6)}; }
inline snapshot::ResourceRef ClustersKey() { return {snapshot::Type::kSecret, std::string("\0clusters", 9)}; }

// The client is served everything of these types if its first request names nothing.
inline bool HasLegacyWildcard(snapshot::Type type) {
  return type == snapshot::Type::kCluster || type == snapshot::Type::kScopedRoute || type == snapshot::Type::kListener;
}

template <typename F>
void Session::Mutate(Entry& entry, F change) {
  Forms before;
  if (entry.lag != nullptr) before = FormsOf(entry);
  change();
  // Added before dropped: what both forms refer to is never let go in between.
  if (entry.lag != nullptr) AddReferences(FormsOf(entry));
  DropReferences(before);
}

}  // namespace gloo::xds
