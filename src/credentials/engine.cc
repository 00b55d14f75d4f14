#include "credentials/engine.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace gloo::credentials {
namespace {

constexpr char kAge[] = "gloo_credentials_age_seconds";
constexpr char kAgeHelp[] = "Since when a token that the control plane fetched is there.";
constexpr absl::Duration kShowEvery = absl::Seconds(5);
// Of a token's life it is fetched anew, less up to the jitter.
constexpr double kRefreshAt = 0.8;
constexpr double kRefreshJitter = 0.1;
// However short tokens live, an endpoint is not asked more often.
constexpr absl::Duration kLeastWait = absl::Seconds(1);

runtime::Labels LabelsOf(const model::TokenKey& key) {
  return {{"secret", StrCat(key.secret.ns, "/", key.secret.name)}, {"audience", key.audience}};
}

}  // namespace

Engine::Engine(runtime::Loop& loop, runtime::Metrics& metrics, Exchange& exchange, Deliver deliver, Options options)
    : loop_(loop),
      metrics_(metrics),
      exchange_(exchange),
      deliver_(std::move(deliver)),
      options_(std::move(options)),
      failures_(metrics.counter("gloo_credentials_failures_total", "Tokens that could not be had, tries counted.")),
      self_(std::make_shared<Engine*>(this)) {}

Engine::~Engine() { *self_ = nullptr; }

void Engine::Want(const model::TokensWanted& wanted) {
  for (auto it = kept_.begin(); it != kept_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    metrics_.Forget(kAge, LabelsOf(it->first));
    loop_.Post([self = self_, key = it->first] {
      if (*self != nullptr && !(*self)->kept_.contains(key)) (*self)->deliver_(key, std::nullopt);
    });
    it = kept_.erase(it);
  }
  for (const auto& [key, secret] : wanted) {
    auto it = kept_.find(key);
    if (it == kept_.end()) {
      it = kept_.emplace(key, runtime::Backoff({.initial = absl::Seconds(1), .max = absl::Minutes(1)}, options_.random))
               .first;
    }
    Kept& kept = it->second;
    if (kept.secret != nullptr && kept.secret->data == secret->data) continue;
    kept.secret = secret;
    kept.backoff.Reset();
    kept.asked = ++asked_;
    kept.account.reset();
    Wake(key, absl::ZeroDuration());
  }
  if (ages_ == nullptr && !kept_.empty()) ages_ = loop_.After(kShowEvery, [this] { ShowAges(); });
}

void Engine::Wake(const model::TokenKey& key, absl::Duration after) {
  kept_.at(key).timer = loop_.After(after, [this, key] { Fetch(key); });
}

void Engine::Fetch(const model::TokenKey& key) {
  Kept& kept = kept_.at(key);
  kept.timer.reset();
  const std::string secret = StrCat("secret \"", key.secret.ns, "/", key.secret.name, "\"");
  if (!kept.account) {
    absl::StatusOr<ServiceAccount> account = ReadServiceAccount(*kept.secret);
    if (!account.ok()) {
      // Until somebody changes the secret.
      failures_.Add();
      if (options_.clock->Now() < kept.expires) Wake(key, kept.expires - options_.clock->Now());
      Say(key, kept,
          {options_.clock->Now() < kept.expires ? kept.delivered.value : "", "BadServiceAccountKey",
           StrCat(secret, " ", std::string(account.status().message()))});
      return;
    }
    kept.account = *std::move(account);
  }
  if (kept_.size() > options_.max_tokens && kept.delivered.value.empty() &&
      static_cast<size_t>(std::distance(kept_.begin(), kept_.find(key))) >= options_.max_tokens) {
    Failed(key, kept, "TooManyTokens", StrCat("there are more than ", options_.max_tokens, " tokens wanted"));
    return;
  }
  absl::StatusOr<std::string> form = GrantRequest(*kept.account, key.audience, options_.clock->Now());
  if (!form.ok()) {
    Failed(key, kept, "TokenNotIssued", StrCat(secret, ": ", std::string(form.status().message())));
    return;
  }
  kept.asked = ++asked_;
  exchange_.Send(kept.account->token_uri, *std::move(form),
                 [self = self_, key, asked = kept.asked](const absl::StatusOr<std::string>& answer) {
                   if (*self != nullptr) (*self)->Take(key, asked, answer);
                 });
}

void Engine::Take(const model::TokenKey& key, uint64_t asked, const absl::StatusOr<std::string>& answer) {
  const auto it = kept_.find(key);
  if (it == kept_.end() || it->second.asked != asked) return;
  Kept& kept = it->second;
  absl::StatusOr<IdentityToken> token = answer.ok() ? ReadGrantResponse(*answer) : answer.status();
  const absl::Time now = options_.clock->Now();
  if (token.ok() && token->expires <= now) {
    token = absl::InvalidArgumentError("its token has expired already; look at the clocks");
  }
  if (!token.ok()) {
    const std::string what(token.status().message());
    Failed(key, kept, "TokenNotIssued",
           StrCat("no identity token for secret \"", key.secret.ns, "/", key.secret.name, "\" from ",
                  kept.account->token_uri, ": ", what,
                  "; look whether the key is still valid and the endpoint can be reached"));
    return;
  }
  kept.backoff.Reset();
  kept.fetched = now;
  kept.expires = token->expires;
  metrics_.gauge(kAge, kAgeHelp, LabelsOf(key)).Set(0);
  Wake(key, std::max(kLeastWait, (token->expires - now) * (kRefreshAt - kRefreshJitter * options_.random())));
  Say(key, kept, {std::move(token->value), "", ""});
}

void Engine::Failed(const model::TokenKey& key, Kept& kept, std::string reason, std::string message) {
  failures_.Add();
  const absl::Time now = options_.clock->Now();
  const bool good = now < kept.expires;
  absl::Duration wait = kept.backoff.Next();
  // Its end is not to be slept over.
  if (good) wait = std::min(wait, kept.expires - now);
  Wake(key, wait);
  Say(key, kept, {good ? kept.delivered.value : "", std::move(reason), std::move(message)});
}

void Engine::Say(const model::TokenKey& key, Kept& kept, model::Token token) {
  if (token.value.empty()) metrics_.Forget(kAge, LabelsOf(key));
  if (token == kept.delivered) return;
  kept.delivered = token;
  deliver_(key, std::move(token));
}

void Engine::ShowAges() {
  ages_.reset();
  for (const auto& [key, kept] : kept_) {
    if (kept.delivered.value.empty()) continue;
    metrics_.gauge(kAge, kAgeHelp, LabelsOf(key)).Set(absl::ToDoubleSeconds(options_.clock->Now() - kept.fetched));
  }
  if (!kept_.empty()) ages_ = loop_.After(kShowEvery, [this] { ShowAges(); });
}

}  // namespace gloo::credentials
