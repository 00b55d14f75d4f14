// What sources of configuration, secrets and artifacts have in common. A source watches a store and pushes typed
// changes; it never calls the translator.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/issues.h"
#include "model/object.h"

namespace gloo::sources {

// What became of one object.
struct ObjectEvent {
  model::ObjectKey key;
  // Null when the object is gone (`removed`) or could not be read (then `issues` says why, and what was good before
  // stays in force).
  model::ObjectPtr object;
  std::vector<Issue> issues;
  bool removed = false;
};

struct DataEvent {
  model::DataKey key;
  // Null: gone.
  model::NamedDataPtr data;
};

// Issues that belong to no object, by the place they were found in (a file that does not parse ...). A place with no
// issues is well again.
struct PlaceEvent {
  std::string place;
  std::vector<Issue> issues;
  // Not all of what the place (or a place below it) holds is known: what no event tells of may be there all the same.
  bool unread = false;
};

enum class DataKind { kSecret, kArtifact };

// What a source has to say at once. Batches arrive in order; for one key the last event counts.
struct Batch {
  // Name of the source, for instance "file".
  std::string source;
  std::vector<ObjectEvent> objects;
  std::vector<std::pair<DataKind, DataEvent>> data;
  std::vector<PlaceEvent> places;
  // The first complete listing has been pushed, with this batch or before. Until then the controller serves the last
  // good state for what has not been seen.
  bool synced = false;
};

// Thread safe; called from the source's own thread. Never blocks for long.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void Push(Batch batch) = 0;
};

// Start() returns after checking its settings; what goes wrong later is retried and reported as a PlaceEvent.
// The destructor stops the source and joins its thread.
class Source {
 public:
  virtual ~Source() = default;
  virtual absl::Status Start() = 0;
};

// Re-reads where issues stand, for sources that keep texts: fills Issue::location and the path as typed. Takes the
// issues of many objects at once, so that a place is read once however many objects it holds.
class IssueLocator {
 public:
  virtual ~IssueLocator() = default;
  // Both outlive the call; neither is null.
  struct Unlocated {
    const model::Origin* origin;
    std::vector<Issue>* issues;
  };
  virtual void Locate(std::vector<Unlocated> all) const = 0;
};

}  // namespace gloo::sources
