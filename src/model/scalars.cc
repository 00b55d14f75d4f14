#include "model/scalars.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "base/suggest.h"
#include "model/message_schema.h"

namespace gloo::model {
namespace {

constexpr std::string_view kWrongType = "WrongType";

Mistake WrongType(std::string_view expected, const Node& node) {
  return {kWrongType, StrCat("must be ", expected, ", not ", Describe(node))};
}

bool AllDigits(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text) {
    if (!absl::ascii_isdigit(c)) return false;
  }
  return true;
}

std::string Fold(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (c != '_' && c != '-' && c != ' ') out.push_back(absl::ascii_tolower(c));
  }
  return out;
}

// What YAML 1.1 would take for a boolean: its readers would have turned the text into one.
std::optional<bool> LooseBool(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(AbslView(text));
  if (lower == "yes" || lower == "y" || lower == "on" || lower == "true" || lower == "1") return true;
  if (lower == "no" || lower == "n" || lower == "off" || lower == "false" || lower == "0") return false;
  return std::nullopt;
}

// Digits of a whole number, or the mistake. `negative` is set by a sign.
std::optional<Mistake> WholeNumber(const Node& node, bool quoted, std::string_view expected, bool* negative,
                                   std::string_view* digits) {
  if (node.type != Node::Type::kScalar) return WrongType(expected, node);
  std::string_view text = node.text;
  *negative = TakePrefix(&text, "-");
  const bool whole = AllDigits(text);
  if (!node.plain && !quoted) {
    if (!whole) return WrongType(expected, node);
    return Mistake{kWrongType, StrCat("must be ", expected, ", not text; write ", node.text, " without quotes")};
  }
  if (!whole) return WrongType(expected, node);
  if (text.size() > 1 && text[0] == '0') {
    const size_t nonzero = std::min(text.find_first_not_of('0'), text.size() - 1);
    return Mistake{kWrongType, StrCat("must be ", expected, ", not ", Quoted(node.text), "; write ",
                                      *negative ? "-" : "", text.substr(nonzero), " (or quote text)")};
  }
  *digits = text;
  return std::nullopt;
}

Mistake OutOfRange(std::string_view expected, const Node& node) {
  return {"OutOfRange", StrCat("must be ", expected, ", not ", node.text.substr(0, 40))};
}

}  // namespace

std::string Quoted(std::string_view text) {
  constexpr size_t kMost = 60;
  std::string out = "\"";
  size_t end = std::min(text.size(), kMost);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  for (char c : text.substr(0, end)) {
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '"':
      case '\\':
        out += '\\';
        [[fallthrough]];
      default:
        out += c;
    }
  }
  return StrCat(out, end < text.size() ? "..." : "", "\"");
}

std::string Describe(const Node& node) {
  switch (node.type) {
    case Node::Type::kNull:
      return "nothing";
    case Node::Type::kList:
      return "a list";
    case Node::Type::kMap:
      return "a mapping";
    case Node::Type::kScalar:
      break;
  }
  return Quoted(node.text);
}

std::optional<Mistake> ParseString(const Node& node, std::string* value) {
  if (node.type != Node::Type::kScalar) return WrongType("text", node);
  *value = node.text;
  return std::nullopt;
}

std::optional<Mistake> ParseBytes(const Node& node, std::string* value) {
  if (node.type != Node::Type::kScalar) return WrongType("base64 text", node);
  if (absl::Base64Unescape(AbslView(node.text), value) || absl::WebSafeBase64Unescape(AbslView(node.text), value))
    return std::nullopt;
  return Mistake{"InvalidBase64", "must be base64 text"};
}

std::optional<Mistake> ParseBool(const Node& node, bool* value) {
  if (node.type == Node::Type::kScalar) {
    if (node.plain && (node.text == "true" || node.text == "True" || node.text == "TRUE")) {
      *value = true;
      return std::nullopt;
    }
    if (node.plain && (node.text == "false" || node.text == "False" || node.text == "FALSE")) {
      *value = false;
      return std::nullopt;
    }
    if (std::optional<bool> meant = LooseBool(node.text)) {
      return Mistake{kWrongType, StrCat("must be true or false, not ", Quoted(node.text), "; write ",
                                        *meant ? "true" : "false", node.plain ? "" : " without quotes")};
    }
  }
  return WrongType("true or false", node);
}

std::optional<Mistake> ParseInt(const Node& node, int64_t min, int64_t max, bool quoted, int64_t* value) {
  const std::string expected = StrCat("a whole number from ", min, " to ", max);
  bool negative = false;
  std::string_view digits;
  if (auto mistake = WholeNumber(node, quoted, expected, &negative, &digits)) return mistake;
  const std::string text = StrCat(negative ? "-" : "", digits);
  if (!absl::SimpleAtoi(text, value) || *value < min || *value > max) return OutOfRange(expected, node);
  return std::nullopt;
}

std::optional<Mistake> ParseUnsigned(const Node& node, uint64_t max, bool quoted, uint64_t* value) {
  const std::string expected = StrCat("a whole number from 0 to ", max);
  bool negative = false;
  std::string_view digits;
  if (auto mistake = WholeNumber(node, quoted, expected, &negative, &digits)) return mistake;
  if (negative || !absl::SimpleAtoi(AbslView(digits), value) || *value > max) return OutOfRange(expected, node);
  return std::nullopt;
}

