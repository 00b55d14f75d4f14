// Secrets: asked for by server name, answered by the nearest entry.
#include "xds/session_internal.h"

namespace gloo::xds {

using snapshot::ResourcePtr;
using snapshot::Type;

void Session::AssignSecret(const std::string& name) {
  const ResourcePtr entry = snapshot_.FindSecretEntry(name);
  const std::string by = entry == nullptr ? "" : entry->ref.name;
  if (!server_names_.Assign(name, by, options_.max_names_of_wildcard)) events_.OnServerNameRefused(by);
}

bool Session::OnSecretsChanged(const std::vector<std::string>& changed) {
  Subscription& s = sub(Type::kSecret);
  std::vector<std::string> wildcards;
  bool marked = false;
  const auto mark = [&](const std::string& name) {
    const auto it = s.entries.find(name);
    if (it == s.entries.end()) return;
    marked |= MarkChanged(Type::kSecret, it->first, it->second);
  };
  for (const std::string& name : changed) {
    mark(name);
    if (const auto* spellings = server_names_.SpellingsOf(name); spellings != nullptr) {
      for (const std::string& spelled : std::vector<std::string>(spellings->begin(), spellings->end())) mark(spelled);
    }
    if (IsWildcard(name)) wildcards.push_back(name);
  }
  if (wildcards.empty()) return marked;
  // It may change what answers for any name below it.
  for (auto& [name, entry] : s.entries) {
    for (const std::string& wildcard : wildcards) {
      if (!Covers(wildcard, name)) continue;
      marked |= MarkChanged(Type::kSecret, name, entry);
      break;
    }
  }
  return marked;
}

}  // namespace gloo::xds
