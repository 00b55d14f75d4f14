// How long to wait before the next try: exponential, with jitter.
#pragma once

#include <functional>

#include "absl/time/time.h"

namespace gloo::runtime {

// Not thread safe. The n-th call of Next() since the last Reset() gives a delay around
// min(initial * multiplier^(n-1), max), spread evenly over +-jitter of it, so that many clients of a store that comes
// back do not come back at the same instant.
class Backoff {
 public:
  struct Options {
    absl::Duration initial = absl::Milliseconds(100);
    absl::Duration max = absl::Seconds(10);
    double multiplier = 2;
    // Share of the delay, 0 to 1.
    double jitter = 0.2;
  };
  // Uniform in [0, 1).
  using Random = std::function<double()>;

  explicit Backoff(Options options, Random random = RandomOfThread());

  absl::Duration Next();
  // The last try worked.
  void Reset() { current_ = options_.initial; }

  // A generator of the calling thread's own, seeded by the system.
  static Random RandomOfThread();

 private:
  Options options_;
  Random random_;
  absl::Duration current_;
};

}  // namespace gloo::runtime
