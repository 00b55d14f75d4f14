#include "template/events.h"

#include <algorithm>
#include <optional>

#include "template/arena.h"
#include "template/json.h"
#include "template/value.h"

namespace gloo::tmpl {
namespace {

constexpr std::string_view kRequired[] = {"id", "source", "specversion", "type"};
constexpr std::string_view kKinds[] = {"exact", "prefix", "suffix", "any"};

struct Attribute {
  std::string_view name;
  std::string value;
};
using Attributes = std::vector<Attribute>;

bool IsName(std::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

// What a sender wrote, short and harmless.
std::string Shown(std::string_view text) {
  constexpr size_t kShown = 64;
  std::string out = "\"";
  AppendJsonEscaped(text.substr(0, kShown), &out);
  return out.append(text.size() > kShown ? "...\"" : "\"");
}

std::string About(std::string_view name, std::string_view what) {
  return "attribute \"" + std::string(name) + "\" " + std::string(what);
}

const std::string* Find(const Attributes& attributes, std::string_view name) {
  const auto it =
      std::find_if(attributes.begin(), attributes.end(), [&](const Attribute& a) { return a.name == name; });
  return it == attributes.end() ? nullptr : &it->value;
}

bool HasControl(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    // U+0080 to U+009F.
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
  }
  return false;
}

// `2026-01-02T03:04:05.678Z` or with an offset (RFC 3339); not whether the day is in the calendar.
bool IsTime(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  const auto like = [](std::string_view part, std::string_view form) {
    for (size_t i = 0; i < form.size(); ++i) {
      if (i >= part.size()) return false;
      const char c = part[i];
      if (form[i] == '0' ? c < '0' || c > '9' : c != form[i] && !(form[i] == 'T' && c == 't')) return false;
    }
    return true;
  };
  if (!like(text, kForm)) return false;
  text.remove_prefix(kForm.size());
  if (text.starts_with('.')) {
    const size_t end = text.find_first_not_of("0123456789", 1);
    if (end == 1 || end == std::string_view::npos) return false;
    text.remove_prefix(end);
  }
  if (text == "Z" || text == "z") return true;
  return text.size() == 6 && (text[0] == '+' || text[0] == '-') && like(text.substr(1), "00:00");
}

bool IsBase64(std::string_view text) {
  if (text.size() % 4 != 0) return false;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(padding);
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
}

// The value of an attribute as text. Empty, or what is wrong.
std::string TakeValue(std::string_view name, const Value& value, std::string* out) {
  const bool is_own = std::find(std::begin(kRequired), std::end(kRequired), name) != std::end(kRequired) ||
                      name == "subject" || name == "time" || name == "datacontenttype" || name == "dataschema";
  if (value.is_string()) {
    *out = value.view();
    if (out->empty() && is_own) return About(name, "is empty");
    if (HasControl(*out)) return About(name, "has a control character");
    if (out->size() > kMaxAttributeBytes) return About(name, "is longer than 8192 bytes");
    if (name == "time" && !IsTime(*out)) return About(name, "is no time; 2026-01-02T03:04:05Z is one");
    if (name == "specversion" && *out != "1.0") return About(name, "is " + Shown(*out) + "; \"1.0\" is read");
    return {};
  }
  if (is_own) return About(name, std::string("is ") + TypeName(value) + "; it must be a string");
  if (value.type == Type::kBool) {
    *out = value.flag ? "true" : "false";
    return {};
  }
  if (value.is_number()) {
    const Numeric number = ToNumeric(value);
    if (number.is_int && number.integer >= INT32_MIN && number.integer <= INT32_MAX) {
      *out = std::to_string(number.integer);
      return {};
    }
    return About(name, "is a number that is no integer of 32 bits");
  }
  return About(name, std::string("is ") + TypeName(value) + "; it must be a string, a boolean or an integer");
}

// Empty, or what is wrong.
std::string ReadEvent(const Value& event, Attributes* attributes) {
  if (!event.is_object()) return std::string("an event must be an object, not ") + TypeName(event);
  size_t bytes = 0;
  bool has_data = false;
  for (uint32_t i = 0; i < event.size; ++i) {
    const auto& [name, value] = event.members[i];
    // Nothing is as good as not there.
    if (value.type == Type::kNull) continue;
    if (name == "data" || name == "data_base64") {
      if (has_data) return "has both data and data_base64; one of them is right";
      has_data = true;
      if (name == "data_base64" && !(value.is_string() && IsBase64(value.view()))) {
        return "data_base64 must be a string in base64";
      }
      continue;
    }
    if (!IsName(name)) return "attribute " + Shown(name) + " has a bad name; small letters and digits are right";
    Attribute attribute{name, {}};
    if (std::string error = TakeValue(name, value, &attribute.value); !error.empty()) return error;
    bytes += name.size() + attribute.value.size();
    attributes->push_back(std::move(attribute));
    if (attributes->size() > kMaxAttributes) return "has more than 64 attributes";
    if (bytes > kMaxAllAttributeBytes) return "has attributes of more than 32768 bytes";
  }
  for (const std::string_view name : kRequired) {
    if (Find(*attributes, name) == nullptr) return About(name, "is missing");
  }
  return {};
}

bool Matches(const AttributeMatch& match, const Attributes& attributes) {
  const std::string* value = Find(attributes, match.name);
  if (value == nullptr) return false;
  switch (match.kind) {
    case AttributeMatch::Kind::kExact:
      return *value == match.text;
    case AttributeMatch::Kind::kPrefix:
      return value->starts_with(match.text);
    case AttributeMatch::Kind::kSuffix:
      return value->ends_with(match.text);
    case AttributeMatch::Kind::kAny:
      return true;
  }
  return false;
}

// Null where none matches.
const EventMatch* FirstMatch(const EventsConfig& config, const Attributes& attributes) {
  const auto it = std::find_if(config.matches.begin(), config.matches.end(), [&](const EventMatch& match) {
    return std::all_of(match.attributes.begin(), match.attributes.end(),
                       [&](const AttributeMatch& a) { return Matches(a, attributes); });
  });
  return it == config.matches.end() ? nullptr : &*it;
}

bool ReadMatch(const Value& json, EventMatch* match) {
  const Value* id = json.is_object() ? FindMember(json, "id") : nullptr;
  const Value* attributes = json.is_object() ? FindMember(json, "attributes") : nullptr;
  if (id == nullptr || !id->is_string() || attributes == nullptr || !attributes->is_object()) return false;
  match->id = id->view();
  for (uint32_t i = 0; i < attributes->size; ++i) {
    const Value& how = attributes->members[i].value;
    if (!how.is_object() || how.size != 1 || !how.members[0].value.is_string()) return false;
    const auto kind = std::find(std::begin(kKinds), std::end(kKinds), how.members[0].key);
    if (kind == std::end(kKinds)) return false;
    match->attributes.push_back({std::string(attributes->members[i].key),
                                 static_cast<AttributeMatch::Kind>(kind - std::begin(kKinds)),
                                 std::string(how.members[0].value.view())});
  }
  return true;
}

}  // namespace

EventMode EventModeOf(std::string_view content_type) {
  const std::string_view essence = content_type.substr(0, content_type.find_first_of("; \t"));
  std::string lower(essence);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  if (!lower.starts_with("application/cloudevents")) return EventMode::kNone;
  if (lower == "application/cloudevents+json" || lower == "application/cloudevents") return EventMode::kStructured;
  return lower == "application/cloudevents-batch+json" ? EventMode::kBatched : EventMode::kUnknown;
}

bool FromJson(std::string_view json, EventsConfig* config, std::string* error) {
  Arena arena;
  Value value;
  JsonError mistake;
  if (!ReadJson(json, &arena, &value, &mistake)) {
    *error = "byte " + std::to_string(mistake.offset) + ": " + mistake.message;
    return false;
  }
  const Value* matches = value.is_object() ? FindMember(value, "matches") : nullptr;
  if (matches == nullptr || !matches->is_array()) {
    *error = "there must be a list \"matches\"";
    return false;
  }
  for (uint32_t i = 0; i < matches->size; ++i) {
    if (ReadMatch(matches->items[i], &config->matches.emplace_back())) continue;
    *error = "matches[" + std::to_string(i) + "] must have an id and attributes";
    return false;
  }
  return true;
}

EventOutcome ReadEvents(EventMode mode, std::string_view body, const EventsConfig& config) {
  EventOutcome outcome;
  InlineArena<4096> arena;
  Value value;
  JsonError mistake;
  // Values take some times what the text does.
  constexpr size_t kMemory = 32 << 20;
  if (!ReadJson(body, &arena, &value, &mistake, kMemory)) {
    outcome.error = "the event is no JSON: byte " + std::to_string(mistake.offset) + ": " + mistake.message;
    return outcome;
  }
  const bool batched = mode == EventMode::kBatched;
  if (batched && !value.is_array()) {
    outcome.error = std::string("a batch must be a list of events, not ") + TypeName(value);
    return outcome;
  }
  const uint32_t count = batched ? value.size : 1;
  if (count == 0) outcome.error = "the batch has no event";
  if (count > kMaxEvents) outcome.error = "the batch has more than 1024 events";
  if (!outcome.error.empty()) return outcome;
  std::string first_type;
  const EventMatch* first = nullptr;
  for (uint32_t i = 0; i < count; ++i) {
    Attributes attributes;
    const std::string error = ReadEvent(batched ? value.items[i] : value, &attributes);
    if (!error.empty()) {
      outcome.error = (batched ? "event " + std::to_string(i) + " of the batch: " : "the event: ") + error;
      return outcome;
    }
    const EventMatch* match = FirstMatch(config, attributes);
    if (i == 0) {
      first = match;
      first_type = *Find(attributes, "type");
      continue;
    }
    if (match != first) {
      outcome.error = "event " + std::to_string(i) + " of the batch, of type " + Shown(*Find(attributes, "type")) +
                      ", goes to another route than event 0, of type " + Shown(first_type) +
                      "; a batch goes to one route";
      return outcome;
    }
  }
  if (first != nullptr) outcome.match = first->id;
  return outcome;
}

std::string CheckEventHeaders(const std::vector<std::pair<std::string_view, std::string_view>>& attributes) {
  bool there[std::size(kRequired)] = {};
  for (const auto& [name, value] : attributes) {
    if (!IsName(name)) return "header " + Shown("ce-" + std::string(name)) + " names no attribute";
    const auto own = std::find(std::begin(kRequired), std::end(kRequired), name);
    if (own != std::end(kRequired)) {
      bool& seen = there[own - std::begin(kRequired)];
      if (seen) return About(name, "is there twice");
      seen = true;
    }
    std::string taken;
    // Visible ASCII, for so headers are sent.
    if (std::string error = TakeValue(name, Value::String(value), &taken); !error.empty()) return error;
  }
  for (size_t i = 0; i < std::size(kRequired); ++i) {
    if (!there[i]) return About(kRequired[i], "is missing");
  }
  return {};
}

}  // namespace gloo::tmpl
