// Which domains the virtual services of one role hold, by listener; and the table of them that the filter module gets.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "snapshot/resource.h"

namespace gloo::translator {

// A domain that no wildcard of its listener covers is not in the table, so that without wildcards the table never
// changes. Adding or removing an exact domain costs one look-up for each of its labels.
class DomainTable {
 public:
  void Add(const std::string& listener, const std::string& domain);
  void Remove(const std::string& listener, const std::string& domain);

  // True when the resource must be made anew.
  bool changed() const { return changed_; }
  // `listeners` are all of the role's, in any order.
  snapshot::ResourcePtr Make(const std::string& role, const std::vector<std::string>& listeners);

 private:
  struct Listener {
    std::set<std::string> exact;
    std::set<std::string> wildcards;
    // What the table shows of `exact`.
    std::set<std::string> covered;
  };
  static bool Covered(const Listener& listener, const std::string& domain);
  static void Recover(Listener& listener);

  std::map<std::string, Listener> listeners_;
  bool changed_ = true;
};

}  // namespace gloo::translator
