// Turns reports into the statuses of objects, and keeps them: only on change, on a thread of its own, never in the way
// of traffic.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "api/v1/status.pb.h"
#include "base/clock.h"
#include "model/object.h"
#include "runtime/loop.h"
#include "runtime/mailbox.h"
#include "runtime/metrics.h"
#include "sources/source.h"
#include "state/store.h"

namespace gloo::reporter {

// What is to be said of one object.
struct StatusReport {
  model::ObjectKey key;
  v1::Status::State state = v1::Status::PENDING;
  std::string reason;
  std::string message;
  std::vector<Issue> issues;
  int64_t generation = 0;
  model::Origin origin;
};

// The status that says so, without time and nodes.
v1::Status MakeStatus(const StatusReport& report);

// By object; nullopt: it is gone. Later updates replace earlier ones, so what waits is bounded by the objects.
using Update = absl::flat_hash_map<model::ObjectKey, std::optional<StatusReport>>;

// Thread safe. Issues without a location are located by the locator (which may read files) on the reporter's thread.
class Reporter {
 public:
  // `store` and `locator` may be null; both must outlive the reporter.
  Reporter(state::Store* store, const sources::IssueLocator* locator, const Clock& clock, runtime::Metrics& metrics);
  // Reports what waits, then ends.
  ~Reporter();
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  // Statuses of an earlier run, so that an unchanged one keeps its transition time. Before the first Put().
  void Load(const std::vector<state::SavedStatus>& statuses);
  void Put(Update update);
  // State PENDING where nothing is known. `nodes` is not filled in.
  v1::Status Get(const model::ObjectKey& key) const;
  // Waits until everything put before is reported.
  void Flush();

 private:
  void Process(Update update);
  void CountStates() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  state::Store* const store_;
  const sources::IssueLocator* const locator_;
  const Clock& clock_;
  runtime::Metrics& metrics_;
  const std::unique_ptr<runtime::Loop> loop_;
  runtime::Gauge& queue_;
  runtime::Mailbox<Update> mailbox_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<model::ObjectKey, v1::Status> statuses_ ABSL_GUARDED_BY(mutex_);
  // Objects by kind and state; kept as statuses change.
  int counts_[3][4] ABSL_GUARDED_BY(mutex_) = {};
  std::thread thread_;
};

}  // namespace gloo::reporter
