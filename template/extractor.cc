#include "template/extractor.h"

#include <algorithm>

#include "template/codec.h"
#include "template/schema_types.h"
#include "template/template.h"

namespace gloo::tmpl {
namespace {

constexpr size_t kMaxMarkers = 32;
constexpr int kMaxTries = 20'000;

bool IsCaptured(char c) { return IsAlnum(c) || c == '-' || c == '.' || c == '_'; }

}  // namespace

bool Pattern::Compile(std::string_view text, Pattern* pattern, std::string* error) {
  *pattern = Pattern();
  auto fail = [&](std::string message) {
    *error = std::move(message);
    return false;
  };
  while (!text.empty()) {
    size_t open = text.find_first_of("{}");
    if (open > 0) pattern->pieces_.push_back({std::string(text.substr(0, open))});
    if (open == std::string_view::npos) break;
    if (text[open] == '}') return fail("\"}\" without \"{\"");
    size_t close = text.find_first_of("{}", open + 1);
    if (close == std::string_view::npos || text[close] == '{') return fail("\"{\" without \"}\"");
    std::string name(text.substr(open + 1, close - open - 1));
    std::vector<std::string_view> parts;
    if (!std::all_of(name.begin(), name.end(), IsCaptured) || !SplitPath(name, &parts)) {
      return fail("\"{" + name + "}\" is not a name of letters, digits, \"-\", \"_\" and single dots");
    }
    if (std::find(pattern->names_.begin(), pattern->names_.end(), name) != pattern->names_.end()) {
      return fail("\"{" + name + "}\" stands twice");
    }
    if (!pattern->pieces_.empty() && pattern->pieces_.back().literal.empty()) {
      return fail("\"{" + name + "}\" follows a marker with nothing between them");
    }
    pattern->names_.push_back(std::move(name));
    pattern->pieces_.push_back({});
    text.remove_prefix(close + 1);
  }
  if (pattern->names_.size() > kMaxMarkers) return fail("more than " + std::to_string(kMaxMarkers) + " markers");
  pattern->markers_ = pattern->names_.size();
  pattern->pieces_.shrink_to_fit();
  return true;
}

bool Pattern::Match(std::string_view value, std::span<std::string_view> captures) const {
  int tries = 0;
  return MatchFrom(0, value, 0, captures, &tries);
}

bool Pattern::MatchFrom(size_t piece, std::string_view rest, size_t capture, std::span<std::string_view> captures,
                        int* tries) const {
  if (piece < pieces_.size() && !pieces_[piece].literal.empty()) {
    if (!rest.starts_with(pieces_[piece].literal)) return false;
    rest.remove_prefix(pieces_[piece].literal.size());
    ++piece;
  }
  if (piece == pieces_.size()) return rest.empty();
  size_t run = 0;
  while (run < rest.size() && IsCaptured(rest[run])) ++run;
  *tries += static_cast<int>(std::min<size_t>(run / 16, kMaxTries));
  if (piece + 1 == pieces_.size()) {
    if (run == 0 || run != rest.size()) return false;
    captures[capture] = rest;
    return true;
  }
  for (size_t length = run; length > 0; --length) {
    if (++*tries > kMaxTries) return false;
    captures[capture] = rest.substr(0, length);
    if (MatchFrom(piece + 1, rest.substr(length), capture + 1, captures, tries)) return true;
  }
  return false;
}

std::optional<std::string_view> QueryParameter(std::string_view path, std::string_view name, Arena* arena) {
  size_t query = path.find('?');
  if (query == std::string_view::npos) return std::nullopt;
  path.remove_prefix(query + 1);
  path = path.substr(0, path.find('#'));
  auto decode = [arena](std::string_view text) {
    if (text.find_first_of("%+") == std::string_view::npos) return text;
    char* to = arena->New<char>(text.size());
    return std::string_view(to, UrlDecode(text, true, to));
  };
  while (!path.empty()) {
    std::string_view pair = path.substr(0, path.find('&'));
    path.remove_prefix(std::min(path.size(), pair.size() + 1));
    size_t equals = pair.find('=');
    if (decode(pair.substr(0, equals)) != name) continue;
    return decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
  }
  return std::nullopt;
}

bool ReadPointer(std::string_view pointer, std::vector<std::string>* steps) {
  if (!pointer.empty() && pointer[0] != '/') return false;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::string_view step = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(step.size());
    // "~" stands before 0 or 1 alone.
    for (size_t i = step.find('~'); i != std::string_view::npos; i = step.find('~', i + 1)) {
      if (i + 1 == step.size() || (step[i + 1] != '0' && step[i + 1] != '1')) return false;
    }
    steps->push_back(FromPointerStep(step));
  }
  return true;
}

void ExtractFrom(const CompiledExtractor& extractor, const Value& value, Value* values) {
  Value* const out = values + extractor.first_parameter;
  if (extractor.whole) {
    *out = value;
    return;
  }
  std::string_view captures[kMaxMarkers + 1];
  const auto* regex = extractor.more != nullptr && extractor.more->regex.has_value() ? extractor.more.get() : nullptr;
  const size_t count = regex != nullptr ? regex->groups.size() : extractor.pattern.markers();
  const bool is_text = value.is_string() || value.type == Type::kNumber;
  const bool matches = is_text && (regex != nullptr ? regex->regex->Find(value.view(), captures)
                                                    : extractor.pattern.Match(value.view(), captures));
  for (size_t i = 0; i < count; ++i) {
    const std::string_view found = captures[regex != nullptr ? regex->groups[i] : i];
    out[i] = matches && found.data() != nullptr ? Value::String(found) : Value::Missing();
  }
}

void Extract(std::span<const CompiledExtractor> extractors, const HeaderSource& headers, Arena* arena, Value* values) {
  for (const CompiledExtractor& extractor : extractors) {
    std::optional<std::string_view> found;
    switch (extractor.from) {
      case Extractor::From::kPath:
        found = headers.Get(":path");
        if (found.has_value()) found = found->substr(0, found->find_first_of("?#"));
        break;
      case Extractor::From::kAuthority:
        found = headers.Get(":authority");
        break;
      case Extractor::From::kHeader:
        found = headers.Get(extractor.key);
        break;
      case Extractor::From::kQuery:
        found = headers.Get(":path");
        if (found.has_value()) found = QueryParameter(*found, extractor.key, arena);
        break;
      case Extractor::From::kBody:
      case Extractor::From::kPointer:
        continue;
    }
    ExtractFrom(extractor, found.has_value() ? Value::String(*found) : Value::Missing(), values);
  }
}

}  // namespace gloo::tmpl
