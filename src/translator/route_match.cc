#include "translator/route_match.h"

#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "translator/checks/checks.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

using envoy::config::route::v3::HeaderMatcher;
using envoy::config::route::v3::QueryParameterMatcher;
using envoy::config::route::v3::RouteMatch;

constexpr std::string_view kEventPath = "/events";
constexpr std::string_view kEventHeaders[] = {"ce-type", "x-event-type"};

void CheckPath(std::string_view path, std::string_view field, Issues& issues) {
  if (path.empty() || path.front() != '/') {
    issues.Error(field, "BadPath", Cat(JsonQuote(path), " must start with \"/\""));
  } else if (path.find_first_of("?#") != std::string_view::npos) {
    issues.Error(field, "BadPath",
                 Cat(JsonQuote(path), " must not hold a query string or fragment; use queryParams for the query"));
  }
}

void CheckRegex(const std::string& regex, std::string_view field, Issues& issues) {
  absl::Status status = checks::CheckRegex(regex);
  if (!status.ok()) issues.Error(field, "BadRegex", std::string(status.message()));
}

// For headers and query parameters alike: what a ValueMatcher says about the text; a matcher that wants the value
// to be there, whatever it is, has no text match.
template <typename Matcher>
void SetValue(const v1::ValueMatcher& value, Matcher* out, Issues& issues) {
  switch (value.match_case()) {
    case v1::ValueMatcher::kExact:
      if (value.exact().empty()) {
        out->set_present_match(true);
      } else {
        out->mutable_string_match()->set_exact(value.exact());
      }
      break;
    case v1::ValueMatcher::kRegex:
      CheckRegex(value.regex(), "regex", issues);
      out->mutable_string_match()->mutable_safe_regex()->set_regex(value.regex());
      break;
    case v1::ValueMatcher::kPrefix:
      if (value.prefix().empty()) {
        out->set_present_match(true);
      } else {
        out->mutable_string_match()->set_prefix(value.prefix());
      }
      break;
    case v1::ValueMatcher::kPresent:
    case v1::ValueMatcher::MATCH_NOT_SET:
      out->set_present_match(true);
      break;
  }
}

// Protobuf maps have no order of their own.
std::map<std::string, const v1::ValueMatcher*> Sorted(
    const google::protobuf::Map<std::string, v1::ValueMatcher>& values) {
  std::map<std::string, const v1::ValueMatcher*> sorted;
  for (const auto& [name, value] : values) sorted.emplace(name, &value);
  return sorted;
}

void AddHeaders(const v1::RequestMatcher& matcher, RouteMatch* match, Issues& issues) {
  IssuePath path(issues, "headers");
  for (const auto& [name, value] : Sorted(matcher.headers())) {
    IssuePath key(issues, "", std::string_view(name));
    HeaderMatcher* header = match->add_headers();
    header->set_name(HeaderName(name, HeaderUse::kMatch, "", issues));
    SetValue(*value, header, issues);
    if (value->match_case() == v1::ValueMatcher::kPresent && !value->present()) header->set_invert_match(true);
  }
}

void AddQuery(const v1::RequestMatcher& matcher, RouteMatch* match, Issues& issues) {
  IssuePath path(issues, "queryParams");
  for (const auto& [name, value] : Sorted(matcher.query_params())) {
    IssuePath key(issues, "", std::string_view(name));
    if (name.empty()) issues.Error("", "BadQueryParameter", "a query parameter's name must not be empty");
    if (value->match_case() == v1::ValueMatcher::kPresent && !value->present()) {
      issues.Error("present", "BadQueryParameter", "must be true: that a query parameter is absent cannot be matched");
      continue;
    }
    QueryParameterMatcher* query = match->add_query_parameters();
    query->set_name(name);
    SetValue(*value, query, issues);
  }
}

bool IsMethod(std::string_view verb) {
  if (verb.empty()) return false;
  return std::all_of(verb.begin(), verb.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
  });
}

