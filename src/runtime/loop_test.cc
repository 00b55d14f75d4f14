#include "runtime/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace gloo::runtime {
namespace {

using ::testing::ElementsAre;

TEST(Loop, RunsPostedFunctionsInOrderOnItsThread) {
  auto loop = Loop::Create();
  std::vector<int> seen;
  EXPECT_FALSE(loop->InLoop());
  loop->Post([&] {
    EXPECT_TRUE(loop->InLoop());
    seen.push_back(1);
    loop->Post([&] {
      seen.push_back(3);
      loop->Stop();
    });
  });
  loop->Post([&] { seen.push_back(2); });
  loop->Run();
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
  EXPECT_FALSE(loop->InLoop());
}

TEST(Loop, TakesPostsFromOtherThreads) {
  auto loop = Loop::Create();
  int sum = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        loop->Post([&] {
          if (++sum == 4000) loop->Stop();
        });
      }
    });
  }
  loop->Run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(sum, 4000);
}

TEST(Loop, TimersFireInOrderOfTheirTime) {
  auto loop = Loop::Create();
  std::vector<int> seen;
  auto late = loop->After(absl::Milliseconds(3), [&] {
    seen.push_back(2);
    loop->Stop();
  });
  auto early = loop->After(absl::Milliseconds(1), [&] { seen.push_back(1); });
  loop->Run();
  EXPECT_THAT(seen, ElementsAre(1, 2));
}

TEST(Loop, ADestroyedTimerDoesNotFireEvenWhenAlreadyDue) {
  auto loop = Loop::Create();
  bool fired = false;
  std::unique_ptr<Timer> victim;
  // Both are due when the loop first looks; the first destroys the second.
  auto killer = loop->After(absl::ZeroDuration(), [&] {
    victim.reset();
    loop->Post([&] { loop->Stop(); });
  });
  victim = loop->After(absl::ZeroDuration(), [&] { fired = true; });
  loop->Run();
  EXPECT_FALSE(fired);
}

TEST(Loop, ATimerMayDestroyItself) {
  auto loop = Loop::Create();
  std::unique_ptr<Timer> timer;
  auto token = std::make_shared<int>(7);
  int seen = 0;
  timer = loop->After(absl::ZeroDuration(), [&, token] {
    timer.reset();
    seen = *token;
    loop->Stop();
  });
  loop->Run();
  EXPECT_EQ(seen, 7);
}

TEST(Loop, DropsPostsAfterStop) {
  auto loop = Loop::Create();
  auto token = std::make_shared<int>(0);
  loop->Stop();
  loop->Post([token] { *token = 1; });
  EXPECT_EQ(token.use_count(), 1);
  loop->Run();
  EXPECT_EQ(*token, 0);
}

}  // namespace
}  // namespace gloo::runtime
