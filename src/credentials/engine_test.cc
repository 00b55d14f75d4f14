#include "credentials/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "credentials/test_key.h"

namespace gloo::credentials {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class FakeExchange final : public Exchange {
 public:
  void Send(std::string, std::string, Done done) override { waiting.push_back(std::move(done)); }
  void Answer(absl::StatusOr<std::string> answer) {
    Done done = std::move(waiting.front());
    waiting.erase(waiting.begin());
    done(std::move(answer));
  }
  std::vector<Done> waiting;
};

class EngineTest : public ::testing::Test {
 protected:
  // Fake time of both kinds.
  void Pass(absl::Duration d) {
    for (; d > absl::ZeroDuration(); d -= absl::Seconds(1)) {
      clock_.Advance(absl::Seconds(1));
      loop_->Advance(absl::Seconds(1));
    }
  }
  void Want(const std::string& json) {
    engine_->Want({{key_, SecretOf(json)}});
    loop_->Advance(absl::ZeroDuration());
  }
  std::string Good(int seconds) { return AnswerOf(absl::ToUnixSeconds(clock_.Now()) + seconds); }
  double Failures() {
    const std::string text = metrics_->Text();
    return std::stod(text.substr(text.find("\ngloo_credentials_failures_total ") + 33));
  }

  std::unique_ptr<runtime::FakeLoop> loop_ = runtime::FakeLoop::CreateFake();
  std::unique_ptr<runtime::Metrics> metrics_ = runtime::Metrics::Create();
  FakeClock clock_{absl::FromUnixSeconds(1000)};
  FakeExchange exchange_;
  model::TokenKey key_{{"default", "caller"}, "https://f.test"};
  std::vector<std::optional<model::Token>> told_;
  std::unique_ptr<Engine> engine_ = std::make_unique<Engine>(
      *loop_, *metrics_, exchange_,
      [this](const model::TokenKey&, std::optional<model::Token> token) { told_.push_back(std::move(token)); },
      Engine::Options{.clock = &clock_, .random = [] { return 0.5; }});
};

TEST_F(EngineTest, RefreshesAheadOfTheEnd) {
  Want(KeyFile());
  ASSERT_THAT(exchange_.waiting, SizeIs(1));
  exchange_.Answer(Good(1000));
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_THAT(told_[0]->value, Not(IsEmpty()));
  Pass(absl::Seconds(740));
  EXPECT_THAT(exchange_.waiting, IsEmpty());
  EXPECT_THAT(metrics_->Text(), HasSubstr("gloo_credentials_age_seconds{audience=\"https://f.test\",secret=\"default/"
                                          "caller\"} 740"));
  Pass(absl::Seconds(15));
  ASSERT_THAT(exchange_.waiting, SizeIs(1));
  exchange_.Answer(Good(1000));
  ASSERT_THAT(told_, SizeIs(2));
  EXPECT_NE(told_[0]->value, told_[1]->value);
  EXPECT_EQ(Failures(), 0);
}

TEST_F(EngineTest, KeepsATokenThatIsGoodWhileTheEndpointFails) {
  Want(KeyFile());
  exchange_.Answer(Good(100));
  Pass(absl::Seconds(75));
  exchange_.Answer(absl::UnavailableError("it answers 503"));
  EXPECT_EQ(told_.back()->value, told_.front()->value);
  EXPECT_EQ(told_.back()->reason, "TokenNotIssued");
  EXPECT_THAT(told_.back()->message, HasSubstr("it answers 503"));
  for (int i = 0; i < 30; ++i) {
    Pass(absl::Seconds(1));
    while (!exchange_.waiting.empty()) exchange_.Answer(absl::UnavailableError("it answers 503"));
  }
  EXPECT_THAT(told_.back()->value, IsEmpty());
  EXPECT_THAT(metrics_->Text(), Not(HasSubstr("audience=")));
  EXPECT_GT(Failures(), 3);
  Pass(absl::Seconds(80));
  exchange_.Answer(Good(100));
  EXPECT_THAT(told_.back()->reason, IsEmpty());
}

TEST_F(EngineTest, ABrokenKeyIsSaidAndMended) {
  Want("{}");
  EXPECT_EQ(told_.back()->reason, "BadServiceAccountKey");
  EXPECT_THAT(told_.back()->message, HasSubstr("secret \"default/caller\" \"key.json\": \"type\" must be"));
  EXPECT_THAT(exchange_.waiting, IsEmpty());
  Want(KeyFile());
  exchange_.Answer(Good(100));
  EXPECT_THAT(told_.back()->reason, IsEmpty());
}

TEST_F(EngineTest, WhatIsWantedNoMoreIsForgotten) {
  Want(KeyFile());
  engine_->Want({});
  loop_->RunPosted();
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_FALSE(told_[0].has_value());
  exchange_.Answer(Good(100));
  EXPECT_THAT(told_, SizeIs(1));
  Want(KeyFile());
  engine_.reset();
  exchange_.Answer(Good(100));
  EXPECT_THAT(told_, SizeIs(1));
}

TEST_F(EngineTest, TooManyAreSaid) {
  Engine::Options options{.clock = &clock_, .random = [] { return 0.5; }, .max_tokens = 1};
  std::map<std::string, model::Token> told;
  Engine engine(
      *loop_, *metrics_, exchange_,
      [&told](const model::TokenKey& key, std::optional<model::Token> token) { told[key.audience] = *token; },
      std::move(options));
  const model::NamedDataPtr secret = SecretOf(KeyFile());
  engine.Want({{{{"default", "caller"}, "https://a"}, secret}, {{{"default", "caller"}, "https://b"}, secret}});
  loop_->Advance(absl::ZeroDuration());
  EXPECT_THAT(exchange_.waiting, SizeIs(1));
  EXPECT_THAT(told, SizeIs(1));
  EXPECT_EQ(told["https://b"].reason, "TooManyTokens");
}

TEST_F(EngineTest, AnswersThatAreNoTokensAreFailures) {
  Want(KeyFile());
  exchange_.Answer(Good(-1));
  EXPECT_THAT(told_.back()->message, HasSubstr("has expired already"));
  Pass(absl::Seconds(2));
  exchange_.Answer(std::string("{}"));
  EXPECT_THAT(told_.back()->message, HasSubstr("its answer has no \"id_token\""));
}

}  // namespace
}  // namespace gloo::credentials
