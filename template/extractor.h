// Extractors: patterns with {name} markers, compiled and matched. Internal to this folder.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template/arena.h"
#include "template/regex.h"
#include "template/transformation.h"
#include "template/value.h"

namespace gloo::tmpl {

class Pattern {
 public:
  // False with `error` set: `"{" without "}"`.
  static bool Compile(std::string_view text, Pattern* pattern, std::string* error);

  // Once: a pattern matches without them.
  std::vector<std::string> TakeNames() { return std::exchange(names_, {}); }
  size_t markers() const { return markers_; }

  // The whole value; on success fills one view a name. Markers take as much as they can. The work is bounded: a
  // pattern that would need endless tries does not match.
  bool Match(std::string_view value, std::span<std::string_view> captures) const;

 private:
  struct Piece {
    std::string literal;  // empty: a marker
  };
  bool MatchFrom(size_t piece, std::string_view rest, size_t capture, std::span<std::string_view> captures,
                 int* tries) const;

  std::vector<Piece> pieces_;
  std::vector<std::string> names_;
  size_t markers_ = 0;
};

// Where the value of one extractor lies in a message.
struct CompiledExtractor {
  Extractor::From from;
  std::string key;
  Pattern pattern;
  bool whole = false;  // no markers: the value itself is the one parameter
  // What few extractors have.
  struct More {
    // In place of the pattern; `groups[i]` is the one of the parameter first_parameter + i, 0 for all that matches.
    std::optional<Regex> regex;
    std::vector<size_t> groups;
    std::vector<std::string> steps;  // of kPointer
  };
  std::unique_ptr<More> more;
  size_t first_parameter = 0;
};

// Fills values[first_parameter...] of each extractor; missing where it does not match.
// Those of the body are left out.
void Extract(std::span<const CompiledExtractor> extractors, const HeaderSource& headers, Arena* arena, Value* values);

// Likewise one extractor, of a value.
void ExtractFrom(const CompiledExtractor& extractor, const Value& value, Value* values);

// The steps of a JSON Pointer. False where it is none.
bool ReadPointer(std::string_view pointer, std::vector<std::string>* steps);

// The first query parameter `name` of a path, decoded: a view into the path or the arena.
std::optional<std::string_view> QueryParameter(std::string_view path, std::string_view name, Arena* arena);

}  // namespace gloo::tmpl
