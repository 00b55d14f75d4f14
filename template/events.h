// CloudEvents 1.0 over HTTP: reading and checking events, and which of some matchers takes them. For the filter that
// routes events by their body, and offline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gloo::tmpl {

enum class EventMode : uint8_t {
  kNone,        // the content type names no event: attributes, if there are any, are in headers
  kStructured,  // application/cloudevents+json
  kBatched,     // application/cloudevents-batch+json
  kUnknown,     // events in a format that is not read
};
EventMode EventModeOf(std::string_view content_type);

inline constexpr size_t kMaxEvents = 1024;          // of a batch
inline constexpr size_t kMaxAttributes = 64;        // of an event
inline constexpr size_t kMaxAttributeBytes = 8192;  // of one value
inline constexpr size_t kMaxAllAttributeBytes = 32 << 10;

// What a matcher says of one attribute. Texts are compared as they are, not escaped.
struct AttributeMatch {
  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kAny };
  std::string name;
  Kind kind = Kind::kAny;
  std::string text;
};
// All of them must match.
struct EventMatch {
  std::string id;
  std::vector<AttributeMatch> attributes;
};
struct EventsConfig {
  // Tried in this order. None: only headers are checked.
  std::vector<EventMatch> matches;
};
// {"matches": [{"id": "1", "attributes": {"type": {"prefix": "com."}}}]}
bool FromJson(std::string_view json, EventsConfig* config, std::string* error);

struct EventOutcome {
  // Empty, or why the answer is 400.
  std::string error;
  // The id of the matcher that takes the event, or every event of the batch; empty: none does.
  std::string match;
};

// `mode` is kStructured or kBatched.
EventOutcome ReadEvents(EventMode mode, std::string_view body, const EventsConfig& config);

// The attributes of an event whose headers hold them: (name without `ce-`, value). Empty, or what is wrong.
std::string CheckEventHeaders(const std::vector<std::pair<std::string_view, std::string_view>>& attributes);

}  // namespace gloo::tmpl
