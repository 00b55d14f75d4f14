// What AWS Lambda is sent and what it answers, in the payload formats that functions are written for: the events of an
// Application Load Balancer, of API Gateway (REST, format 1.0; HTTP, format 2.0), or the bodies as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gloo::tmpl {

enum class LambdaPayload : uint8_t { kRaw, kAlb, kApiGatewayV1, kApiGatewayV2 };
// As users write them, in the order of the enumerators.
inline constexpr std::string_view kLambdaPayloads[] = {"raw", "alb", "apiGatewayV1", "apiGatewayV2"};

// What Lambda takes and gives, for a call that is waited for.
inline constexpr size_t kMostLambdaBytes = 6 << 20;

// How a route calls its function: the wire form of a route's configuration.
struct LambdaConfig {
  std::string path;  // of the Invoke request
  std::string host;  // likewise its authority
  LambdaPayload payload = LambdaPayload::kRaw;
  // The answer is not waited for: invocation type `Event`.
  bool async = false;
  size_t max_body_bytes = kMostLambdaBytes;

  bool operator==(const LambdaConfig&) const = default;
};
std::string ToJson(const LambdaConfig& config);
bool FromJson(std::string_view json, LambdaConfig* config, std::string* error);

// Headers of the client's request that the Invoke request keeps: what access logs, traces and Envoy's router read. All
// else is the client's talk to the function, and reaches it in the event or not at all.
bool StaysInInvoke(std::string_view name);

// The request of a client. Headers that begin with ":", and those that Gloo's filters tell each other, are passed over.
struct LambdaRequest {
  std::string_view method;
  std::string_view path;  // with its query string
  std::string_view authority;
  std::string_view protocol;   // "HTTP/1.1"
  std::string_view source_ip;  // an address; a port behind it is left out
  int64_t time_ms = 0;         // since 1970
  std::vector<std::pair<std::string_view, std::string_view>> headers;
};

// The event, in JSON. A body that is no text by its content type, or no UTF-8, is base64. `payload` is not kRaw.
std::string MakeLambdaEvent(LambdaPayload payload, const LambdaRequest& request, std::string_view body);

struct LambdaResponse {
  // Empty, or what is wrong with the function's answer: a place in it and what belongs there.
  std::string error;
  int status = 200;
  // Names are in lower case; a name may be there several times. A content type is always there, a length never.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};
LambdaResponse ReadLambdaResponse(LambdaPayload payload, std::string_view json);

}  // namespace gloo::tmpl
