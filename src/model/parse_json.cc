// JSON with the place of every value.
#include <charconv>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "model/parse.h"

namespace gloo::model {
namespace {

void AppendUtf8(uint32_t c, std::string* out) {
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out->push_back(static_cast<char>(0xc0 | (c >> 6)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3f)));
  } else if (c < 0x10000) {
    out->push_back(static_cast<char>(0xe0 | (c >> 12)));
    out->push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3f)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3f)));
  } else {
    out->push_back(static_cast<char>(0xf0 | (c >> 18)));
    out->push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3f)));
    out->push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3f)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3f)));
  }
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

class JsonParser {
 public:
  JsonParser(std::string_view text, TreeBuilder* builder)
      : p_(text.data()), end_(text.data() + text.size()), known_(p_), builder_(builder) {}

  bool Run() {
    for (SkipSpace(); p_ < end_; SkipSpace()) {
      if (!Value() || !builder_->EndDocument()) return false;
    }
    return true;
  }

 private:
  // Asked for places in rising order only, so that the counting costs one pass over the text.
  Mark Here() {
    for (; known_ < p_; ++known_) {
      if (*known_ == '\n') {
        ++line_;
        column_ = 1;
      } else if ((static_cast<unsigned char>(*known_) & 0xc0) != 0x80) {
        ++column_;
      }
    }
    return {line_, column_};
  }

  void SkipSpace() {
    while (p_ < end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r')) ++p_;
  }

  bool Fail(std::string_view what) { return builder_->FailText(Here(), "SyntaxError", StrCat("not JSON: ", what)); }

  // The depth is bounded by the builder, which refuses to begin a list or a mapping beyond its limit.
  bool Value() {
    SkipSpace();
    if (p_ == end_) return Fail("the text ends where a value should be");
    switch (*p_) {
      case '{':
        return Object();
      case '[':
        return Array();
      case '"':
        return String();
      default:
        return Literal();
    }
  }

  bool Object() {
    if (!builder_->BeginMap(Here())) return false;
    ++p_;
    SkipSpace();
    if (p_ < end_ && *p_ == '}') {
      ++p_;
      return builder_->End();
    }
    while (true) {
      SkipSpace();
      if (p_ == end_) return Fail("a \"}\" is missing");
      if (*p_ != '"') return Fail(*p_ == '}' ? "a comma stands before \"}\"" : "a key in double quotes should be here");
      if (!String()) return false;
      SkipSpace();
      if (p_ == end_ || *p_ != ':') return Fail("a \":\" should be here");
      ++p_;
      if (!Value()) return false;
      SkipSpace();
      if (p_ == end_) return Fail("a \"}\" is missing");
      if (*p_ == '}') break;
      if (*p_ != ',') return Fail("a \",\" or \"}\" should be here");
      ++p_;
    }
    ++p_;
    return builder_->End();
  }

  bool Array() {
    if (!builder_->BeginList(Here())) return false;
    ++p_;
    SkipSpace();
    if (p_ < end_ && *p_ == ']') {
      ++p_;
      return builder_->End();
    }
    while (true) {
      SkipSpace();
      if (p_ < end_ && *p_ == ']') return Fail("a comma stands before \"]\"");
      if (!Value()) return false;
      SkipSpace();
      if (p_ == end_) return Fail("a \"]\" is missing");
      if (*p_ == ']') break;
      if (*p_ != ',') return Fail("a \",\" or \"]\" should be here");
      ++p_;
    }
    ++p_;
    return builder_->End();
  }

  bool String() {
    const Mark mark = Here();
    const char* begin = ++p_;
    while (p_ < end_ && *p_ != '"' && *p_ != '\\' && *p_ != '\n') ++p_;
    if (p_ < end_ && *p_ == '"') {
      std::string_view text(begin, p_ - begin);
      ++p_;
      return builder_->Scalar(mark, text, /*plain=*/false, /*copy=*/false);
    }
    std::string out(begin, p_ - begin);
    while (true) {
      if (p_ == end_ || *p_ == '\n') return Fail("the text is not closed: a '\"' is missing");
      if (*p_ == '"') break;
      if (*p_ != '\\') {
        out.push_back(*p_++);
      } else if (!Escape(&out)) {
        return false;
      }
    }
    ++p_;
    return builder_->Scalar(mark, out, /*plain=*/false, /*copy=*/true);
  }

  bool Hex(uint32_t* value) {
    if (end_ - p_ < 4) return false;
    auto [last, error] = std::from_chars(p_, p_ + 4, *value, 16);
    if (error != std::errc() || last != p_ + 4) return false;
    p_ += 4;
    return true;
  }

  bool Escape(std::string* out) {
    ++p_;
    if (p_ == end_) return Fail("the text is not closed: a '\"' is missing");
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    if (size_t i = kNames.find(*p_); i != std::string_view::npos) {
      out->push_back(kValues[i]);
      ++p_;
      return true;
    }
    if (*p_ != 'u') return Fail(StrCat("unknown escape \"\\", std::string_view(p_, 1), "\""));
    ++p_;
    uint32_t c = 0;
    if (!Hex(&c)) return Fail("four hexadecimal digits should follow \"\\u\"");
    if (c >= 0xd800 && c <= 0xdbff) {
      uint32_t low = 0;
      if (end_ - p_ < 2 || p_[0] != '\\' || p_[1] != 'u') return Fail("half of a surrogate pair");
      p_ += 2;
      if (!Hex(&low) || low < 0xdc00 || low > 0xdfff) return Fail("half of a surrogate pair");
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c <= 0xdfff) {
      return Fail("half of a surrogate pair");
    }
    AppendUtf8(c, out);
    return true;
  }

  bool Literal() {
    const Mark mark = Here();
    const char* begin = p_;
    while (p_ < end_ && (IsDigit(*p_) || (*p_ >= 'a' && *p_ <= 'z') || (*p_ >= 'A' && *p_ <= 'Z') || *p_ == '+' ||
                         *p_ == '-' || *p_ == '.')) {
      ++p_;
    }
    const std::string_view text(begin, p_ - begin);
    if (text == "null") return builder_->Null(mark);
    if (text == "true" || text == "false" || IsNumber(text)) return builder_->Scalar(mark, text, true, false);
    p_ = begin;
    return Fail("a value should be here");
  }

  static bool IsNumber(std::string_view text) {
    size_t i = 0;
    const auto digits = [&] {
      const size_t begin = i;
      while (i < text.size() && IsDigit(text[i])) ++i;
      return i - begin;
    };
    if (i < text.size() && text[i] == '-') ++i;
    const size_t first = i;
    const size_t whole = digits();
    if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
    if (i < text.size() && text[i] == '.') {
      ++i;
      if (digits() == 0) return false;
    }
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
      ++i;
      if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
      if (digits() == 0) return false;
    }
    return i == text.size();
  }

  const char* p_;
  const char* end_;
  const char* known_;
  int line_ = 1;
  int column_ = 1;
  TreeBuilder* builder_;
};

}  // namespace

bool ParseJson(std::string_view text, TreeBuilder* builder) { return JsonParser(text, builder).Run(); }

}  // namespace gloo::model
