#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "runtime/loop.h"

namespace gloo::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FakeLoop, NothingRunsUntilToldTo) {
  auto loop = FakeLoop::CreateFake();
  std::vector<int> seen;
  loop->Post([&] {
    seen.push_back(1);
    loop->Post([&] { seen.push_back(2); });
  });
  EXPECT_THAT(seen, IsEmpty());
  loop->RunPosted();
  EXPECT_THAT(seen, ElementsAre(1, 2));
  EXPECT_TRUE(loop->InLoop());
}

TEST(FakeLoop, AdvanceRunsDueTimersInOrderAndWhatTheyPost) {
  auto loop = FakeLoop::CreateFake();
  std::vector<int> seen;
  auto second = loop->After(absl::Seconds(2), [&] { seen.push_back(2); });
  std::unique_ptr<Timer> nested;
  auto first = loop->After(absl::Seconds(1), [&] {
    seen.push_back(1);
    // Counts from the moment its maker ran, not from where Advance() goes.
    nested = loop->After(absl::Seconds(2), [&] { seen.push_back(3); });
    loop->Post([&] { seen.push_back(10); });
  });
  loop->Advance(absl::Milliseconds(999));
  EXPECT_THAT(seen, IsEmpty());
  loop->Advance(absl::Milliseconds(1500));
  EXPECT_THAT(seen, ElementsAre(1, 10, 2));
  loop->Advance(absl::Milliseconds(501));
  EXPECT_THAT(seen, ElementsAre(1, 10, 2, 3));
}

TEST(FakeLoop, DestroyedTimersDoNotFire) {
  auto loop = FakeLoop::CreateFake();
  bool fired = false;
  auto timer = loop->After(absl::Seconds(1), [&] { fired = true; });
  timer.reset();
  loop->Advance(absl::Seconds(2));
  EXPECT_FALSE(fired);
}

TEST(FakeLoop, RunEndsAtStop) {
  auto loop = FakeLoop::CreateFake();
  std::thread other([&] { loop->Post([&] { loop->Stop(); }); });
  loop->Run();
  other.join();
  bool ran = false;
  loop->Post([&] { ran = true; });
  loop->RunPosted();
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace gloo::runtime
