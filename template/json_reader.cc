#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "template/json.h"

namespace gloo::tmpl {
namespace {

// What one reading may take in all: memory of the arena and of the stacks below.
struct Memory {
  size_t left;
  bool Take(size_t bytes) {
    if (bytes > left) return false;
    left -= bytes;
    return true;
  }
};

// Elements of the containers that are still open. The first of them lie on the stack, so small texts allocate nothing.
template <typename T>
class OpenElements {
 public:
  explicit OpenElements(Memory* memory) : memory_(memory) {}

  // False when the memory does not reach.
  bool Push(const T& element) {
    if (size_ == capacity_ && !Grow()) return false;
    data_[size_++] = element;
    return true;
  }
  T* data() { return data_; }
  uint32_t size() const { return size_; }
  void Shrink(uint32_t size) { size_ = size; }

 private:
  bool Grow() {
    const uint32_t larger = capacity_ + capacity_ / 2;
    if (!memory_->Take(larger * sizeof(T))) return false;
    auto grown = std::make_unique_for_overwrite<T[]>(larger);
    std::copy_n(data_, size_, grown.get());
    if (heap_ != nullptr) memory_->left += capacity_ * sizeof(T);
    heap_ = std::move(grown);
    data_ = heap_.get();
    capacity_ = larger;
    return true;
  }

