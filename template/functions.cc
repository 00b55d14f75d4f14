#include "template/functions.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "template/codec.h"
#include "template/json.h"
#include "template/request_functions.h"

namespace gloo::tmpl {
namespace {

using Kind = RenderError::Kind;

constexpr FunctionInfo kFunctions[] = {
    {"at", Fn::kAt, 2, 2},
    {"base64_decode", Fn::kBase64Decode, 1, 1},
    {"base64_encode", Fn::kBase64Encode, 1, 1},
    {"base64url_decode", Fn::kBase64UrlDecode, 1, 1},
    {"base64url_encode", Fn::kBase64UrlEncode, 1, 1},
    {"body", Fn::kBody, 0, 0},
    {"capitalize", Fn::kCapitalize, 1, 1},
    {"context", Fn::kContext, 0, 0},
    {"cookies", Fn::kCookies, 1, kMaxNames},
    {"default", Fn::kDefault, 2, 2},
    {"divisibleBy", Fn::kDivisibleBy, 2, 2},
    {"escape_json", Fn::kEscapeJson, 1, 1},
    {"even", Fn::kEven, 1, 1},
    {"except", Fn::kExcept, 1, kMaxNames},
    {"exists", Fn::kExists, 1, 1},
    {"existsIn", Fn::kExistsIn, 2, 2},
    {"extraction", Fn::kExtraction, 1, 1},
    {"first", Fn::kFirst, 1, 1},
    {"float", Fn::kFloat, 1, 1},
    {"form", Fn::kForm, 1, 1},
    {"header", Fn::kHeader, 1, 1},
    {"int", Fn::kInt, 1, 1},
    {"isArray", Fn::kIsArray, 1, 1},
    {"isBoolean", Fn::kIsBoolean, 1, 1},
    {"isFloat", Fn::kIsFloat, 1, 1},
    {"isInteger", Fn::kIsInteger, 1, 1},
    {"isNull", Fn::kIsNull, 1, 1},
    {"isNumber", Fn::kIsNumber, 1, 1},
    {"isObject", Fn::kIsObject, 1, 1},
    {"isString", Fn::kIsString, 1, 1},
    {"join", Fn::kJoin, 2, 2},
    {"json", Fn::kJson, 1, 1},
    {"last", Fn::kLast, 1, 1},
    {"length", Fn::kLength, 1, 1},
    {"lower", Fn::kLower, 1, 1},
    {"max", Fn::kMax, 1, 1},
    {"min", Fn::kMin, 1, 1},
    {"odd", Fn::kOdd, 1, 1},
    {"only", Fn::kOnly, 1, kMaxNames},
    {"query", Fn::kQuery, 1, kMaxNames},
    {"range", Fn::kRange, 1, 1},
    {"raw", Fn::kRaw, 1, 1},
    {"replace", Fn::kReplace, 3, 3},
    {"request_header", Fn::kRequestHeader, 1, 1},
    {"round", Fn::kRound, 2, 2},
    {"sort", Fn::kSort, 1, 1},
    {"split", Fn::kSplit, 2, 2},
    {"substring", Fn::kSubstring, 2, 3},
    {"trim", Fn::kTrim, 1, 1},
    {"upper", Fn::kUpper, 1, 1},
    {"url_decode", Fn::kUrlDecode, 1, 1},
    {"url_encode", Fn::kUrlEncode, 1, 1},
};

// A function at work: its name for errors, its result in the arena.
class Call {
 public:
  Call(Fn id, std::span<const Value> args, bool maybe, Run* run, Value* result)
      : id_(id), args_(args), maybe_(maybe), run_(run), result_(result) {}

  bool Do();

 private:
  bool Fail(std::string what) {
    return run_->Fail(Kind::kValue, std::string(GetFunction(id_).name) + "() " + std::move(what));
  }
  bool Needs(const char* what, const Value& got) {
    return Fail(std::string("needs ") + what + ", got " + TypeName(got));
  }
  bool Nothing(const char* what) {
    if (maybe_) return Give(Value::Missing());
    if (!run_->context->missing_is_null()) return Fail(what);
    *result_ = Value::Null();
    return true;
  }
  bool Give(const Value& value) {
    *result_ = value;
    return true;
  }
  bool GiveText(std::string_view text) {
    run_->budget->Spend(text.size() / 16);
    return Give(Value::String(run_->arena->Copy(text)));
  }