void AddVerbs(const v1::RequestMatcher& matcher, RouteMatch* match, Issues& issues) {
  static constexpr std::string_view kKnown[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  std::vector<std::string> verbs;
  for (int i = 0; i < matcher.verbs_size(); ++i) {
    IssuePath path(issues, "verbs", static_cast<size_t>(i));
    const std::string& verb = matcher.verbs(i);
    if (!IsMethod(verb)) {
      issues.Error("", "BadVerb", Cat(JsonQuote(verb), " is no HTTP method"));
      continue;
    }
    std::string lower = Lower(verb);
    for (std::string_view known : kKnown) {
      if (lower == Lower(known) && verb != known) {
        issues.Error(
            "", "BadVerb",
            Cat(JsonQuote(verb), " never matches: methods tell letter case; did you mean ", JsonQuote(known), "?"));
      }
    }
    if (std::find(verbs.begin(), verbs.end(), verb) == verbs.end()) verbs.push_back(verb);
  }
  if (verbs.empty()) return;
  HeaderMatcher* method = match->add_headers();
  method->set_name(":method");
  if (verbs.size() == 1) {
    method->mutable_string_match()->set_exact(verbs.front());
    return;
  }
  std::string regex;
  for (const std::string& verb : verbs) {
    if (!regex.empty()) regex += '|';
    regex += RE2::QuoteMeta(verb);
  }
  method->mutable_string_match()->mutable_safe_regex()->set_regex(regex);
}

RouteMatch TranslateRequest(const v1::RequestMatcher& matcher, Issues& issues) {
  RouteMatch match;
  switch (matcher.path_case()) {
    case v1::RequestMatcher::kPathPrefix:
      CheckPath(matcher.path_prefix(), "pathPrefix", issues);
      match.set_prefix(matcher.path_prefix());
      break;
    case v1::RequestMatcher::kPathRegex:
      CheckRegex(matcher.path_regex(), "pathRegex", issues);
      match.mutable_safe_regex()->set_regex(matcher.path_regex());
      break;
    case v1::RequestMatcher::kPathExact:
      CheckPath(matcher.path_exact(), "pathExact", issues);
      match.set_path(matcher.path_exact());
      break;
    case v1::RequestMatcher::PATH_NOT_SET:
      match.set_prefix("/");
      break;
  }
  AddVerbs(matcher, &match, issues);
  AddHeaders(matcher, &match, issues);
  AddQuery(matcher, &match, issues);
  return match;
}

std::vector<RouteMatch> TranslateEvent(const v1::EventMatcher& event, Issues& issues) {
  if (event.event_type().empty()) issues.Error("eventType", "Required", "an event needs a type");
  if (!event.path().empty()) CheckPath(event.path(), "path", issues);
  std::vector<RouteMatch> matches;
  for (std::string_view name : kEventHeaders) {
    RouteMatch& match = matches.emplace_back();
    match.set_path(event.path().empty() ? std::string(kEventPath) : event.path());
    HeaderMatcher* method = match.add_headers();
    method->set_name(":method");
    method->mutable_string_match()->set_exact("POST");
    HeaderMatcher* type = match.add_headers();
    type->set_name(std::string(name));
    type->mutable_string_match()->set_exact(event.event_type());
  }
  return matches;
}

bool Unconditional(const RouteMatch& match) { return match.headers_size() == 0 && match.query_parameters_size() == 0; }

}  // namespace

std::vector<RouteMatch> TranslateMatcher(const v1::Route& route, Issues& issues) {
  size_t errors_before = issues.errors();
  std::vector<RouteMatch> matches;
  switch (route.matcher_case()) {
    case v1::Route::kRequestMatcher: {
      IssuePath path(issues, "requestMatcher");
      matches.push_back(TranslateRequest(route.request_matcher(), issues));
      break;
    }
    case v1::Route::kEventMatcher: {
      IssuePath path(issues, "eventMatcher");
      matches = TranslateEvent(route.event_matcher(), issues);
      break;
    }
    case v1::Route::MATCHER_NOT_SET:
      matches.emplace_back().set_prefix("/");
      break;
  }
  if (issues.errors() > errors_before) matches.clear();
  return matches;
}

std::optional<size_t> Coverage::CoveredBy(const RouteMatch& match) const {
  if (match.has_safe_regex()) {
    auto all = prefixes_.find("/");
    if (all != prefixes_.end()) return all->second;
  } else {
    const std::string& path = match.has_path() ? match.path() : match.prefix();
    for (size_t length : prefix_lengths_) {
      if (length > path.size()) break;
      auto it = prefixes_.find(path.substr(0, length));
      if (it != prefixes_.end()) return it->second;
    }
    if (match.has_path()) {
      auto it = exacts_.find(path);
      if (it != exacts_.end()) return it->second;
    }
  }
  auto it = whole_.find(Serialize(match));
  if (it != whole_.end()) return it->second;
  return std::nullopt;
}

void Coverage::Add(const RouteMatch& match, size_t index) {
  if (!Unconditional(match)) {
    whole_.emplace(Serialize(match), index);
  } else if (match.has_prefix()) {
    if (prefixes_.emplace(match.prefix(), index).second) prefix_lengths_.insert(match.prefix().size());
  } else if (match.has_path()) {
    exacts_.emplace(match.path(), index);
  } else {
    whole_.emplace(Serialize(match), index);
  }
}

}  // namespace gloo::translator
