#include "cli/rendering.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/strings.h"
#include "descriptors/http_rule.h"
#include "envoy/extensions/filters/http/dynamic_modules/v3/dynamic_modules.pb.h"
#include "envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder.pb.h"
#include "google/api/annotations.pb.h"
#include "re2/re2.h"
#include "template/events.h"
#include "template/lambda.h"
#include "template/nats.h"
#include "template/transformation.h"
#include "translator/names.h"

namespace gloo::cli {
namespace {

using envoy::config::core::v3::HeaderValueOption;
using envoy::config::route::v3::Route;
using envoy::config::route::v3::WeightedCluster;
using envoy::extensions::filters::http::dynamic_modules::v3::DynamicModuleFilterPerRoute;
using Headers = std::map<std::string, std::string>;

// Headers with pseudo headers among them, each once.
class MapSource final : public tmpl::HeaderSource {
 public:
  explicit MapSource(const Headers& headers) : headers_(headers) {}
  std::optional<std::string_view> Get(std::string_view name) const override {
    const auto found = headers_.find(std::string(name));
    if (found == headers_.end()) return std::nullopt;
    return found->second;
  }

 private:
  const Headers& headers_;
};

Headers HeadersOf(const Request& request) {
  Headers headers = {{":method", request.method}, {":path", request.path}, {":authority", request.host}};
  for (const auto& [name, value] : request.headers) {
    if (name != "host") headers[name] = *request.Header(name);
  }
  return headers;
}

// What the route, or its part, gives to a filter; null where there is nothing.
const google::protobuf::Any* ConfigOf(std::string_view filter, const Route& route,
                                      const WeightedCluster::ClusterWeight* part) {
  const std::string name(filter);
  if (part != nullptr) {
    const auto found = part->typed_per_filter_config().find(name);
    // What is nearer to the destination goes before.
    if (found != part->typed_per_filter_config().end()) return &found->second;
  }
  const auto found = route.typed_per_filter_config().find(name);
  return found == route.typed_per_filter_config().end() ? nullptr : &found->second;
}

// The JSON that a filter of ours is given; empty where there is none.
absl::StatusOr<std::string> SettingsOf(std::string_view filter, const Route& route,
                                       const WeightedCluster::ClusterWeight* part) {
  const google::protobuf::Any* any = ConfigOf(filter, route, part);
  if (any == nullptr) return std::string();
  DynamicModuleFilterPerRoute config;
  google::protobuf::StringValue text;
  if (!any->UnpackTo(&config) || !config.filter_config().UnpackTo(&text)) {
    return absl::InternalError(StrCat("the settings of ", filter, " are not in the form that it takes"));
  }
  return text.value();
}

template <typename Adds, typename Removes>
void EditHeaders(const Adds& adds, const Removes& removes, Headers* headers) {
  for (const std::string& name : removes) headers->erase(absl::AsciiStrToLower(name));
  for (const HeaderValueOption& option : adds) {
    const std::string name = absl::AsciiStrToLower(option.header().key());
    std::string value = option.header().value();
    // A percent sign is written twice there; commands are Envoy's to fill in and stay as they are.
    for (size_t at = value.find("%%"); at != std::string::npos; at = value.find("%%", at + 1)) value.erase(at, 1);
    const bool there = headers->contains(name);
    switch (option.append_action()) {
      case HeaderValueOption::APPEND_IF_EXISTS_OR_ADD:
        (*headers)[name] = there ? StrCat((*headers)[name], ",", value) : value;
        break;
      case HeaderValueOption::ADD_IF_ABSENT:
        if (!there) (*headers)[name] = value;
        break;
      case HeaderValueOption::OVERWRITE_IF_EXISTS:
        if (there) (*headers)[name] = value;
        break;
      default:
        (*headers)[name] = value;
        break;
    }
  }
}

void RewritePath(const Route& route, std::string* path) {
  if (route.route().has_regex_rewrite()) {
    const auto& regex = route.route().regex_rewrite();
    const size_t end = std::min(path->find_first_of("?#"), path->size());
    std::string only = path->substr(0, end);
    re2::RE2::GlobalReplace(&only, regex.pattern().regex(), regex.substitution());
    path->replace(0, end, only);
  }
  const std::string& rewrite = route.route().prefix_rewrite();
  if (rewrite.empty()) return;
  size_t matched = route.match().has_prefix() ? route.match().prefix().size() : path->find_first_of("?#");
  matched = std::min(matched, path->size());
  path->replace(0, matched, rewrite);
}

// As the filter gloo.lambda does. `json` are its settings.
absl::Status CallLambda(const std::string& json, Headers* headers, Rendered* out) {
  tmpl::LambdaConfig call;
  std::string error;
  if (!tmpl::FromJson(json, &call, &error)) return absl::InternalError(error);
  if (out->body.size() > call.max_body_bytes) {
    out->status = 413;
    out->answer = StrCat("the body has more than ", call.max_body_bytes, " bytes");
    return absl::OkStatus();
  }
  const std::string_view payload = tmpl::kLambdaPayloads[static_cast<size_t>(call.payload)];
  out->calls = StrCat("AWS Lambda, payload ", payload, call.async ? ", not waited for" : "", "; Envoy signs it");
  if (call.payload != tmpl::LambdaPayload::kRaw) {
    tmpl::LambdaRequest request;
    request.method = (*headers)[":method"];
    request.path = (*headers)[":path"];
    request.authority = (*headers)[":authority"];
    request.protocol = "HTTP/1.1";
    request.time_ms = absl::ToUnixMillis(absl::Now());
    for (const auto& [name, value] : *headers) request.headers.emplace_back(name, value);
    out->body = tmpl::MakeLambdaEvent(call.payload, request, out->body);
    (*headers)["content-length"] = StrCat(out->body.size());
  }
  std::erase_if(*headers, [](const auto& header) { return !tmpl::StaysInInvoke(header.first); });
  (*headers)[":method"] = "POST";
  (*headers)[":path"] = call.path;
  (*headers)[":authority"] = call.host;
  (*headers)["content-type"] = "application/json";
  (*headers)["x-amz-invocation-type"] = call.async ? "Event" : "RequestResponse";
  return absl::OkStatus();
}

// As the bridge to NATS does; nothing where the request is no call of a NATS function.
void CallNats(Rendered* out) {
  const auto value = [out](std::string_view name) {
    const auto found = std::find_if(out->headers.begin(), out->headers.end(),
                                    [name](const auto& header) { return header.first == name; });
    return found == out->headers.end() ? std::string() : found->second;
  };
  tmpl::NatsCall call;
  if (!tmpl::FromText(value(translator::kCallHeader), &call)) return;
  const std::string subject = value(tmpl::kNatsSubjectHeader);
  std::string mistake = tmpl::NatsSubjectMistake(subject);
  if (mistake.empty() && tmpl::IsNatsSystemSubject(subject) && !call.system_subject) mistake = "belongs to the server";
  if (!mistake.empty()) {
    out->status = 400;
    out->answer = StrCat("bad request: the subject ", mistake);
    return;
  }
  constexpr std::string_view kModes[] = {"a message to ", "a message to a stream, subject ", "a request to "};
  out->calls = StrCat("NATS, ", kModes[static_cast<size_t>(call.mode)], subject);
  std::vector<std::pair<std::string, std::string>> headers;
  for (size_t i = 0; i < call.headers.size(); ++i) {
    std::string text = value(tmpl::NatsValueHeader(i));
    if (!text.empty()) headers.emplace_back(call.headers[i], std::move(text));
  }
  for (auto& header : out->headers) {
    if (tmpl::IsForwarded(call, header.first)) headers.push_back(std::move(header));
  }
  out->headers = std::move(headers);
}

}  // namespace

absl::StatusOr<EventReading> ReadEvent(const Route& route, Request* request) {
  const absl::StatusOr<std::string> json = SettingsOf(translator::kEvents, route, nullptr);
  if (!json.ok()) return json.status();
  EventReading out;
  if (json->empty() || !request->event.empty()) return out;
  tmpl::EventsConfig config;
  std::string mistake;
  if (!tmpl::FromJson(*json, &config, &mistake)) return absl::InternalError(mistake);
  const auto is_claim = [](const auto& header) {
    return header.first.rfind("ce-", 0) == 0 || header.first == "x-event-type";
  };
  const tmpl::EventMode mode = tmpl::EventModeOf(request->Header("content-type").value_or(""));
  if (mode == tmpl::EventMode::kNone) {
    std::vector<std::pair<std::string_view, std::string_view>> attributes;
    for (const auto& [name, value] : request->headers) {
      if (name.rfind("ce-", 0) == 0) attributes.emplace_back(std::string_view(name).substr(3), value);
    }
    if (!attributes.empty() || !request->Header("x-event-type")) out.error = tmpl::CheckEventHeaders(attributes);
    if (!out.error.empty()) out.error = StrCat("the event: ", out.error);
    return out;
  }
  if (mode == tmpl::EventMode::kUnknown) {
    out.error = "events are read as application/cloudevents+json and application/cloudevents-batch+json";
    return out;
  }
  const tmpl::EventOutcome outcome = tmpl::ReadEvents(mode, request->body, config);
  out.error = outcome.error;
  if (!out.error.empty()) return out;
  std::erase_if(request->headers, is_claim);
  request->event = {{"mode", mode == tmpl::EventMode::kBatched ? "batched" : "structured"}, {"match", outcome.match}};
  out.read = true;
  return out;
}

absl::StatusOr<Rendered> Render(const Route& route, const WeightedCluster::ClusterWeight* part,
                                const Request& request) {
  Rendered rendered;
  Headers headers = HeadersOf(request);
  rendered.body = request.body;

  absl::StatusOr<std::string> json = SettingsOf(translator::kTransformation, route, part);
  if (!json.ok()) return json.status();
  if (!json->empty()) {
    tmpl::TransformationConfig config;
    std::string error;
    std::vector<tmpl::CompileError> errors;
    if (!tmpl::FromJson(*json, &config, &error)) return absl::InternalError(error);
    const std::unique_ptr<tmpl::Transformation> transformation = tmpl::Transformation::Compile(config, &errors);
    if (transformation == nullptr) return absl::InternalError(StrCat(errors.at(0).field, ": ", errors.at(0).message));
    rendered.transforms_answer = transformation->has_response();
    if (transformation->has_request()) {
      rendered.needed_fields = transformation->RequiredBodyFields();
      const bool held = transformation->request_needs_body();
      tmpl::Outcome outcome;
      if (held && request.body.size() > transformation->max_body_bytes()) {
        outcome.status = 413;
        outcome.error = StrCat("the body has more than ", transformation->max_body_bytes(), " bytes");
      } else {
        transformation->Request(MapSource(headers), held ? request.body : "", &outcome);
      }
      if (outcome.status != 0 && transformation->passes_errors()) outcome = tmpl::Outcome();
      if (outcome.status != 0) {
        rendered.status = outcome.status;
        rendered.answer = outcome.error;
        return rendered;
      }
      for (const std::string& name : outcome.remove_headers) headers.erase(name);
      for (auto& [name, value] : outcome.set_headers) headers[name] = std::move(value);
      for (auto& [name, value] : outcome.append_headers) {
        std::string& there = headers[name];
        StrAppend(&there, there.empty() ? "" : ",", value);
      }
      if (outcome.body) {
        rendered.body = *std::move(outcome.body);
        if (headers.contains("content-length")) headers["content-length"] = StrCat(rendered.body.size());
      }
    }
  }
  json = SettingsOf(translator::kLambda, route, part);
  if (!json.ok()) return json.status();
  if (!json->empty()) {
    if (absl::Status status = CallLambda(*json, &headers, &rendered); !status.ok()) return status;
    if (rendered.status != 0) return rendered;
  }
  // From the nearest to the destination outwards, as the router does.
  if (part != nullptr) EditHeaders(part->request_headers_to_add(), part->request_headers_to_remove(), &headers);
  EditHeaders(route.request_headers_to_add(), route.request_headers_to_remove(), &headers);
  if (!route.route().host_rewrite_literal().empty()) headers[":authority"] = route.route().host_rewrite_literal();

  rendered.method = headers[":method"];
  rendered.path = rendered.unrewritten_path = headers[":path"];
  RewritePath(route, &rendered.path);
  rendered.headers.emplace_back("host", headers[":authority"]);
  for (auto& [name, value] : headers) {
    if (!name.empty() && name.front() != ':') rendered.headers.emplace_back(name, std::move(value));
  }
  CallNats(&rendered);
  return rendered;
}

absl::StatusOr<std::optional<GrpcCall>> FindGrpcCall(const Route& route, const WeightedCluster::ClusterWeight* part,
                                                     const Rendered& rendered) {
  const google::protobuf::Any* any = ConfigOf("envoy.filters.http.grpc_json_transcoder", route, part);
  if (any == nullptr) return std::nullopt;
  const auto type = std::find_if(rendered.headers.begin(), rendered.headers.end(),
                                 [](const auto& header) { return header.first == "content-type"; });
  if (type != rendered.headers.end() && type->second.starts_with("application/grpc")) {
    return GrpcCall{rendered.path, ""};
  }
  envoy::extensions::filters::http::grpc_json_transcoder::v3::GrpcJsonTranscoder transcoder;
  google::protobuf::FileDescriptorSet set;
  if (!any->UnpackTo(&transcoder) || !set.ParseFromString(transcoder.proto_descriptor_bin())) {
    return absl::InternalError("the settings of the transcoder are not in the form that it takes");
  }
  const std::string path = rendered.unrewritten_path.substr(0, rendered.unrewritten_path.find_first_of("?#"));
  GrpcCall call;
  descriptors::HttpTemplate best;
  for (const auto& file : set.file()) {
    for (const auto& service : file.service()) {
      for (const auto& method : service.method()) {
        for (const auto& binding : descriptors::BindingsOf(method.options().GetExtension(google::api::http))) {
          const absl::StatusOr<descriptors::HttpTemplate> parsed = descriptors::ParseHttpTemplate(binding.path);
          if (binding.verb != rendered.method || !parsed.ok() || !parsed->Takes(path)) continue;
          if (!call.method.empty() && !parsed->MoreSpecificThan(best)) continue;
          best = *parsed;
          call.method =
              StrCat("/", file.package(), file.package().empty() ? "" : ".", service.name(), "/", method.name());
          call.rule = StrCat(binding.verb, " ", binding.path);
        }
      }
    }
  }
  return call;
}

}  // namespace gloo::cli
