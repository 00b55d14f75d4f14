// Time, as a thing that tests can set.
#pragma once

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace gloo {

// Of a clock that nobody sets, for durations and deadlines; its beginning means nothing.
absl::Time SteadyNow();

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time.
  virtual absl::Time Now() const = 0;

  static const Clock& Real();
};

class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::UnixEpoch()) : now_(now) {}
  absl::Time Now() const override { return now_; }
  void Advance(absl::Duration d) { now_ += d; }

 private:
  absl::Time now_;
};

}  // namespace gloo
