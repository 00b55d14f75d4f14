#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "runtime/loop.h"

namespace gloo::runtime {
namespace {

// Due time and order of creation: timers due at the same instant fire in the order they were made.
using DueKey = std::pair<absl::Time, uint64_t>;
using TimerMap = std::map<DueKey, absl::AnyInvocable<void()>>;

class FakeTimer final : public Timer {
 public:
  FakeTimer(std::shared_ptr<TimerMap> timers, DueKey key) : timers_(std::move(timers)), key_(key) {}
  ~FakeTimer() override { timers_->erase(key_); }

 private:
  std::shared_ptr<TimerMap> timers_;
  DueKey key_;
};

class FakeLoopImpl final : public FakeLoop {
 public:
  void Post(absl::AnyInvocable<void()> fn) override {
    std::lock_guard lock(mutex_);
    if (!stopped_) posted_.push_back(std::move(fn));
    changed_.notify_one();
  }

  std::unique_ptr<Timer> After(absl::Duration delay, absl::AnyInvocable<void()> fn) override {
    const DueKey key{now_ + delay, next_++};
    timers_->emplace(key, std::move(fn));
    return std::make_unique<FakeTimer>(timers_, key);
  }

  // The thread that made the loop stands for the loop's thread.
  bool InLoop() const override { return owner_ == std::this_thread::get_id(); }

  void RunPosted() override {
    while (auto fn = TakePosted()) fn();
  }

  void Advance(absl::Duration d) override {
    const absl::Time until = now_ + d;
    RunPosted();
    while (!timers_->empty() && timers_->begin()->first.first <= until && !stopped()) {
      auto node = timers_->extract(timers_->begin());
      now_ = std::max(now_, node.key().first);
      node.mapped()();
      RunPosted();
    }
    now_ = until;
  }

  void Run() override {
    while (true) {
      RunPosted();
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopped_ || !posted_.empty(); });
      if (stopped_) return;
    }
  }

  void Stop() override {
    std::deque<absl::AnyInvocable<void()>> dropped;  // destroyed without the lock
    std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(posted_);
    changed_.notify_one();
  }

 private:
  absl::AnyInvocable<void()> TakePosted() {
    std::lock_guard lock(mutex_);
    if (posted_.empty()) return nullptr;
    auto fn = std::move(posted_.front());
    posted_.pop_front();
    return fn;
  }

  bool stopped() const {
    std::lock_guard lock(mutex_);
    return stopped_;
  }

  const std::thread::id owner_ = std::this_thread::get_id();
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<absl::AnyInvocable<void()>> posted_;
  bool stopped_ = false;

  // Owner's thread only. Shared with the timers, which may outlive the loop in a test.
  std::shared_ptr<TimerMap> timers_ = std::make_shared<TimerMap>();
  absl::Time now_ = absl::UnixEpoch();
  uint64_t next_ = 0;
};

}  // namespace

std::unique_ptr<FakeLoop> FakeLoop::CreateFake() { return std::make_unique<FakeLoopImpl>(); }

}  // namespace gloo::runtime
