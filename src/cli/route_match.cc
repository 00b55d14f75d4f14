#include "cli/route_match.h"

#include <re2/re2.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"
#include "translator/names.h"

namespace gloo::cli {
namespace {

using envoy::config::route::v3::HeaderMatcher;
using envoy::config::route::v3::QueryParameterMatcher;
using envoy::config::route::v3::RouteMatch;
using envoy::type::matcher::v3::StringMatcher;

constexpr char kOnlyEnvoy[] = " is matched in a way that only Envoy can judge";

std::string Quote(std::string_view text) { return StrCat("\"", text, "\""); }

bool Equal(std::string_view a, std::string_view b, bool ignore_case) {
  return ignore_case ? absl::EqualsIgnoreCase(AbslView(a), AbslView(b)) : a == b;
}

bool StartsWith(std::string_view text, std::string_view prefix, bool ignore_case) {
  return text.size() >= prefix.size() && Equal(text.substr(0, prefix.size()), prefix, ignore_case);
}

bool EndsWith(std::string_view text, std::string_view suffix, bool ignore_case) {
  return text.size() >= suffix.size() && Equal(text.substr(text.size() - suffix.size()), suffix, ignore_case);
}

bool Contains(std::string_view text, const std::string& part, bool ignore_case) {
  if (!ignore_case) return text.find(part) != std::string_view::npos;
  return absl::AsciiStrToLower(AbslView(text)).find(absl::AsciiStrToLower(part)) != std::string::npos;
}

bool FullMatch(std::string_view text, const std::string& regex) {
  const re2::RE2 compiled(regex, re2::RE2::Quiet);
  return compiled.ok() && re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), compiled);
}

std::string_view WithoutQuery(std::string_view path) { return path.substr(0, path.find_first_of("?#")); }

// What `value` lacks: " is not "a""; empty where it matches.
std::string WhyNotText(const StringMatcher& matcher, std::string_view value) {
  const bool any_case = matcher.ignore_case();
  switch (matcher.match_pattern_case()) {
    case StringMatcher::kExact:
      return Equal(value, matcher.exact(), any_case) ? "" : StrCat(" is not ", Quote(matcher.exact()));
    case StringMatcher::kPrefix:
      return StartsWith(value, matcher.prefix(), any_case) ? ""
                                                           : StrCat(" does not start with ", Quote(matcher.prefix()));
    case StringMatcher::kSuffix:
      return EndsWith(value, matcher.suffix(), any_case) ? "" : StrCat(" does not end with ", Quote(matcher.suffix()));
    case StringMatcher::kContains:
      return Contains(value, matcher.contains(), any_case) ? ""
                                                           : StrCat(" does not contain ", Quote(matcher.contains()));
    case StringMatcher::kSafeRegex:
      return FullMatch(value, matcher.safe_regex().regex())
                 ? ""
                 : StrCat(" does not match the expression ", Quote(matcher.safe_regex().regex()));
    default:
      return kOnlyEnvoy;
  }
}

std::string HeaderTitle(const std::string& name) {
  if (name == ":method") return "method";
  if (name == ":authority") return "host";
  if (name == ":path") return "path";
  return StrCat("header ", Quote(name));
}

std::string WhyNotHeader(const HeaderMatcher& matcher, const Request& request) {
  const std::string title = HeaderTitle(matcher.name());
  std::optional<std::string> value = request.Header(matcher.name());
  if (!value && matcher.treat_missing_header_as_empty()) value = "";
  switch (matcher.header_match_specifier_case()) {
    case HeaderMatcher::HEADER_MATCH_SPECIFIER_NOT_SET:
    case HeaderMatcher::kPresentMatch: {
      const bool says_present = matcher.has_present_match() ? matcher.present_match() : true;
      const bool wanted = says_present != matcher.invert_match();
      if (value.has_value() == wanted) return "";
      return StrCat(title, wanted ? " is missing" : " is there");
    }
    case HeaderMatcher::kStringMatch: {
      if (!value) return StrCat(title, " is missing");
      const std::string why = WhyNotText(matcher.string_match(), *value);
      if (why.empty() != matcher.invert_match()) return "";
      return StrCat(title, " ", Quote(*value), matcher.invert_match() ? " must not match" : why);
    }
    default:
      return StrCat(title, kOnlyEnvoy);
  }
}

