#include "base/clock.h"

#include <chrono>

namespace gloo {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace

absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

const Clock& Clock::Real() {
  static const RealClock clock;
  return clock;
}

}  // namespace gloo
