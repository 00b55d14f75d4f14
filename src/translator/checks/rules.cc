#include "translator/checks/rules.h"

#include <arpa/inet.h>
#include <re2/re2.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "translator/checks/text.h"

namespace gloo::checks {
namespace {

using google::protobuf::Duration;
using google::protobuf::Timestamp;

Violation Invalid(std::string message) { return {"InvalidValue", std::move(message)}; }
Violation Length(std::string message) { return {"InvalidLength", std::move(message)}; }
Violation Range(std::string message) { return {"OutOfRange", std::move(message)}; }

size_t CodePoints(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

bool StartsWith(std::string_view text, std::string_view part) { return text.substr(0, part.size()) == part; }
bool EndsWith(std::string_view text, std::string_view part) {
  return text.size() >= part.size() && text.substr(text.size() - part.size()) == part;
}

bool IsIp(int family, std::string_view text) {
  unsigned char buffer[16];
  return inet_pton(family, std::string(text).c_str(), buffer) == 1;
}

bool IsHostname(std::string_view text) {
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  size_t label = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '.') continue;
    const std::string_view part = text.substr(label, i - label);
    if (part.empty() || part.size() > 63 || part.front() == '-' || part.back() == '-') return false;
    if (!std::all_of(part.begin(), part.end(), [](char c) { return absl::ascii_isalnum(c) || c == '-'; })) return false;
    label = i + 1;
  }
  return true;
}

bool IsEmail(std::string_view text) {
  const size_t at = text.rfind('@');
  return at != std::string_view::npos && at > 0 && at <= 64 && text.size() <= 254 && IsHostname(text.substr(at + 1)) &&
         std::none_of(text.begin(), text.begin() + at, [](char c) { return absl::ascii_isspace(c) || c == '@'; });
}

bool IsUriReference(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) || !absl::ascii_isxdigit(text[i + 2]))
        return false;
    } else if (!absl::ascii_isalnum(c) &&
               std::string_view("-._~:/?#[]@!$&'()*+,;=").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

bool IsUri(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !absl::ascii_isalpha(text.front())) return false;
  return IsUriReference(text) && std::all_of(text.begin(), text.begin() + colon, [](char c) {
           return absl::ascii_isalnum(c) || c == '+' || c == '-' || c == '.';
         });
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

template <typename List, typename T>
bool Contains(const List& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

template <typename List, typename Text>
std::string Listed(const List& list, Text text) {
  std::string out;
  for (const auto& entry : list) absl::StrAppend(&out, out.empty() ? "" : ", ", text(entry));
  return out;
}

// const, lt, lte, gt, gte, in, not_in: the same for numbers, durations and timestamps. With gt(e) above lt(e) the
// range is the outside of the two.
template <typename Rules, typename T, typename Less, typename Text>
Violation ApplyRange(const Rules& rules, const T& value, Less less, Text text) {
  const bool has_low = rules.has_gt() || rules.has_gte();
  const bool has_high = rules.has_lt() || rules.has_lte();
  const auto& low = rules.has_gt() ? rules.gt() : rules.gte();
  const auto& high = rules.has_lt() ? rules.lt() : rules.lte();
  const bool low_ok = !has_low || (rules.has_gt() ? less(low, value) : !less(value, low));
  const bool high_ok = !has_high || (rules.has_lt() ? less(value, high) : !less(high, value));
  const bool outside = has_low && has_high && less(high, low);
  if (outside ? !(low_ok || high_ok) : !(low_ok && high_ok)) {
    std::string wanted;
    if (has_low) wanted = absl::StrCat(rules.has_gt() ? "greater than " : "at least ", text(low));
    if (has_high) {
      absl::StrAppend(&wanted, wanted.empty() ? "" : (outside ? " or " : " and "),
                      rules.has_lt() ? "less than " : "at most ", text(high));
    }
    return Range(absl::StrCat("must be ", wanted, ", is ", text(value)));
  }
  const auto same = [&](const auto& other) { return !less(value, other) && !less(other, value); };
  if (rules.has_const_() && !same(rules.const_())) {
    return Range(absl::StrCat("must be ", text(rules.const_()), ", is ", text(value)));
  }
  if (!rules.in().empty() && std::none_of(rules.in().begin(), rules.in().end(), same)) {
    return Range(absl::StrCat("must be one of ", Listed(rules.in(), text), ", is ", text(value)));
  }
  if (std::any_of(rules.not_in().begin(), rules.not_in().end(), same)) {
    return Range(absl::StrCat("must not be ", text(value)));
  }
  return {};
}

template <typename Rules, typename T>
Violation ApplyNumber(const Rules& rules, T value) {
  if (rules.ignore_empty() && value == T{}) return {};
  return ApplyRange(
      rules, value, [](auto a, auto b) { return a < b; }, [](auto v) { return absl::StrCat(v); });
}

template <typename T>
bool TimeLess(const T& a, const T& b) {
  return a.seconds() != b.seconds() ? a.seconds() < b.seconds() : a.nanos() < b.nanos();
}

// "1.5s".
template <typename T>
std::string TimeText(const T& time) {
  const bool negative = time.seconds() < 0 || time.nanos() < 0;
  const auto magnitude = [](int64_t v) { return v < 0 ? 0 - static_cast<uint64_t>(v) : static_cast<uint64_t>(v); };
  std::string out = absl::StrCat(negative ? "-" : "", magnitude(time.seconds()));
  if (time.nanos() != 0) {
    std::string fraction = absl::StrCat(magnitude(time.nanos()));
    fraction.insert(0, 9 - std::min<size_t>(9, fraction.size()), '0');
    while (fraction.back() == '0') fraction.pop_back();
    absl::StrAppend(&out, ".", fraction);
  }
  return out + "s";
}

std::string QuotedText(const std::string& text) { return Quote(text); }

// What strings and bytes share, but for lengths.
template <typename Rules>
Violation ApplyContent(const Rules& rules, const re2::RE2* pattern, std::string_view value) {
  if (rules.has_const_() && value != rules.const_()) {
    return Invalid(absl::StrCat("must be ", Quote(rules.const_()), ", is ", Quote(value)));
  }
  if (rules.has_prefix() && !StartsWith(value, rules.prefix())) {
    return Invalid(absl::StrCat("must begin with ", Quote(rules.prefix()), ", is ", Quote(value)));
  }
  if (rules.has_suffix() && !EndsWith(value, rules.suffix())) {
    return Invalid(absl::StrCat("must end with ", Quote(rules.suffix()), ", is ", Quote(value)));
  }
  if (rules.has_contains() && value.find(rules.contains()) == std::string_view::npos) {
    return Invalid(absl::StrCat("must contain ", Quote(rules.contains()), ", is ", Quote(value)));
  }
  if (!rules.in().empty() && !Contains(rules.in(), value)) {
    return Invalid(absl::StrCat("must be one of ", Listed(rules.in(), QuotedText), ", is ", Quote(value)));
  }
  if (Contains(rules.not_in(), value)) return Invalid(absl::StrCat("must not be ", Quote(value)));
  if (pattern != nullptr && !re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *pattern)) {
    return Invalid(absl::StrCat("must match ", pattern->pattern(), ", is ", Quote(value)));
  }
  return {};
}

Violation ApplyWellKnown(const validate::StringRules& rules, std::string_view value) {
  const char* wanted = nullptr;
  switch (rules.well_known_case()) {
    case validate::StringRules::kEmail:
      if (rules.email() && !IsEmail(value)) wanted = "an e-mail address";
      break;
    case validate::StringRules::kHostname:
      if (rules.hostname() && !IsHostname(value)) wanted = "a host name";
      break;
    case validate::StringRules::kIp:
      if (rules.ip() && !IsIp(AF_INET, value) && !IsIp(AF_INET6, value)) wanted = "an IP address";
      break;
    case validate::StringRules::kIpv4:
      if (rules.ipv4() && !IsIp(AF_INET, value)) wanted = "an IPv4 address";
      break;
    case validate::StringRules::kIpv6:
      if (rules.ipv6() && !IsIp(AF_INET6, value)) wanted = "an IPv6 address";
      break;
    case validate::StringRules::kUri:
      if (rules.uri() && !IsUri(value)) wanted = "a URI with a scheme";
      break;
    case validate::StringRules::kUriRef:
      if (rules.uri_ref() && !IsUriReference(value)) wanted = "a URI reference";
      break;
    case validate::StringRules::kAddress:
      if (rules.address() && !IsHostname(value) && !IsIp(AF_INET, value) && !IsIp(AF_INET6, value)) {
        wanted = "a host name or an IP address";
      }
      break;
    case validate::StringRules::kUuid:
      if (rules.uuid() && !IsUuid(value)) wanted = "a UUID";
      break;
    case validate::StringRules::kWellKnownRegex:
      if (rules.well_known_regex() == validate::HTTP_HEADER_NAME && !IsHeaderName(value, rules.strict())) {
        return {"InvalidHeaderName", absl::StrCat("must be a header name, is ", Quote(value))};
      }
      if (rules.well_known_regex() == validate::HTTP_HEADER_VALUE && !IsHeaderValue(value, rules.strict())) {
        return {"InvalidHeaderValue",
                absl::StrCat("must be a header value, without control characters, is ", Quote(value))};
      }
      break;
    case validate::StringRules::WELL_KNOWN_NOT_SET:
      break;
  }
  if (wanted != nullptr) return Invalid(absl::StrCat("must be ", wanted, ", is ", Quote(value)));
  return {};
}

}  // namespace

