#include "reporter/reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

namespace gloo::reporter {
namespace {

using ::testing::HasSubstr;

model::ObjectKey Key(std::string name) { return {model::Kind::kVirtualService, "default", std::move(name)}; }

StatusReport Accepted(std::string name, int64_t generation) {
  return {.key = Key(std::move(name)), .state = v1::Status::ACCEPTED, .reason = "Accepted", .generation = generation};
}

// Puts every issue on line 7 and counts how often it was asked.
class FixedLocator final : public sources::IssueLocator {
 public:
  void Locate(std::vector<Unlocated> all) const override {
    ++asked;
    for (const Unlocated& object : all) {
      for (Issue& issue : *object.issues) issue.location = {object.origin->location, 7, 3};
    }
  }
  mutable std::atomic<int> asked{0};
};

struct ReporterTest : ::testing::Test {
  FakeClock clock{absl::FromUnixSeconds(1000)};
  std::unique_ptr<runtime::Metrics> metrics = runtime::Metrics::Create();
  FixedLocator locator;
  Reporter reporter{nullptr, &locator, clock, *metrics};
};

TEST_F(ReporterTest, IssuesOfABatchAreLocatedTogether) {
  Update update;
  for (int i = 0; i < 100; ++i) {
    StatusReport report = Accepted("v" + std::to_string(i), 1);
    report.issues.push_back({Severity::kWarning, "UpstreamNotFound", "spec", "gone", {}});
    update.emplace(report.key, report);
  }
  reporter.Put(std::move(update));
  reporter.Flush();
  EXPECT_EQ(locator.asked, 1);
  EXPECT_EQ(reporter.Get(Key("v99")).issues(0).line(), 7);
}

TEST_F(ReporterTest, UnknownIsPending) { EXPECT_EQ(reporter.Get(Key("x")).state(), v1::Status::PENDING); }

TEST_F(ReporterTest, TransitionTimeMovesOnlyWithTheState) {
  reporter.Put({{Key("a"), Accepted("a", 1)}});
  reporter.Flush();
  clock.Advance(absl::Seconds(5));
  reporter.Put({{Key("a"), Accepted("a", 2)}});
  reporter.Flush();
  v1::Status status = reporter.Get(Key("a"));
  EXPECT_EQ(status.observed_generation(), 2);
  EXPECT_EQ(status.last_transition_time().seconds(), 1000);

  StatusReport rejected = Accepted("a", 3);
  rejected.state = v1::Status::REJECTED;
  rejected.reason = "InvalidRegex";
  rejected.issues.push_back({Severity::kError, "InvalidRegex", "spec.routes[0]", "missing )", {}});
  rejected.origin = {"file", "shop.yaml", 0, 1};
  reporter.Put({{Key("a"), rejected}});
  reporter.Flush();
  status = reporter.Get(Key("a"));
  EXPECT_EQ(status.last_transition_time().seconds(), 1005);
  ASSERT_EQ(status.issues_size(), 1);
  EXPECT_EQ(status.issues(0).file(), "shop.yaml");
  EXPECT_EQ(status.issues(0).line(), 7);
  EXPECT_THAT(metrics->Text(), HasSubstr("gloo_objects{kind=\"VirtualService\",state=\"rejected\"} 1"));
  EXPECT_THAT(metrics->Text(), HasSubstr("gloo_objects{kind=\"VirtualService\",state=\"accepted\"} 0"));
}

TEST_F(ReporterTest, GoneIsForgottenAndMayComeBack) {
  reporter.Put({{Key("a"), Accepted("a", 1)}});
  reporter.Put({{Key("a"), std::nullopt}});
  reporter.Flush();
  EXPECT_EQ(reporter.Get(Key("a")).state(), v1::Status::PENDING);
  reporter.Put({{Key("a"), std::nullopt}});
  reporter.Put({{Key("a"), Accepted("a", 1)}});
  reporter.Flush();
  EXPECT_EQ(reporter.Get(Key("a")).state(), v1::Status::ACCEPTED);
}

TEST_F(ReporterTest, LoadedStatusesKeepTheirTimes) {
  v1::Status old;
  old.set_state(v1::Status::ACCEPTED);
  old.set_reason("Accepted");
  old.mutable_last_transition_time()->set_seconds(12);
  reporter.Load({{Key("a"), old}});
  reporter.Put({{Key("a"), Accepted("a", 9)}});
  reporter.Flush();
  EXPECT_EQ(reporter.Get(Key("a")).last_transition_time().seconds(), 12);
}

}  // namespace
}  // namespace gloo::reporter
