#include "translator/dependencies.h"

#include <algorithm>

namespace gloo::translator {

void Dependencies::SetReads(const Unit& unit, const std::set<Fact>& facts) {
  auto it = reads_.find(unit);
  if (it == reads_.end()) {
    if (facts.empty()) return;
    it = reads_.try_emplace(unit).first;
  }
  std::vector<const Fact*>& reads = it->second;
  const auto same = [](const Fact* a, const Fact& b) { return *a == b; };
  if (std::equal(reads.begin(), reads.end(), facts.begin(), facts.end(), same)) return;

  std::vector<const Fact*> now;
  now.reserve(facts.size());
  for (const Fact& fact : facts) {
    auto& [held, readers] = *readers_.try_emplace(fact).first;
    readers.insert(&it->first);
    now.push_back(&held);
  }
  for (const Fact* fact : reads) {
    if (facts.contains(*fact)) continue;
    auto readers = readers_.find(*fact);
    readers->second.erase(&it->first);
    if (readers->second.empty()) readers_.erase(readers);
  }
  if (now.empty()) {
    reads_.erase(it);
  } else {
    reads = std::move(now);
  }
}

}  // namespace gloo::translator
