#include "translator/route_match.h"

#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "translator/checks/checks.h"
#include "translator/envoy_build.h"
#include "translator/event_match.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

using envoy::config::route::v3::HeaderMatcher;
using envoy::config::route::v3::QueryParameterMatcher;
using envoy::config::route::v3::RouteMatch;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The byte that an escape (%41) at this place stands for; -1 where there is none.
int Escaped(std::string_view path, size_t at) {
  if (path[at] != '%' || path.size() - at < 3) return -1;
  const int high = HexValue(path[at + 1]);
  const int low = HexValue(path[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool IsUnreserved(int byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '-' ||
         byte == '.' || byte == '_' || byte == '~';
}

// Why no request has a path that is (`exact`) or begins with this one; empty where it may. Listeners bring every path
// into one form before routes are tried: see their limits in role_unit.cc.
std::string WhyNeverSeen(std::string_view path, bool exact) {
  for (size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f) {
      return "the path of a request holds no spaces and nothing beyond ASCII; write %20 and the like";
    }
    if (std::string_view("\"<>^`{|}").find(c) != std::string_view::npos) {
      constexpr char kHex[] = "0123456789ABCDEF";
      const char escape[] = {'%', kHex[c >> 4], kHex[c & 15], '\0'};
      return Cat(JsonQuote(std::string_view(&c, 1)), " is made ", escape, " before routes are tried; write ", escape);
    }
    const int escaped = Escaped(path, i);
    if (escaped == '/' || escaped == '\\' || c == '\\') {
      return "a slash that is written in another way becomes a plain one before routes are tried";
    }
    if (escaped == 0) return "requests with %00 are refused";
    if (IsUnreserved(escaped)) {
      const char plain = static_cast<char>(escaped);
      return Cat(path.substr(i, 3), " is made ", JsonQuote(std::string_view(&plain, 1)),
                 " before routes are tried; write it so");
    }
  }
  auto ends = [&path](std::string_view part) {
    return path.size() >= part.size() && path.substr(path.size() - part.size()) == part;
  };
  // Two slashes that are the whole path stay.
  if (path != "//" && path.find("//") != std::string_view::npos) {
    return "slashes that follow each other become one before routes are tried";
  }
  if (path.find("/./") != std::string_view::npos || path.find("/../") != std::string_view::npos ||
      (exact && (ends("/.") || ends("/..")))) {
    return "\".\" and \"..\" are resolved before routes are tried";
  }
  return "";
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
    size_t errors_before = issues.errors();
    HeaderMatcher* header = match->add_headers();
    header->set_name(HeaderName(name, HeaderUse::kMatch, "", issues));
    SetValue(*value, header, issues);
    if (value->match_case() == v1::ValueMatcher::kPresent && !value->present()) header->set_invert_match(true);
    if (issues.errors() > errors_before) match->mutable_headers()->RemoveLast();
  }
}

void AddQuery(const v1::RequestMatcher& matcher, RouteMatch* match, Issues& issues) {
  IssuePath path(issues, "queryParams");
  for (const auto& [name, value] : Sorted(matcher.query_params())) {
    IssuePath key(issues, "", std::string_view(name));
    size_t errors_before = issues.errors();
    if (name.empty()) issues.Error("", "BadQueryParameter", "a query parameter's name must not be empty");
    if (value->match_case() == v1::ValueMatcher::kPresent && !value->present()) {
      issues.Error("present", "BadQueryParameter", "must be true: that a query parameter is absent cannot be matched");
      continue;
    }
    QueryParameterMatcher* query = match->add_query_parameters();
    query->set_name(name);
    SetValue(*value, query, issues);
    if (issues.errors() > errors_before) match->mutable_query_parameters()->RemoveLast();
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
  size_t errors_before = issues.errors();
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
  if (verbs.empty() || issues.errors() > errors_before) return;
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

RouteMatch TranslatePath(const v1::RequestMatcher& matcher, Issues& issues) {
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
  return match;
}

void AddConditions(const v1::RequestMatcher& matcher, RouteMatch* match, Issues& issues) {
  AddVerbs(matcher, match, issues);
  AddHeaders(matcher, match, issues);
  AddQuery(matcher, match, issues);
}

Coverage::Conditions ConditionsOf(const RouteMatch& match) {
  // A user may match :method as a header, by any regular expression.
  constexpr char kVerbs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ|";
  Coverage::Conditions out;
  for (const HeaderMatcher& header : match.headers()) {
    if (header.name() == ":method" && header.has_string_match() && out.verbs.empty()) {
      // As AddVerbs() writes them.
      const auto& text = header.string_match();
      if (text.has_exact()) {
        out.verbs.insert(text.exact());
        continue;
      }
      if (text.has_safe_regex() && text.safe_regex().regex().find_first_not_of(kVerbs) == std::string::npos) {
        std::string_view rest = text.safe_regex().regex();
        while (true) {
          size_t bar = rest.find('|');
          out.verbs.emplace(rest.substr(0, bar));
          if (bar == std::string_view::npos) break;
          rest.remove_prefix(bar + 1);
        }
        continue;
      }
    }
    std::string condition = Serialize(header);
    if (header.has_string_match() && !header.invert_match() && !header.string_match().ignore_case() &&
        !header.string_match().has_safe_regex()) {
      out.texts.emplace(condition, header);
    }
    out.rest.insert(std::move(condition));
    // Whatever the value must be, the header is there.
    if (!header.has_present_match()) {
      HeaderMatcher present;
      present.set_name(header.name());
      present.set_present_match(true);
      out.implied.insert(Serialize(present));
    }
  }
  for (const QueryParameterMatcher& query : match.query_parameters()) {
    out.rest.insert(Serialize(query) + "?");
    if (query.has_present_match()) continue;
    QueryParameterMatcher present;
    present.set_name(query.name());
    present.set_present_match(true);
    out.implied.insert(Serialize(present) + "?");
  }
  return out;
}

}  // namespace

void CheckPath(std::string_view path, std::string_view field, Issues& issues) {
  if (path.empty() || path.front() != '/') {
    issues.Error(field, "BadPath", Cat(JsonQuote(path), " must start with \"/\""));
  } else if (path.find_first_of("?#") != std::string_view::npos) {
    issues.Error(field, "BadPath",
                 Cat(JsonQuote(path), " must not hold a query string or fragment; use queryParams for the query"));
  } else if (std::string why = WhyNeverSeen(path, field != "pathPrefix"); !why.empty()) {
    issues.Warning(field, "PathNeverSeen", Cat(JsonQuote(path), " never matches: ", why));
  }
}

std::vector<RouteMatch> TranslateMatcher(const v1::Route& route, Issues& issues) {
  size_t errors_before = issues.errors();
  std::vector<RouteMatch> matches;
  switch (route.matcher_case()) {
    case v1::Route::kRequestMatcher: {
      IssuePath path(issues, "requestMatcher");
      RouteMatch match = TranslatePath(route.request_matcher(), issues);
      bool placed = issues.errors() == errors_before;
      AddConditions(route.request_matcher(), &match, issues);
      if (placed) matches.push_back(std::move(match));
      break;
    }
    case v1::Route::kEventMatcher: {
      IssuePath path(issues, "eventMatcher");
      matches = TranslateEvent(route.event_matcher(), issues);
      if (issues.errors() > errors_before) matches.clear();
      break;
    }
    case v1::Route::MATCHER_NOT_SET:
      matches.emplace_back().set_prefix("/");
      break;
  }
  return matches;
}

Coverage::Taken Coverage::Of(const RouteMatch& match) {
  Taken out;
  if (match.has_safe_regex()) {
    out = {Taken::Kind::kRegex, match.safe_regex().regex(), nullptr};
  } else if (match.has_prefix()) {
    out = {Taken::Kind::kPrefix, match.prefix(), nullptr};
  } else {
    out = {Taken::Kind::kExact, match.path(), nullptr};
  }
  if (match.headers_size() > 0 || match.query_parameters_size() > 0) {
    out.conditions = std::make_shared<const Conditions>(ConditionsOf(match));
  }
  return out;
}

// What is `narrow`, or begins or ends like that, begins or ends like `wide`.
bool Coverage::Includes(const HeaderMatcher& narrow, const HeaderMatcher& wide) {
  if (narrow.name() != wide.name()) return false;
  const auto& few = narrow.string_match();
  const auto& many = wide.string_match();
  if (many.has_prefix()) {
    const std::string_view begin = few.has_exact() ? few.exact() : few.prefix();
    return begin.starts_with(many.prefix());
  }
  if (many.has_suffix()) {
    const std::string_view end = few.has_exact() ? few.exact() : few.suffix();
    return end.ends_with(many.suffix());
  }
  return false;
}

bool Coverage::Includes(const Conditions* narrow, const Conditions* wide) {
  if (wide == nullptr) return true;
  if (narrow == nullptr) return false;
  if (!wide->verbs.empty() && (narrow->verbs.empty() || !std::includes(wide->verbs.begin(), wide->verbs.end(),
                                                                       narrow->verbs.begin(), narrow->verbs.end()))) {
    return false;
  }
  return std::all_of(wide->rest.begin(), wide->rest.end(), [narrow, wide](const std::string& condition) {
    if (narrow->rest.contains(condition) || narrow->implied.contains(condition)) return true;
    const auto text = wide->texts.find(condition);
    return text != wide->texts.end() && std::any_of(narrow->texts.begin(), narrow->texts.end(), [&](const auto& own) {
             return Includes(own.second, text->second);
           });
  });
}

std::optional<size_t> Coverage::CoveredBy(const Taken& match) const {
  auto find = [&match](const ByPath& map, std::string_view path) -> std::optional<size_t> {
    auto it = map.find(path);
    if (it == map.end()) return std::nullopt;
    for (const Earlier& earlier : it->second) {
      if (Includes(match.conditions.get(), earlier.conditions)) return earlier.index;
    }
    return std::nullopt;
  };
  const std::string_view path = match.path;
  if (match.kind == Taken::Kind::kRegex) {
    if (auto all = find(prefixes_, "/")) return all;
    return find(regexes_, path);
  }
  for (size_t length : prefix_lengths_) {
    if (length > path.size()) break;
    if (auto covered = find(prefixes_, path.substr(0, length))) return covered;
  }
  if (match.kind == Taken::Kind::kExact) return find(exacts_, path);
  return std::nullopt;
}

void Coverage::Add(const Taken& match, size_t index) {
  // Routes of one path that differ in their conditions are few; were they many, each would be compared with all.
  constexpr size_t kCompared = 32;
  auto add = [&](ByPath& map) {
    auto& list = map[match.path];
    if (list.size() < kCompared) list.push_back({match.conditions.get(), index});
  };
  switch (match.kind) {
    case Taken::Kind::kRegex:
      add(regexes_);
      break;
    case Taken::Kind::kPrefix:
      add(prefixes_);
      prefix_lengths_.insert(match.path.size());
      break;
    case Taken::Kind::kExact:
      add(exacts_);
      break;
  }
}

}  // namespace gloo::translator
