#include "xds/server_names.h"

#include "absl/strings/match.h"
#include "snapshot/snapshot.h"

namespace gloo::xds {
bool ServerNames::Assign(const std::string& name, const std::string& entry, size_t limit) {
  if (const std::string spelled = snapshot::SecretCandidates(name).front(); spelled != name) {
    spellings_[spelled].insert(name);
  }
  const bool counts = name != entry && IsWildcard(entry);
  if (counts && Answers(name, entry)) return true;
  Release(name);
  if (!counts) return true;
  const auto count = counts_.try_emplace(entry, 0).first;
  if (count->second >= limit) return false;
  ++count->second;
  wildcards_.emplace(name, entry);
  return true;
}

void ServerNames::Release(const std::string& name) {
  const auto it = wildcards_.find(name);
  if (it == wildcards_.end()) return;
  if (const auto count = counts_.find(it->second); --count->second == 0) counts_.erase(count);
  wildcards_.erase(it);
}

void ServerNames::Drop(const std::string& name) {
  Release(name);
  const auto it = spellings_.find(snapshot::SecretCandidates(name).front());
  if (it == spellings_.end()) return;
  it->second.erase(name);
  if (it->second.empty()) spellings_.erase(it);
}

bool ServerNames::Answers(const std::string& name, const std::string& entry) const {
  if (name == entry || !IsWildcard(entry)) return true;
  const auto it = wildcards_.find(name);
  return it != wildcards_.end() && it->second == entry;
}

const absl::flat_hash_set<std::string>* ServerNames::SpellingsOf(const std::string& entry) const {
  const auto it = spellings_.find(entry);
  return it == spellings_.end() ? nullptr : &it->second;
}

bool IsWildcard(std::string_view entry) { return entry == "*" || entry.starts_with("*."); }

bool Covers(std::string_view entry, std::string_view name) {
  if (entry == "*") return true;
  if (!entry.starts_with("*.")) return false;
  if (name.ends_with('.')) name.remove_suffix(1);
  return absl::EndsWithIgnoreCase(absl::string_view(name.data(), name.size()),
                                  absl::string_view(entry.data() + 1, entry.size() - 1));
}

}  // namespace gloo::xds
