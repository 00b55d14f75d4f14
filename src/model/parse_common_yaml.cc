// The YAML that configuration is written in: block mappings and lists, flow collections, text of one line, literal
// blocks, comments, several documents. Whatever else stands in a text (anchors, tags, folded or continued text,
// mistakes ...) makes it give up at once, and yaml-cpp reads the text. Where it does not give up it must read exactly
// what yaml-cpp reads; the fuzz target compares the two.
#include <string>
#include <string_view>

#include "model/parse.h"

namespace gloo::model {
namespace {

class CommonYaml {
 public:
  CommonYaml(std::string_view text, TreeBuilder* builder)
      : begin_(text.data()), p_(begin_), end_(begin_ + text.size()), known_(begin_), builder_(builder) {}

  bool Run() {
    if (!NextContent()) return false;
    while (true) {
      if (p_ == end_) return true;
      if (document_mark_) {
        p_ += 3;
        document_mark_ = false;
        if (!EndOfLine()) return false;
        if (p_ == end_ || document_mark_) continue;
      }
      if (!Block(indent_)) return false;
      if (p_ != end_ && !document_mark_) return false;
      if (!builder_->EndDocument()) return false;
    }
  }

 private:
  // Asked for places in rising order only.
  Mark At(const char* p) {
    for (; known_ < p; ++known_) {
      if (*known_ == '\n') {
        ++line_;
        column_ = 1;
      } else if ((static_cast<unsigned char>(*known_) & 0xc0) != 0x80) {
        ++column_;
      }
    }
    return {line_, column_};
  }

  // At the end of a line: its length in bytes (0 at the end of the text); -1: no end of a line.
  int LineEnd(const char* p) const {
    if (p == end_) return 0;
    if (*p == '\n') return 1;
    return *p == '\r' && p + 1 < end_ && p[1] == '\n' ? 2 : -1;
  }

  static bool IsNull(std::string_view text) {
    return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
  }

  bool Plain(Mark mark, std::string_view text) {
    return IsNull(text) ? builder_->Null(mark) : builder_->Scalar(mark, text, /*plain=*/true, /*copy=*/false);
  }

  // From the beginning of a line to the next content; sets indent_ and document_mark_.
  bool NextContent() {
    while (true) {
      const char* line = p_;
      while (p_ < end_ && *p_ == ' ') ++p_;
      if (p_ == end_) return true;
      if (*p_ == '#') {
        while (p_ < end_ && *p_ != '\n') ++p_;
        if (p_ < end_) ++p_;
        continue;
      }
      if (const int length = LineEnd(p_); length > 0) {
        p_ += length;
        continue;
      }
      if (*p_ == '\t' || *p_ == '\r') return false;
      indent_ = static_cast<int>(p_ - line);
      if (indent_ == 0) {
        if (*p_ == '%') return false;
        const std::string_view rest(p_, std::min<size_t>(4, end_ - p_));
        const bool alone =
            rest.size() == 3 ||
            (rest.size() == 4 && (rest[3] == ' ' || rest[3] == '\n' || rest[3] == '\r' || rest[3] == '\t'));
        if (alone && rest.substr(0, 3) == "...") return false;
        document_mark_ = alone && rest.substr(0, 3) == "---";
      }
      return true;
    }
  }

  // Behind a value: only a comment may follow. Goes to the next content.
  bool EndOfLine() {
    const char* value_end = p_;
    while (p_ < end_ && *p_ == ' ') ++p_;
    if (p_ < end_ && *p_ == '#') {
      if (p_ == value_end) return false;
      while (p_ < end_ && *p_ != '\n') ++p_;
    }
    const int length = LineEnd(p_);
    if (length < 0) return false;
    p_ += length;
    return p_ == end_ ? true : NextContent();
  }

  bool AtEnd() const { return p_ == end_ || document_mark_; }

  bool IsDash() const { return *p_ == '-' && (p_ + 1 == end_ || p_[1] == ' ' || LineEnd(p_ + 1) >= 0); }

  // Whether the rest of the line is empty but for a comment.
  bool LineIsOver() const {
    const char* p = p_;
    while (p < end_ && *p == ' ') ++p;
    return LineEnd(p) >= 0 || (*p == '#' && p > p_);
  }

  // Characters that text without quotes does not begin with, or that mean something that this parser leaves to
  // yaml-cpp.
  static bool Indicator(char c) { return std::string_view("[]{}&*!|>%@`\"'#,?:\t").find(c) != std::string_view::npos; }

