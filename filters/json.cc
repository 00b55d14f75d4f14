#include "filters/json.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace gloo::filters {
namespace {

constexpr int kMaxDepth = 8;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  bool Document(Json* value, std::string* error) {
    bool ok = Value(value, 0);
    if (ok) {
      SkipSpace();
      if (position_ != text_.size()) ok = Fail("text after the value");
    }
    if (!ok) *error = error_ + " at byte " + std::to_string(position_);
    return ok;
  }

 private:
  bool Fail(std::string_view what) {
    error_ = what;
    return false;
  }

  void SkipSpace() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n' ||
                                        text_[position_] == '\t' || text_[position_] == '\r')) {
      ++position_;
    }
  }

  bool Take(char c) {
    SkipSpace();
    if (position_ >= text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  bool Word(std::string_view word) {
    if (text_.substr(position_, word.size()) != word) return Fail("must be an object, an array, a string or a bool");
    position_ += word.size();
    return true;
  }

  bool Value(Json* value, int depth) {
    if (depth > kMaxDepth) return Fail("nested too deeply");
    SkipSpace();
    if (position_ >= text_.size()) return Fail("unexpected end");
    switch (text_[position_]) {
      case '{':
        return Object(value, depth);
      case '[':
        return Array(value, depth);
      case '"':
        value->kind = Json::Kind::kString;
        return String(&value->string);
      case 't':
        value->kind = Json::Kind::kBool;
        value->boolean = true;
        return Word("true");
      case 'f':
        value->kind = Json::Kind::kBool;
        return Word("false");
      default:
        return Word("null");
    }
  }

  bool Object(Json* value, int depth) {
    value->kind = Json::Kind::kObject;
    ++position_;
    if (Take('}')) return true;
    do {
      SkipSpace();
      std::string key;
      if (!String(&key)) return false;
      if (value->Find(key) != nullptr) return Fail("duplicate key \"" + key + "\"");
      if (!Take(':')) return Fail("expected a colon");
      Json member;
      if (!Value(&member, depth + 1)) return false;
      value->object.push_back({std::move(key), std::move(member)});
    } while (Take(','));
    return Take('}') || Fail("expected a comma or a closing brace");
  }

  bool Array(Json* value, int depth) {
    value->kind = Json::Kind::kArray;
    ++position_;
    if (Take(']')) return true;
    do {
      if (!Value(&value->array.emplace_back(), depth + 1)) return false;
    } while (Take(','));
    return Take(']') || Fail("expected a comma or a closing bracket");
  }

  bool String(std::string* out) {
    if (position_ >= text_.size() || text_[position_] != '"') return Fail("expected a string");
    ++position_;
    while (position_ < text_.size()) {
      const char c = text_[position_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return Fail("control character in a string");
      if (c != '\\') {
        out->push_back(c);
      } else if (!Escape(out)) {
        return false;
      }
    }
    return Fail("string without an end");
  }

  bool Escape(std::string* out) {
    if (position_ >= text_.size()) return Fail("string without an end");
    const char c = text_[position_++];
    constexpr std::string_view kFrom = "\"\\/bfnrt";
    constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    if (const size_t at = kFrom.find(c); at != kFrom.npos) {
      out->push_back(kTo[at]);
      return true;
    }
    uint32_t code = 0;
    if (c != 'u' || !Hex4(&code)) return Fail("unknown escape");
    if (code >= 0xD800 && code < 0xDC00) {
      uint32_t low = 0;
      if (text_.substr(position_, 2) != "\\u") return Fail("half of a surrogate pair");
      position_ += 2;
      if (!Hex4(&low) || low < 0xDC00 || low > 0xDFFF) return Fail("half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
      return Fail("half of a surrogate pair");
    }
    AppendUtf8(code, out);
    return true;
  }

  bool Hex4(uint32_t* code) {
    if (text_.size() - position_ < 4) return false;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[position_++];
      uint32_t digit = 0;
      if (c >= '0' && c <= '9') {
        digit = c - '0';
      } else if (c >= 'a' && c <= 'f') {
        digit = c - 'a' + 10;
      } else if (c >= 'A' && c <= 'F') {
        digit = c - 'A' + 10;
      } else {
        return false;
      }
      *code = *code * 16 + digit;
    }
    return true;
  }

  static void AppendUtf8(uint32_t code, std::string* out) {
    if (code < 0x80) {
      out->push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      out->push_back(static_cast<char>(0xC0 | (code >> 6)));
      out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
      out->push_back(static_cast<char>(0xE0 | (code >> 12)));
      out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
      out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
    } else {
      out->push_back(static_cast<char>(0xF0 | (code >> 18)));
      out->push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
      out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
      out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
    }
  }

  std::string_view text_;
  size_t position_ = 0;
  std::string error_;
};

}  // namespace

const Json* Json::Find(std::string_view key) const {
  const auto it = std::find_if(object.begin(), object.end(), [&](const auto& member) { return member.key == key; });
  return it == object.end() ? nullptr : &it->value;
}

bool ParseJson(std::string_view text, Json* value, std::string* error) {
  *value = Json();
  return Parser(text).Document(value, error);
}

}  // namespace gloo::filters
