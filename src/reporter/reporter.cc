#include "reporter/reporter.h"

#include <google/protobuf/util/message_differencer.h>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "runtime/log.h"

namespace gloo::reporter {
namespace {

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  const int64_t nanos = absl::ToUnixNanos(time);
  out->set_seconds(nanos / 1'000'000'000);
  out->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

// What a user who watches the log should see at once; the status has all of it.
void LogIssues(const StatusReport& report) {
  constexpr size_t kShown = 5;
  const std::string object = model::ToString(report.key);
  for (size_t i = 0; i < report.issues.size() && i < kShown; ++i) {
    const Issue& issue = report.issues[i];
    runtime::Log(issue.severity == Severity::kError ? spdlog::level::err : spdlog::level::warn,
                 StrCat(object, ": ", Describe(issue)),
                 {{"object", object},
                  {"file", issue.location.file},
                  {"line", issue.location.line},
                  {"column", issue.location.column},
                  {"path", issue.path},
                  {"reason", issue.reason}});
  }
  if (report.issues.size() > kShown) {
    runtime::Log(report.state == v1::Status::REJECTED ? spdlog::level::err : spdlog::level::warn,
                 StrCat(object, ": and ", report.issues.size() - kShown, " more"), {{"object", object}});
  }
}

}  // namespace

v1::Status MakeStatus(const StatusReport& report) {
  v1::Status status;
  status.set_state(report.state);
  status.set_reason(report.reason);
  status.set_message(ToUtf8(report.message));
  status.set_observed_generation(report.generation);
  for (const Issue& issue : report.issues) {
    v1::Status::Issue* out = status.add_issues();
    out->set_severity(issue.severity == Severity::kError ? "Error" : "Warning");
    out->set_reason(issue.reason);
    out->set_path(ToUtf8(issue.path));
    out->set_message(ToUtf8(issue.message));
    out->set_file(ToUtf8(issue.location.file));
    out->set_line(issue.location.line);
    out->set_column(issue.location.column);
  }
  return status;
}

Reporter::Reporter(state::Store* store, const sources::IssueLocator* locator, const Clock& clock,
                   runtime::Metrics& metrics)
    : store_(store),
      locator_(locator),
      clock_(clock),
      metrics_(metrics),
      loop_(runtime::Loop::Create()),
      queue_(metrics.gauge("gloo_queue_depth", "Things that wait to be processed, merged.", {{"queue", "statuses"}})),
      mailbox_(
          *loop_,
          [this](Update& waiting, Update arrived) {
            for (auto& [key, report] : arrived) waiting.insert_or_assign(key, std::move(report));
            queue_.Set(static_cast<double>(waiting.size()));
          },
          [this](Update update) { Process(std::move(update)); }),
      thread_([this] { loop_->Run(); }) {}

Reporter::~Reporter() {
  Flush();
  loop_->Stop();
  thread_.join();
}

void Reporter::Load(const std::vector<state::SavedStatus>& statuses) {
  absl::MutexLock lock(&mutex_);
  for (const state::SavedStatus& saved : statuses) {
    if (statuses_.insert_or_assign(saved.key, saved.status).second) {
      ++counts_[static_cast<int>(saved.key.kind)][saved.status.state()];
    }
  }
  CountStates();
}

void Reporter::Put(Update update) {
  if (update.empty()) return;
  queue_.Set(static_cast<double>(update.size()));
  mailbox_.Push(std::move(update));
}

v1::Status Reporter::Get(const model::ObjectKey& key) const {
  absl::MutexLock lock(&mutex_);
  auto it = statuses_.find(key);
  return it == statuses_.end() ? v1::Status() : it->second;
}

void Reporter::Flush() {
  absl::Notification done;
  loop_->Post([&done] { done.Notify(); });
  done.WaitForNotification();
}

void Reporter::Process(Update update) {
  queue_.Set(0);
  // Reading files again is the slow part: outside the lock.
  if (locator_ != nullptr) {
    std::vector<sources::IssueLocator::Unlocated> unlocated;
    for (auto& [key, report] : update) {
      if (report && !report->issues.empty()) unlocated.push_back({&report->origin, &report->issues});
    }
    if (!unlocated.empty()) {
      // What waits to be written does not wait for that.
      if (store_ != nullptr) store_->Put({});
      locator_->Locate(std::move(unlocated));
    }
  }
  state::Write write;
  for (auto& [key, report] : update) {
    if (!report) {
      absl::MutexLock lock(&mutex_);
      auto it = statuses_.find(key);
      if (it == statuses_.end()) continue;
      --counts_[static_cast<int>(key.kind)][it->second.state()];
      statuses_.erase(it);
      // The object itself is the controller's: it may be there again by now.
      write.gone_statuses.push_back(key);
      continue;
    }
    v1::Status status = MakeStatus(*report);
    absl::ReleasableMutexLock lock(&mutex_);
    auto it = statuses_.find(key);
    if (it != statuses_.end() && it->second.state() == status.state() && it->second.reason() == status.reason()) {
      *status.mutable_last_transition_time() = it->second.last_transition_time();
      if (google::protobuf::util::MessageDifferencer::Equals(status, it->second)) continue;
    } else {
      SetTime(clock_.Now(), status.mutable_last_transition_time());
    }
    int* counts = counts_[static_cast<int>(key.kind)];
    if (it != statuses_.end()) --counts[it->second.state()];
    ++counts[status.state()];
    statuses_[key] = status;
    write.statuses.push_back({key, std::move(status)});
    lock.Release();
    LogIssues(*report);
  }
  {
    absl::MutexLock lock(&mutex_);
    CountStates();
  }
  // Even if there is nothing of ours: what the controller put is written now.
  if (store_ != nullptr) store_->Put(std::move(write));
}

void Reporter::CountStates() {
  for (model::Kind kind : model::kKinds) {
    for (int state = 0; state < 4; ++state) {
      metrics_
          .gauge("gloo_objects", "Configuration objects by kind and state.",
                 {{"kind", std::string(model::KindName(kind))},
                  {"state", absl::AsciiStrToLower(v1::Status::State_Name(v1::Status::State(state)))}})
          .Set(counts_[static_cast<int>(kind)][state]);
    }
  }
}

}  // namespace gloo::reporter
