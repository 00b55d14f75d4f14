#include "filters/transformation_filter.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "filters/envoy_body.h"
#include "filters/scope_key.h"
#include "template/codec.h"
#include "template/nats.h"

namespace gloo::filters {
namespace {

using abi::BodyStatus;
using abi::BodyType;
using abi::EnvoyBuffer;
using abi::HeadersStatus;
using abi::HeaderType;
using abi::ModuleBuffer;
using abi::TrailersStatus;

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), tmpl::IsTokenChar);
}

// These say how the body travels, which only the filter knows.
bool IsFraming(std::string_view name) { return name == "content-length" || name == "transfer-encoding"; }

// These speak of a body that was; a template may set them anew.
constexpr std::string_view kOfOldBody[] = {"accept-ranges", "content-digest", "content-md5",
                                           "digest",        "etag",           "repr-digest"};
// How an old body was coded, which a new one is not.
constexpr std::string_view kCoding[] = {"content-encoding", "transfer-encoding"};
// What lets a server send a response in part, or not legibly.
constexpr std::string_view kPartial[] = {"accept-encoding", "range", "if-range"};

// Of the dynamic metadata.
constexpr std::string_view kNamespace = "gloo.transformation";

template <size_t N>
bool IsOneOf(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// What Envoy does not check any more behind the connection manager: a value with a line break would start a header of
// its own, a space in the path a request line of its own. Empty when the value may be set.
std::string ValueMistake(std::string_view name, std::string_view value) {
  const auto has = [&](auto bad) { return std::any_of(value.begin(), value.end(), bad); };
  if (name == ":path") {
    if (!value.starts_with('/')) return "the path does not begin with a slash";
    if (has([](unsigned char c) { return c <= 0x20 || c == 0x7f; })) {
      return "the path contains a space or a control character";
    }
  } else if (name == ":method") {
    if (!IsToken(value)) return "the method is not a token";
  } else if (name == ":status") {
    if (value.size() != 3 || value[0] < '2' || value[0] > '5' || !std::isdigit(static_cast<unsigned char>(value[1])) ||
        !std::isdigit(static_cast<unsigned char>(value[2]))) {
      return "the status is not a number from 200 to 599";
    }
  } else if (!tmpl::IsHeaderValue(value)) {
    return "header \"" + std::string(name) + "\" contains a control character";
  }
  return {};
}

bool IsGrpc(std::string_view content_type) {
  static constexpr std::string_view kGrpc = "application/grpc";
  return content_type.starts_with(kGrpc) && (content_type.size() == kGrpc.size() || content_type[kGrpc.size()] == '+' ||
                                             content_type[kGrpc.size()] == ';');
}

// The status of gRPC that says the same.
std::string_view GrpcStatus(int status) {
  switch (status) {
    case 413:
      return "8";  // RESOURCE_EXHAUSTED
    case 415:
      return "12";  // UNIMPLEMENTED
    case 502:
      return "14";  // UNAVAILABLE
    case 400:
      return "13";  // INTERNAL
    default:
      return "2";  // UNKNOWN
  }
}

}  // namespace

std::unique_ptr<TransformationFilterConfig> TransformationFilterConfig::Make(abi::EnvoyFilterConfigPtr envoy) {
  auto config = std::make_unique<TransformationFilterConfig>();
  config->requests = DefineCounter(envoy, "gloo.transformation.requests");
  config->responses = DefineCounter(envoy, "gloo.transformation.responses");
  config->request_errors = DefineCounter(envoy, "gloo.transformation.request_errors", "status");
  config->response_errors = DefineCounter(envoy, "gloo.transformation.response_errors", "status");
  config->nats_calls = DefineCounter(envoy, "gloo.nats.calls", "status");
  config->too_large = DefineCounter(envoy, "gloo.transformation.too_large", "direction");
  return config;
}

std::unique_ptr<TransformationRouteConfig> TransformationRouteConfig::Parse(std::string_view json, std::string* error) {
  tmpl::TransformationConfig config;
  if (!tmpl::FromJson(json, &config, error)) return nullptr;
  std::vector<tmpl::CompileError> errors;
  std::unique_ptr<tmpl::Transformation> transformation = tmpl::Transformation::Compile(config, &errors);
  if (transformation != nullptr) {
    const bool calls_nats =
        config.request.has_value() &&
        std::any_of(config.request->headers.begin(), config.request->headers.end(),
                    [](const auto& header) { return header.first == kCallHeader && tmpl::IsNatsCall(header.second); });
    return std::make_unique<TransformationRouteConfig>(std::move(transformation), calls_nats);
  }
  error->clear();
  for (const tmpl::CompileError& e : errors) {
    error->append(error->empty() ? "" : "; ").append(e.field).append(": ").append(e.message);
  }
  return nullptr;
}

