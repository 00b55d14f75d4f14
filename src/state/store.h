// The state directory: last good objects and statuses, in one SQLite file. What was good survives a restart while
// the configuration is broken or its store is away.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/v1/status.pb.h"
#include "model/object.h"

namespace gloo::state {

// What is remembered of an object that a source has told where its last good form does not say it: there is none, or
// the form read last is another one, or stands elsewhere. `hash` and `origin` are those of the form read last.
struct SeenObject {
  model::ObjectKey key;
  int64_t created = 0;
  int64_t generation = 0;
  std::string hash;
  model::Origin origin;
};

struct SavedStatus {
  model::ObjectKey key;
  v1::Status status;
};

struct SavedData {
  bool secret = false;
  model::NamedDataPtr data;
};

// One commit of changes; later values of a key replace earlier ones that still wait.
struct Write {
  std::vector<model::ObjectPtr> good;           // upserted
  std::vector<SeenObject> seen;                 // upserted
  std::vector<SavedStatus> statuses;            // upserted
  std::vector<SavedData> data;                  // upserted: the last good secrets and artifacts (file mode 0600)
  std::vector<model::ObjectKey> gone;           // all of an object
  std::vector<model::ObjectKey> gone_seen;      // its last good form says it
  std::vector<model::ObjectKey> gone_statuses;  // its status alone
  std::vector<std::pair<bool, model::DataKey>> gone_data;  // secret?, key
};

// Thread safe. Writes happen on a thread of its own, merged while one is under way; the destructor writes what waits.
class Store {
 public:
  virtual ~Store() = default;

  struct Loaded {
    std::vector<model::ObjectPtr> good;
    std::vector<SeenObject> seen;
    std::vector<SavedStatus> statuses;
    std::vector<SavedData> data;
  };
  // What is in the file. A file that is damaged is set aside (renamed) and an empty one begun: the state is a cache of
  // what the sources say.
  virtual Loaded Load() = 0;
  // kWithNext: another Put() follows from whoever works on the same change, and both are one transaction.
  enum class When { kNow, kWithNext };
  virtual void Put(Write write, When when = When::kNow) = 0;
  // Returns when all that was put before is on disk, or when writing it has failed once more.
  virtual void Flush() = 0;
  // Tells when writing begins to fail, fails for another reason, or works again; what could not be written waits and is
  // tried again. Called on the store's thread, and at once where writing fails now. Null: once this returns nobody is
  // called any more.
  using WriteListener = std::function<void(const absl::Status&)>;
  virtual void SetWriteListener(WriteListener listener) = 0;

  // Makes the folder (mode 0700) where missing; fails where it cannot be written or another process holds it. A file
  // that is damaged becomes `state.db.damaged-N`, one of another version of gloo `state.db.version-V-N`.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& folder);
  // For glooctl: the statuses, without taking hold of the folder.
  static absl::StatusOr<std::vector<SavedStatus>> ReadStatuses(const std::string& folder);
};

}  // namespace gloo::state
