// The functions of the language. Internal to this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "template/template.h"
#include "template/value.h"

namespace gloo::tmpl {

enum class Fn : uint8_t {
  kAt,
  kBase64Decode,
  kBase64Encode,
  kBase64UrlDecode,
  kBase64UrlEncode,
  kBody,
  kCapitalize,
  kContext,
  kCookies,
  kDefault,
  kDivisibleBy,
  kEscapeJson,
  kEven,
  kExcept,
  kExists,
  kExistsIn,
  kExtraction,
  kFirst,
  kFloat,
  kForm,
  kHeader,
  kInt,
  kIsArray,
  kIsBoolean,
  kIsFloat,
  kIsInteger,
  kIsNull,
  kIsNumber,
  kIsObject,
  kIsString,
  kJoin,
  kJson,
  kLast,
  kLength,
  kLower,
  kMax,
  kMin,
  kOdd,
  kOnly,
  kQuery,
  kRange,
  kRaw,
  kReplace,
  kRequestHeader,
  kRound,
  kSort,
  kSplit,
  kSubstring,
  kTrim,
  kUpper,
  kUrlDecode,
  kUrlEncode,
};

// Of a function that takes names of fields: more would be no template.
constexpr uint8_t kMaxNames = 200;

struct FunctionInfo {
  std::string_view name;
  Fn id;
  uint8_t min_args;
  uint8_t max_args;
};

// Sorted by name.
std::span<const FunctionInfo> Functions();
const FunctionInfo* FindFunction(std::string_view name);
const FunctionInfo& GetFunction(Fn id);

// One rendering.
struct Run {
  Context* context;
  Arena* arena;
  const Limits* limits;
  Budget* budget;  // of the whole message
  RenderError* error;
  size_t memory_start;  // of the arena

  // These return false.
  bool Fail(RenderError::Kind kind, std::string message);
  bool FailLimit(std::string_view what, uint64_t limit);
  bool FailData();  // with the context's error

  // Before `bytes` are taken of the arena: what comes from a message may be large. False after failing.
  bool Reserve(uint64_t bytes);
};

// `maybe`: where there is nothing the result is missing rather than an error. kDefault, kExists and kRaw never get here
// as calls of a constant shape; kExists does with a computed name and is handled by the machine.
bool CallFunction(Fn id, std::span<const Value> args, bool maybe, Run* run, Value* result);

// Arithmetic and `in`, by the character of the operator: + - * / ^ %.
bool Arithmetic(char op, const Value& a, const Value& b, Run* run, Value* result);
bool Contains(const Value& needle, const Value& haystack, Run* run, Value* result);

// container[key]; missing if there is none. False if `key` cannot be one.
bool Index(const Value& container, const Value& key, Run* run, Value* result);

}  // namespace gloo::tmpl
