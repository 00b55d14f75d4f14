#include "model/parse.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_format.h"

namespace gloo::model {
namespace {

// Length of the UTF-8 sequence at `p`, 0 if it is none.
size_t SequenceLength(const unsigned char* p, const unsigned char* end) {
  const auto tail = [&](size_t i) { return p + i < end && (p[i] & 0xc0) == 0x80; };
  if (p[0] < 0x80) return 1;
  if (p[0] >= 0xc2 && p[0] <= 0xdf) return tail(1) ? 2 : 0;
  if (p[0] >= 0xe0 && p[0] <= 0xef) {
    if (!tail(1) || !tail(2)) return 0;
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0;
    if (p[0] == 0xed && p[1] > 0x9f) return 0;
    return 3;
  }
  if (p[0] >= 0xf0 && p[0] <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (p[0] == 0xf0 && p[1] < 0x90) return 0;
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0;
    return 4;
  }
  return 0;
}

// Eight bytes of printable ASCII (or tab, line feed, carriage return) at once; the usual case.
bool PlainAscii(const unsigned char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  constexpr uint64_t kHigh = 0x8080808080808080u;
  constexpr uint64_t kSpaces = 0x2020202020202020u;
  if (word & kHigh) return false;
  // No byte below a space: no borrow reaches a high bit.
  return ((word - kSpaces) & kHigh) == 0;
}

bool Allowed(unsigned char c) { return c >= 0x20 || c == '\t' || c == '\n' || c == '\r'; }

// Refuses what is not UTF-8, and control characters: some of them end a text silently for one library and not for
// another.
bool CheckBytes(std::string_view text, Tree* tree) {
  const auto* begin = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = begin + text.size();
  int line = 1;
  int column = 1;
  const auto* p = begin;
  const auto* last = p;  // up to here line and column are known
  const auto place = [&] {
    for (; last < p; ++last) {
      if (*last == '\n') {
        ++line;
        column = 1;
      } else if ((*last & 0xc0) != 0x80) {
        ++column;
      }
    }
  };
  while (p < end) {
    if (end - p >= 8 && PlainAscii(p)) {
      p += 8;
      continue;
    }
    const size_t length = SequenceLength(p, end);
    if (length == 0) {
      place();
      tree->failure = Problem{line, column, "InvalidEncoding", "",
                              absl::StrFormat("not UTF-8: byte 0x%02x at offset %d", *p, p - begin)};
      return false;
    }
    if (length == 1 && !Allowed(*p)) {
      place();
      tree->failure = Problem{line, column, "InvalidCharacter", "",
                              absl::StrFormat("control character 0x%02x at offset %d; remove it, or write it as "
                                              "\"\\x%02x\" in double quotes",
                                              *p, p - begin, *p)};
      return false;
    }
    p += length;
  }
  return true;
}

// The first two characters that are no space.
std::pair<char, char> Beginning(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {0, 0};
  const size_t second = text.find_first_not_of(kSpaces, first + 1);
  return {text[first], second == std::string_view::npos ? '\0' : text[second]};
}

}  // namespace

void ParseText(std::string_view text, std::string_view file, const ParseLimits& limits, Tree* tree) {
  if (!CheckBytes(text, tree)) return;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  TreeBuilder builder(tree, limits);
  const auto [first, second] = Beginning(text);
  if (first == '{' || first == '[') {
    if (ParseJson(text, &builder)) return;
    const bool meant_json = second == '"' || file.ends_with(".json");
    std::optional<Problem> json_failure = tree->failure;
    if (json_failure->reason != "SyntaxError") return;
    // YAML's flow style begins alike.
    builder.Reset();
    if (!ParseYaml(text, &builder) && meant_json) tree->failure = std::move(json_failure);
    return;
  }
  if (ParseCommonYaml(text, &builder) || tree->failure) return;
  builder.Reset();
  ParseYaml(text, &builder);
}

}  // namespace gloo::model