  // The end of a key that begins at p_ (the place of its colon), or null where there is none on this line.
  const char* KeyEnd() const {
    const char* p = p_;
    if (*p == '"' || *p == '\'') {
      const char quote = *p++;
      while (p < end_ && *p != quote && *p != '\n') p += *p == '\\' && quote == '"' ? 2 : 1;
      if (p >= end_ || *p != quote) return nullptr;
      ++p;
      while (p < end_ && *p == ' ') ++p;
      return p < end_ && *p == ':' && (p + 1 == end_ || p[1] == ' ' || LineEnd(p + 1) >= 0) ? p : nullptr;
    }
    if (Indicator(*p)) return nullptr;
    for (; p < end_ && *p != '\n'; ++p) {
      if (*p == ':' && (p + 1 == end_ || p[1] == ' ' || LineEnd(p + 1) >= 0)) return p;
      if (*p == '\t' || (*p == '#' && p[-1] == ' ')) return nullptr;
    }
    return nullptr;
  }

  // At content in `column` of its line.
  bool Block(int column) {
    if (IsDash()) return List(column);
    if (KeyEnd() != nullptr) return Map(column);
    return false;
  }

  bool List(int column) {
    if (!builder_->BeginList(At(p_))) return false;
    while (true) {
      const Mark dash = At(p_);
      ++p_;
      if (LineIsOver()) {
        if (!EndOfLine()) return false;
        if (!AtEnd() && indent_ > column ? !Block(indent_) : !builder_->Null(dash)) return false;
      } else {
        const char* before = p_;
        while (p_ < end_ && *p_ == ' ') ++p_;
        const int inner = column + 1 + static_cast<int>(p_ - before);
        if (IsDash() || KeyEnd() != nullptr) {
          if (!Block(inner)) return false;
        } else if (!Value(column)) {
          return false;
        }
      }
      if (AtEnd() || indent_ < column) break;
      if (indent_ > column) return false;
      if (!IsDash()) break;
    }
    return builder_->End();
  }

  bool Key() {
    const char* colon = KeyEnd();
    constexpr int kLongest = 1000;  // yaml-cpp's limit is near
    if (colon == nullptr || colon - p_ > kLongest) return false;
    if (*p_ == '"' || *p_ == '\'') {
      if (!QuotedText()) return false;
    } else {
      const char* last = colon;
      while (last > p_ && last[-1] == ' ') --last;
      if (!Plain(At(p_), {p_, static_cast<size_t>(last - p_)})) return false;
    }
    p_ = colon + 1;
    return true;
  }

  bool Map(int column) {
    if (!builder_->BeginMap(At(p_))) return false;
    while (true) {
      const Mark mark = At(p_);
      if (IsDash() || !Key()) return false;
      if (LineIsOver()) {
        if (!EndOfLine()) return false;
        if (!AtEnd() && indent_ > column) {
          if (!Block(indent_)) return false;
        } else if (!AtEnd() && indent_ == column && IsDash()) {
          if (!List(column)) return false;
        } else if (!builder_->Null(mark)) {
          return false;
        }
      } else {
        while (p_ < end_ && *p_ == ' ') ++p_;
        if (!Value(column)) return false;
      }
      if (AtEnd() || indent_ < column) break;
      if (indent_ > column) return false;
    }
    return builder_->End();
  }

  // A value that begins within a line, below a block in `column`.
  bool Value(int column) {
    if (*p_ == '"' || *p_ == '\'') return QuotedText() && EndOfLine();
    if (*p_ == '[' || *p_ == '{') return Flow(column) && EndOfLine();
    if (*p_ == '|') return Literal(column);
    if (Indicator(*p_) || IsDash()) return false;
    const Mark mark = At(p_);
    const char* begin = p_;
    const char* last = p_;  // behind the last character that is no space
    for (; p_ < end_ && LineEnd(p_) < 0; ++p_) {
      if (*p_ == '\t' || *p_ == '\r') return false;
      if (*p_ == ':' && (p_ + 1 == end_ || p_[1] == ' ' || LineEnd(p_ + 1) >= 0)) return false;
      if (*p_ == '#' && p_[-1] == ' ') break;
      if (*p_ != ' ') last = p_ + 1;
    }
    p_ = last;
    if (!Plain(mark, {begin, static_cast<size_t>(last - begin)}) || !EndOfLine()) return false;
    // Deeper text goes on with the scalar.
    return AtEnd() || indent_ <= column;
  }

  // Quoted text on one line.
  bool QuotedText() {
    const Mark mark = At(p_);
    const char quote = *p_++;
    const char* begin = p_;
    while (p_ < end_ && *p_ != quote && *p_ != '\n' && *p_ != '\\' && *p_ != '\r') ++p_;
    if (p_ == end_) return false;
    const bool doubled = quote == '\'' && p_ + 1 < end_ && p_[1] == quote;
    if (*p_ == quote && !doubled) {
      const std::string_view text(begin, p_ - begin);
      ++p_;
      return builder_->Scalar(mark, text, /*plain=*/false, /*copy=*/false);
    }
    std::string out(begin, p_ - begin);
    while (true) {
      if (p_ == end_ || *p_ == '\n' || *p_ == '\r') return false;
      if (*p_ == quote) {
        ++p_;
        if (quote == '"' || p_ == end_ || *p_ != quote) break;
        out.push_back(*p_++);
      } else if (*p_ == '\\' && quote == '"') {
        constexpr std::string_view kNames = "\"\\/nt";
        constexpr std::string_view kValues = "\"\\/\n\t";
        const size_t i = p_ + 1 < end_ ? kNames.find(p_[1]) : std::string_view::npos;
        if (i == std::string_view::npos) return false;
        out.push_back(kValues[i]);
        p_ += 2;
      } else {
        out.push_back(*p_++);
      }
    }
    return builder_->Scalar(mark, out, /*plain=*/false, /*copy=*/true);
  }

