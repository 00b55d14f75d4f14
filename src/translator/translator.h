// Objects, secrets and artifacts in; resources for Envoy and reports out. Incremental: a unit an object, only units
// that read what changed run again. Pure: no I/O, no clock, no thread; the result depends on the inputs alone, not on
// the order in which they came.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/v1/status.pb.h"
#include "base/issues.h"
#include "model/object.h"
#include "model/token.h"
#include "snapshot/resource.h"
#include "translator/registry.h"

namespace gloo::translator {

struct Settings {
  // The listeners of roles that name none.
  std::string bind_address = "0.0.0.0";
  uint32_t http_port = 8080;
  uint32_t https_port = 8443;  // 0: none
  // Certificate authorities (PEM) that upstreams trust which name none; empty: there are none.
  std::string system_authorities;
  // Where Envoys reach Google's metadata server; empty: nowhere.
  std::string google_metadata_host;
  uint32_t google_metadata_port = 80;
  // Of a virtual service of this many routes it is remembered what each became.
  size_t remember_routes_from = 256;
};

// What is known of one object.
struct Entry {
  // What the user wrote; null when it could not be read, and `read_issues` says why.
  model::ObjectPtr current;
  std::vector<Issue> read_issues;
  // The last form that was accepted; stays in force while `current` is not. Kept up by the translator itself;
  // given from outside only at start (from the state directory).
  model::ObjectPtr last_good;
};

struct Changes {
  // nullopt: the object is gone.
  std::vector<std::pair<model::ObjectKey, std::optional<Entry>>> objects;
  // Null: gone.
  std::vector<std::pair<model::DataKey, model::NamedDataPtr>> secrets;
  std::vector<std::pair<model::DataKey, model::NamedDataPtr>> artifacts;
  // nullopt: gone.
  std::vector<std::pair<model::TokenKey, std::optional<model::Token>>> tokens;
  // Secrets as they last were good (a key pair that matches, a CA that parses): used while what is there now is not.
  // Kept up by the translator itself; given from outside only at start.
  std::vector<std::pair<model::DataKey, model::NamedDataPtr>> last_good_secrets;
};

struct Report {
  model::ObjectKey key;
  v1::Status::State state = v1::Status::PENDING;
  // Of the gravest issue, else "Accepted".
  std::string reason;
  std::string message;
  std::vector<Issue> issues;
  // Generation of `current`, or that of `last_good` where `current` is null.
  int64_t generation = 0;
  // The form in force; null where there is none.
  model::ObjectPtr in_force;
  // The last form that was accepted: what to keep over a restart. Null where there never was one: a form that is in
  // force although something is wrong with it is not good.
  model::ObjectPtr last_good;
};

struct Result {
  // By role: what changed for its Envoys.
  std::map<std::string, snapshot::Delta> deltas;
  // Objects whose report changed; an object that is gone has none.
  std::vector<Report> reports;
  std::vector<model::ObjectKey> gone;
  // Secrets whose last good form changed: what to keep over a restart. Null: gone.
  std::vector<std::pair<model::DataKey, model::NamedDataPtr>> last_good_secrets;
  // Where it changed: all tokens that upstreams ask for.
  std::optional<model::TokensWanted> tokens_wanted;
  // Resources that we make without regard to what users write, and that Envoy would refuse: our own mistakes. They are
  // left out.
  std::vector<std::string> refused;
  // Units that ran: the cost of the change.
  size_t units_run = 0;
};

// A resource in which an object has a part, as it is now.
struct OwnedResource {
  std::string role;
  snapshot::ResourceRef ref;
  std::string version;
};

class Translator {
 public:
  Translator(const Registry& registry, Settings settings);
  ~Translator();

  Result Apply(const Changes& changes);

  // What Envoys take for the object: for statuses by Envoy.
  std::vector<OwnedResource> ResourcesOf(const model::ObjectKey& key) const;
  // The objects that have a part in a resource.
  std::vector<model::ObjectKey> OwnersOf(const std::string& role, const snapshot::ResourceRef& ref) const;
  // The inputs as they are now, for a translation from nothing (tests, `glooctl`).
  Changes Inputs() const;
  // Roles that are served: the default one and those that a Role object defines, sorted.
  std::vector<std::string> Roles() const;
  // Listeners that answer 500 and say why, for Envoys of a role that nobody defined.
  snapshot::Delta UnknownRole(const std::string& role) const;

 private:
  class Impl;
  friend class RecordingInputs;
  friend class Upstreams;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gloo::translator