Violation ApplyString(const validate::StringRules& rules, const re2::RE2* pattern, std::string_view value) {
  if (rules.ignore_empty() && value.empty()) return {};
  if (rules.has_min_len() || rules.has_max_len() || rules.has_len()) {
    const size_t count = CodePoints(value);
    if (value.empty() && (rules.min_len() > 0 || rules.len() > 0)) return Length("must not be empty");
    if (rules.has_len() && count != rules.len()) {
      return Length(absl::StrCat("must have ", rules.len(), " characters, has ", count));
    }
    if (rules.has_min_len() && count < rules.min_len()) {
      return Length(absl::StrCat("must have at least ", rules.min_len(), " characters, has ", count));
    }
    if (rules.has_max_len() && count > rules.max_len()) {
      return Length(absl::StrCat("must have at most ", rules.max_len(), " characters, has ", count));
    }
  }
  if (rules.has_len_bytes() && value.size() != rules.len_bytes()) {
    return Length(absl::StrCat("must have ", rules.len_bytes(), " bytes, has ", value.size()));
  }
  if (value.size() < rules.min_bytes()) {
    return Length(absl::StrCat("must have at least ", rules.min_bytes(), " bytes, has ", value.size()));
  }
  if (rules.has_max_bytes() && value.size() > rules.max_bytes()) {
    return Length(absl::StrCat("must have at most ", rules.max_bytes(), " bytes, has ", value.size()));
  }
  if (Violation violation = ApplyContent(rules, pattern, value)) return violation;
  if (rules.has_not_contains() && value.find(rules.not_contains()) != std::string_view::npos) {
    return Invalid(absl::StrCat("must not contain ", Quote(rules.not_contains()), ", is ", Quote(value)));
  }
  return ApplyWellKnown(rules, value);
}

