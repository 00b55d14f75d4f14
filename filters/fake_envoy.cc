#include "filters/fake_envoy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace gloo::filters {
namespace {

std::vector<std::string>& Log() {
  static std::vector<std::string> log;
  return log;
}

FakeStream* Stream(abi::EnvoyFilterPtr filter) { return static_cast<FakeStream*>(filter); }

FakeStream::Message* MessageOf(abi::EnvoyFilterPtr filter, abi::HeaderType type) {
  switch (type) {
    case abi::HeaderType::kRequest:
      return &Stream(filter)->request;
    case abi::HeaderType::kResponse:
      return &Stream(filter)->response;
    default:
      return nullptr;
  }
}

// The buffer of a body type, or null when Envoy has none now.
std::vector<std::string>* Received(abi::EnvoyFilterPtr filter, abi::BodyType type) {
  FakeStream::Message& message =
      type == abi::BodyType::kReceivedRequest ? Stream(filter)->request : Stream(filter)->response;
  EXPECT_TRUE(type == abi::BodyType::kReceivedRequest || type == abi::BodyType::kReceivedResponse)
      << "the filter reads only what it has received";
  return message.in_body_hook ? &message.received : nullptr;
}

bool GetHeader(const HeaderList& headers, std::string_view key, abi::EnvoyBuffer* value, size_t index, size_t* count) {
  size_t seen = 0;
  bool found = false;
  for (const auto& [name, text] : headers) {
    if (name != key) continue;
    if (seen++ == index) {
      *value = EnvoyText(text);
      found = true;
    }
  }
  if (!found) *value = {};
  if (count != nullptr) *count = seen;
  return found;
}

void SetHeader(HeaderList* headers, std::string_view key, abi::ModuleBuffer value) {
  std::erase_if(*headers, [&](const auto& header) { return header.first == key; });
  if (value.data != nullptr) headers->emplace_back(key, std::string(value.data, value.size));
}

std::string_view View(const abi::ModuleBuffer& buffer) { return {buffer.data, buffer.size}; }

}  // namespace

std::string HeaderOf(const HeaderList& headers, std::string_view name) {
  std::string result;
  bool found = false;
  for (const auto& [key, value] : headers) {
    if (key != name) continue;
    result.append(found ? "|" : "").append(value);
    found = true;
  }
  return found ? result : "(none)";
}

std::vector<std::string> TakeLog() { return std::exchange(Log(), {}); }

FakeFilterConfig::FakeFilterConfig(std::string_view name, std::string_view config, bool refuse_counters)
    : refuse_counters(refuse_counters) {
  module = envoy_dynamic_module_on_http_filter_config_new(this, EnvoyText(name), EnvoyText(config));
}

FakeFilterConfig::~FakeFilterConfig() {
  if (module != nullptr) envoy_dynamic_module_on_http_filter_config_destroy(module);
}

FakeStream::FakeStream(FakeFilterConfig* config, abi::ModuleRouteConfigPtr route)
    : config(config), route(route), module(envoy_dynamic_module_on_http_filter_new(config->module, this)) {}

FakeStream::~FakeStream() { Destroy(); }

void FakeStream::Destroy() {
  if (module != nullptr) envoy_dynamic_module_on_http_filter_destroy(std::exchange(module, nullptr));
}

void FakeStream::LocalReply(uint32_t status, std::string_view details) {
  envoy_dynamic_module_on_http_filter_local_reply(this, module, status, EnvoyText(details), false);
  // Envoy runs its own answer through the encoder filters.
  if (!response.headers_gone) {
    response = {};
    response.headers = {{":status", std::to_string(status)}};
    envoy_dynamic_module_on_http_filter_response_headers(this, module, true);
  }
}

void FakeStream::Request(HeaderList headers, const std::vector<std::string>& chunks, bool trailers) {
  Drive(true, std::move(headers), chunks, trailers);
}

void FakeStream::Response(HeaderList headers, const std::vector<std::string>& chunks, bool trailers) {
  Drive(false, std::move(headers), chunks, trailers);
}

