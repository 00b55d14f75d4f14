#include "runtime/backoff.h"

#include <algorithm>
#include <random>
#include <utility>

namespace gloo::runtime {

Backoff::Backoff(Options options, Random random)
    : options_(options), random_(std::move(random)), current_(options.initial) {}

absl::Duration Backoff::Next() {
  const absl::Duration base = std::min(current_, options_.max);
  current_ = std::min(base * options_.multiplier, options_.max);
  return base * (1 + options_.jitter * (2 * random_() - 1));
}

Backoff::Random Backoff::RandomOfThread() {
  return [] {
    thread_local std::minstd_rand generator{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(generator);
  };
}

}  // namespace gloo::runtime