  static constexpr uint32_t kInline = 64;
  alignas(T) char inline_[kInline * sizeof(T)];
  Memory* memory_;
  std::unique_ptr<T[]> heap_;
  T* data_ = reinterpret_cast<T*>(inline_);
  uint32_t size_ = 0;
  uint32_t capacity_ = kInline;
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Bytes at the start of `p` that are plain: printable ASCII but `"` and `\`. Looks at eight bytes at a time.
const char* SkipPlain(const char* p, const char* end) {
  constexpr uint64_t kOnes = 0x0101010101010101ull;
  constexpr uint64_t kHigh = 0x8080808080808080ull;
  if constexpr (std::endian::native == std::endian::little) {
    while (end - p >= 8) {
      uint64_t word;
      std::memcpy(&word, p, 8);
      uint64_t quote = word ^ (kOnes * '"');
      uint64_t backslash = word ^ (kOnes * '\\');
      uint64_t special =
          ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) | ((word - kOnes * 0x20) & ~word) | word;
      special &= kHigh;
      if (special != 0) return p + (std::countr_zero(special) >> 3);
      p += 8;
    }
  }
  while (p < end && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20 &&
         static_cast<unsigned char>(*p) < 0x80) {
    ++p;
  }
  return p;
}

class Reader {
 public:
  // Without an arena the text is looked at, and no value is made.
  Reader(std::string_view text, Arena* arena, JsonError* error, size_t memory)
      : begin_(text.data()), p_(begin_), end_(begin_ + text.size()), arena_(arena), error_(error), memory_{memory} {}

  bool Document(Value* value) {
    if (end_ - begin_ > 0x7fffffff) return Fail("too long");
    SkipSpace();
    if (p_ == end_) return Fail("no value");
    if (!ReadValue(value, 0)) return false;
    SkipSpace();
    if (p_ != end_) return Fail("more text after the value");
    return true;
  }

 private:
  bool Fail(const char* message) {
    error_->offset = static_cast<size_t>(p_ - begin_);
    error_->message = message;
    return false;
  }

  bool TooLarge() {
    error_->too_large = true;
    return Fail("takes too much memory");
  }

  void SkipSpace() {
    while (p_ < end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t')) ++p_;
  }

  bool Word(std::string_view word) {
    if (static_cast<size_t>(end_ - p_) < word.size() || std::memcmp(p_, word.data(), word.size()) != 0) {
      return Fail("expected a value");
    }
    p_ += word.size();
    return true;
  }

  bool ReadValue(Value* value, uint16_t depth) {
    switch (*p_) {
      case '{':
        return ReadObject(value, depth);
      case '[':
        return ReadArray(value, depth);
      case '"': {
        std::string_view text;
        if (!ReadString(&text)) return false;
        *value = Value::String(text);
        return true;
      }
      case 't':
        *value = Value::Bool(true);
        return Word("true");
      case 'f':
        *value = Value::Bool(false);
        return Word("false");
      case 'n':
        *value = Value::Null();
        return Word("null");
      default: {
        bool integral = false;
        size_t length = JsonNumberLength({p_, static_cast<size_t>(end_ - p_)}, &integral);
        if (length == 0) return Fail("expected a value");
        *value = Value::Number({p_, length}, integral);
        p_ += length;
        return true;
      }
    }
  }

  bool ReadString(std::string_view* out) {
    const char* start = ++p_;
    bool escaped = false;
    while (true) {
      p_ = SkipPlain(p_, end_);
      if (p_ == end_) return Fail("the string does not end");
      unsigned char c = static_cast<unsigned char>(*p_);
      if (c == '"') break;
      if (c == '\\') {
        escaped = true;
        if (++p_ == end_) return Fail("the string does not end");
        ++p_;
      } else if (c < 0x20) {
        return Fail("control character in a string");
      } else {
        size_t length = Utf8Length({p_, static_cast<size_t>(end_ - p_)});
        if (length == 0) return Fail("invalid UTF-8");
        p_ += length;
      }
    }
    std::string_view raw(start, static_cast<size_t>(p_ - start));
    ++p_;
    if (!escaped) {
      *out = raw;
      return true;
    }
    if (arena_ != nullptr && !memory_.Take(raw.size() + Arena::kAlign)) return TooLarge();
    JsonError inner;
    if (UnescapeJson(raw, arena_, out, &inner)) return true;
    p_ = start + inner.offset;
    return Fail(inner.message);
  }

  bool ReadArray(Value* value, uint16_t depth) {
    if (depth >= kMaxJsonDepth) return Fail("nested too deep");
    ++p_;
    uint32_t first = items_.size();
    SkipSpace();
    if (p_ < end_ && *p_ == ']') {
      ++p_;
    } else {
      while (true) {
        SkipSpace();
        if (p_ == end_) return Fail("the array does not end");
        Value item;
        if (!ReadValue(&item, static_cast<uint16_t>(depth + 1))) return false;
        if (arena_ != nullptr && !items_.Push(item)) return TooLarge();
        SkipSpace();
        if (p_ == end_) return Fail("the array does not end");
        if (*p_ == ']') break;
        if (*p_ != ',') return Fail("expected \",\" or \"]\"");
        ++p_;
      }
      ++p_;
    }
    if (arena_ == nullptr) return true;
    uint32_t count = items_.size() - first;
    if (!memory_.Take(count * sizeof(Value))) return TooLarge();
    Value* items = arena_->New<Value>(count);
    std::copy_n(items_.data() + first, count, items);
    items_.Shrink(first);
    *value = Value::Array(items, count);
    return true;
  }

  bool ReadObject(Value* value, uint16_t depth) {
    if (depth >= kMaxJsonDepth) return Fail("nested too deep");
    ++p_;
    uint32_t first = members_.size();
    SkipSpace();
    if (p_ < end_ && *p_ == '}') {
      ++p_;
    } else {
      while (true) {
        SkipSpace();
        if (p_ == end_) return Fail("the object does not end");
        if (*p_ != '"') return Fail("expected a key in double quotes");
        Member member;
        if (!ReadString(&member.key)) return false;
        SkipSpace();
        if (p_ == end_ || *p_ != ':') return Fail("expected \":\" after the key");
        ++p_;
        SkipSpace();
        if (p_ == end_) return Fail("expected a value");
        if (!ReadValue(&member.value, static_cast<uint16_t>(depth + 1))) return false;
        if (arena_ != nullptr && !members_.Push(member)) return TooLarge();
        SkipSpace();
        if (p_ == end_) return Fail("the object does not end");
        if (*p_ == '}') break;
        if (*p_ != ',') return Fail("expected \",\" or \"}\"");
        ++p_;
      }
      ++p_;
    }
    if (arena_ == nullptr) return true;
    uint32_t count = members_.size() - first;
    if (!memory_.Take(ObjectBytes(count))) return TooLarge();
    *value = MakeObject(arena_, members_.data() + first, count);
    members_.Shrink(first);
    return true;
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  Arena* arena_;
  JsonError* error_;
  Memory memory_;
  OpenElements<Value> items_{&memory_};
  OpenElements<Member> members_{&memory_};
};

// The code unit of the \uXXXX at `p`, -1 if it is none.
int CodeUnit(const char* p, const char* end) {
  if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return -1;
  int unit = 0;
  for (int i = 2; i < 6; ++i) {
    int digit = HexDigit(p[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

}  // namespace

bool ReadJson(std::string_view text, Arena* arena, Value* value, JsonError* error, size_t memory) {
  return Reader(text, arena, error, memory).Document(value);
}

bool IsJson(std::string_view text) {
  Value value;
  JsonError error;
  return Reader(text, nullptr, &error, 0).Document(&value);
}

size_t JsonNumberLength(std::string_view text, bool* integral) {
  size_t i = 0;
  auto digit = [&] { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
  *integral = true;
  if (i < text.size() && text[i] == '-') ++i;
  if (!digit()) return 0;
  if (text[i] == '0') {
    ++i;
    if (digit()) return 0;
  }
  while (digit()) ++i;
  if (i < text.size() && text[i] == '.') {
    *integral = false;
    ++i;
    if (!digit()) return 0;
    while (digit()) ++i;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    *integral = false;
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!digit()) return 0;
    while (digit()) ++i;
  }
  return i;
}

bool UnescapeJson(std::string_view text, Arena* arena, std::string_view* out, JsonError* error) {
  // An escape is never shorter than what it stands for, so the result fits in the same number of bytes.
  char* to = arena == nullptr ? nullptr : arena->New<char>(text.size());
  size_t size = 0;
  auto put = [&](uint32_t byte) {
    if (to != nullptr) to[size++] = static_cast<char>(byte);
  };
  const char* p = text.data();
  const char* end = p + text.size();
  auto fail = [&](const char* message) {
    error->offset = static_cast<size_t>(p - text.data());
    error->message = message;
    return false;
  };
  while (p < end) {
    if (*p != '\\') {
      put(static_cast<unsigned char>(*p++));
      continue;
    }
    if (end - p < 2) return fail("the escape does not end");
    char c = p[1];
    switch (c) {
      case '"':
      case '\\':
      case '/':
        put(static_cast<unsigned char>(c));
        break;
      case 'b':
        put('\b');
        break;
      case 'f':
        put('\f');
        break;
      case 'n':
        put('\n');
        break;
      case 'r':
        put('\r');
        break;
      case 't':
        put('\t');
        break;
      case 'u': {
        int unit = CodeUnit(p, end);
        if (unit < 0) return fail("\\u needs four hexadecimal digits");
        uint32_t code_point = static_cast<uint32_t>(unit);
        size_t used = 6;
        if (unit >= 0xdc00 && unit <= 0xdfff) return fail("unpaired surrogate");
        if (unit >= 0xd800 && unit <= 0xdbff) {
          int low = CodeUnit(p + 6, end);
          if (low < 0xdc00 || low > 0xdfff) return fail("unpaired surrogate");
          code_point = 0x10000 + ((code_point - 0xd800) << 10) + (static_cast<uint32_t>(low) - 0xdc00);
          used = 12;
        }
        if (code_point < 0x80) {
          put(code_point);
        } else if (code_point < 0x800) {
          put(0xc0 | (code_point >> 6));
          put(0x80 | (code_point & 0x3f));
        } else if (code_point < 0x10000) {
          put(0xe0 | (code_point >> 12));
          put(0x80 | ((code_point >> 6) & 0x3f));
          put(0x80 | (code_point & 0x3f));
        } else {
          put(0xf0 | (code_point >> 18));
          put(0x80 | ((code_point >> 12) & 0x3f));
          put(0x80 | ((code_point >> 6) & 0x3f));
          put(0x80 | (code_point & 0x3f));
        }
        p += used;
        continue;
      }
      default:
        return fail("unknown escape");
    }
    p += 2;
  }
  if (to != nullptr) *out = {to, size};
  return true;
}

size_t Utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto next = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  unsigned char c = byte(0);
  if (c < 0x80) return 1;
  if (c < 0xc2) return 0;
  if (c < 0xe0) return next(1) ? 2 : 0;
  if (c < 0xf0) {
    if (!next(1) || !next(2)) return 0;
    // Overlong forms and surrogates.
    if ((c == 0xe0 && byte(1) < 0xa0) || (c == 0xed && byte(1) > 0x9f)) return 0;
    return 3;
  }
  if (c < 0xf5) {
    if (!next(1) || !next(2) || !next(3)) return 0;
    if ((c == 0xf0 && byte(1) < 0x90) || (c == 0xf4 && byte(1) > 0x8f)) return 0;
    return 4;
  }
  return 0;
}

}  // namespace gloo::tmpl