void FakeStream::Drive(bool is_request, HeaderList headers, const std::vector<std::string>& chunks, bool trailers) {
  Message& message = is_request ? request : response;
  message.headers = std::move(headers);
  const bool bare = chunks.empty() && !trailers;
  const abi::HeadersStatus first = is_request
                                       ? envoy_dynamic_module_on_http_filter_request_headers(this, module, bare)
                                       : envoy_dynamic_module_on_http_filter_response_headers(this, module, bare);
  message.header_statuses.push_back(first);
  if (first == abi::HeadersStatus::kContinue) {
    message.headers_gone = true;
    message.body += std::exchange(message.buffered, "");
    if (bare) message.complete = true;
  }
  for (size_t i = 0; i < chunks.size() && module != nullptr && !reply; ++i) {
    // Every chunk comes in two slices of Envoy's buffer.
    const std::string& chunk = chunks[i];
    message.received = {chunk.substr(0, chunk.size() / 2), chunk.substr(chunk.size() / 2)};
    message.in_body_hook = true;
    const bool end = i + 1 == chunks.size() && !trailers;
    const abi::BodyStatus status = is_request ? envoy_dynamic_module_on_http_filter_request_body(this, module, end)
                                              : envoy_dynamic_module_on_http_filter_response_body(this, module, end);
    message.in_body_hook = false;
    message.body_statuses.push_back(status);
    if (status == abi::BodyStatus::kContinue) {
      message.headers_gone = true;
      for (const std::string& slice : message.received) message.body += slice;
      if (end) message.complete = true;
    }
    message.received.clear();
  }
  if (trailers && module != nullptr && !reply) {
    const abi::TrailersStatus status = is_request ? envoy_dynamic_module_on_http_filter_request_trailers(this, module)
                                                  : envoy_dynamic_module_on_http_filter_response_trailers(this, module);
    if (status == abi::TrailersStatus::kContinue) {
      message.headers_gone = true;
      message.body += std::exchange(message.buffered, "");
      message.complete = true;
    }
  }
}