Violation ApplyBytes(const validate::BytesRules& rules, const re2::RE2* pattern, std::string_view value) {
  if (rules.ignore_empty() && value.empty()) return {};
  if (rules.has_len() && value.size() != rules.len()) {
    return Length(absl::StrCat("must have ", rules.len(), " bytes, has ", value.size()));
  }
  if (value.size() < rules.min_len()) {
    return Length(absl::StrCat("must have at least ", rules.min_len(), " bytes, has ", value.size()));
  }
  if (rules.has_max_len() && value.size() > rules.max_len()) {
    return Length(absl::StrCat("must have at most ", rules.max_len(), " bytes, has ", value.size()));
  }
  const bool four = value.size() == 4;
  const bool sixteen = value.size() == 16;
  if ((rules.ip() && !four && !sixteen) || (rules.ipv4() && !four) || (rules.ipv6() && !sixteen)) {
    return Invalid(absl::StrCat("must be the bytes of an IP address, has ", value.size(), " bytes"));
  }
  return ApplyContent(rules, pattern, value);
}

Violation ApplyEnum(const validate::EnumRules& rules, const google::protobuf::EnumDescriptor& type, int value) {
  const auto text = [&](int number) {
    const google::protobuf::EnumValueDescriptor* found = type.FindValueByNumber(number);
    return found == nullptr ? absl::StrCat(number) : found->name();
  };
  if (rules.defined_only() && type.FindValueByNumber(value) == nullptr) {
    return Invalid(absl::StrCat("must be a value of ", type.full_name(), ", is ", value));
  }
  if (rules.has_const_() && value != rules.const_()) {
    return Invalid(absl::StrCat("must be ", text(rules.const_()), ", is ", text(value)));
  }
  if (!rules.in().empty() && !Contains(rules.in(), value)) {
    return Invalid(absl::StrCat("must be one of ", Listed(rules.in(), text), ", is ", text(value)));
  }
  if (Contains(rules.not_in(), value)) return Invalid(absl::StrCat("must not be ", text(value)));
  return {};
}

