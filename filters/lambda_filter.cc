#include "filters/lambda_filter.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>
#include <vector>

#include "filters/envoy_body.h"
#include "template/transformation.h"

namespace gloo::filters {
namespace {

using abi::BodyStatus;
using abi::BodyType;
using abi::HeadersStatus;
using abi::HeaderType;
using abi::ModuleBuffer;
using abi::TrailersStatus;
using tmpl::LambdaPayload;

constexpr std::string_view kErrorHeader = "x-gloo-function-error";
// The answer to an event may have more bytes than the body in it.
constexpr size_t kMostAnswerBytes = tmpl::kMostLambdaBytes + (2 << 20);

std::string_view Name(const abi::EnvoyHttpHeader& header) { return {header.key, header.key_size}; }
std::string_view Value(const abi::EnvoyHttpHeader& header) { return {header.value, header.value_size}; }

bool StaysInResponse(std::string_view name) {
  return name.starts_with(':') || name.starts_with("x-envoy-") || name == "date" || name == "x-amzn-requestid" ||
         name == "x-amzn-trace-id";
}

// The kind of an error of Lambda's own: `Name:details`.
std::string ErrorType(const Headers& headers) {
  const std::string_view type = headers.Get("x-amzn-errortype").value_or("");
  const std::string_view name = type.substr(0, type.find(':'));
  return name.empty() ? "Unknown" : std::string(name);
}

std::string Message(std::string_view text) {
  std::string out = "{\"message\":\"";
  return out.append(text).append("\"}");
}

}  // namespace

std::unique_ptr<LambdaFilterConfig> LambdaFilterConfig::Make(abi::EnvoyFilterConfigPtr envoy) {
  auto config = std::make_unique<LambdaFilterConfig>();
  config->calls = DefineCounter(envoy, "gloo.lambda.calls", "invocation");
  config->errors = DefineCounter(envoy, "gloo.lambda.errors", "reason");
  return config;
}

std::unique_ptr<LambdaRouteConfig> LambdaRouteConfig::Parse(std::string_view json, std::string* error) {
  auto call = std::make_shared<tmpl::LambdaConfig>();
  if (!tmpl::FromJson(json, call.get(), error)) return nullptr;
  auto config = std::make_unique<LambdaRouteConfig>();
  config->call_ = std::move(call);
  return config;
}

HeadersStatus LambdaFilter::OnRequestHeaders(bool end_of_stream) {
  const auto* route =
      static_cast<const RouteConfig*>(envoy_dynamic_module_callback_get_most_specific_route_config(envoy_));
  if (route == nullptr) return HeadersStatus::kContinue;
  call_ = static_cast<const LambdaRouteConfig*>(route)->call();
  const Headers headers(envoy_, HeaderType::kRequest);
  head_ = headers.Get(":method").value_or("") == "HEAD";
  const std::string length(headers.Get("content-length").value_or(""));
  if (std::strtoull(length.c_str(), nullptr, 10) > call_->max_body_bytes) {
    FailTooLarge();
    return HeadersStatus::kStopIteration;
  }
  Count(envoy_, config_->calls, call_->async ? "async" : "sync");
  if (call_->payload == LambdaPayload::kRaw) {
    ToInvoke(headers);
    return HeadersStatus::kContinue;
  }
  if (!end_of_stream) {
    request_mode_ = BodyMode::kHold;
    return HeadersStatus::kStopIteration;
  }
  MakeEvent(headers);
  AppendBody(BodyType::kBufferedRequest);
  return HeadersStatus::kContinue;
}

BodyStatus LambdaFilter::OnRequestBody(bool end_of_stream) {
  if (call_ == nullptr) return BodyStatus::kContinue;
  if (request_mode_ == BodyMode::kPass) {
    passed_ += ReceivedSize(envoy_, BodyType::kReceivedRequest);
    if (passed_ <= call_->max_body_bytes) return BodyStatus::kContinue;
    FailTooLarge();
    return BodyStatus::kStopIterationNoBuffer;
  }
  if (!TakeReceived(envoy_, BodyType::kReceivedRequest, call_->max_body_bytes, &body_)) {
    FailTooLarge();
    return BodyStatus::kStopIterationNoBuffer;
  }
  if (!end_of_stream) return BodyStatus::kStopIterationNoBuffer;
  MakeEvent(Headers(envoy_, HeaderType::kRequest));
  AppendBody(BodyType::kReceivedRequest);
  return BodyStatus::kContinue;
}

TrailersStatus LambdaFilter::OnRequestTrailers() {
  if (request_mode_ == BodyMode::kPass) return TrailersStatus::kContinue;
  MakeEvent(Headers(envoy_, HeaderType::kRequest));
  // HTTP/1 can send trailers only after a chunked body.
  Set(HeaderType::kRequest, "content-length", ModuleBuffer::None());
  AppendBody(BodyType::kBufferedRequest);
  return TrailersStatus::kContinue;
}

void LambdaFilter::MakeEvent(const Headers& headers) {
  request_mode_ = BodyMode::kPass;
  tmpl::LambdaRequest request;
  request.method = headers.Get(":method").value_or("");
  request.path = headers.Get(":path").value_or("");
  request.authority = headers.Get(":authority").value_or("");
  for (const abi::EnvoyHttpHeader& header : headers.all()) {
    request.headers.emplace_back(Name(header), Value(header));
  }
  abi::EnvoyBuffer protocol;
  abi::EnvoyBuffer source;
  if (envoy_dynamic_module_callback_http_filter_get_attribute_string(envoy_, abi::Attribute::kRequestProtocol,
                                                                     &protocol)) {
    request.protocol = protocol.view();
  }
  if (envoy_dynamic_module_callback_http_filter_get_attribute_string(envoy_, abi::Attribute::kSourceAddress, &source)) {
    request.source_ip = source.view();
  }
  request.time_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  body_ = tmpl::MakeLambdaEvent(call_->payload, request, body_);
  ToInvoke(headers);
  const std::string size = std::to_string(body_.size());
  Set(HeaderType::kRequest, "content-length", size);
}

void LambdaFilter::ToInvoke(const Headers& headers) {
  // Copies: setting and removing moves what `headers` shows.
  std::vector<std::string> left;
  for (const abi::EnvoyHttpHeader& header : headers.all()) {
    if (!tmpl::StaysInInvoke(Name(header))) left.emplace_back(Name(header));
  }
  for (const std::string& name : left) Set(HeaderType::kRequest, name, ModuleBuffer::None());
  Set(HeaderType::kRequest, ":method", std::string_view("POST"));
  Set(HeaderType::kRequest, ":path", call_->path);
  Set(HeaderType::kRequest, ":authority", call_->host);
  Set(HeaderType::kRequest, "content-type", std::string_view("application/json"));
  Set(HeaderType::kRequest, "x-amz-invocation-type", std::string_view(call_->async ? "Event" : "RequestResponse"));
}

HeadersStatus LambdaFilter::OnResponseHeaders(bool end_of_stream) {
  if (call_ == nullptr) return HeadersStatus::kContinue;
  const Headers headers(envoy_, HeaderType::kResponse);
  const std::string status_text(headers.Get(":status").value_or(""));
  const int status = std::atoi(status_text.c_str());
  if (status < 200) return HeadersStatus::kContinue;
  const bool raw = call_->payload == LambdaPayload::kRaw;
  const std::string function_error(headers.Get("x-amz-function-error").value_or(""));
  if (status >= 300) {
    const std::string type = ErrorType(headers);
    if (status == 429) {
      Replace(429, "throttled", type, "the function is called too often");
    } else if (status == 413) {
      Replace(413, "too_large", type, "the request is too large for the function");
    } else if (status == 400 && raw && type == "InvalidRequestContentException") {
      Replace(400, "refused", type, "the body must be JSON");
    } else {
      Replace(502, "refused", type, "the function could not be called");
    }
  } else if (!function_error.empty() && raw) {
    // Its document about the error is the answer.
    Count(envoy_, config_->errors, "function");
    Set(HeaderType::kResponse, ":status", std::string_view("502"));
    Set(HeaderType::kResponse, kErrorHeader, function_error);
  } else if (!function_error.empty()) {
    Replace(502, "function", function_error, "the function failed");
  } else if (!raw && !call_->async) {
    response_mode_ = BodyMode::kHold;
  }
  if (head_ && response_mode_ == BodyMode::kPass) response_mode_ = BodyMode::kReplace;
  if (response_mode_ == BodyMode::kHold && !end_of_stream) return HeadersStatus::kStopIteration;
  if (response_mode_ == BodyMode::kHold) FromAnswer(/*length=*/true);
  if (end_of_stream) {
    response_mode_ = BodyMode::kPass;
    AppendBody(BodyType::kBufferedResponse);
  }
  return HeadersStatus::kContinue;
}

BodyStatus LambdaFilter::OnResponseBody(bool end_of_stream) {
  if (response_mode_ == BodyMode::kPass) return BodyStatus::kContinue;
  if (response_mode_ == BodyMode::kReplace) {
    std::string dropped;
    TakeReceived(envoy_, BodyType::kReceivedResponse, SIZE_MAX, &dropped);
  } else if (!TakeReceived(envoy_, BodyType::kReceivedResponse, kMostAnswerBytes, &body_)) {
    // More than Lambda gives.
    Replace(502, "malformed", "MalformedResponse", "the answer of the function is too large");
    std::string dropped;
    TakeReceived(envoy_, BodyType::kReceivedResponse, SIZE_MAX, &dropped);
    if (!end_of_stream) return BodyStatus::kContinue;
  }
  if (!end_of_stream) {
    return response_mode_ == BodyMode::kHold ? BodyStatus::kStopIterationNoBuffer : BodyStatus::kContinue;
  }
  if (response_mode_ == BodyMode::kHold) FromAnswer(/*length=*/true);
  response_mode_ = BodyMode::kPass;
  AppendBody(BodyType::kReceivedResponse);
  return BodyStatus::kContinue;
}

TrailersStatus LambdaFilter::OnResponseTrailers() {
  if (response_mode_ == BodyMode::kPass) return TrailersStatus::kContinue;
  if (response_mode_ == BodyMode::kHold) FromAnswer(/*length=*/false);
  response_mode_ = BodyMode::kPass;
  AppendBody(BodyType::kBufferedResponse);
  return TrailersStatus::kContinue;
}

void LambdaFilter::FromAnswer(bool length) {
  tmpl::LambdaResponse response = tmpl::ReadLambdaResponse(call_->payload, body_);
  if (!response.error.empty()) {
    envoy_dynamic_module_callback_log(abi::LogLevel::kWarn,
                                      "gloo.lambda: " + call_->path + ": " + std::string(response.error));
    return Replace(502, "malformed", "MalformedResponse", "the answer of the function cannot be understood");
  }
  ClearResponse();
  const std::string status = std::to_string(response.status);
  Set(HeaderType::kResponse, ":status", status);
  for (const auto& [name, value] : response.headers) {
    envoy_dynamic_module_callback_http_add_header(envoy_, HeaderType::kResponse, name, value);
  }
  body_ = std::move(response.body);
  const bool bodyless = response.status == 204 || response.status == 304;
  const std::string size = std::to_string(body_.size());
  if (length && !bodyless) Set(HeaderType::kResponse, "content-length", size);
  if (bodyless || head_) body_.clear();
}

void LambdaFilter::Replace(int status, std::string_view reason, std::string_view error, std::string_view message) {
  Count(envoy_, config_->errors, reason);
  const std::string error_text(error);
  ClearResponse();
  body_ = Message(message);
  const std::string status_text = std::to_string(status);
  const std::string size = std::to_string(body_.size());
  Set(HeaderType::kResponse, ":status", status_text);
  Set(HeaderType::kResponse, "content-type", std::string_view("application/json"));
  Set(HeaderType::kResponse, "content-length", size);
  Set(HeaderType::kResponse, kErrorHeader, error_text);
  response_mode_ = BodyMode::kReplace;
  if (head_) body_.clear();
}

void LambdaFilter::ClearResponse() {
  std::vector<std::string> left;
  const Headers headers(envoy_, HeaderType::kResponse);
  for (const abi::EnvoyHttpHeader& header : headers.all()) {
    if (!StaysInResponse(Name(header))) left.emplace_back(Name(header));
  }
  for (const std::string& name : left) Set(HeaderType::kResponse, name, ModuleBuffer::None());
}

void LambdaFilter::AppendBody(BodyType where) {
  if (!body_.empty()) envoy_dynamic_module_callback_http_append_body(envoy_, where, body_);
  std::string().swap(body_);
}

void LambdaFilter::OnLocalReply(std::string_view) {
  call_.reset();
  request_mode_ = response_mode_ = BodyMode::kPass;
  std::string().swap(body_);
}

void LambdaFilter::FailTooLarge() {
  Count(envoy_, config_->errors, "too_large");
  const std::string text = tmpl::TooLargeError(call_->max_body_bytes, /*response=*/false);
  OnLocalReply({});
  envoy_dynamic_module_callback_http_send_response(envoy_, 413, nullptr, 0, text,
                                                   std::string_view("gloo_lambda_too_large"));
}

void LambdaFilter::Set(HeaderType type, std::string_view name, ModuleBuffer value) {
  envoy_dynamic_module_callback_http_set_header(envoy_, type, name, value);
}

}  // namespace gloo::filters