HeadersStatus TransformationFilter::OnRequestHeaders(bool end_of_stream) {
  const auto* config =
      static_cast<const RouteConfig*>(envoy_dynamic_module_callback_get_most_specific_route_config(envoy_));
  if (config == nullptr) return HeadersStatus::kContinue;
  const auto* route = static_cast<const TransformationRouteConfig*>(config);
  const Headers headers(envoy_, HeaderType::kRequest);
  const std::string_view method = headers.Get(":method").value_or("");
  // Tunnels carry messages of their own, which no template can read; Envoy lets them in only where a route allows them.
  // No header that any client may send passes a function's templates by: a content type decides nothing here.
  if (method == "CONNECT" || !headers.Get("upgrade").value_or("").empty()) return HeadersStatus::kContinue;
  transformation_ = route->transformation();
  calls_nats_ = route->calls_nats();
  client_head_ = upstream_head_ = method == "HEAD";
  if (transformation_->response_reads_request()) request_headers_ = std::make_unique<HeadersCopy>(headers);
  if (transformation_->has_request()) {
    return BeginMessage(Direction::kRequest, headers, transformation_->request_needs_body(), end_of_stream);
  }
  Apply(Direction::kRequest, headers, {}, End::kHeaders);
  return HeadersStatus::kContinue;
}

void TransformationFilter::OnNatsAnswer() {
  static constexpr std::string_view kTimeout = "408";
  if (timed_out_) SetHeader(Direction::kResponse, ":status", kTimeout);
  Count(envoy_, config_->nats_calls, std::string(Header(Direction::kResponse, ":status").value_or("")));
}

HeadersStatus TransformationFilter::OnResponseHeaders(bool end_of_stream) {
  if (calls_nats_) OnNatsAnswer();
  if (transformation_ == nullptr) return HeadersStatus::kContinue;
  if (!transformation_->has_response() && !client_head_ && !upstream_head_) return HeadersStatus::kContinue;
  const std::string status_text(Header(Direction::kResponse, ":status").value_or(""));
  const int status = std::atoi(status_text.c_str());
  if (status < 200) return HeadersStatus::kContinue;
  if (client_head_ || status == 204 || status == 304) return BodylessResponse(status, end_of_stream);
  // The upstream answered the HEAD that a template made of the client's method: the length is of a body that it did
  // not send.
  if (upstream_head_ && end_of_stream) SetHeader(Direction::kResponse, "content-length", ModuleBuffer::None());
  if (!transformation_->has_response()) return HeadersStatus::kContinue;
  return BeginMessage(Direction::kResponse, Headers(envoy_, HeaderType::kResponse),
                      transformation_->response_needs_body(), end_of_stream);
}

HeadersStatus TransformationFilter::BodylessResponse(int status, bool end_of_stream) {
  // A template made another method of HEAD, and the upstream sends a body.
  if (!end_of_stream) response_mode_ = BodyMode::kDrop;
  if (!transformation_->has_response()) return HeadersStatus::kContinue;
  if (transformation_->response_needs_body()) {
    // There is nothing to transform; a length would be that of the upstream's body, which the client never gets.
    if (status != 204) SetHeader(Direction::kResponse, "content-length", ModuleBuffer::None());
    return HeadersStatus::kContinue;
  }
  const Headers headers(envoy_, HeaderType::kResponse);
  return Run(Direction::kResponse, headers, End::kHeaders) ? HeadersStatus::kContinue : HeadersStatus::kStopIteration;
}

HeadersStatus TransformationFilter::BeginMessage(Direction direction, const Headers& headers, bool needs_body,
                                                 bool end_of_stream) {
  if (needs_body && !end_of_stream) {
    const std::string_view encoding = headers.Get("content-encoding").value_or("");
    if (!tmpl::IsIdentityEncoding(encoding)) {
      if (LetPass(direction, headers)) return HeadersStatus::kContinue;
      FailEncoded(direction, std::string(encoding));
      return HeadersStatus::kStopIteration;
    }
    // Said at once, not after a megabyte: the client may still be sending.
    const std::string length(headers.Get("content-length").value_or(""));
    if (std::strtoull(length.c_str(), nullptr, 10) > transformation_->max_body_bytes()) {
      if (LetPass(direction, headers)) return HeadersStatus::kContinue;
      FailTooLarge(direction);
      return HeadersStatus::kStopIteration;
    }
    mode(direction) = BodyMode::kHold;
    return HeadersStatus::kStopIteration;
  }
  if (!Run(direction, headers, End::kHeaders)) return HeadersStatus::kStopIteration;
  AppendBody(Buffered(direction));
  return HeadersStatus::kContinue;
}