  // Text functions take numbers and booleans too: what a parameter holds as text a body may hold as a number.
  bool Text(size_t arg, std::string_view* text) {
    const Value& value = args_[arg];
    if (value.is_string() || value.type == Type::kNumber) {
      *text = value.view();
    } else if (value.is_number() || value.type == Type::kBool) {
      std::string buffer;
      AppendText(value, run_->limits->output_bytes, &buffer);
      *text = run_->arena->Copy(buffer);
    } else {
      return Needs("a string", value);
    }
    return run_->budget->Spend(text->size() / 16) || run_->FailLimit("work", run_->limits->work);
  }
  bool Integer(size_t arg, int64_t* integer) {
    const Value& value = args_[arg];
    if (!value.is_number()) return Needs("a number", value);
    Numeric number = ToNumeric(value);
    if (!number.is_int && !(std::fabs(number.real) < 9.2e18)) return Fail("got a number that is too large");
    *integer = number.is_int ? number.integer : static_cast<int64_t>(number.real);
    return true;
  }
  bool Array(size_t arg) {
    if (!args_[arg].is_array()) return Needs("an array", args_[arg]);
    return true;
  }
  template <typename Change>
  bool MapText(Change change) {
    std::string_view text;
    if (!Text(0, &text)) return false;
    std::string out;
    change(text, &out);
    return GiveText(out);
  }

  bool At();
  bool Base64(bool url);
  bool Join();
  bool MinMax(bool max);
  bool ParseNumber(bool to_int);
  bool Range();
  bool Replace();
  bool Round();
  bool Sort();
  bool Split();
  bool Substring();

