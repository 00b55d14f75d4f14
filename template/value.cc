#include "template/value.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

namespace gloo::tmpl {
namespace {

// Below this many members a scan is faster than a hash index.
constexpr uint32_t kScan = 8;
constexpr uint32_t kEmpty = 0xffffffff;

// Seeded with the address of the members, which a client cannot know: keys that collide cannot be prepared.
uint32_t Hash(std::string_view key, const Member* seed) {
  uint64_t h = reinterpret_cast<uintptr_t>(seed) * 0x9e3779b97f4a7c15ull;
  const char* p = key.data();
  size_t left = key.size();
  while (left >= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    h = (h ^ word) * 0xff51afd7ed558ccdull;
    h ^= h >> 32;
    p += 8;
    left -= 8;
  }
  uint64_t word = left;
  if (left > 0) std::memcpy(reinterpret_cast<char*>(&word) + 1, p, left);
  h = (h ^ word ^ key.size()) * 0xc4ceb9fe1a85ec53ull;
  return static_cast<uint32_t>(h >> 32);
}

uint32_t IndexSlots(uint32_t count) { return std::bit_ceil(count * 2); }

int Rank(const Value& value) {
  switch (value.type) {
    case Type::kMissing:
    case Type::kNull:
      return 0;
    case Type::kBool:
      return 1;
    case Type::kInt:
    case Type::kDouble:
    case Type::kNumber:
      return 2;
    case Type::kObject:
      return 3;
    case Type::kArray:
      return 4;
    case Type::kString:
      return 5;
  }
  return 0;
}

}  // namespace

Value Value::Array(const Value* items, uint32_t count) {
  Value v = Make(Type::kArray);
  v.size = count;
  v.items = items;
  uint16_t depth = 0;
  for (uint32_t i = 0; i < count; ++i) depth = std::max(depth, items[i].depth);
  v.depth = static_cast<uint16_t>(depth + 1);
  return v;
}

const char* TypeName(const Value& value) {
  switch (value.type) {
    case Type::kMissing:
      return "nothing";
    case Type::kNull:
      return "null";
    case Type::kBool:
      return "a boolean";
    case Type::kInt:
    case Type::kDouble:
    case Type::kNumber:
      return "a number";
    case Type::kString:
      return "a string";
    case Type::kArray:
      return "an array";
    case Type::kObject:
      return "an object";
  }
  return "";
}

Numeric ToNumeric(const Value& value) {
  switch (value.type) {
    case Type::kInt:
      return {true, value.integer, static_cast<double>(value.integer)};
    case Type::kDouble:
      return {false, 0, value.real};
    case Type::kNumber: {
      const char* end = value.text + value.size;
      if (value.flag) {
        int64_t integer = 0;
        if (std::from_chars(value.text, end, integer).ec == std::errc()) {
          return {true, integer, static_cast<double>(integer)};
        }
      }
      double real = 0;
      if (std::from_chars(value.text, end, real).ec == std::errc::result_out_of_range) {
        // Too large or too small for a double: the exponent tells which.
        std::string_view text = value.view();
        size_t e = text.find_first_of("eE");
        bool tiny = e != std::string_view::npos && e + 1 < text.size() && text[e + 1] == '-';
        real = tiny ? 0 : (text[0] == '-' ? -HUGE_VAL : HUGE_VAL);
      }
      return {false, 0, real};
    }
    case Type::kBool:
      return {true, value.flag, static_cast<double>(value.flag)};
    default:
      return {true, 0, 0};
  }
}

size_t ObjectBytes(uint32_t count) {
  return count * sizeof(Member) + (count > kScan ? IndexSlots(count) * sizeof(uint32_t) : 0);
}

Value MakeObject(Arena* arena, const Member* members, uint32_t count) {
  Value v = Value::Null();
  v.type = Type::kObject;
  uint32_t slots = count > kScan ? IndexSlots(count) : 0;
  char* memory = arena->New<char>(ObjectBytes(count));
  Member* out = reinterpret_cast<Member*>(memory);
  uint32_t size = 0;
  if (slots == 0) {
    for (uint32_t i = 0; i < count; ++i) {
      uint32_t j = 0;
      while (j < size && out[j].key != members[i].key) ++j;
      out[j] = members[i];
      if (j == size) ++size;
    }
  } else {
    // Lookups find the index behind the members by their number, which duplicates make smaller: count them out first
    // into the larger index, and make the index anew in the rare case that there were any.
    uint32_t* index = reinterpret_cast<uint32_t*>(out + count);
    std::fill_n(index, slots, kEmpty);
    for (uint32_t i = 0; i < count; ++i) {
      uint32_t at = Hash(members[i].key, out) & (slots - 1);
      while (index[at] != kEmpty && out[index[at]].key != members[i].key) at = (at + 1) & (slots - 1);
      if (index[at] == kEmpty) {
        index[at] = size;
        out[size++] = members[i];
      } else {
        out[index[at]].value = members[i].value;
      }
    }
    if (size < count && size > kScan) {
      slots = IndexSlots(size);
      index = reinterpret_cast<uint32_t*>(out + size);
      std::fill_n(index, slots, kEmpty);
      for (uint32_t i = 0; i < size; ++i) {
        uint32_t at = Hash(out[i].key, out) & (slots - 1);
        while (index[at] != kEmpty) at = (at + 1) & (slots - 1);
        index[at] = i;
      }
    }
  }
  v.flag = size > kScan;
  v.size = size;
  v.members = out;
  uint16_t depth = 0;
  for (uint32_t i = 0; i < size; ++i) depth = std::max(depth, out[i].value.depth);
  v.depth = static_cast<uint16_t>(depth + 1);
  return v;
}

const Value* FindMember(const Value& object, std::string_view key) {
  const Member* members = object.members;
  if (object.flag) {
    const uint32_t* index = reinterpret_cast<const uint32_t*>(members + object.size);
    uint32_t mask = IndexSlots(object.size) - 1;
    for (uint32_t at = Hash(key, members) & mask; index[at] != kEmpty; at = (at + 1) & mask) {
      if (members[index[at]].key == key) return &members[index[at]].value;
    }
    return nullptr;
  }
  for (uint32_t i = 0; i < object.size; ++i) {
    if (members[i].key == key) return &members[i].value;
  }
  return nullptr;
}

const Value* FindStep(const Value& container, std::string_view key) {
  if (container.is_object()) return FindMember(container, key);
  if (!container.is_array()) return nullptr;
  uint32_t index = 0;
  auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
  if (error != std::errc() || end != key.data() + key.size() || index >= container.size) return nullptr;
  return &container.items[index];
}

bool Truthy(const Value& value) {
  switch (value.type) {
    case Type::kMissing:
    case Type::kNull:
      return false;
    case Type::kBool:
      return value.flag;
    case Type::kInt:
    case Type::kDouble:
    case Type::kNumber:
      return ToNumeric(value).real != 0;
    case Type::kString:
    case Type::kArray:
    case Type::kObject:
      return value.size != 0;
  }
  return false;
}

bool Equal(const Value& a, const Value& b, Budget* budget) {
  if (!budget->Spend(1)) return false;
  int rank = Rank(a);
  if (rank != Rank(b)) return false;
  switch (rank) {
    case 1:
      return a.flag == b.flag;
    case 2: {
      Numeric x = ToNumeric(a);
      Numeric y = ToNumeric(b);
      return x.is_int && y.is_int ? x.integer == y.integer : x.real == y.real;
    }
    case 3:
      if (a.size != b.size) return false;
      for (uint32_t i = 0; i < a.size; ++i) {
        const Value* other = FindMember(b, a.members[i].key);
        if (other == nullptr || !Equal(a.members[i].value, *other, budget)) return false;
      }
      return true;
    case 4:
      if (a.size != b.size) return false;
      for (uint32_t i = 0; i < a.size; ++i) {
        if (!Equal(a.items[i], b.items[i], budget)) return false;
      }
      return true;
    case 5:
      budget->Spend(std::min(a.size, b.size) / 16);
      return a.view() == b.view();
    default:
      return true;
  }
}

bool Less(const Value& a, const Value& b, Budget* budget) {
  if (!budget->Spend(1)) return false;
  int rank = Rank(a);
  if (rank != Rank(b)) return rank < Rank(b);
  switch (rank) {
    case 1:
      return a.flag < b.flag;
    case 2: {
      Numeric x = ToNumeric(a);
      Numeric y = ToNumeric(b);
      return x.is_int && y.is_int ? x.integer < y.integer : x.real < y.real;
    }
    case 4:
      for (uint32_t i = 0; i < a.size && i < b.size; ++i) {
        if (Less(a.items[i], b.items[i], budget)) return true;
        if (Less(b.items[i], a.items[i], budget)) return false;
      }
      return a.size < b.size;
    case 5:
      budget->Spend(std::min(a.size, b.size) / 16);
      return a.view() < b.view();
    default:
      return false;
  }
}

}  // namespace gloo::tmpl