BodyStatus TransformationFilter::OnBody(Direction direction, bool end_of_stream) {
  BodyMode& mode = this->mode(direction);
  if (mode == BodyMode::kPass) return BodyStatus::kContinue;
  const BodyType received = direction == Direction::kRequest ? BodyType::kReceivedRequest : BodyType::kReceivedResponse;
  if (mode == BodyMode::kDrop) {
    envoy_dynamic_module_callback_http_drain_body(envoy_, received, SIZE_MAX);
    return BodyStatus::kContinue;
  }
  // The body is kept here, in one piece, and not in Envoy's buffer: the templates need it so, and Envoy's own limit
  // does not count.
  if (!TakeReceived(envoy_, received, transformation_->max_body_bytes(), &body_)) {
    if (LetPass(direction, Headers(envoy_, TypeOf(direction)))) {
      // What was held goes before what has just come, and the rest streams by.
      TakeReceived(envoy_, received, SIZE_MAX, &body_);
      mode = BodyMode::kPass;
      AppendBody(received);
      return BodyStatus::kContinue;
    }
    FailTooLarge(direction);
    return BodyStatus::kStopIterationNoBuffer;
  }
  if (!end_of_stream) return BodyStatus::kStopIterationNoBuffer;
  const Headers headers(envoy_, TypeOf(direction));
  if (!Run(direction, headers, End::kBody)) return BodyStatus::kStopIterationNoBuffer;
  mode = BodyMode::kPass;
  AppendBody(received);
  return BodyStatus::kContinue;
}

TrailersStatus TransformationFilter::OnTrailers(Direction direction) {
  BodyMode& mode = this->mode(direction);
  if (mode != BodyMode::kHold) return TrailersStatus::kContinue;
  const Headers headers(envoy_, TypeOf(direction));
  if (!Run(direction, headers, End::kTrailers)) return TrailersStatus::kStopIteration;
  mode = BodyMode::kPass;
  AppendBody(Buffered(direction));
  return TrailersStatus::kContinue;
}

void TransformationFilter::OnLocalReply(std::string_view details) {
  timed_out_ = details == "response_timeout" || details == "upstream_per_try_timeout";
  transformation_.reset();
  request_mode_ = response_mode_ = BodyMode::kPass;
  std::string().swap(body_);
}

bool TransformationFilter::Run(Direction direction, const Headers& headers, End end) {
  const bool request = direction == Direction::kRequest;
  tmpl::Outcome outcome;
  if (request) {
    transformation_->Request(headers, body_, &outcome);
  } else {
    transformation_->Response(headers, request_headers_.get(), body_, &outcome);
  }
  std::string_view details = "gloo_transformation_failed";
  for (const auto* list : {&outcome.set_headers, &outcome.append_headers}) {
    for (const auto& [name, value] : *list) {
      const std::string mistake = ValueMistake(name, value);
      if (mistake.empty() || outcome.status != 0) continue;
      details = "gloo_transformation_bad_header";
      outcome.status = request ? 400 : 502;
      outcome.error = (request ? "bad request: " : "bad response: ") + mistake;
    }
  }
  if (outcome.status != 0) {
    if (LetPass(direction, headers)) return true;
    Fail(direction, outcome.status, outcome.error, details);
    return false;
  }
  Count(envoy_, request ? config_->requests : config_->responses);
  Apply(direction, headers, outcome, end);
  if (outcome.body.has_value()) body_ = *std::move(outcome.body);
  return true;
}