Violation ApplyBool(const validate::BoolRules& rules, bool value) {
  if (!rules.has_const_() || rules.const_() == value) return {};
  return Invalid(absl::StrCat("must be ", rules.const_() ? "true" : "false"));
}

Violation ApplyDuration(const validate::DurationRules& rules, const Duration& value) {
  return ApplyRange(rules, value, TimeLess<Duration>, TimeText<Duration>);
}

Violation ApplyTimestamp(const validate::TimestampRules& rules, const Timestamp& value) {
  // lt_now, gt_now and within need a clock, which a check of resources has not; Envoy's protos use none of them.
  struct Ranged {
    const validate::TimestampRules& rules;
    std::vector<Timestamp> none;
    bool has_const_() const { return rules.has_const_(); }
    bool has_lt() const { return rules.has_lt(); }
    bool has_lte() const { return rules.has_lte(); }
    bool has_gt() const { return rules.has_gt(); }
    bool has_gte() const { return rules.has_gte(); }
    const Timestamp& const_() const { return rules.const_(); }
    const Timestamp& lt() const { return rules.lt(); }
    const Timestamp& lte() const { return rules.lte(); }
    const Timestamp& gt() const { return rules.gt(); }
    const Timestamp& gte() const { return rules.gte(); }
    const std::vector<Timestamp>& in() const { return none; }
    const std::vector<Timestamp>& not_in() const { return none; }
  };
  return ApplyRange(Ranged{rules, {}}, value, TimeLess<Timestamp>, TimeText<Timestamp>);
}

Violation ApplyAny(const validate::AnyRules& rules, const std::string& type_url) {
  if (!rules.in().empty() && !Contains(rules.in(), type_url)) {
    return Invalid(absl::StrCat("must be of type ", Listed(rules.in(), QuotedText), ", is ", Quote(type_url)));
  }
  if (Contains(rules.not_in(), type_url)) return Invalid(absl::StrCat("must not be of type ", Quote(type_url)));
  return {};
}

Violation ApplyDouble(const validate::FieldRules& rules, double value) {
  if (rules.has_double_()) return ApplyNumber(rules.double_(), value);
  if (rules.has_float_()) return ApplyNumber(rules.float_(), static_cast<float>(value));
  return {};
}

Violation ApplySigned(const validate::FieldRules& rules, int64_t value) {
  switch (rules.type_case()) {
    case validate::FieldRules::kInt32:
      return ApplyNumber(rules.int32(), static_cast<int32_t>(value));
    case validate::FieldRules::kInt64:
      return ApplyNumber(rules.int64(), value);
    case validate::FieldRules::kSint32:
      return ApplyNumber(rules.sint32(), static_cast<int32_t>(value));
    case validate::FieldRules::kSint64:
      return ApplyNumber(rules.sint64(), value);
    case validate::FieldRules::kSfixed32:
      return ApplyNumber(rules.sfixed32(), static_cast<int32_t>(value));
    case validate::FieldRules::kSfixed64:
      return ApplyNumber(rules.sfixed64(), value);
    default:
      return {};
  }
}

Violation ApplyUnsigned(const validate::FieldRules& rules, uint64_t value) {
  switch (rules.type_case()) {
    case validate::FieldRules::kUint32:
      return ApplyNumber(rules.uint32(), static_cast<uint32_t>(value));
    case validate::FieldRules::kUint64:
      return ApplyNumber(rules.uint64(), value);
    case validate::FieldRules::kFixed32:
      return ApplyNumber(rules.fixed32(), static_cast<uint32_t>(value));
    case validate::FieldRules::kFixed64:
      return ApplyNumber(rules.fixed64(), value);
    default:
      return {};
  }
}

Violation CheckDurationRange(const Duration& value) {
  constexpr int64_t kMaxSeconds = INT64_MAX / 1'000'000'000;
  if (value.seconds() < 0 || value.nanos() < 0) {
    return {"InvalidDuration", absl::StrCat("must not be negative, is ", TimeText(value))};
  }
  if (value.seconds() >= kMaxSeconds || value.nanos() > 999'999'999) {
    return {"InvalidDuration", absl::StrCat("must be less than ", kMaxSeconds, "s, is ", TimeText(value))};
  }
  return {};
}

}  // namespace gloo::checks
