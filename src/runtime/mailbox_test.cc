#include "runtime/mailbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace gloo::runtime {
namespace {

using ::testing::ElementsAre;
using Values = std::vector<int>;

void Append(Values& waiting, Values arrived) { waiting.insert(waiting.end(), arrived.begin(), arrived.end()); }

TEST(Mailbox, MergesWhatArrivesBeforeTheLoopLooks) {
  auto loop = FakeLoop::CreateFake();
  std::vector<Values> received;
  Mailbox<Values> mailbox(*loop, Append, [&](Values v) { received.push_back(std::move(v)); });
  mailbox.Push({1});
  mailbox.Push({2, 3});
  loop->RunPosted();
  mailbox.Push({4});
  loop->RunPosted();
  EXPECT_THAT(received, ElementsAre(Values{1, 2, 3}, Values{4}));
}

TEST(Mailbox, LosesNothingAmongThreads) {
  auto loop = Loop::Create();
  size_t total = 0;
  size_t deliveries = 0;
  Mailbox<Values> mailbox(*loop, Append, [&](Values v) {
    total += v.size();
    ++deliveries;
    if (total == 4000) loop->Stop();
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) mailbox.Push({i});
    });
  }
  loop->Run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(total, 4000u);
  EXPECT_LE(deliveries, 4000u);
}

}  // namespace
}  // namespace gloo::runtime
