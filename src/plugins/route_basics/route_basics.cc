#include "plugins/route_basics/route_basics.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/suggest.h"
#include "src/plugins/route_basics/route_basics.pb.h"
#include "translator/checks/checks.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::plugins {
namespace {

using envoy::config::core::v3::HeaderValueOption;
using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteAction;
using translator::Cat;
using translator::HeaderName;
using translator::HeaderUse;
using translator::JsonQuote;

const std::vector<std::string>& RetryConditions() {
  static const auto* conditions = new std::vector<std::string>{"5xx",
                                                               "gateway-error",
                                                               "reset",
                                                               "reset-before-request",
                                                               "connect-failure",
                                                               "envoy-ratelimited",
                                                               "retriable-4xx",
                                                               "refused-stream",
                                                               "http3-post-connect-failure",
                                                               "cancelled",
                                                               "deadline-exceeded",
                                                               "internal",
                                                               "resource-exhausted",
                                                               "unavailable"};
  return *conditions;
}

bool Negative(const google::protobuf::Duration& duration) { return duration.seconds() < 0 || duration.nanos() < 0; }

class RouteBasicsPlugin final : public translator::RoutePlugin {
 public:
  const google::protobuf::Descriptor* extensions() const override { return RouteBasics::descriptor(); }

  void Apply(const google::protobuf::Message& message, const v1::Route&, Route* out, translator::FilterConfigs*,
             Issues& issues) const override {
    const auto& basics = static_cast<const RouteBasics&>(message);
    RouteAction* action = out->mutable_route();
    if (basics.has_timeout()) {
      if (Negative(basics.timeout())) {
        issues.Error("timeout", "BadDuration", "must not be negative; 0s means no limit");
      } else {
        *action->mutable_timeout() = basics.timeout();
      }
    }
    SetRetries(basics, action, issues);
    Add(basics.add_request_headers(), "addRequestHeaders", out->mutable_request_headers_to_add(), issues);
    Add(basics.add_response_headers(), "addResponseHeaders", out->mutable_response_headers_to_add(), issues);
    Remove(basics.remove_request_headers(), "removeRequestHeaders", out->mutable_request_headers_to_remove(), issues);
    Remove(basics.remove_response_headers(), "removeResponseHeaders", out->mutable_response_headers_to_remove(),
           issues);
    SetHost(basics, action, issues);
  }

 private:
  static void SetRetries(const RouteBasics& basics, RouteAction* action, Issues& issues) {
    if (basics.has_max_retries() && basics.has_retries()) {
      issues.Error("maxRetries", "Contradiction", "there is retries too; write one of them");
      return;
    }
    if (basics.has_max_retries()) {
      if (basics.max_retries() == 0) return;
      action->mutable_retry_policy()->set_retry_on("5xx");
      action->mutable_retry_policy()->mutable_num_retries()->set_value(basics.max_retries());
      return;
    }
    if (!basics.has_retries()) return;
    const Retries& retries = basics.retries();
    IssuePath path(issues, "retries");
    std::string conditions;
    for (int i = 0; i < retries.retry_on_size(); ++i) {
      const std::string& condition = retries.retry_on(i);
      const auto& known = RetryConditions();
      if (std::find(known.begin(), known.end(), condition) == known.end()) {
        IssuePath index(issues, "retryOn", static_cast<size_t>(i));
        issues.Error("", "UnknownRetryCondition",
                     Cat(JsonQuote(condition), " is no condition", Suggestion(condition, known)));
      }
      if (!conditions.empty()) conditions += ',';
      conditions += condition;
    }
    if (retries.has_per_try_timeout() &&
        (Negative(retries.per_try_timeout()) ||
         (retries.per_try_timeout().seconds() == 0 && retries.per_try_timeout().nanos() == 0))) {
      issues.Error("perTryTimeout", "BadDuration", "must be greater than 0s");
      return;
    }
    if (retries.attempts() == 0) return;
    auto* policy = action->mutable_retry_policy();
    policy->set_retry_on(conditions.empty() ? std::string("5xx") : conditions);
    policy->mutable_num_retries()->set_value(retries.attempts());
    if (retries.has_per_try_timeout()) *policy->mutable_per_try_timeout() = retries.per_try_timeout();
  }

  static void Add(const google::protobuf::RepeatedPtrField<HeaderChange>& changes, std::string_view field,
                  google::protobuf::RepeatedPtrField<HeaderValueOption>* out, Issues& issues) {
    for (int i = 0; i < changes.size(); ++i) {
      const HeaderChange& change = changes.Get(i);
      IssuePath path(issues, field, static_cast<size_t>(i));
      std::string name = HeaderName(change.key(), HeaderUse::kChange, "key", issues);
      absl::Status value = checks::CheckHeaderValue(change.value());
      if (!value.ok()) issues.Error("value", "BadHeaderValue", std::string(value.message()));
      HeaderValueOption* option = out->Add();
      option->mutable_header()->set_key(name);
      option->mutable_header()->set_value(translator::EscapeHeaderValue(change.value()));
      option->set_append_action(change.append() ? HeaderValueOption::APPEND_IF_EXISTS_OR_ADD
                                                : HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
      option->set_keep_empty_value(change.value().empty());
    }
  }

  static void Remove(const google::protobuf::RepeatedPtrField<std::string>& names, std::string_view field,
                     google::protobuf::RepeatedPtrField<std::string>* out, Issues& issues) {
    for (int i = 0; i < names.size(); ++i) {
      IssuePath path(issues, field, static_cast<size_t>(i));
      *out->Add() = HeaderName(names.Get(i), HeaderUse::kChange, "", issues);
    }
  }

  static void SetHost(const RouteBasics& basics, RouteAction* action, Issues& issues) {
    const std::string& host = basics.host_rewrite();
    if (host.empty()) return;
    bool valid = std::all_of(host.begin(), host.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             (c != '\0' && std::string_view("-_.:[]").find(c) != std::string_view::npos);
    });
    if (!valid) {
      issues.Error("hostRewrite", "BadHost", Cat(JsonQuote(host), " is no host, with or without a port"));
      return;
    }
    action->set_host_rewrite_literal(host);
  }
};

}  // namespace

void AddRouteBasics(translator::Registry& registry) {
  registry.Add(std::unique_ptr<translator::RoutePlugin>(std::make_unique<RouteBasicsPlugin>()));
}

}  // namespace gloo::plugins
