#include <charconv>
#include <cmath>
#include <cstring>

#include "template/json.h"

namespace gloo::tmpl {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// The shortest digits that read back as the same number; always with a fraction or an exponent, so that a double stays
// one: 2.0, 0.5, 1e+20.
void AppendDouble(double number, std::string* out) {
  if (!std::isfinite(number)) {
    out->append("null");
    return;
  }
  char buffer[40];
  char* end = std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::scientific).ptr;
  // d[.ddd]e[+-]xx: between 1e-4 and 1e15 written without an exponent.
  char* e = static_cast<char*>(std::memchr(buffer, 'e', static_cast<size_t>(end - buffer)));
  int exponent = 0;
  std::from_chars(e[1] == '+' ? e + 2 : e + 1, end, exponent);
  if (exponent < -4 || exponent >= 15) {
    out->append(buffer, end);
    return;
  }
  char* fixed = std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::fixed).ptr;
  out->append(buffer, fixed);
  if (std::memchr(buffer, '.', static_cast<size_t>(fixed - buffer)) == nullptr) out->append(".0");
}

}  // namespace

void AppendJsonEscaped(std::string_view text, std::string* out) {
  size_t done = 0;
  size_t i = 0;
  while (i < text.size()) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    if (c >= 0x80) {
      size_t length = Utf8Length(text.substr(i));
      if (length != 0) {
        i += length;
        continue;
      }
    }
    out->append(text, done, i - done);
    done = ++i;
    switch (c) {
      case '"':
        out->append("\\\"");
        break;
      case '\\':
        out->append("\\\\");
        break;
      case '\b':
        out->append("\\b");
        break;
      case '\f':
        out->append("\\f");
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '\t':
        out->append("\\t");
        break;
      default:
        if (c < 0x80) {
          out->append("\\u00");
          out->push_back(kHex[c >> 4]);
          out->push_back(kHex[c & 15]);
        } else {
          out->append("\xef\xbf\xbd");
        }
    }
  }
  out->append(text, done, i - done);
}

bool AppendJson(const Value& value, size_t limit, std::string* out) {
  switch (value.type) {
    case Type::kMissing:
    case Type::kNull:
      out->append("null");
      break;
    case Type::kBool:
      out->append(value.flag ? "true" : "false");
      break;
    case Type::kInt: {
      char buffer[24];
      out->append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value.integer).ptr);
      break;
    }
    case Type::kDouble:
      AppendDouble(value.real, out);
      break;
    case Type::kNumber:
      out->append(value.view());
      break;
    case Type::kString:
      out->push_back('"');
      AppendJsonEscaped(value.view(), out);
      out->push_back('"');
      break;
    case Type::kArray:
      out->push_back('[');
      for (uint32_t i = 0; i < value.size; ++i) {
        if (i > 0) out->push_back(',');
        if (!AppendJson(value.items[i], limit, out)) return false;
      }
      out->push_back(']');
      break;
    case Type::kObject:
      out->push_back('{');
      for (uint32_t i = 0; i < value.size; ++i) {
        if (i > 0) out->push_back(',');
        out->push_back('"');
        AppendJsonEscaped(value.members[i].key, out);
        out->append("\":");
        if (!AppendJson(value.members[i].value, limit, out)) return false;
      }
      out->push_back('}');
      break;
  }
  return out->size() <= limit;
}

bool AppendText(const Value& value, size_t limit, std::string* out) {
  if (value.type == Type::kString) {
    out->append(value.view());
    return out->size() <= limit;
  }
  if (value.type == Type::kNull || value.type == Type::kMissing) return true;
  return AppendJson(value, limit, out);
}

}  // namespace gloo::tmpl
