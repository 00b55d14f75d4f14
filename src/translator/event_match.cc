#include "translator/event_match.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/route_match.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

using envoy::config::route::v3::HeaderMatcher;
using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteMatch;

constexpr std::string_view kTypeHeader = "ce-type";
// Of the first Gloo.
constexpr std::string_view kOldTypeHeader = "x-event-type";

// How the values of attributes travel in headers. Escaped they must be; the SDKs for Go and JavaScript do not.
enum class Form { kEscaped, kPlain };

// What is no visible ASCII, and `"` and `%`, is escaped.
std::string EscapedAttribute(std::string_view value) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte < 0x7f && c != '"' && c != '%') {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

// Current path of `issues`: the attribute's field.
void SetAttribute(const std::string& header, const v1::AttributeMatcher& value, Form form, RouteMatch* match,
                  Issues& issues) {
  HeaderMatcher* out = match->add_headers();
  out->set_name(header);
  const auto text = [form, &issues](const std::string& written) {
    if (written.empty()) issues.Error("", "EmptyAttribute", "must not be empty; any: true takes every value");
    return form == Form::kEscaped ? EscapedAttribute(written) : written;
  };
  switch (value.match_case()) {
    case v1::AttributeMatcher::kExact:
      out->mutable_string_match()->set_exact(text(value.exact()));
      break;
    case v1::AttributeMatcher::kPrefix:
      out->mutable_string_match()->set_prefix(text(value.prefix()));
      break;
    case v1::AttributeMatcher::kSuffix:
      out->mutable_string_match()->set_suffix(text(value.suffix()));
      break;
    case v1::AttributeMatcher::kAny:
      if (!value.any()) {
        issues.Error("any", "BadAttribute", "must be true; an attribute that does not matter is not written");
      }
      out->set_present_match(true);
      break;
    case v1::AttributeMatcher::MATCH_NOT_SET:
      issues.Error("", "EmptyAttribute", "says nothing; write text, prefix, suffix or any: true");
      break;
  }
}

// Protobuf maps have no order of their own.
std::map<std::string, const v1::AttributeMatcher*> Sorted(const v1::EventMatcher& event) {
  std::map<std::string, const v1::AttributeMatcher*> sorted;
  for (const auto& [name, value] : event.attributes()) sorted.emplace(name, &value);
  return sorted;
}

void CheckAttributeName(std::string_view name, Issues& issues) {
  const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
  if (!good) {
    issues.Error("", "BadAttribute", Cat(JsonQuote(name), " is no attribute's name; small letters and digits are"));
  } else if (name == "type" || name == "source" || name == "subject") {
    issues.Error("", "BadAttribute",
                 Cat("has a field of its own; write eventMatcher.", name == "type" ? "eventType" : name));
  } else if (name == "data") {
    issues.Error("", "BadAttribute", "is what the event carries, not an attribute");
  }
}

std::string PathOf(const v1::EventMatcher& event) { return event.path().empty() ? "/events" : event.path(); }

RouteMatch EventPath(const std::string& path) {
  RouteMatch match;
  match.set_path(path);
  HeaderMatcher* method = match.add_headers();
  method->set_name(":method");
  method->mutable_string_match()->set_exact("POST");
  return match;
}

// What the filter has written of a request; an empty value: that it has written anything.
envoy::type::matcher::v3::MetadataMatcher* SetMetadata(const std::string& key, const std::string& value,
                                                       RouteMatch* match) {
  auto* metadata = match->add_dynamic_metadata();
  metadata->set_filter(std::string(kEvents));
  metadata->add_path()->set_key(key);
  if (value.empty()) {
    metadata->mutable_value()->set_present_match(true);
  } else {
    metadata->mutable_value()->mutable_string_match()->set_exact(value);
  }
  return metadata;
}

HeaderMatcher* AddHeader(std::string_view name, RouteMatch* match) {
  HeaderMatcher* header = match->add_headers();
  header->set_name(std::string(name));
  return header;
}

void AddJson(std::string_view name, const v1::AttributeMatcher& value, std::string* json) {
  std::string_view kind = "any";
  std::string_view text;
  switch (value.match_case()) {
    case v1::AttributeMatcher::kExact:
      kind = "exact";
      text = value.exact();
      break;
    case v1::AttributeMatcher::kPrefix:
      kind = "prefix";
      text = value.prefix();
      break;
    case v1::AttributeMatcher::kSuffix:
      kind = "suffix";
      text = value.suffix();
      break;
    case v1::AttributeMatcher::kAny:
    case v1::AttributeMatcher::MATCH_NOT_SET:
      break;
  }
  if (!json->empty()) *json += ',';
  *json += Cat(JsonQuote(name), ":{\"", kind, "\":", JsonQuote(text), "}");
}

// Current path: the matcher.
RouteMatch MatchHeaders(const v1::EventMatcher& event, Form form, Issues& issues) {
  RouteMatch match = EventPath(PathOf(event));
  const auto add = [&](std::string_view field, const std::string& header, const v1::AttributeMatcher& value) {
    IssuePath path(issues, field);
    SetAttribute(header, value, form, &match, issues);
  };
  add("eventType", std::string(kTypeHeader), event.event_type());
  if (event.has_source()) add("source", "ce-source", event.source());
  if (event.has_subject()) add("subject", "ce-subject", event.subject());
  IssuePath path(issues, "attributes");
  for (const auto& [name, value] : Sorted(event)) {
    IssuePath key(issues, "", std::string_view(name));
    CheckAttributeName(name, issues);
    // The type of the data is a header of HTTP's own, which nobody escapes.
    const bool of_http = name == "datacontenttype";
    SetAttribute(of_http ? "content-type" : Cat("ce-", name), *value, of_http ? Form::kPlain : form, &match, issues);
  }
  return match;
}

}  // namespace

