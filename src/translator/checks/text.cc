#include "translator/checks/text.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "translator/checks/checks.h"

namespace gloo::checks {
namespace {

constexpr std::array<bool, 256> MakeNameTable() {
  std::array<bool, 256> table{};
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c : std::string_view("!#$%&'*+,-.^_|~`")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kNameTable = MakeNameTable();

bool NoLineBreaks(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\0' || c == '\n' || c == '\r'; });
}

}  // namespace

std::string Quote(std::string_view text) {
  constexpr size_t kShown = 100;
  const std::string_view shown = text.substr(0, kShown);
  std::string out = absl::StrCat("\"", absl::Utf8SafeCEscape({shown.data(), shown.size()}), "\"");
  if (text.size() > kShown) out += "...";
  return out;
}

bool IsHeaderName(std::string_view text, bool strict) {
  if (!strict) return NoLineBreaks(text);
  if (!text.empty() && text.front() == ':') text.remove_prefix(1);
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return kNameTable[static_cast<unsigned char>(c)]; });
}

bool IsHeaderValue(std::string_view text, bool strict) {
  if (!strict) return NoLineBreaks(text);
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && u != '\t') || u == 0x7f;
  });
}

absl::Status CheckRegex(std::string_view text) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex(re2::StringPiece(text.data(), text.size()), options);
  if (!regex.ok()) {
    // RE2's own text is "missing ): a("; the expression is already quoted.
    std::string error = regex.error();
    if (const std::string& argument = regex.error_arg(); !argument.empty() && argument == text) {
      error.resize(error.size() - argument.size());
      while (!error.empty() && (error.back() == ' ' || error.back() == ':')) error.pop_back();
    }
    return absl::InvalidArgumentError(absl::StrCat("invalid regular expression ", Quote(text), ": ", error));
  }
  if (regex.ProgramSize() > kMaxRegexProgramSize) {
    return absl::ResourceExhaustedError(absl::StrCat("regular expression ", Quote(text),
                                                     " is too large: it compiles to ", regex.ProgramSize(),
                                                     " instructions, at most ", kMaxRegexProgramSize, " are taken"));
  }
  return absl::OkStatus();
}

absl::Status CheckHeaderName(std::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("header name is empty");
  if (IsHeaderName(name, true)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("invalid header name ", Quote(name), ": only letters, digits and !#$%&'*+-.^_|~` are taken"));
}

absl::Status CheckHeaderValue(std::string_view value) {
  if (IsHeaderValue(value, true)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("invalid header value ", Quote(value), ": it must not hold control characters"));
}

absl::Status CheckHeaderFormat(std::string_view value) {
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%') continue;
    if (i + 1 < value.size() && value[i + 1] == '%') {
      ++i;
      continue;
    }
    // %COMMAND%, %COMMAND(ARGUMENTS)%, %COMMAND(ARGUMENTS):LENGTH%
    size_t j = i + 1;
    while (j < value.size() && (absl::ascii_isupper(value[j]) || absl::ascii_isdigit(value[j]) || value[j] == '_')) ++j;
    const bool named = j > i + 1;
    if (named && j < value.size() && value[j] == '(') {
      j = value.find(')', j);
      if (j != std::string_view::npos) ++j;
    }
    if (named && j < value.size() && value[j] == ':') {
      ++j;
      while (j < value.size() && absl::ascii_isdigit(value[j])) ++j;
    }
    if (!named || j >= value.size() || value[j] != '%') {
      return absl::InvalidArgumentError(absl::StrCat("invalid header value ", Quote(value), ": the % at position ", i,
                                                     " begins no %COMMAND%; a percent sign is written %%"));
    }
    i = j;
  }
  return absl::OkStatus();
}

}  // namespace gloo::checks
