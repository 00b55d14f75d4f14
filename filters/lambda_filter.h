// The Lambda filter: makes the Invoke request of AWS Lambda of a client's request, and the client's response of the
// answer. It does not sign: what signs has to see the request as it leaves, once for each try.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "filters/abi.h"
#include "filters/counters.h"
#include "filters/headers.h"
#include "filters/stream_filter.h"
#include "template/lambda.h"

namespace gloo::filters {

// The configuration in the chain: the counters. Without a route's configuration the filter does nothing.
struct LambdaFilterConfig {
  static std::unique_ptr<LambdaFilterConfig> Make(abi::EnvoyFilterConfigPtr envoy);

  Counter calls;   // label `invocation`: sync, async
  Counter errors;  // label `reason`: function, refused, throttled, malformed, too_large
};

class LambdaRouteConfig : public RouteConfig {
 public:
  // Null on a mistake.
  static std::unique_ptr<LambdaRouteConfig> Parse(std::string_view json, std::string* error);
  // Shared with streams, which may outlive the route.
  const std::shared_ptr<const tmpl::LambdaConfig>& call() const { return call_; }

 private:
  std::shared_ptr<const tmpl::LambdaConfig> call_;
};

// One stream. After Fail() nothing of this object is touched: Envoy may have destroyed it.
class LambdaFilter : public StreamFilter {
 public:
  LambdaFilter(const LambdaFilterConfig* config, abi::EnvoyFilterPtr envoy) : config_(config), envoy_(envoy) {}

  abi::HeadersStatus OnRequestHeaders(bool end_of_stream) override;
  abi::BodyStatus OnRequestBody(bool end_of_stream) override;
  abi::TrailersStatus OnRequestTrailers() override;
  abi::HeadersStatus OnResponseHeaders(bool end_of_stream) override;
  abi::BodyStatus OnResponseBody(bool end_of_stream) override;
  abi::TrailersStatus OnResponseTrailers() override;
  // Somebody answers instead of the function.
  void OnLocalReply(std::string_view details) override;

 private:
  // What happens to a body: it streams by; it is collected in body_; what comes is dropped, and body_ comes instead.
  enum class BodyMode { kPass, kHold, kReplace };

  // The event of the request, with the body that was held, is in body_ then.
  void MakeEvent(const Headers& headers);
  // The request becomes the one that Lambda takes; what is the client's own stays behind.
  void ToInvoke(const Headers& headers);
  // The answer in body_ becomes the response; the client's body is in body_ then. `length`: the headers say its length.
  void FromAnswer(bool length);
  // The client gets `status` with a text of our own.
  void Replace(int status, std::string_view reason, std::string_view error, std::string_view message);
  // Drops what is of the answer alone.
  void ClearResponse();
  void AppendBody(abi::BodyType where);
  // Answers the client: the last thing to do with this object.
  void FailTooLarge();
  void Set(abi::HeaderType type, std::string_view name, abi::ModuleBuffer value);

  const LambdaFilterConfig* const config_;
  const abi::EnvoyFilterPtr envoy_;
  // Null: this stream passes untouched.
  std::shared_ptr<const tmpl::LambdaConfig> call_;
  // The client gets no body.
  bool head_ = false;
  BodyMode request_mode_ = BodyMode::kPass;
  BodyMode response_mode_ = BodyMode::kPass;
  // Bytes of the request that have streamed by.
  size_t passed_ = 0;
  // Of the direction under way.
  std::string body_;
};

}  // namespace gloo::filters
