// The values that templates compute with: JSON values in an arena.
#pragma once

#include <cstdint>
#include <string_view>

#include "template/arena.h"

namespace gloo::tmpl {

enum class Type : uint8_t { kMissing, kNull, kBool, kInt, kDouble, kNumber, kString, kArray, kObject };

struct Member;

// 16 bytes, copied freely; what it points to belongs to an arena or to the text that it was read from, and never
// changes. Default construction leaves it uninitialized.
struct Value {
  Type type;
  bool flag;       // kBool: the value; kNumber: written without fraction and exponent; kObject: has a hash index
  uint16_t depth;  // containers: levels of nesting, 1 for [1]
  uint32_t size;   // bytes of a string or of a number's text; elements; members
  union {
    int64_t integer;
    double real;
    const char* text;  // kString (not terminated); kNumber: as it stood in the JSON text
    const Value* items;
    const Member* members;
  };

  static Value Missing() { return Make(Type::kMissing); }
  static Value Null() { return Make(Type::kNull); }
  static Value Bool(bool b) {
    Value v = Make(Type::kBool);
    v.flag = b;
    return v;
  }
  static Value Int(int64_t i) {
    Value v = Make(Type::kInt);
    v.integer = i;
    return v;
  }
  static Value Double(double d) {
    Value v = Make(Type::kDouble);
    v.real = d;
    return v;
  }
  // The text must outlive the value.
  static Value String(std::string_view s) {
    Value v = Make(Type::kString);
    v.size = static_cast<uint32_t>(s.size());
    v.text = s.data();
    return v;
  }
  static Value Number(std::string_view s, bool integral) {
    Value v = String(s);
    v.type = Type::kNumber;
    v.flag = integral;
    return v;
  }
  static Value Array(const Value* items, uint32_t count);

  bool missing() const { return type == Type::kMissing; }
  bool is_string() const { return type == Type::kString; }
  bool is_array() const { return type == Type::kArray; }
  bool is_object() const { return type == Type::kObject; }
  bool is_number() const { return type == Type::kInt || type == Type::kDouble || type == Type::kNumber; }
  // kString and kNumber only.
  std::string_view view() const { return {text, size}; }

 private:
  static Value Make(Type type) {
    Value v;
    v.type = type;
    v.flag = false;
    v.depth = 0;
    v.size = 0;
    v.integer = 0;
    return v;
  }
};
static_assert(sizeof(Value) == 16);

struct Member {
  std::string_view key;
  Value value;
};

// "a string", "an object": for error texts.
const char* TypeName(const Value& value);

// A number for arithmetic: int64 where it is written as an integer and fits, else double.
struct Numeric {
  bool is_int;
  int64_t integer;
  double real;  // always set
};
Numeric ToNumeric(const Value& value);

// What MakeObject takes of the arena.
size_t ObjectBytes(uint32_t count);

// Copies `count` members into the arena. Of members with the same key the last one wins, at the place of the first.
Value MakeObject(Arena* arena, const Member* members, uint32_t count);

// The member's value, or null. O(1) for large objects.
const Value* FindMember(const Value& object, std::string_view key);

// One step of a path: a member of an object or, when `key` is a number, an element of an array; null if absent.
const Value* FindStep(const Value& container, std::string_view key);

// false, 0, null, "", [] and {} are false.
bool Truthy(const Value& value);

// What a rendering may spend; one unit is about one instruction or 16 bytes touched.
struct Budget {
  uint64_t left;
  // False once it is used up.
  bool Spend(uint64_t units) {
    if (left < units) {
      left = 0;
      return false;
    }
    left -= units;
    return true;
  }
};

// Numbers by value, 1 == 1.0. With the budget used up the answer means nothing.
bool Equal(const Value& a, const Value& b, Budget* budget);

// A total preorder: null, booleans, numbers, objects (all alike), arrays, strings; within a type by value.
bool Less(const Value& a, const Value& b, Budget* budget);

}  // namespace gloo::tmpl
