#include "runtime/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gloo::runtime {
namespace {

using ::testing::HasSubstr;

TEST(Metrics, TheSameNameAndLabelsAreTheSameMetric) {
  auto metrics = Metrics::Create();
  Counter& a = metrics->counter("gloo_things_total", "Things.", {{"kind", "a"}});
  EXPECT_EQ(&a, &metrics->counter("gloo_things_total", "Things.", {{"kind", "a"}}));
  EXPECT_NE(&a, &metrics->counter("gloo_things_total", "Things.", {{"kind", "b"}}));
}

TEST(Metrics, TextIsThePrometheusFormat) {
  auto metrics = Metrics::Create();
  metrics->counter("gloo_things_total", "Things.", {{"kind", "a"}}).Add();
  metrics->counter("gloo_things_total", "Things.", {{"kind", "a"}}).Add(2);
  metrics->gauge("gloo_depth", "Depth.").Set(1.5);
  metrics->histogram("gloo_seconds", "Times.", {0.1, 1}).Observe(0.5);
  const std::string text = metrics->Text();
  EXPECT_THAT(text, HasSubstr("# HELP gloo_things_total Things.\n# TYPE gloo_things_total counter\n"
                              "gloo_things_total{kind=\"a\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE gloo_depth gauge\ngloo_depth 1.5\n"));
  EXPECT_THAT(text, HasSubstr("gloo_seconds_bucket{le=\"0.1\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("gloo_seconds_bucket{le=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("gloo_seconds_count 1\n"));
}

TEST(MetricsDeathTest, OneNameForTwoKindsEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto metrics = Metrics::Create();
        metrics->counter("gloo_x", "X.");
        metrics->gauge("gloo_x", "X.");
      },
      "");
}

TEST(Metrics, LatencyBucketsAscend) {
  const auto& buckets = LatencyBuckets();
  EXPECT_EQ(buckets.front(), 0.0001);
  EXPECT_EQ(buckets.back(), 10);
  EXPECT_TRUE(std::is_sorted(buckets.begin(), buckets.end()));
}

}  // namespace
}  // namespace gloo::runtime
