// What single routes of a large virtual service became, kept while their bytes and what they read stay as they are: a
// change of one route of thousands then costs that route.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/node_hash_map.h"
#include "translator/dependencies.h"
#include "translator/event_match.h"
#include "translator/route_match.h"

namespace gloo::translator {

// What the translation of a route read, and the clusters that it sends to.
struct RouteReads {
  std::set<Fact> facts;
  std::set<std::string> clusters;
  auto operator<=>(const RouteReads&) const = default;
};

struct RouteOutput {
  // A route of Envoy without its name, which may be that of its place.
  struct Nameless {
    // Serialized.
    std::string bytes;
    // Where the name belongs in there.
    size_t name_at = 0;
  };

  // That the user gave it; empty: it is named by its place.
  std::string name;
  // One for each match.
  std::vector<Nameless> routes;
  // One for each match of what a client sends; empty where something is wrong with them.
  std::vector<Coverage::Taken> takes;
  std::optional<EventMatch> event;
  std::shared_ptr<const RouteReads> reads;
};

class RouteMemo {
 public:
  // A fact changed: what read it is not to be found any more.
  void Forget(const Fact& fact) { forgotten_.insert(fact); }

  // Null where there is none. Pointers are good until the next Sweep().
  const RouteOutput* Find(std::string_view route);
  // `output` must not depend on the place of the route.
  const RouteOutput* Keep(std::string_view route, RouteOutput output);

  // Drops what nobody has asked for since the last call.
  void Sweep();
  bool empty() const { return known_.empty(); }

 private:
  struct Known {
    RouteOutput output;
    uint64_t used = 0;
  };
  struct ByContent {
    bool operator()(const std::shared_ptr<const RouteReads>& a, const std::shared_ptr<const RouteReads>& b) const {
      return *a < *b;
    }
  };
  void DropForgotten();

  // By the bytes of the route.
  absl::node_hash_map<std::string, Known> known_;
  // Most routes have theirs in common with others.
  std::set<std::shared_ptr<const RouteReads>, ByContent> reads_;
  std::set<Fact> forgotten_;
  uint64_t run_ = 1;
};

}  // namespace gloo::translator
