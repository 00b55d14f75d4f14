// Fetches the tokens that are wanted, keeps them, and refreshes them ahead of their end. On the loop thread alone.
// What is fetched, and how, is service_account.h; a further kind of credential would stand beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "credentials/exchange.h"
#include "credentials/service_account.h"
#include "model/token.h"
#include "runtime/backoff.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"

namespace gloo::credentials {

class Engine {
 public:
  // nullopt: it is wanted no more.
  using Deliver = std::function<void(const model::TokenKey&, std::optional<model::Token>)>;
  struct Options {
    const Clock* clock = &Clock::Real();
    runtime::Backoff::Random random = runtime::Backoff::RandomOfThread();
    // Further ones are not fetched, and their status says so.
    size_t max_tokens = 1000;
  };

  // All references must outlive the engine. `deliver` is never called from within Want().
  Engine(runtime::Loop& loop, runtime::Metrics& metrics, Exchange& exchange, Deliver deliver, Options options);
  ~Engine();

  // All that are wanted from now on.
  void Want(const model::TokensWanted& wanted);

 private:
  struct Kept {
    explicit Kept(runtime::Backoff b) : backoff(std::move(b)) {}
    model::NamedDataPtr secret;
    std::optional<ServiceAccount> account;
    model::Token delivered;
    absl::Time fetched;
    absl::Time expires = absl::InfinitePast();
    runtime::Backoff backoff;
    std::unique_ptr<runtime::Timer> timer;
    // Answers to earlier requests count for nothing.
    uint64_t asked = 0;
  };

  void Wake(const model::TokenKey& key, absl::Duration after);
  void Fetch(const model::TokenKey& key);
  void Take(const model::TokenKey& key, uint64_t asked, const absl::StatusOr<std::string>& answer);
  void Failed(const model::TokenKey& key, Kept& kept, std::string reason, std::string message);
  void Say(const model::TokenKey& key, Kept& kept, model::Token token);
  void ShowAges();

  runtime::Loop& loop_;
  runtime::Metrics& metrics_;
  Exchange& exchange_;
  const Deliver deliver_;
  const Options options_;
  runtime::Counter& failures_;
  std::map<model::TokenKey, Kept> kept_;
  uint64_t asked_ = 0;
  std::unique_ptr<runtime::Timer> ages_;
  // What is posted outlives the engine.
  std::shared_ptr<Engine*> self_;
};

}  // namespace gloo::credentials