extern "C" {

void envoy_dynamic_module_callback_log(abi::LogLevel, abi::ModuleBuffer message) { Log().emplace_back(View(message)); }

abi::MetricsResult envoy_dynamic_module_callback_http_filter_config_define_counter(abi::EnvoyFilterConfigPtr config,
                                                                                   abi::ModuleBuffer name,
                                                                                   abi::ModuleBuffer* label_names,
                                                                                   size_t label_count, size_t* id) {
  auto* fake = static_cast<FakeFilterConfig*>(config);
  if (fake->refuse_counters) return abi::MetricsResult::kFrozen;
  std::string full(View(name));
  for (size_t i = 0; i < label_count; ++i) full.append(" ").append(View(label_names[i]));
  *id = fake->counter_names.size();
  fake->counter_names.push_back(full);
  return abi::MetricsResult::kSuccess;
}

abi::MetricsResult envoy_dynamic_module_callback_http_filter_increment_counter(abi::EnvoyFilterPtr filter, size_t id,
                                                                               abi::ModuleBuffer* label_values,
                                                                               size_t label_count, uint64_t value) {
  FakeFilterConfig* fake = Stream(filter)->config;
  if (id >= fake->counter_names.size()) return abi::MetricsResult::kMetricNotFound;
  std::string full = fake->counter_names[id];
  for (size_t i = 0; i < label_count; ++i) full.append("=").append(View(label_values[i]));
  fake->counters[full] += value;
  return abi::MetricsResult::kSuccess;
}

abi::ModuleRouteConfigPtr envoy_dynamic_module_callback_get_most_specific_route_config(abi::EnvoyFilterPtr filter) {
  return Stream(filter)->route;
}

bool envoy_dynamic_module_callback_http_get_header(abi::EnvoyFilterPtr filter, abi::HeaderType type,
                                                   abi::ModuleBuffer key, abi::EnvoyBuffer* value, size_t index,
                                                   size_t* count) {
  return GetHeader(MessageOf(filter, type)->headers, View(key), value, index, count);
}

size_t envoy_dynamic_module_callback_http_get_headers_size(abi::EnvoyFilterPtr filter, abi::HeaderType type) {
  return MessageOf(filter, type)->headers.size();
}

bool envoy_dynamic_module_callback_http_get_headers(abi::EnvoyFilterPtr filter, abi::HeaderType type,
                                                    abi::EnvoyHttpHeader* headers) {
  for (const auto& [name, value] : MessageOf(filter, type)->headers) {
    *headers++ = {name.data(), name.size(), value.data(), value.size()};
  }
  return true;
}

bool envoy_dynamic_module_callback_http_filter_get_attribute_string(abi::EnvoyFilterPtr filter,
                                                                    abi::Attribute attribute, abi::EnvoyBuffer* value) {
  const auto& attributes = Stream(filter)->attributes;
  const auto it = attributes.find(attribute);
  if (it == attributes.end()) return false;
  *value = EnvoyText(it->second);
  return true;
}

bool envoy_dynamic_module_callback_http_set_header(abi::EnvoyFilterPtr filter, abi::HeaderType type,
                                                   abi::ModuleBuffer key, abi::ModuleBuffer value) {
  FakeStream::Message* message = MessageOf(filter, type);
  EXPECT_FALSE(message->headers_gone) << "header " << View(key) << " is set after the headers have gone on";
  SetHeader(&message->headers, View(key), value);
  return true;
}

bool envoy_dynamic_module_callback_http_add_header(abi::EnvoyFilterPtr filter, abi::HeaderType type,
                                                   abi::ModuleBuffer key, abi::ModuleBuffer value) {
  FakeStream::Message* message = MessageOf(filter, type);
  EXPECT_FALSE(message->headers_gone) << "header " << View(key) << " is added after the headers have gone on";
  message->headers.emplace_back(View(key), View(value));
  return true;
}

size_t envoy_dynamic_module_callback_http_get_body_chunks_size(abi::EnvoyFilterPtr filter, abi::BodyType type) {
  const auto* received = Received(filter, type);
  return received == nullptr ? 0 : received->size();
}

bool envoy_dynamic_module_callback_http_get_body_chunks(abi::EnvoyFilterPtr filter, abi::BodyType type,
                                                        abi::EnvoyBuffer* chunks) {
  const auto* received = Received(filter, type);
  if (received == nullptr) return false;
  std::transform(received->begin(), received->end(), chunks, [](const std::string& slice) { return EnvoyText(slice); });
  return true;
}

bool envoy_dynamic_module_callback_http_append_body(abi::EnvoyFilterPtr filter, abi::BodyType type,
                                                    abi::ModuleBuffer data) {
  if (type == abi::BodyType::kReceivedRequest || type == abi::BodyType::kReceivedResponse) {
    auto* received = Received(filter, type);
    if (received != nullptr) received->emplace_back(View(data));
    return received != nullptr;
  }
  (type == abi::BodyType::kBufferedRequest ? Stream(filter)->request : Stream(filter)->response).buffered += View(data);
  return true;
}

bool envoy_dynamic_module_callback_http_drain_body(abi::EnvoyFilterPtr filter, abi::BodyType type, size_t bytes) {
  auto* received = Received(filter, type);
  if (received == nullptr) return false;
  while (bytes > 0 && !received->empty()) {
    std::string& slice = received->front();
    const size_t taken = std::min(bytes, slice.size());
    slice.erase(0, taken);
    bytes -= taken;
    if (!slice.empty()) break;
    received->erase(received->begin());
  }
  return true;
}

void envoy_dynamic_module_callback_http_set_dynamic_metadata_string(abi::EnvoyFilterPtr filter,
                                                                    abi::ModuleBuffer name_space, abi::ModuleBuffer key,
                                                                    abi::ModuleBuffer value) {
  Stream(filter)->metadata[std::string(View(name_space)) + " " + std::string(View(key))] = View(value);
}

void envoy_dynamic_module_callback_http_clear_route_cache(abi::EnvoyFilterPtr filter) {
  ++Stream(filter)->routes_cleared;
}

uint64_t envoy_dynamic_module_callback_http_get_upstream_connection_id(abi::EnvoyFilterPtr filter) {
  return Stream(filter)->upstream_connection;
}

void envoy_dynamic_module_callback_http_send_response(abi::EnvoyFilterPtr filter, uint32_t status,
                                                      abi::ModuleHttpHeader* headers, size_t header_count,
                                                      abi::ModuleBuffer body, abi::ModuleBuffer details) {
  FakeStream* stream = Stream(filter);
  EXPECT_FALSE(stream->reply.has_value()) << "a stream is answered once";
  stream->reply = FakeStream::Reply{status, std::string(View(body)), std::string(View(details))};
  for (size_t i = 0; i < header_count; ++i) {
    stream->reply->headers.emplace_back(std::string(headers[i].key, headers[i].key_size),
                                        std::string(headers[i].value, headers[i].value_size));
  }
  stream->LocalReply(status);
  // The answer may be sent at once, and then the stream ends before this returns.
  stream->Destroy();
}

bool envoy_dynamic_module_callback_early_header_mutation_get_header_value(abi::EnvoyEarlyContextPtr context,
                                                                          abi::ModuleBuffer key,
                                                                          abi::EnvoyBuffer* value, size_t index,
                                                                          size_t* count) {
  return GetHeader(static_cast<FakeEarlyContext*>(context)->headers, View(key), value, index, count);
}

bool envoy_dynamic_module_callback_early_header_mutation_set_header(abi::EnvoyEarlyContextPtr context,
                                                                    abi::ModuleBuffer key, abi::ModuleBuffer value) {
  SetHeader(&static_cast<FakeEarlyContext*>(context)->headers, View(key), value);
  return true;
}

}  // extern "C"

}  // namespace gloo::filters