std::vector<RouteMatch> TranslateEvent(const v1::EventMatcher& event, Issues& issues) {
  if (!event.path().empty()) CheckPath(event.path(), "path", issues);
  if (!event.has_event_type()) {
    issues.Error("eventType", "Required", "an event needs a type");
    return {};
  }
  std::vector<RouteMatch> matches = {MatchHeaders(event, Form::kEscaped, issues)};
  Issues said;
  RouteMatch plain = MatchHeaders(event, Form::kPlain, said);
  if (Serialize(plain) != Serialize(matches.front())) matches.push_back(std::move(plain));
  RouteMatch found = EventPath(PathOf(event));
  SetMetadata("match", MakeEventMatch(event).id, &found);
  if (!event.has_source() && !event.has_subject() && event.attributes().empty()) {
    for (size_t i = 0, forms = matches.size(); i < forms; ++i) {
      RouteMatch old = matches[i];
      old.mutable_headers(1)->set_name(std::string(kOldTypeHeader));
      matches.push_back(std::move(old));
    }
  }
  matches.push_back(std::move(found));
  return matches;
}

EventMatch MakeEventMatch(const v1::EventMatcher& event) {
  EventMatch out;
  out.path = PathOf(event);
  std::string attributes;
  AddJson("type", event.event_type(), &attributes);
  if (event.has_source()) AddJson("source", event.source(), &attributes);
  if (event.has_subject()) AddJson("subject", event.subject(), &attributes);
  for (const auto& [name, value] : Sorted(event)) AddJson(name, *value, &attributes);
  out.id = ContentHash(attributes);
  out.json = Cat("{\"id\":", JsonQuote(out.id), ",\"attributes\":{", attributes, "}}");
  return out;
}

std::vector<Route> EventEntrance(const std::vector<const EventMatch*>& matches) {
  std::string json;
  std::set<std::string_view> ids;
  for (const EventMatch* match : matches) {
    // Of equal ones the first counts.
    if (!ids.insert(match->id).second) continue;
    json += Cat(json.empty() ? "" : ",", match->json);
  }
  std::vector<Route> routes(2);
  const auto answer = [](std::string_view text, Route* route) {
    route->mutable_direct_response()->set_status(400);
    route->mutable_direct_response()->mutable_body()->set_inline_string(std::string(text));
  };
  Route& in_body = routes[0];
  *in_body.mutable_match() = EventPath(matches.front()->path);
  auto* type = AddHeader("content-type", in_body.mutable_match())->mutable_string_match();
  type->set_prefix("application/cloudevents");
  type->set_ignore_case(true);
  // The filter has not seen it yet.
  SetMetadata("mode", "", in_body.mutable_match())->set_invert(true);
  answer("bad request: the event was not read\n", &in_body);
  (*in_body.mutable_typed_per_filter_config())[std::string(kEvents)] =
      ModulePerRoute(kEvents, Cat("{\"matches\":[", json, "]}"));

  Route& no_type = routes[1];
  *no_type.mutable_match() = EventPath(matches.front()->path);
  AddHeader("ce-specversion", no_type.mutable_match())->set_present_match(true);
  for (const std::string_view name : {kTypeHeader, kOldTypeHeader}) {
    HeaderMatcher* header = AddHeader(name, no_type.mutable_match());
    header->set_present_match(true);
    header->set_invert_match(true);
  }
  // What the filter has read may be a batch whose types differ.
  SetMetadata("mode", "", no_type.mutable_match())->set_invert(true);
  answer("bad request: the event: attribute \"type\" is missing\n", &no_type);
  return routes;
}

}  // namespace gloo::translator
