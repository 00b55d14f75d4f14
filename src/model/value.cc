#include "model/value.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "base/strings.h"

namespace gloo::model {
namespace {

std::string QuotedJson(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"':
      case '\\':
        out += '\\';
        out += c;
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += absl::StrFormat("\\u%04x", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  return out += '"';
}

// Text that every reader of YAML takes for text without quotes. Narrower than need be.
bool IsPlainText(std::string_view text) {
  if (text.empty() || text.size() > 200) return false;
  if (!absl::ascii_isalpha(text.front()) && text.front() != '/' && text.front() != '_') return false;
  constexpr std::string_view kAlso = "_./-+=@%~^$()*?;<> ";
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool colon = c == ':' && i + 1 < text.size() && text[i + 1] != ' ';
    if (!absl::ascii_isalnum(c) && !colon && kAlso.find(c) == std::string_view::npos) return false;
  }
  if (text.back() == ' ') return false;
  constexpr std::string_view kMeaning[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  const std::string lower = absl::AsciiStrToLower(AbslView(text));
  for (std::string_view word : kMeaning) {
    if (lower == word) return false;
  }
  return true;
}

// Text of several lines that a literal block holds unchanged.
bool FitsBlock(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || text.front() == ' ' || text.front() == '\n') return false;
  for (char c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f) return false;
  }
  return true;
}

class YamlWriter {
 public:
  std::string Run(const Value& value) {
    Block(value, 0);
    return std::move(out_);
  }

 private:
  void Indent(int depth) { out_.append(2 * depth, ' '); }

  static bool Inline(const Value& value) {
    return (value.type != Value::Type::kList || value.items.empty()) &&
           (value.type != Value::Type::kMap || value.fields.empty());
  }

  // What stands on the line of its key or dash; `depth` is that of a block's lines.
  void Scalar(const Value& value, int depth) {
    switch (value.type) {
      case Value::Type::kNull:
        out_ += "null\n";
        return;
      case Value::Type::kLiteral:
        out_ += value.text;
        break;
      case Value::Type::kList:
        out_ += "[]";
        break;
      case Value::Type::kMap:
        out_ += "{}";
        break;
      case Value::Type::kText:
        if (FitsBlock(value.text)) return Literal(value.text, depth);
        out_ += IsPlainText(value.text) ? value.text : QuotedJson(value.text);
        break;
    }
    out_ += '\n';
  }

  void Literal(std::string_view text, int depth) {
    const bool ends = text.back() == '\n';
    const bool keep = ends && text[text.size() - 2] == '\n';
    out_ += keep ? "|+\n" : ends ? "|\n" : "|-\n";
    if (ends) text.remove_suffix(1);
    while (true) {
      const size_t newline = text.find('\n');
      const std::string_view line = text.substr(0, newline);
      if (!line.empty()) Indent(depth);
      out_.append(line);
      out_ += '\n';
      if (newline == std::string_view::npos) break;
      text.remove_prefix(newline + 1);
    }
  }

  // Lines of a list or a mapping. `begun`: the first one's indentation is written already.
  void Block(const Value& value, int depth, bool begun = false) {
    if (Inline(value)) {
      Scalar(value, depth);
      return;
    }
    if (value.type == Value::Type::kList) {
      for (const Value& item : value.items) {
        if (!begun) Indent(depth);
        begun = false;
        out_ += "- ";
        Block(item, depth + 1, true);
      }
      return;
    }
    for (const auto& [key, field] : value.fields) {
      if (!begun) Indent(depth);
      begun = false;
      out_ += IsPlainText(key) && key.find(' ') == std::string::npos ? key : QuotedJson(key);
      out_ += ':';
      if (Inline(field)) {
        out_ += ' ';
        Scalar(field, depth + 1);
      } else {
        out_ += '\n';
        Block(field, depth + 1);
      }
    }
  }

  std::string out_;
};

// `depth` below 0: on one line.
void Json(const Value& value, int depth, std::string* out) {
  const auto newline = [&](int below) {
    if (depth < 0) return;
    *out += '\n';
    out->append(2 * (depth + below), ' ');
  };
  const int below = depth < 0 ? depth : depth + 1;
  switch (value.type) {
    case Value::Type::kNull:
      *out += "null";
      break;
    case Value::Type::kText:
      *out += QuotedJson(value.text);
      break;
    case Value::Type::kLiteral:
      *out += value.quote_in_json ? QuotedJson(value.text) : value.text;
      break;
    case Value::Type::kList: {
      *out += '[';
      bool first = true;
      for (const Value& item : value.items) {
        if (!first) *out += ',';
        first = false;
        newline(1);
        Json(item, below, out);
      }
      if (!first) newline(0);
      *out += ']';
      break;
    }
    case Value::Type::kMap: {
      *out += '{';
      bool first = true;
      for (const auto& [key, field] : value.fields) {
        if (!first) *out += ',';
        first = false;
        newline(1);
        *out += QuotedJson(key);
        *out += depth < 0 ? ":" : ": ";
        Json(field, below, out);
      }
      if (!first) newline(0);
      *out += '}';
      break;
    }
  }
}

}  // namespace

Value Value::Text(std::string text) {
  Value value;
  value.type = Type::kText;
  value.text = std::move(text);
  return value;
}

Value Value::Literal(std::string text, bool quote_in_json) {
  Value value;
  value.type = Type::kLiteral;
  value.text = std::move(text);
  value.quote_in_json = quote_in_json;
  return value;
}

Value Value::List(std::vector<Value> items) {
  Value value;
  value.type = Type::kList;
  value.items = std::move(items);
  return value;
}

Value Value::Texts(const std::vector<std::string>& texts) {
  Value value = List();
  for (const std::string& text : texts) value.items.push_back(Text(text));
  return value;
}

Value Value::Map(std::vector<std::pair<std::string, Value>> fields) {
  Value value;
  value.type = Type::kMap;
  value.fields = std::move(fields);
  return value;
}

Value& Value::Set(std::string key, Value value) {
  fields.emplace_back(std::move(key), std::move(value));
  return *this;
}

Value* Value::Find(std::string_view key) {
  for (auto& [name, value] : fields) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::string WriteYaml(const Value& value) { return YamlWriter().Run(value); }

std::string WriteJson(const Value& value) {
  std::string out;
  Json(value, 0, &out);
  return out += '\n';
}

std::string WriteCompactJson(const Value& value) {
  std::string out;
  Json(value, -1, &out);
  return out;
}

}  // namespace gloo::model