bool IsNumber(std::string_view text) {
  TakePrefix(&text, "-");
  const auto digits = [&text] {
    size_t n = 0;
    while (n < text.size() && absl::ascii_isdigit(text[n])) ++n;
    text.remove_prefix(n);
    return n;
  };
  const bool zero = text.starts_with("0");
  const size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (TakePrefix(&text, ".") && digits() == 0) return false;
  if (TakePrefix(&text, "e") || TakePrefix(&text, "E")) {
    if (!TakePrefix(&text, "-")) TakePrefix(&text, "+");
    if (digits() == 0) return false;
  }
  return text.empty();
}

std::optional<Mistake> ParseDouble(const Node& node, double* value) {
  if (node.type != Node::Type::kScalar || !IsNumber(node.text)) return WrongType("a number", node);
  if (!node.plain) {
    return Mistake{kWrongType, StrCat("must be a number, not text; write ", node.text, " without quotes")};
  }
  if (!absl::SimpleAtod(AbslView(node.text), value) || !std::isfinite(*value)) return OutOfRange("a number", node);
  return std::nullopt;
}

std::optional<Mistake> ParseEnum(const Node& node, const google::protobuf::EnumDescriptor* type, int* value) {
  std::vector<std::string> known;
  for (int i = 0; i < type->value_count(); ++i) known.push_back(EnumName(type->value(i)));
  if (node.type != Node::Type::kScalar) return WrongType(StrCat("a name such as ", known.front()), node);
  const std::string typed = Fold(node.text);
  for (int i = 0; i < type->value_count(); ++i) {
    if (Fold(type->value(i)->name()) == typed) {
      *value = type->value(i)->number();
      return std::nullopt;
    }
  }
  return Mistake{"UnknownValue", StrCat("unknown value ", Quoted(node.text), Suggestion(node.text, known))};
}

std::optional<Mistake> ParseDuration(const Node& node, absl::Duration* value) {
  constexpr std::string_view kExpected = "a duration such as 5s, 250ms or 1m30s";
  if (node.type != Node::Type::kScalar) return WrongType(kExpected, node);
  if (IsNumber(node.text)) {
    return Mistake{"InvalidDuration", StrCat("must be ", kExpected, ", not a bare number; write ", node.text, "s")};
  }
  // absl's grammar is ours but for "inf" and a sign.
  const bool plausible =
      !node.text.empty() && absl::ascii_isdigit(node.text.front()) && absl::ascii_isalpha(node.text.back());
  if (!plausible || !absl::ParseDuration(AbslView(node.text), value)) {
    return Mistake{"InvalidDuration", StrCat("must be ", kExpected, ", not ", Quoted(node.text))};
  }
  // What a google.protobuf.Duration can hold.
  if (*value > absl::Seconds(315'576'000'000)) {
    return Mistake{"OutOfRange", StrCat("must be a duration of at most 10000 years, not ", Quoted(node.text))};
  }
  return std::nullopt;
}

std::optional<Mistake> ParseTimestamp(const Node& node, absl::Time* value) {
  constexpr std::string_view kExpected = "a time such as 2026-01-31T12:00:00Z";
  if (node.type != Node::Type::kScalar) return WrongType(kExpected, node);
  std::string error;
  const absl::Time first = absl::FromCivil(absl::CivilYear(1), absl::UTCTimeZone());
  const absl::Time last = absl::FromCivil(absl::CivilYear(10000), absl::UTCTimeZone());
  if (!absl::ParseTime(absl::RFC3339_full, AbslView(node.text), value, &error) || *value < first || *value >= last) {
    return Mistake{"InvalidTime", StrCat("must be ", kExpected, ", not ", Quoted(node.text))};
  }
  // Ages are compared as nanoseconds in 64 bits.
  const int64_t year = absl::ToCivilYear(*value, absl::UTCTimeZone()).year();
  if (year < 1678 || year > 2261) {
    return Mistake{"OutOfRange", StrCat("must be a time in the years 1678 to 2261, not ", Quoted(node.text))};
  }
  return std::nullopt;
}

std::optional<Mistake> CheckName(std::string_view name, bool label) {
  const size_t longest = label ? 63 : 253;
  const auto alnum = [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); };
  bool good = true;
  char before = '.';
  for (char c : name) {
    if (c == '.') {
      good &= !label && alnum(before);
    } else if (c == '-') {
      good &= before != '.';
    } else {
      good &= alnum(c);
    }
    before = c;
  }
  good &= !name.empty() && alnum(before);
  if (!good) {
    std::string proposal;
    for (char c : name) {
      const char lower = absl::ascii_tolower(c);
      const bool separates = c == '-' || c == '_' || c == ' ' || c == '/' || c == '.';
      if (alnum(lower)) {
        proposal.push_back(lower);
      } else if (separates && !proposal.empty() && alnum(proposal.back())) {
        proposal.push_back(c == '.' && !label ? '.' : '-');
      }
    }
    while (!proposal.empty() && !alnum(proposal.back())) proposal.pop_back();
    return Mistake{"InvalidName",
                   StrCat("must be lower-case letters, digits", label ? " and \"-\"" : ", \"-\" and \".\"",
                          ", with a letter or digit at both ends, not ", Quoted(name),
                          proposal.empty() || proposal.size() > longest ? "" : "; write ",
                          proposal.size() > longest ? "" : proposal)};
  }
  if (name.size() > longest) {
    return Mistake{"InvalidName", StrCat("must have at most ", longest, " characters, not ", name.size())};
  }
  return std::nullopt;
}

}  // namespace gloo::model