void TransformationFilter::Apply(Direction direction, const Headers& headers, const tmpl::Outcome& outcome, End end) {
  const bool new_body = outcome.body.has_value();
  // The whole response must come, and legibly.
  const bool reads_response =
      direction == Direction::kRequest && transformation_->has_response() && transformation_->response_needs_body();
  // Looked up before anything is set; what is not there needs no removal, which costs as much as setting.
  std::vector<std::string_view> removed;
  const auto remove = [&](std::string_view name) {
    if (headers.Has(name)) removed.push_back(name);
  };
  for (const std::string& name : outcome.remove_headers) {
    if (!name.starts_with(':') && !IsFraming(name)) remove(name);
  }
  if (new_body) {
    std::for_each(std::begin(kOfOldBody), std::end(kOfOldBody), remove);
    std::for_each(std::begin(kCoding), std::end(kCoding), remove);
  }
  if (reads_response) std::for_each(std::begin(kPartial), std::end(kPartial), remove);
  for (const std::string_view name : removed) SetHeader(direction, name, ModuleBuffer::None());
  for (const auto& [name, value] : outcome.set_headers) {
    if (IsFraming(name) || (new_body && IsOneOf(kCoding, name)) || (reads_response && IsOneOf(kPartial, name)))
      continue;
    SetHeader(direction, name, value);
    if (name == ":method") upstream_head_ = value == "HEAD";
  }
  for (const auto& [name, value] : outcome.append_headers) {
    envoy_dynamic_module_callback_http_add_header(envoy_, TypeOf(direction), name, value);
  }
  for (const auto& [name, value] : outcome.metadata) {
    envoy_dynamic_module_callback_http_set_dynamic_metadata_string(envoy_, kNamespace, name, value);
  }
  if (!new_body || (end == End::kHeaders && outcome.body->empty())) return;
  // HTTP/1 can send trailers only after a chunked body.
  const std::string size = std::to_string(outcome.body->size());
  SetHeader(direction, "content-length", end == End::kTrailers ? ModuleBuffer::None() : ModuleBuffer(size));
}

bool TransformationFilter::LetPass(Direction direction, const Headers& headers) {
  if (!transformation_->passes_errors()) return false;
  Count(envoy_, direction == Direction::kRequest ? config_->request_errors : config_->response_errors, "passed");
  Apply(direction, headers, {}, End::kHeaders);
  return true;
}

void TransformationFilter::AppendBody(BodyType where) {
  if (!body_.empty()) envoy_dynamic_module_callback_http_append_body(envoy_, where, body_);
  std::string().swap(body_);
}

BodyType TransformationFilter::Buffered(Direction direction) {
  return direction == Direction::kRequest ? BodyType::kBufferedRequest : BodyType::kBufferedResponse;
}

HeaderType TransformationFilter::TypeOf(Direction direction) {
  return direction == Direction::kRequest ? HeaderType::kRequest : HeaderType::kResponse;
}

void TransformationFilter::FailTooLarge(Direction direction) {
  const bool request = direction == Direction::kRequest;
  Count(envoy_, config_->too_large, request ? "request" : "response");
  Fail(direction, request ? 413 : 502, tmpl::TooLargeError(transformation_->max_body_bytes(), !request),
       "gloo_transformation_too_large");
}

void TransformationFilter::FailEncoded(Direction direction, std::string_view encoding) {
  // The sender's own bytes are repeated: keep them harmless and short.
  std::string text = "the body must not be encoded, but its content-encoding is \"";
  for (const char c : encoding.substr(0, 32)) text.push_back(tmpl::IsTokenChar(c) || c == ',' || c == ' ' ? c : '?');
  text.push_back('"');
  const bool request = direction == Direction::kRequest;
  Fail(direction, request ? 415 : 502, (request ? "unsupported media type: " : "bad response: ") + text,
       "gloo_transformation_encoded");
}

void TransformationFilter::Fail(Direction direction, int status, const std::string& text, std::string_view details) {
  if (status < 200 || status > 599) status = 500;
  Count(envoy_, direction == Direction::kRequest ? config_->request_errors : config_->response_errors,
        std::to_string(status));
  // Before the reply, which calls our hooks again and then may end us.
  OnLocalReply({});
  // To a gRPC client Envoy answers in gRPC's form, and without this with status OK, for whatever a module says.
  const std::string_view grpc_status = GrpcStatus(status);
  static constexpr std::string_view kName = "grpc-status";
  abi::ModuleHttpHeader header{kName.data(), kName.size(), grpc_status.data(), grpc_status.size()};
  const bool grpc = IsGrpc(Header(Direction::kRequest, "content-type").value_or(""));
  envoy_dynamic_module_callback_http_send_response(envoy_, static_cast<uint32_t>(status), &header, grpc ? 1 : 0, text,
                                                   details);
}

std::optional<std::string_view> TransformationFilter::Header(Direction direction, std::string_view name) const {
  EnvoyBuffer value;
  if (!envoy_dynamic_module_callback_http_get_header(envoy_, TypeOf(direction), name, &value, 0, nullptr)) {
    return std::nullopt;
  }
  return value.view();
}

void TransformationFilter::SetHeader(Direction direction, std::string_view name, ModuleBuffer value) {
  envoy_dynamic_module_callback_http_set_header(envoy_, TypeOf(direction), name, value);
}

}  // namespace gloo::filters
