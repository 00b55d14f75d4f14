#include "template/lexer.h"

#include "template/codec.h"

namespace gloo::tmpl {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

bool IsOperatorWord(std::string_view word) {
  return word == "and" || word == "or" || word == "not" || word == "in" || word == "if" || word == "else";
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {
    if (source_.starts_with("\xef\xbb\xbf")) pos_ = 3;
  }

  std::vector<Token> Run() {
    while (pos_ < source_.size()) Text();
    Add(Tok::kEnd, source_.size(), 0);
    return std::move(tokens_);
  }

 private:
  void Add(Tok kind, size_t offset, size_t size) {
    tokens_.push_back({kind, static_cast<uint32_t>(offset), source_.substr(offset, size)});
  }

  bool At(std::string_view what) const { return source_.substr(pos_).starts_with(what); }

  // From pos_ to the next tag and that tag.
  void Text() {
    size_t start = pos_;
    while (true) {
      pos_ = source_.find_first_of("{#", pos_);
      if (pos_ == std::string_view::npos) {
        pos_ = source_.size();
        Add(Tok::kText, start, pos_ - start);
        return;
      }
      if (At("{{") || At("{%") || At("{#")) break;
      if (At("##") && (pos_ == 0 || source_[pos_ - 1] == '\n')) break;
      ++pos_;
    }
    bool line = source_[pos_] == '#';
    char kind = line ? '#' : source_[pos_ + 1];
    size_t open = pos_;
    pos_ += 2;
    bool strip = !line && pos_ < source_.size() && source_[pos_] == '-';
    // {%+ asks to keep what nothing strips here.
    if (strip || (!line && kind == '%' && pos_ < source_.size() && source_[pos_] == '+')) ++pos_;
    size_t end = strip ? StripLine(start, open) : open;
    if (end > start) Add(Tok::kText, start, end - start);
    if (line) {
      Add(Tok::kStatementOpen, open, 2);
      Body(Tok::kStatementClose, "\n", "");
    } else if (kind == '{') {
      Add(Tok::kExpressionOpen, open, 2);
      Body(Tok::kExpressionClose, "}}", "-}}");
    } else if (kind == '%') {
      Add(Tok::kStatementOpen, open, 2);
      Body(Tok::kStatementClose, "%}", "-%}");
    } else {
      Comment(open);
    }
  }

  // Where the text [start, end) ends when the blanks that open its last line are left out; they stay if anything else
  // stands before them on that line.
  size_t StripLine(size_t start, size_t end) const {
    size_t at = end;
    while (at > start && IsBlank(source_[at - 1])) --at;
    if (at == start || source_[at - 1] == '\n' || source_[at - 1] == '\r') return at;
    return end;
  }

  void Comment(size_t open) {
    size_t close = source_.find("#}", pos_);
    if (close == std::string_view::npos) {
      Add(Tok::kBad, open, 2);
      pos_ = source_.size();
      return;
    }
    bool strip = close > pos_ && source_[close - 1] == '-';
    pos_ = close + 2;
    if (!strip) return;
    while (pos_ < source_.size() && IsBlank(source_[pos_])) ++pos_;
    if (At("\r\n")) {
      pos_ += 2;
    } else if (At("\n") || At("\r")) {
      ++pos_;
    }
  }

  void Body(Tok close_kind, std::string_view close, std::string_view close_strip) {
    bool line = close == "\n";
    int depth = 0;               // of braces: "}}" does not close inside
    bool after_operand = false;  // so "-" subtracts
    while (true) {
      while (pos_ < source_.size() &&
             (IsBlank(source_[pos_]) || source_[pos_] == '\r' || (source_[pos_] == '\n' && !line))) {
        ++pos_;
      }
      if (pos_ == source_.size()) {
        if (line) Add(close_kind, pos_, 0);
        return;
      }
      if (depth == 0) {
        bool strip = !close_strip.empty() && At(close_strip);
        if (strip || At(close)) {
          size_t size = strip ? close_strip.size() : close.size();
          Add(close_kind, pos_, size);
          pos_ += size;
          if (strip) {
            while (pos_ < source_.size() &&
                   (IsBlank(source_[pos_]) || source_[pos_] == '\n' || source_[pos_] == '\r')) {
              ++pos_;
            }
          }
          return;
        }
      }
      char c = source_[pos_];
      size_t start = pos_;
      if (IsAlnum(c) && !IsDigit(c)) {
        Name(close);
        after_operand = !IsOperatorWord(source_.substr(start, pos_ - start));
      } else if (c == '_' || c == '@' || c == '$') {
        Name(close);
        after_operand = true;
      } else if (IsDigit(c) ||
                 (c == '-' && !after_operand && start + 1 < source_.size() && IsDigit(source_[start + 1]))) {
        Number();
        after_operand = true;
      } else if (c == '"' || c == '\'') {
        if (!String(c)) return;
        after_operand = true;
      } else {
        std::string_view two = source_.substr(pos_, 2);
        size_t size = two == ">=" || two == "<=" || two == "==" || two == "!=" ? 2 : 1;
        bool known = size == 2 || std::string_view("+-*/^%.,:|()[]{}<>=").find(c) != std::string_view::npos;
        Add(known ? Tok::kPunctuation : Tok::kBad, pos_, size);
        pos_ += size;
        if (c == '{') ++depth;
        if (c == '}' && depth > 0) --depth;
        after_operand = c == ')' || c == ']' || c == '}';
      }
    }
  }

  void Name(std::string_view close) {
    size_t start = pos_++;
    while (pos_ < source_.size()) {
      char c = source_[pos_];
      if (!IsAlnum(c) && c != '.' && c != '/' && c != '_' && c != '-') break;
      ++pos_;
    }
    // {{ name-}}: the minus belongs to the tag.
    if (close != "\n" && source_[pos_ - 1] == '-' && At(close)) --pos_;
    Add(Tok::kName, start, pos_ - start);
  }

  void Number() {
    size_t start = pos_++;
    while (pos_ < source_.size()) {
      char c = source_[pos_];
      bool exponent_sign = (c == '+' || c == '-') && (source_[pos_ - 1] == 'e' || source_[pos_ - 1] == 'E');
      if (!IsDigit(c) && c != '.' && c != 'e' && c != 'E' && !exponent_sign) break;
      ++pos_;
    }
    Add(Tok::kNumber, start, pos_ - start);
  }

  bool String(char quote) {
    size_t start = pos_++;
    while (pos_ < source_.size() && source_[pos_] != quote) pos_ += source_[pos_] == '\\' ? 2 : 1;
    if (pos_ >= source_.size()) {
      Add(Tok::kBad, start, 1);
      pos_ = source_.size();
      return false;
    }
    ++pos_;
    Add(Tok::kString, start, pos_ - start);
    return true;
  }

  std::string_view source_;
  size_t pos_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Tokenize(std::string_view source) { return Lexer(source).Run(); }

}  // namespace gloo::tmpl
