// The server names that a client has asked certificates for: which wildcard answers which, and how they are spelled.
#pragma once

#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace gloo::xds {

// One stream's. Names that no wildcard answers and that are spelled as certificates are cost nothing here.
class ServerNames {
 public:
  // Which entry would answer `name` now; empty: none. False: that wildcard answers `limit` others already, so `name` is
  // to be answered as absent.
  bool Assign(const std::string& name, const std::string& entry, size_t limit);
  void Drop(const std::string& name);
  // Whether `entry` may answer `name`: it does not need to be let in, or was.
  bool Answers(const std::string& name, const std::string& entry) const;
  // Other spellings of a name that were asked for ("A.Example.COM."); null: none.
  const absl::flat_hash_set<std::string>* SpellingsOf(const std::string& entry) const;

 private:
  void Release(const std::string& name);

  // By the name asked for.
  absl::flat_hash_map<std::string, std::string> wildcards_;
  absl::flat_hash_map<std::string, size_t> counts_;
  // By the name as certificates spell it.
  absl::flat_hash_map<std::string, absl::flat_hash_set<std::string>> spellings_;
};

bool IsWildcard(std::string_view entry);
// Whether a certificate for `entry` ("*.example.com", "*") may answer `name`.
bool Covers(std::string_view entry, std::string_view name);

}  // namespace gloo::xds