  Fn id_;
  std::span<const Value> args_;
  bool maybe_;
  Run* run_;
  Value* result_;
};

bool Call::At() {
  if (args_[0].missing()) return Nothing("got nothing");
  if (!args_[0].is_object() && !args_[0].is_array()) return Needs("an array or an object", args_[0]);
  Value element;
  if (!Index(args_[0], args_[1], run_, &element)) return false;
  if (!element.missing()) return Give(element);
  if (maybe_) return Give(element);
  std::string key;
  AppendJson(args_[1], 100, &key);
  return Fail("found no element " + key);
}

bool Call::Base64(bool url) {
  std::string_view text;
  if (!Text(0, &text)) return false;
  std::string out;
  if (!AppendBase64Decoded(text, url, &out)) return Fail("got text that is not base64");
  return GiveText(out);
}

bool Call::Join() {
  if (!Array(0)) return false;
  std::string_view separator;
  if (!Text(1, &separator)) return false;
  std::string out;
  for (uint32_t i = 0; i < args_[0].size; ++i) {
    if (i > 0) out.append(separator);
    const Value& item = args_[0].items[i];
    bool fits = item.is_string() ? AppendText(item, run_->limits->output_bytes, &out)
                                 : AppendJson(item, run_->limits->output_bytes, &out);
    if (!fits) return run_->FailLimit("output", run_->limits->output_bytes);
  }
  return GiveText(out);
}

bool Call::MinMax(bool max) {
  if (!Array(0)) return false;
  if (args_[0].size == 0) return Fail("of an empty array");
  const Value* best = args_[0].items;
  for (uint32_t i = 1; i < args_[0].size; ++i) {
    const Value* item = args_[0].items + i;
    if (max ? Less(*best, *item, run_->budget) : Less(*item, *best, run_->budget)) best = item;
  }
  return Give(*best);
}

// Strings by the number that they begin with, as Inja does.
bool Call::ParseNumber(bool to_int) {
  const Value& value = args_[0];
  double real = 0;
  if (value.is_number()) {
    Numeric number = ToNumeric(value);
    if (to_int && number.is_int) return Give(Value::Int(number.integer));
    real = number.real;
  } else if (value.is_string()) {
    std::string_view text = value.view();
    while (!text.empty() && IsSpace(text[0])) text.remove_prefix(1);
    if (text.starts_with('+')) text.remove_prefix(1);
    const char* end = text.data() + text.size();
    int64_t integer = 0;
    std::errc error;
    if (to_int) {
      error = std::from_chars(text.data(), end, integer).ec;
    } else {
      error = std::from_chars(text.data(), end, real).ec;
      if (error == std::errc() && !std::isfinite(real)) error = std::errc::invalid_argument;
    }
    if (error != std::errc()) {
      return Fail("needs a number, got \"" + std::string(value.view().substr(0, 40)) + "\"");
    }
    return Give(to_int ? Value::Int(integer) : Value::Double(real));
  } else {
    return Needs("a string or a number", value);
  }
  if (!(std::fabs(real) < (to_int ? 9.2e18 : HUGE_VAL))) return Fail("got a number that is too large");
  if (!to_int) return Give(Value::Double(real));
  return Give(Value::Int(static_cast<int64_t>(real)));
}

bool Call::Range() {
  int64_t count = 0;
  if (!Integer(0, &count)) return false;
  if (count < 0) return Fail("needs a number that is not negative, got " + std::to_string(count));
  if (count > run_->limits->range) {
    return run_->Fail(Kind::kLimit, "range(" + std::to_string(count) + ") has more than " +
                                        std::to_string(run_->limits->range) + " elements");
  }
  Value* items = run_->arena->New<Value>(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) items[i] = Value::Int(i);
  run_->budget->Spend(static_cast<uint64_t>(count));
  return Give(Value::Array(items, static_cast<uint32_t>(count)));
}

bool Call::Replace() {
  std::string_view text, from, to;
  if (!Text(0, &text) || !Text(1, &from) || !Text(2, &to)) return false;
  if (from.empty()) return Give(Value::String(text));
  std::string out;
  size_t at = 0;
  while (true) {
    size_t found = text.find(from, at);
    out.append(text, at, found == std::string_view::npos ? found : found - at);
    if (found == std::string_view::npos) break;
    out.append(to);
    if (out.size() > run_->limits->output_bytes) return run_->FailLimit("output", run_->limits->output_bytes);
    at = found + from.size();
  }
  return GiveText(out);
}

bool Call::Round() {
  int64_t digits = 0;
  if (!args_[0].is_number()) return Needs("a number", args_[0]);
  if (!Integer(1, &digits)) return false;
  if (digits < -300 || digits > 300) return Fail("cannot round to " + std::to_string(digits) + " digits");
  double number = ToNumeric(args_[0]).real;
  double scale = std::pow(10.0, static_cast<double>(digits));
  double scaled = number * scale;
  // From 2^53 on a double has no fraction to round.
  bool whole = digits >= 0 && std::fabs(number) >= 9007199254740992.0;
  double rounded = std::isfinite(scaled) && !whole ? std::round(scaled) / scale : number;
  if (digits == 0 && std::fabs(rounded) < 9.2e18) return Give(Value::Int(static_cast<int64_t>(rounded)));
  if (!std::isfinite(rounded)) return Fail("got a number that is too large");
  return Give(Value::Double(rounded));
}

bool Call::Sort() {
  if (!Array(0)) return false;
  uint32_t count = args_[0].size;
  if (!run_->Reserve(count * sizeof(Value))) return false;
  Value* items = run_->arena->New<Value>(count);
  std::copy_n(args_[0].items, count, items);
  // The order of comparisons must not change half way, which an exhausted budget would do.
  uint64_t log = 1;
  while ((count >> log) != 0) ++log;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (items[i].is_array()) {
      std::string size;
      if (!AppendJson(items[i], run_->limits->output_bytes, &size)) {
        return run_->FailLimit("output", run_->limits->output_bytes);
      }
      bytes += size.size() * 16;
    } else if (items[i].is_string()) {
      bytes += items[i].size;
    }
  }
  if (!run_->budget->Spend((count + bytes / 16) * log * 2)) return run_->FailLimit("work", run_->limits->work);
  Budget unlimited{std::numeric_limits<uint64_t>::max()};
  std::sort(items, items + count, [&](const Value& a, const Value& b) { return Less(a, b, &unlimited); });
  return Give(Value::Array(items, count));
}

bool Call::Split() {
  std::string_view text, separator;
  if (!Text(0, &text) || !Text(1, &separator)) return false;
  if (separator.empty()) return Fail("needs a separator that is not empty");
  uint32_t count = 1;
  for (size_t at = 0; (at = text.find(separator, at)) != std::string_view::npos; at += separator.size()) ++count;
  if (!run_->Reserve(count * sizeof(Value))) return false;
  Value* items = run_->arena->New<Value>(count);
  for (uint32_t i = 0; i < count; ++i) {
    size_t end = text.find(separator);
    items[i] = Value::String(text.substr(0, end));
    if (end != std::string_view::npos) text.remove_prefix(end + separator.size());
  }
  run_->budget->Spend(count);
  return Give(Value::Array(items, count));
}

// By bytes as length() counts them, but never a part of a character: an edge inside one moves behind it.
bool Call::Substring() {
  std::string_view text;
  int64_t start = 0;
  int64_t length = std::numeric_limits<int64_t>::max();
  if (!Text(0, &text) || !Integer(1, &start)) return false;
  if (args_.size() > 2 && !Integer(2, &length)) return false;
  if (start < 0 || length < 0) return Fail("needs a start and a length that are not negative");
  auto edge = [&](uint64_t at) {
    if (at >= text.size()) return text.size();
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
    return static_cast<size_t>(at);
  };
  size_t first = edge(static_cast<uint64_t>(start));
  size_t last = edge(static_cast<uint64_t>(start) + static_cast<uint64_t>(length));
  return Give(Value::String(text.substr(first, last - first)));
}

bool Call::Do() {
  const Value& first = args_.empty() ? Value::Null() : args_[0];
  int64_t a = 0;
  int64_t b = 0;
  std::string_view text;
  switch (id_) {
    case Fn::kAt:
      return At();
    case Fn::kBase64Decode:
      return Base64(false);
    case Fn::kBase64UrlDecode:
      return Base64(true);
    case Fn::kBase64Encode:
      return MapText([](std::string_view in, std::string* out) { AppendBase64(in, false, out); });
    case Fn::kBase64UrlEncode:
      return MapText([](std::string_view in, std::string* out) { AppendBase64(in, true, out); });
    case Fn::kBody:
      return Give(Value::String(run_->context->Body()));
    case Fn::kCapitalize:
      return MapText([](std::string_view in, std::string* out) {
        for (char c : in) out->push_back(out->empty() ? ToUpper(c) : ToLower(c));
      });
    case Fn::kContext:
      if (run_->context->Root(run_->arena, result_)) return true;
      return run_->FailData();
    case Fn::kCookies:
    case Fn::kExcept:
    case Fn::kForm:
    case Fn::kOnly:
    case Fn::kQuery:
      return CallRequestFunction(id_, args_, run_, result_);
    case Fn::kDivisibleBy:
      if (!Integer(0, &a) || !Integer(1, &b)) return false;
      return Give(Value::Bool(b != 0 && (b == -1 || a % b == 0)));
    case Fn::kEscapeJson:
      return MapText([](std::string_view in, std::string* out) { AppendJsonEscaped(in, out); });
    case Fn::kEven:
    case Fn::kOdd:
      if (!Integer(0, &a)) return false;
      return Give(Value::Bool((a % 2 == 0) == (id_ == Fn::kEven)));
    case Fn::kExistsIn:
      if (!args_[1].is_string()) return Needs("the key as a string", args_[1]);
      return Give(Value::Bool(first.is_object() && FindMember(first, args_[1].view()) != nullptr));
    case Fn::kExtraction:
    case Fn::kHeader:
    case Fn::kRequestHeader: {
      if (!Text(0, &text)) return false;
      // A constant name is in lower case already.
      if (id_ != Fn::kExtraction && std::any_of(text.begin(), text.end(), [](char c) { return ToLower(c) != c; })) {
        char* name = run_->arena->New<char>(text.size());
        std::transform(text.begin(), text.end(), name, ToLower);
        text = {name, text.size()};
      }
      std::optional<std::string_view> found = id_ == Fn::kExtraction ? run_->context->Extraction(text)
                                              : id_ == Fn::kHeader   ? run_->context->Header(text)
                                                                     : run_->context->RequestHeader(text);
      if (found.has_value()) return Give(Value::String(*found));
      return Give(maybe_ ? Value::Missing() : Value::String(""));
    }
    case Fn::kFirst:
    case Fn::kLast:
      if (first.missing()) return Nothing("got nothing");
      if (!Array(0)) return false;
      if (first.size == 0) return Nothing("of an empty array");
      return Give(first.items[id_ == Fn::kFirst ? 0 : first.size - 1]);
    case Fn::kFloat:
      return ParseNumber(false);
    case Fn::kInt:
      return ParseNumber(true);
    case Fn::kIsArray:
      return Give(Value::Bool(first.is_array()));
    case Fn::kIsBoolean:
      return Give(Value::Bool(first.type == Type::kBool));
    case Fn::kIsFloat:
      return Give(Value::Bool(first.type == Type::kDouble || (first.type == Type::kNumber && !first.flag)));
    case Fn::kIsInteger:
      return Give(Value::Bool(first.type == Type::kInt || (first.type == Type::kNumber && first.flag)));
    case Fn::kIsNull:
      return Give(Value::Bool(first.type == Type::kNull));
    case Fn::kIsNumber:
      return Give(Value::Bool(first.is_number()));
    case Fn::kIsObject:
      return Give(Value::Bool(first.is_object()));
    case Fn::kIsString:
      return Give(Value::Bool(first.is_string()));
    case Fn::kJoin:
      return Join();
    case Fn::kJson: {
      std::string out;
      if (!AppendJson(first, run_->limits->output_bytes, &out)) {
        return run_->FailLimit("output", run_->limits->output_bytes);
      }
      return GiveText(out);
    }
    case Fn::kLength:
      if (!first.is_string() && !first.is_array() && !first.is_object()) {
        return Needs("a string, an array or an object", first);
      }
      return Give(Value::Int(first.size));
    case Fn::kLower:
      return MapText([](std::string_view in, std::string* out) {
        for (char c : in) out->push_back(ToLower(c));
      });
    case Fn::kMax:
      return MinMax(true);
    case Fn::kMin:
      return MinMax(false);
    case Fn::kRange:
      return Range();
    case Fn::kReplace:
      return Replace();
    case Fn::kRound:
      return Round();
    case Fn::kSort:
      return Sort();
    case Fn::kSplit:
      return Split();
    case Fn::kSubstring:
      return Substring();
    case Fn::kTrim:
      if (!Text(0, &text)) return false;
      while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
      while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
      return Give(Value::String(text));
    case Fn::kUpper:
      return MapText([](std::string_view in, std::string* out) {
        for (char c : in) out->push_back(ToUpper(c));
      });
    case Fn::kUrlDecode:
      return MapText([](std::string_view in, std::string* out) { AppendUrlDecoded(in, false, out); });
    case Fn::kUrlEncode:
      return MapText(AppendUrlEncoded);
    case Fn::kDefault:
    case Fn::kExists:
    case Fn::kRaw:
      break;
  }
  return Fail("cannot be called here");
}

}  // namespace

std::span<const FunctionInfo> Functions() { return kFunctions; }

const FunctionInfo* FindFunction(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kFunctions), std::end(kFunctions), [&](const FunctionInfo& f) { return f.name == name; });
  return found == std::end(kFunctions) ? nullptr : found;
}

const FunctionInfo& GetFunction(Fn id) {
  return *std::find_if(std::begin(kFunctions), std::end(kFunctions), [&](const FunctionInfo& f) { return f.id == id; });
}

bool CallFunction(Fn id, std::span<const Value> args, bool maybe, Run* run, Value* result) {
  return Call(id, args, maybe, run, result).Do();
}

}  // namespace gloo::tmpl
