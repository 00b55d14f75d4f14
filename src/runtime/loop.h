// The event loop: one thread, functions posted from anywhere, timers.
#pragma once

#include <functional>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace gloo::runtime {

// A timer that is cancelled when this is destroyed. Loop thread only.
class Timer {
 public:
  virtual ~Timer() = default;
};

class Loop {
 public:
  virtual ~Loop() = default;
  // Thread safe. Functions run in the order posted. After Stop() they are dropped.
  virtual void Post(absl::AnyInvocable<void()> fn) = 0;
  // Loop thread only.
  [[nodiscard]] virtual std::unique_ptr<Timer> After(absl::Duration delay, absl::AnyInvocable<void()> fn) = 0;
  virtual bool InLoop() const = 0;

  // Runs until Stop().
  virtual void Run() = 0;
  virtual void Stop() = 0;

  static std::unique_ptr<Loop> Create();
};

// A loop for tests: nothing runs until told to, time passes only by Advance().
class FakeLoop : public Loop {
 public:
  // Runs what is posted, and what that posts, until nothing is left.
  virtual void RunPosted() = 0;
  // Moves time, runs the timers due in order, then RunPosted().
  virtual void Advance(absl::Duration d) = 0;

  static std::unique_ptr<FakeLoop> CreateFake();
};

}  // namespace gloo::runtime