  // `|`, `|-` or `|+`, then lines deeper than `column`.
  bool Literal(int column) {
    const Mark mark = At(p_);
    ++p_;
    char chomp = 0;
    if (p_ < end_ && (*p_ == '-' || *p_ == '+')) chomp = *p_++;
    if (p_ == end_ || *p_ != '\n') return false;
    ++p_;
    const char* first = p_;
    while (first < end_ && *first == ' ') ++first;
    const int indent = static_cast<int>(first - p_);
    if (first == end_ || *first == '\n' || *first == '\t' || *first == '\r' || indent <= column) return false;
    std::string out;
    while (true) {
      const char* line = p_;
      while (p_ < end_ && *p_ == ' ' && p_ - line < indent) ++p_;
      if (p_ == end_) break;
      if (*p_ != '\n' && p_ - line < indent) {
        if (*p_ == '\t') return false;
        p_ = line;
        break;
      }
      const char* content = p_;
      while (p_ < end_ && *p_ != '\n') {
        if (*p_ == '\r') return false;
        ++p_;
      }
      if (p_ == end_) return false;
      out.append(content, p_ - content);
      out.push_back('\n');
      ++p_;
    }
    if (chomp != '+') {
      while (!out.empty() && out.back() == '\n') out.pop_back();
      if (out.empty()) return false;
      if (chomp == 0) out.push_back('\n');
    }
    if (!builder_->Scalar(mark, out, /*plain=*/false, /*copy=*/true) || !NextContent()) return false;
    return AtEnd() || indent_ <= column;
  }

  // Within a flow collection, also to the next line, which must be deeper than `column`.
  bool SkipFlowSpace(int column) {
    while (p_ < end_) {
      if (*p_ == ' ') {
        ++p_;
        continue;
      }
      const int length = LineEnd(p_);
      if (length <= 0) break;
      p_ += length;
      const char* line = p_;
      while (p_ < end_ && *p_ == ' ') ++p_;
      if (p_ < end_ && LineEnd(p_) < 0 && p_ - line <= column) return false;
    }
    return p_ < end_ && *p_ != '\t' && *p_ != '\r' && *p_ != '#';
  }

  bool FlowText(bool key) {
    if (*p_ == '"' || *p_ == '\'') return QuotedText();
    if (Indicator(*p_) || *p_ == '-') return false;
    const Mark mark = At(p_);
    const char* begin = p_;
    const char* last = p_;
    for (; p_ < end_; ++p_) {
      const char c = *p_;
      if (c == ',' || c == ']' || c == '}') break;
      if (c == ':' && p_ + 1 < end_ && p_[1] == ' ' && key) break;
      if (c == ':' || c == '[' || c == '{' || c == '\t' || c == '#' || c == '?' || c == '\r') return false;
      if (c == '\n') {
        if (key) return false;
        break;
      }
      if (c != ' ') last = p_ + 1;
    }
    p_ = last;
    return Plain(mark, {begin, static_cast<size_t>(last - begin)});
  }

  bool FlowValue(int column) { return *p_ == '[' || *p_ == '{' ? Flow(column) : FlowText(/*key=*/false); }

  // The depth is bounded by the builder.
  bool Flow(int column) {
    const bool map = *p_ == '{';
    const char close = map ? '}' : ']';
    if (map ? !builder_->BeginMap(At(p_)) : !builder_->BeginList(At(p_))) return false;
    ++p_;
    if (!SkipFlowSpace(column)) return false;
    if (*p_ == close) {
      ++p_;
      return builder_->End();
    }
    while (true) {
      if (map) {
        if (*p_ == '[' || *p_ == '{' || !FlowText(/*key=*/true) || !SkipFlowSpace(column) || *p_ != ':') return false;
        ++p_;
        if (p_ == end_ || *p_ != ' ' || !SkipFlowSpace(column)) return false;
      }
      if (!FlowValue(column) || !SkipFlowSpace(column)) return false;
      if (*p_ == close) break;
      if (*p_ != ',') return false;
      ++p_;
      if (!SkipFlowSpace(column)) return false;
    }
    ++p_;
    return builder_->End();
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  const char* known_;
  int line_ = 1;
  int column_ = 1;
  int indent_ = 0;
  bool document_mark_ = false;
  TreeBuilder* builder_;
};

}  // namespace

bool ParseCommonYaml(std::string_view text, TreeBuilder* builder) { return CommonYaml(text, builder).Run(); }

}  // namespace gloo::model
