// A transformation whose outcomes a test chooses, so that the filter is tested apart from the template engine.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "filters/fake_envoy.h"
#include "filters/transformation_filter.h"
#include "template/transformation.h"

namespace gloo::filters {

class FakeTransformation : public tmpl::Transformation {
 public:
  using Run = std::function<tmpl::Outcome(const tmpl::HeaderSource& headers, std::string_view body)>;

  bool has_request() const override { return request != nullptr; }
  bool has_response() const override { return response != nullptr; }
  bool request_needs_body() const override { return needs_request_body; }
  bool response_needs_body() const override { return needs_response_body; }
  size_t max_body_bytes() const override { return limit; }
  bool passes_errors() const override { return passes; }
  void Request(const tmpl::HeaderSource& headers, std::string_view body, tmpl::Outcome* outcome) const override {
    *outcome = request(headers, body);
  }
  void Response(const tmpl::HeaderSource& headers, std::string_view body, tmpl::Outcome* outcome) const override {
    *outcome = response(headers, body);
  }
  bool response_reads_request() const override { return reads_request; }
  void Response(const tmpl::HeaderSource& headers, const tmpl::HeaderSource* request_headers, std::string_view body,
                tmpl::Outcome* outcome) const override {
    EXPECT_EQ(request_headers != nullptr, reads_request);
    *outcome = response(reads_request ? *request_headers : headers, body);
  }
  std::vector<std::string> RequestParameters() const override { return {}; }
  std::vector<std::string> RequiredBodyFields() const override { return {}; }

  Run request;
  Run response;
  bool needs_request_body = false;
  bool needs_response_body = false;
  // `response` gets the request's headers then.
  bool reads_request = false;
  size_t limit = 100;
  bool passes = false;
};

// A chain with the filter, and a route with a FakeTransformation to be filled in before Route().
class TransformationTest : public testing::Test {
 protected:
  TransformationTest() : config("gloo.transformation", "") {}

  // A stream on a route with `transformation` as it is now.
  std::unique_ptr<FakeStream> Stream() {
    route = std::make_unique<TransformationRouteConfig>(std::make_shared<FakeTransformation>(transformation));
    return std::make_unique<FakeStream>(&config, route.get());
  }

  static tmpl::Outcome Body(std::string body) {
    tmpl::Outcome outcome;
    outcome.body = std::move(body);
    return outcome;
  }
  static tmpl::Outcome Set(std::string name, std::string value) {
    tmpl::Outcome outcome;
    outcome.set_headers.emplace_back(std::move(name), std::move(value));
    return outcome;
  }
  static tmpl::Outcome Error(int status, std::string error) {
    tmpl::Outcome outcome;
    outcome.status = status;
    outcome.error = std::move(error);
    return outcome;
  }
  // Wraps a body into brackets.
  static FakeTransformation::Run Brackets() {
    return [](const tmpl::HeaderSource&, std::string_view body) { return Body("[" + std::string(body) + "]"); };
  }

  FakeFilterConfig config;
  FakeTransformation transformation;
  std::unique_ptr<TransformationRouteConfig> route;
};

using HeadersStatuses = std::vector<abi::HeadersStatus>;
using BodyStatuses = std::vector<abi::BodyStatus>;
inline constexpr auto kContinue = abi::HeadersStatus::kContinue;
inline constexpr auto kStop = abi::HeadersStatus::kStopIteration;
inline constexpr auto kBodyContinue = abi::BodyStatus::kContinue;
inline constexpr auto kBodyTaken = abi::BodyStatus::kStopIterationNoBuffer;

}  // namespace gloo::filters
