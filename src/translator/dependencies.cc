#include "translator/dependencies.h"

namespace gloo::translator {

void Dependencies::SetReads(const Unit& unit, std::set<Fact> facts) {
  auto it = reads_.find(unit);
  if (it != reads_.end()) {
    if (std::equal(it->second.begin(), it->second.end(), facts.begin(), facts.end())) return;
    for (const Fact& fact : it->second) {
      if (facts.count(fact) > 0) continue;
      auto readers = readers_.find(fact);
      readers->second.erase(unit);
      if (readers->second.empty()) readers_.erase(readers);
    }
  }
  for (const Fact& fact : facts) readers_[fact].insert(unit);
  if (!facts.empty()) {
    reads_[unit].assign(facts.begin(), facts.end());
  } else if (it != reads_.end()) {
    reads_.erase(it);
  }
}

}  // namespace gloo::translator
