// The transformation filter: applies a route's compiled transformation to the request and the response of one stream.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "filters/abi.h"
#include "filters/counters.h"
#include "filters/headers.h"
#include "filters/stream_filter.h"
#include "template/transformation.h"

namespace gloo::filters {

// The configuration in the chain: the counters. Without a route's configuration the filter does nothing.
struct TransformationFilterConfig {
  static std::unique_ptr<TransformationFilterConfig> Make(abi::EnvoyFilterConfigPtr envoy);

  Counter requests;
  Counter responses;
  Counter request_errors;   // label `status`: what the client was answered
  Counter response_errors;  // likewise
  Counter too_large;        // label `direction`
  Counter nats_calls;       // label `status`
};

// The configuration of a route. Streams share the transformation, so the route may go away while they last.
class TransformationRouteConfig : public RouteConfig {
 public:
  // Null on a mistake; `error` names all of them.
  static std::unique_ptr<TransformationRouteConfig> Parse(std::string_view json, std::string* error);

  explicit TransformationRouteConfig(std::shared_ptr<const tmpl::Transformation> transformation,
                                     bool calls_nats = false)
      : transformation_(std::move(transformation)), calls_nats_(calls_nats) {}
  const std::shared_ptr<const tmpl::Transformation>& transformation() const { return transformation_; }
  // The request is made for a NATS function.
  bool calls_nats() const { return calls_nats_; }

 private:
  std::shared_ptr<const tmpl::Transformation> transformation_;
  const bool calls_nats_;
};

// One stream. Envoy may destroy the stream inside the callback that answers it, so after Fail() nothing of this object
// is touched.
class TransformationFilter : public StreamFilter {
 public:
  TransformationFilter(const TransformationFilterConfig* config, abi::EnvoyFilterPtr envoy)
      : config_(config), envoy_(envoy) {}

  abi::HeadersStatus OnRequestHeaders(bool end_of_stream) override;
  abi::BodyStatus OnRequestBody(bool end_of_stream) override { return OnBody(Direction::kRequest, end_of_stream); }
  abi::TrailersStatus OnRequestTrailers() override { return OnTrailers(Direction::kRequest); }
  abi::HeadersStatus OnResponseHeaders(bool end_of_stream) override;
  abi::BodyStatus OnResponseBody(bool end_of_stream) override { return OnBody(Direction::kResponse, end_of_stream); }
  abi::TrailersStatus OnResponseTrailers() override { return OnTrailers(Direction::kResponse); }
  // Somebody answers instead of the upstream: that answer is not ours to transform.
  void OnLocalReply(std::string_view details) override;

 private:
  enum class Direction { kRequest, kResponse };
  // What happens to a body: it streams by; it is collected in body_; it is dropped.
  enum class BodyMode { kPass, kHold, kDrop };
  // What the end of a message came with.
  enum class End { kHeaders, kBody, kTrailers };

  abi::HeadersStatus BeginMessage(Direction direction, const Headers& headers, bool needs_body, bool end_of_stream);
  // The answer of a NATS function, whoever gives it.
  void OnNatsAnswer();
  abi::HeadersStatus BodylessResponse(int status, bool end_of_stream);
  abi::BodyStatus OnBody(Direction direction, bool end_of_stream);
  abi::TrailersStatus OnTrailers(Direction direction);

  // Runs the templates over body_ and applies the outcome to the headers; a new body is in body_ then. False: the
  // client is answered.
  bool Run(Direction direction, const Headers& headers, End end);
  void Apply(Direction direction, const Headers& headers, const tmpl::Outcome& outcome, End end);
  // The message goes on as it came, where the route wants that of one that fails.
  bool LetPass(Direction direction, const Headers& headers);
  // Hands body_ to Envoy.
  void AppendBody(abi::BodyType where);

  // Where a body goes outside of a body hook.
  static abi::BodyType Buffered(Direction direction);
  static abi::HeaderType TypeOf(Direction direction);

  void FailTooLarge(Direction direction);
  void FailEncoded(Direction direction, std::string_view encoding);
  // Answers the client: the last thing to do with this object.
  void Fail(Direction direction, int status, const std::string& text, std::string_view details);

  std::optional<std::string_view> Header(Direction direction, std::string_view name) const;
  void SetHeader(Direction direction, std::string_view name, abi::ModuleBuffer value);
  BodyMode& mode(Direction direction) { return direction == Direction::kRequest ? request_mode_ : response_mode_; }

  const TransformationFilterConfig* const config_;
  const abi::EnvoyFilterPtr envoy_;
  // Null: this stream passes untouched.
  std::shared_ptr<const tmpl::Transformation> transformation_;
  bool calls_nats_ = false;
  bool timed_out_ = false;
  BodyMode request_mode_ = BodyMode::kPass;
  BodyMode response_mode_ = BodyMode::kPass;
  // The client sent HEAD, so it gets no body; the upstream got HEAD, so it sends none.
  bool client_head_ = false;
  bool upstream_head_ = false;
  // Only if the response's templates read them.
  std::unique_ptr<const tmpl::HeaderSource> request_headers_;
  // Of the direction under way: a request is held before the upstream can have answered it.
  std::string body_;
};

}  // namespace gloo::filters
