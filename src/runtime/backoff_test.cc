#include "runtime/backoff.h"

#include <gtest/gtest.h>

namespace gloo::runtime {
namespace {

TEST(Backoff, DoublesUpToTheMaximumAndStartsAnewAfterReset) {
  Backoff backoff({.initial = absl::Seconds(1), .max = absl::Seconds(5), .multiplier = 2, .jitter = 0.5},
                  [] { return 0.5; });  // the middle: no jitter
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
  EXPECT_EQ(backoff.Next(), absl::Seconds(2));
  EXPECT_EQ(backoff.Next(), absl::Seconds(4));
  EXPECT_EQ(backoff.Next(), absl::Seconds(5));
  EXPECT_EQ(backoff.Next(), absl::Seconds(5));
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
}

TEST(Backoff, JitterSpreadsAroundTheDelay) {
  double random = 0;
  Backoff backoff({.initial = absl::Seconds(10), .max = absl::Seconds(10), .multiplier = 2, .jitter = 0.2},
                  [&random] { return random; });
  EXPECT_EQ(backoff.Next(), absl::Seconds(8));
  random = 0.75;
  EXPECT_EQ(backoff.Next(), absl::Seconds(11));
}

TEST(Backoff, SystemRandomStaysInRange) {
  Backoff backoff({.initial = absl::Seconds(10), .max = absl::Seconds(10), .multiplier = 1, .jitter = 0.1});
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration d = backoff.Next();
    ASSERT_GE(d, absl::Seconds(9));
    ASSERT_LE(d, absl::Seconds(11));
  }
}

}  // namespace
}  // namespace gloo::runtime
