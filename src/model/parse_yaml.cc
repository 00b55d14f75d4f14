// YAML by yaml-cpp's events; the one file that its exceptions reach.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "base/utf8.h"
#include "model/parse.h"

namespace gloo::model {
namespace {

class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

// yaml-cpp gives the characters of the escapes `\N` and `\_` as one byte each, which is not UTF-8. The text itself was
// checked: nothing else can be wrong in a scalar.
std::string MendEscapes(std::string_view value) {
  std::string out;
  for (size_t i = 0; i < value.size();) {
    const size_t length = Utf8Length(value, i);
    if (length == 0) out += '\xc2';
    out += value.substr(i, std::max<size_t>(length, 1));
    i += std::max<size_t>(length, 1);
  }
  return out;
}

// Ends the reading from within an event.
struct Stop {};

// yaml-cpp's marks count bytes from 0; ours count characters from 1.
class Marks {
 public:
  explicit Marks(std::string_view text) : text_(text) {}

  Mark Convert(const YAML::Mark& mark) {
    if (mark.is_null()) return {};
    if (mark.line != line_ || mark.column < byte_) {
      if (mark.line < line_) {
        line_ = 0;
        begin_ = 0;
      }
      for (; line_ < mark.line; ++line_) {
        const size_t newline = text_.find('\n', begin_);
        begin_ = newline == std::string_view::npos ? text_.size() : newline + 1;
      }
      byte_ = 0;
      column_ = 1;
    }
    for (; byte_ < mark.column; ++byte_) {
      const size_t at = begin_ + byte_;
      if (at >= text_.size() || (static_cast<unsigned char>(text_[at]) & 0xc0) != 0x80) ++column_;
    }
    return {mark.line + 1, column_};
  }

  // Byte offset of the place converted last.
  size_t offset() const { return std::min(text_.size(), begin_ + byte_); }

 private:
  std::string_view text_;
  // The place converted last: most are asked for in rising order.
  int line_ = 0;
  size_t begin_ = 0;
  int byte_ = 0;
  int column_ = 1;
};

// Whether the last line of `text` that holds anything but a comment is a `...`.
bool EndsWithDocumentEnd(std::string_view text) {
  while (!text.empty()) {
    const size_t newline = text.substr(0, text.size() - 1).rfind('\n');
    const std::string_view line = newline == std::string_view::npos ? text : text.substr(newline + 1);
    const size_t content = line.find_first_not_of(" \t\r\n");
    if (content != std::string_view::npos && line[content] != '#') return line.starts_with("...");
    text.remove_suffix(line.size());
  }
  return false;
}

class Handler final : public YAML::EventHandler {
 public:
  Handler(std::string_view text, TreeBuilder* builder, Marks* marks) : text_(text), builder_(builder), marks_(marks) {}