// The first value of a query parameter as it stands in the path: Envoy compares without decoding.
std::optional<std::string> QueryValue(std::string_view path, std::string_view name) {
  const size_t begin = path.find('?');
  if (begin == std::string_view::npos) return std::nullopt;
  std::string_view query = path.substr(begin + 1);
  query = query.substr(0, query.find('#'));
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    const size_t equals = part.find('=');
    if (part.substr(0, equals) != name) continue;
    return equals == std::string_view::npos ? "" : std::string(part.substr(equals + 1));
  }
  return std::nullopt;
}

std::string WhyNotQuery(const QueryParameterMatcher& matcher, const Request& request) {
  const std::string title = StrCat("query parameter ", Quote(matcher.name()));
  const std::optional<std::string> value = QueryValue(request.path, matcher.name());
  if (!value) return StrCat(title, " is missing");
  if (!matcher.has_string_match()) return "";
  const std::string why = WhyNotText(matcher.string_match(), *value);
  return why.empty() ? "" : StrCat(title, " ", Quote(*value), why);
}

// Only the event filter writes metadata that routes match.
std::string WhyNotEvent(const envoy::type::matcher::v3::MetadataMatcher& matcher, const Request& request) {
  if (matcher.filter() != translator::kEvents || matcher.path_size() != 1) return StrCat("metadata", kOnlyEnvoy);
  const auto found = request.event.find(matcher.path(0).key());
  const bool matches = found != request.event.end() &&
                       (!matcher.value().has_string_match() || matcher.value().string_match().exact() == found->second);
  if (matches != matcher.invert()) return "";
  return request.event.empty() ? "no event is in the body" : "the event in the body is another one";
}

std::string WhyNotPath(const RouteMatch& match, std::string_view path) {
  const bool any_case = match.has_case_sensitive() && !match.case_sensitive().value();
  const std::string title = StrCat("path ", Quote(path));
  switch (match.path_specifier_case()) {
    case RouteMatch::kPrefix:
      return StartsWith(path, match.prefix(), any_case) ? ""
                                                        : StrCat(title, " does not start with ", Quote(match.prefix()));
    case RouteMatch::kPath:
      return Equal(path, match.path(), any_case) ? "" : StrCat(title, " is not ", Quote(match.path()));
    case RouteMatch::kSafeRegex:
      return FullMatch(path, match.safe_regex().regex())
                 ? ""
                 : StrCat(title, " does not match the expression ", Quote(match.safe_regex().regex()));
    case RouteMatch::kPathSeparatedPrefix: {
      const std::string& prefix = match.path_separated_prefix();
      const bool ends = path.size() == prefix.size() || (path.size() > prefix.size() && path[prefix.size()] == '/');
      return ends && StartsWith(path, prefix, any_case) ? ""
                                                        : StrCat(title, " is neither ", Quote(prefix), " nor below it");
    }
    default:
      return StrCat(title, kOnlyEnvoy);
  }
}

}  // namespace

std::optional<std::string> Request::Header(std::string_view name) const {
  if (name == ":method") return method;
  if (name == ":path") return path;
  if (name == ":authority" || name == "host") return host;
  std::optional<std::string> found;
  for (const auto& [key, value] : headers) {
    if (key == name) found = found ? StrCat(*found, ",", value) : value;
  }
  return found;
}

std::string WhyNot(const RouteMatch& match, const Request& request) {
  if (std::string why = WhyNotPath(match, WithoutQuery(request.path)); !why.empty()) return why;
  for (const HeaderMatcher& header : match.headers()) {
    if (std::string why = WhyNotHeader(header, request); !why.empty()) return why;
  }
  for (const QueryParameterMatcher& query : match.query_parameters()) {
    if (std::string why = WhyNotQuery(query, request); !why.empty()) return why;
  }
  for (const auto& metadata : match.dynamic_metadata()) {
    if (std::string why = WhyNotEvent(metadata, request); !why.empty()) return why;
  }
  return "";
}

}  // namespace gloo::cli
