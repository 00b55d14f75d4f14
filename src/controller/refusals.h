// What the connected Envoys refuse, each in its own words, and the search for the routes that are the cause.
//
// An Envoy that refuses a virtual service's route configuration is offered forms of it in which some of what changed is
// held back, until the routes that it does not take are known; they stay held back at this Envoy, the rest is in force.
// Other Envoys are not concerned. The search ends with the version: whatever is published next is offered whole.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "runtime/metrics.h"
#include "snapshot/resource.h"
#include "translator/route_variants.h"
#include "xds/server.h"

namespace gloo::controller {

// An Envoy's words as they are shown: not too long, one line where it is one.
std::string Words(std::string_view message);

// Loop thread.
class Refusals {
 public:
  // A route that is held back at an Envoy.
  struct HeldRoute {
    std::string name;
    // Its last good form is in force there; else it answers 503.
    bool has_last_good = false;
    std::string message;
  };
  struct Refusal {
    snapshot::ResourceRef ref;
    // That the snapshot has.
    std::string version;
    std::string message;
    absl::Time since;
    // Found; empty while they are searched, and where no route is the cause: then the Envoy keeps all that it had.
    std::vector<HeldRoute> routes;
  };

  Refusals(xds::Server& server, runtime::Metrics& metrics);
  ~Refusals();

  // False: an answer that the search waited for, nothing new.
  bool OnNack(const xds::Nack& nack);
  void OnAck(const std::string& node_id, snapshot::Type type,
             const std::vector<std::pair<std::string, std::string>>& resources);
  void OnDisconnected(const std::string& node_id);

  // Null where the node does not refuse this version.
  const Refusal* Find(const std::string& node_id, const snapshot::ResourceRef& ref, std::string_view version) const;
  // All that the node refuses now.
  std::vector<Refusal> Of(const std::string& node_id) const;
  bool empty() const { return nodes_.empty(); }
  // Forgets what was removed or replaced meanwhile.
  void Review();

 private:
  // What Envoys of the same state have in common: the forms, and what was found at the last one.
  struct Case {
    translator::RouteVariants variants;
    std::vector<bool> held;
    std::vector<std::string> messages;
  };
  struct Search;
  struct Record;
  using Records = std::map<snapshot::ResourceRef, Record>;

  void StartSearch(const xds::Nack& nack, const snapshot::ResourcePtr& refused, Record& record);
  void Answered(const std::string& node_id, Record& record, bool taken, const std::string& message);
  // Offers the changes before `end`, but for those that are known to be refused.
  void Offer(const std::string& node_id, Record& record, size_t end);
  void Found(const std::string& node_id, Record& record);
  // For the metrics; a node that refuses nothing is forgotten.
  void Count(const std::string& node_id);

  xds::Server& server_;
  runtime::Metrics& metrics_;
  absl::flat_hash_map<std::string, Records> nodes_;
  // By name and version of the refused form, and version of the form that the Envoy has.
  std::map<std::vector<std::string>, std::weak_ptr<Case>> cases_;
};

}  // namespace gloo::controller
