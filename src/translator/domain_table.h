// Which domains the virtual services of one role hold, by listener; and the table of them that the filter module gets,
// in parts: a change of a domain changes the one part that its hash names, however many domains there are.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/issues.h"
#include "snapshot/resource.h"

namespace gloo::translator {

// Fixed: it stands in listeners, which must not change with the number of domains.
inline constexpr size_t kDomainParts = 128;

// The part that holds a domain: FNV-1a of 64 bits, modulo the number of parts. The filter module computes the same.
size_t DomainPart(std::string_view domain);
// "gloo.domains.3".
std::string DomainPartName(size_t part);

// A listener without wildcards has nothing in the table, so that it never changes then: there a host is its own key.
// Otherwise all of its domains are in it. So the first wildcard of a listener, and the last, change all parts.
class DomainTable {
 public:
  void Add(const std::string& listener, const std::string& domain);
  void Remove(const std::string& listener, const std::string& domain);

  // Makes all parts anew.
  void ChangeAll() { changed_ = AllParts(); }
  // The parts that changed since the last call; all of them the first time. What Envoy would refuse of them is in
  // `issues`, and they are left out.
  std::vector<snapshot::ResourcePtr> TakeChanged(const std::string& role, Issues& issues);

 private:
  struct Part {
    std::set<std::string> exact;
    std::set<std::string> wildcards;
  };
  struct Listener {
    size_t domains = 0;
    size_t wildcards = 0;
    std::vector<Part> parts{kDomainParts};
  };
  void ShowOrHideExact(const Listener& listener);
  snapshot::ResourcePtr Make(const std::string& role, size_t part, Issues& issues) const;

  std::map<std::string, Listener> listeners_;
  std::set<size_t> changed_ = AllParts();
  static std::set<size_t> AllParts();
};

}  // namespace gloo::translator
