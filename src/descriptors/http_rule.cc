#include "descriptors/http_rule.h"

#include <algorithm>

#include "base/strings.h"
#include "base/utf8.h"
#include "descriptors/descriptors.h"

namespace gloo::descriptors {
namespace {

using google::api::HttpRule;

constexpr size_t kMaxPath = 2048;

bool IsIdentifierChar(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

// Template = "/" | "/" Segments [ ":" LITERAL ]; Segments = Segment { "/" Segment };
// Segment = "*" | "**" | LITERAL | "{" FieldPath [ "=" Segments ] "}".
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<HttpTemplate> Parse() {
    if (text_.size() > kMaxPath) return Wrong(StrCat("is longer than ", kMaxPath, " characters"));
    if (!Take('/')) return Wrong("must start with \"/\"");
    if (at_ == text_.size()) return out_;
    if (absl::Status status = Segments(false); !status.ok()) return status;
    if (Take(':')) {
      out_.verb = Literal();
      if (out_.verb.empty()) return Wrong("has nothing after \":\"");
    }
    if (at_ < text_.size()) return Unexpected();
    if (absl::Status status = CheckWildcards(); !status.ok()) return status;
    return out_;
  }

 private:
  static absl::Status Wrong(std::string what) { return absl::InvalidArgumentError(what); }
  absl::Status Unexpected() const {
    return Wrong(StrCat("has ", JsonQuote(text_.substr(at_, 1)), " at character ", at_ + 1,
                        ", where \"/\", \":\" or the end is expected"));
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string Literal() {
    const size_t start = at_;
    while (at_ < text_.size() && std::string_view("/:{}=").find(text_[at_]) == std::string_view::npos) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  absl::Status Segments(bool in_variable) {
    do {
      if (absl::Status status = Segment(in_variable); !status.ok()) return status;
    } while (Take('/'));
    return absl::OkStatus();
  }

  absl::Status Segment(bool in_variable) {
    if (Take('*')) {
      out_.segments.emplace_back(Take('*') ? "**" : "*");
      return std::string_view("/:}\0", 4).find(Peek()) == std::string_view::npos ? Unexpected() : absl::OkStatus();
    }
    if (Peek() == '{') {
      if (in_variable) return Wrong(StrCat("has a variable within a variable at character ", at_ + 1));
      return Variable();
    }
    std::string literal = Literal();
    if (literal.empty()) return Wrong(StrCat("has an empty part at character ", at_ + 1));
    out_.segments.push_back(std::move(literal));
    return absl::OkStatus();
  }

  absl::Status Variable() {
    const size_t start = at_++;
    std::vector<std::string> path;
    do {
      const size_t from = at_;
      while (IsIdentifierChar(Peek(), at_ == from)) ++at_;
      if (at_ == from) return Wrong(StrCat("has no name of a field at character ", at_ + 1));
      path.emplace_back(text_.substr(from, at_ - from));
    } while (Take('.'));
    out_.variables.push_back(std::move(path));
    if (Take('=')) {
      if (absl::Status status = Segments(true); !status.ok()) return status;
    } else {
      out_.segments.emplace_back("*");
    }
    if (!Take('}')) return Wrong(StrCat("has a \"{\" at character ", start + 1, " that no \"}\" ends"));
    return absl::OkStatus();
  }

  absl::Status CheckWildcards() const {
    const auto all = std::find(out_.segments.begin(), out_.segments.end(), "**");
    if (all == out_.segments.end()) return absl::OkStatus();
    if (std::any_of(all + 1, out_.segments.end(), [](const std::string& s) { return s == "*" || s == "**"; })) {
      return Wrong("has a variable or \"*\" after \"**\"");
    }
    return absl::OkStatus();
  }

  std::string_view text_;
  size_t at_ = 0;
  HttpTemplate out_;
};

void Flatten(const HttpRule& rule, std::vector<Binding>* out) {
  Binding binding;
  switch (rule.pattern_case()) {
    case HttpRule::kGet:
      binding = {"GET", rule.get(), "", ""};
      break;
    case HttpRule::kPut:
      binding = {"PUT", rule.put(), "", ""};
      break;
    case HttpRule::kPost:
      binding = {"POST", rule.post(), "", ""};
      break;
    case HttpRule::kDelete:
      binding = {"DELETE", rule.delete_(), "", ""};
      break;
    case HttpRule::kPatch:
      binding = {"PATCH", rule.patch(), "", ""};
      break;
    case HttpRule::kCustom:
      binding = {rule.custom().kind(), rule.custom().path(), "", ""};
      break;
    case HttpRule::PATTERN_NOT_SET:
      break;
  }
  if (rule.pattern_case() != HttpRule::PATTERN_NOT_SET) {
    binding.body = rule.body();
    binding.response_body = rule.response_body();
    out->push_back(std::move(binding));
  }
  for (const HttpRule& more : rule.additional_bindings()) Flatten(more, out);
}

}  // namespace

std::vector<Binding> BindingsOf(const HttpRule& rule) {
  std::vector<Binding> bindings;
  Flatten(rule, &bindings);
  return bindings;
}

HttpRule RuleOf(const std::vector<Binding>& bindings) {
  HttpRule rule;
  for (size_t i = 0; i < bindings.size(); ++i) {
    const Binding& binding = bindings[i];
    HttpRule* out = i == 0 ? &rule : rule.add_additional_bindings();
    if (binding.verb == "GET") {
      out->set_get(binding.path);
    } else if (binding.verb == "PUT") {
      out->set_put(binding.path);
    } else if (binding.verb == "POST") {
      out->set_post(binding.path);
    } else if (binding.verb == "DELETE") {
      out->set_delete_(binding.path);
    } else if (binding.verb == "PATCH") {
      out->set_patch(binding.path);
    } else {
      out->mutable_custom()->set_kind(binding.verb);
      out->mutable_custom()->set_path(binding.path);
    }
    out->set_body(binding.body);
    out->set_response_body(binding.response_body);
  }
  return rule;
}

std::string HttpTemplate::Shape() const {
  std::string shape;
  for (const std::string& segment : segments) StrAppend(&shape, "/", segment);
  return verb.empty() ? shape : StrCat(shape, ":", verb);
}

bool HttpTemplate::Takes(std::string_view path) const {
  if (path.empty() || path.front() != '/') return false;
  if (!verb.empty()) {
    const size_t colon = path.rfind(':');
    if (colon == std::string_view::npos || path.substr(colon + 1) != verb) return false;
    path = path.substr(0, colon);
  }
  std::vector<std::string_view> parts;
  for (path.remove_prefix(1); !path.empty();) {
    const size_t slash = std::min(path.find('/'), path.size());
    parts.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  const auto takes = [](const std::string& segment, std::string_view part) {
    return segment == "*" || segment == part;
  };
  const auto all = std::find(segments.begin(), segments.end(), "**");
  if (all == segments.end()) {
    return std::equal(segments.begin(), segments.end(), parts.begin(), parts.end(), takes);
  }
  // After "**" there are literals alone.
  const auto before = all - segments.begin();
  const auto after = segments.end() - all - 1;
  return before + after <= static_cast<std::ptrdiff_t>(parts.size()) &&
         std::equal(segments.begin(), all, parts.begin(), takes) &&
         std::equal(all + 1, segments.end(), parts.end() - after, takes);
}

bool HttpTemplate::MoreSpecificThan(const HttpTemplate& other) const {
  const auto rank = [](const std::string& segment) { return segment == "**" ? 2 : segment == "*" ? 1 : 0; };
  for (size_t i = 0; i < std::min(segments.size(), other.segments.size()); ++i) {
    if (rank(segments[i]) != rank(other.segments[i])) return rank(segments[i]) < rank(other.segments[i]);
  }
  return segments.size() > other.segments.size() || (!verb.empty() && other.verb.empty());
}

absl::StatusOr<HttpTemplate> ParseHttpTemplate(std::string_view path) { return Parser(path).Parse(); }

std::string CheckBinding(const DescriptorSet& set, const std::string& request, const std::string& response,
                         const Binding& binding) {
  if (binding.verb.empty()) return "has a custom pattern without kind";
  const absl::StatusOr<HttpTemplate> parsed = ParseHttpTemplate(binding.path);
  if (!parsed.ok()) return StrCat("path ", JsonQuote(binding.path), " ", StdView(parsed.status().message()));
  for (const std::vector<std::string>& variable : parsed->variables) {
    std::string wrong = set.CheckFieldPath(request, variable);
    if (!wrong.empty()) return StrCat("path ", JsonQuote(binding.path), ": ", wrong);
  }
  if (!binding.body.empty() && binding.body != "*") {
    std::string wrong = set.CheckFieldPath(request, {binding.body});
    if (!wrong.empty()) return StrCat("body: ", wrong);
  }
  if (!binding.response_body.empty()) {
    std::string wrong = set.CheckFieldPath(response, {binding.response_body});
    if (!wrong.empty()) return StrCat("response_body: ", wrong);
  }
  return "";
}

}  // namespace gloo::descriptors
