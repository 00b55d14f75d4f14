// Matchers of routes, as Envoy takes them; and which routes can never match.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "api/v1/virtual_service.pb.h"
#include "base/issues.h"
#include "envoy/config/route/v3/route_components.pb.h"

namespace gloo::translator {

// One match for a request matcher; for an event one of headers, where only the type matters one of the first Gloo's
// header, and at last one of what the filter has found in the body, which has dynamic_metadata. Current path of
// `issues`: the route. A condition that is wrong is left out after an error, so that what remains takes at least the
// requests that were meant: for an answer that says so. Empty where not even the path is known, or the event.
std::vector<envoy::config::route::v3::RouteMatch> TranslateMatcher(const v1::Route& route, Issues& issues);

// An error at `field` where no request can have this path, a warning where none has it as it is written.
void CheckPath(std::string_view path, std::string_view field, Issues& issues);

// Finds matches that an earlier one takes everything from: its path takes theirs, and what it asks for besides they ask
// for too. Costs a few hash look-ups a match, however many there are.
class Coverage {
 public:
  struct Conditions {
    // Empty: any.
    std::set<std::string> verbs;
    // Serialized.
    std::set<std::string> rest;
    // What follows from the rest: where a value is asked for, there is one.
    std::set<std::string> implied;
    // Those of the rest that compare the text of a header, by their bytes.
    std::map<std::string, envoy::config::route::v3::HeaderMatcher> texts;
  };
  // What a match takes.
  struct Taken {
    enum class Kind : uint8_t { kExact, kPrefix, kRegex };
    Kind kind = Kind::kPrefix;
    std::string path;
    // Null: none besides the path.
    std::shared_ptr<const Conditions> conditions;
  };
  static Taken Of(const envoy::config::route::v3::RouteMatch& match);

  // The index of the match that covers this one.
  std::optional<size_t> CoveredBy(const Taken& match) const;
  // `match` must live as long as this.
  void Add(const Taken& match, size_t index);

 private:
  struct Earlier {
    const Conditions* conditions;
    size_t index;
  };
  using ByPath = absl::flat_hash_map<std::string_view, absl::InlinedVector<Earlier, 1>>;

  // Who meets `narrow` meets `wide`.
  static bool Includes(const envoy::config::route::v3::HeaderMatcher& narrow,
                       const envoy::config::route::v3::HeaderMatcher& wide);
  static bool Includes(const Conditions* narrow, const Conditions* wide);

  ByPath prefixes_;
  std::set<size_t> prefix_lengths_;
  ByPath exacts_;
  ByPath regexes_;
};

}  // namespace gloo::translator