  // yaml-cpp takes text that belongs to nothing for one more document, and may do so without end.
  void OnDocumentStart(const YAML::Mark& mark) override {
    const Mark at = At(mark);
    const size_t offset = marks_->offset();
    const bool begins = text_.substr(offset).starts_with("---") || EndsWithDocumentEnd(text_.substr(0, offset));
    if (!first_ && (!begins || offset <= last_)) {
      Check(builder_->FailText(at, "SyntaxError",
                               "not YAML: this belongs to nothing above; check the indentation, or begin a document "
                               "with \"---\""));
    }
    first_ = false;
    last_ = offset;
  }
  void OnDocumentEnd() override { Check(builder_->EndDocument()); }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Check(builder_->Null(At(mark), anchor)); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override { Check(builder_->Alias(At(mark), anchor)); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    last_quoted_ = tag == "!" ? At(mark) : Mark{};
    bool plain = tag == "?";
    if (tag == "tag:yaml.org,2002:int" || tag == "tag:yaml.org,2002:bool" || tag == "tag:yaml.org,2002:float") {
      plain = true;
    } else if (!plain && tag != "!" && tag != "tag:yaml.org,2002:str") {
      RefuseTag(mark, tag);
    }
    const bool escaped = value.find_first_of("\x85\xa0") != std::string::npos;
    Check(builder_->Scalar(At(mark), escaped ? MendEscapes(value) : value, plain, /*copy=*/true, anchor));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    if (!tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:seq") RefuseTag(mark, tag);
    Check(builder_->BeginList(At(mark), anchor));
  }
  void OnSequenceEnd() override { Check(builder_->End()); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (!tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:map") RefuseTag(mark, tag);
    Check(builder_->BeginMap(At(mark), anchor));
  }
  void OnMapEnd() override { Check(builder_->End()); }

  Mark last_quoted() const { return last_quoted_; }

 private:
  Mark At(const YAML::Mark& mark) { return marks_->Convert(mark); }
  static void Check(bool go_on) {
    if (!go_on) throw Stop{};
  }
  void RefuseTag(const YAML::Mark& mark, std::string_view tag) {
    builder_->Report(At(mark), "UnsupportedTag", StrCat("the tag \"", tag, "\" means nothing here; remove it"));
  }

  std::string_view text_;
  bool first_ = true;
  // Where the last document began.
  size_t last_ = 0;
  TreeBuilder* builder_;
  Marks* marks_;
  Mark last_quoted_;
};

std::string_view Line(std::string_view text, int line) {
  for (int i = 1; i < line; ++i) {
    const size_t newline = text.find('\n');
    if (newline == std::string_view::npos) return "";
    text.remove_prefix(newline + 1);
  }
  return text.substr(0, text.find('\n'));
}

// Byte offset of the character `column` of a line.
size_t ByteOfColumn(std::string_view line, int column) {
  size_t i = 0;
  for (int seen = 1; i < line.size(); ++i) {
    if ((static_cast<unsigned char>(line[i]) & 0xc0) == 0x80) continue;
    if (seen++ == column) break;
  }
  return i;
}

// yaml-cpp takes the end of the text as the end of a quoted scalar. Such a scalar is the last of the text.
bool IsClosed(std::string_view text, Mark mark) {
  if (mark.line == 0) return true;
  const std::string_view line = Line(text, mark.line);
  const size_t offset = line.data() - text.data() + ByteOfColumn(line, mark.column);
  if (offset >= text.size()) return true;
  const char quote = text[offset];
  if (quote != '"' && quote != '\'') return true;
  for (size_t i = offset + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 >= text.size() || text[i + 1] != quote) return true;
      ++i;
    }
  }
  return false;
}

bool Explain(std::string_view text, const YAML::Exception& error, Mark mark, TreeBuilder* builder) {
  const std::string_view line = Line(text, mark.line);
  const std::string_view indent = line.substr(0, line.find_first_not_of(" \t\r"));
  if (const size_t tab = indent.find('\t'); tab != std::string_view::npos) {
    return builder->FailText({mark.line, static_cast<int>(tab) + 1}, "TabIndent", "indented with a tab; use spaces");
  }
  const std::string& what = error.msg;
  std::string message;
  if (what == "illegal map value") {
    message = "a mapping cannot begin here; check the indentation, and quote text that holds \": \"";
  } else if (what == "end of map flow not found") {
    message = "a \"}\" is missing";
  } else if (what == "end of sequence flow not found") {
    message = "a \"]\" is missing";
  } else if (what == "end of map not found" || what == "end of sequence not found") {
    message = "the indentation matches no line above";
  } else if (what == "unknown token") {
    const size_t at = ByteOfColumn(line, mark.column);
    message = StrCat("text cannot begin with \"", line.substr(at, 1), "\"; quote it");
  } else if (what == "the referenced anchor is not defined") {
    return builder->Fail(mark, "InvalidAlias",
                         "the alias names an anchor that is not above it; quote text that begins with \"*\"");
  } else {
    message = what;
  }
  return builder->FailText(mark, "SyntaxError", StrCat("not YAML: ", message));
}

}  // namespace

bool ParseYaml(std::string_view text, TreeBuilder* builder) {
  ViewBuffer buffer(text);
  std::istream stream(&buffer);
  Marks marks(text);
  Handler handler(text, builder, &marks);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(handler)) {
    }
  } catch (const Stop&) {
    return false;
  } catch (const YAML::Exception& error) {
    return Explain(text, error, marks.Convert(error.mark), builder);
  } catch (const std::exception& error) {
    return builder->FailText({}, "SyntaxError", StrCat("not YAML: ", error.what()));
  }
  if (!IsClosed(text, handler.last_quoted())) {
    return builder->FailText(handler.last_quoted(), "SyntaxError",
                             "not YAML: the text is not closed: a quote is missing");
  }
  return true;
}

}  // namespace gloo::model
