#include "cli/json.h"

// Boost.JSON is built here, once: its library would be one more package to install.
#include <boost/json/src.hpp>

#include <cmath>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace gloo::cli {
namespace {

namespace json = boost::json;

std::string Scalar(const json::value& value) {
  if (value.is_double()) {
    // 3.0 of a server that writes all numbers as doubles is 3 to a reader.
    const double number = value.get_double();
    if (std::nearbyint(number) == number && std::abs(number) < 1e15) return StrCat(static_cast<int64_t>(number));
    return StrCat(number);
  }
  return json::serialize(value);
}

void WriteJson(const json::value& value, const std::string& indent, std::string* out) {
  const std::string deeper = indent + "  ";
  if (value.is_object() && !value.get_object().empty()) {
    *out += "{";
    const char* separator = "\n";
    for (const auto& member : value.get_object()) {
      StrAppend(out, separator, deeper, json::serialize(json::value(member.key())), ": ");
      WriteJson(member.value(), deeper, out);
      separator = ",\n";
    }
    StrAppend(out, "\n", indent, "}");
  } else if (value.is_array() && !value.get_array().empty()) {
    *out += "[";
    const char* separator = "\n";
    for (const json::value& item : value.get_array()) {
      StrAppend(out, separator, deeper);
      WriteJson(item, deeper, out);
      separator = ",\n";
    }
    StrAppend(out, "\n", indent, "]");
  } else {
    *out += Scalar(value);
  }
}

// YAML 1.1 reads these as booleans, nulls, numbers or dates; parsers of both versions are about.
bool IsPlainSafe(std::string_view text) {
  if (text.empty() || text.size() > 200) return false;
  const std::string lower = absl::AsciiStrToLower(AbslView(text));
  for (const char* word : {"true", "false", "yes", "no", "on", "off", "y", "n", "null", "~"}) {
    if (lower == word) return false;
  }
  const char first = text.front();
  if (!absl::ascii_isalpha(first) && first != '/' && first != '_') return false;
  if (absl::ascii_isspace(text.back()) || text.back() == ':') return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (absl::ascii_isalnum(c) || std::string_view("/_-.@+=()$%^~!*").find(c) != std::string_view::npos) continue;
    if (c == ' ' && text[i + 1] != '#') continue;
    if (c == ':' && text[i + 1] != ' ') continue;
    if (c == ',' || c == ';' || c == '\'') continue;
    return false;
  }
  return true;
}

std::string YamlText(std::string_view text) {
  if (IsPlainSafe(text)) return std::string(text);
  return json::serialize(json::value(json::string_view(text.data(), text.size())));
}

void WriteYaml(const json::value& value, size_t indent, bool in_list, std::string* out);

void WriteYamlChild(const json::value& value, size_t indent, std::string* out) {
  const bool nested =
      (value.is_object() && !value.get_object().empty()) || (value.is_array() && !value.get_array().empty());
  if (nested) {
    *out += "\n";
    // A list stands at the indentation of its key.
    WriteYaml(value, value.is_array() ? indent : indent + 2, false, out);
    return;
  }
  if (value.is_string() && value.get_string().find('\n') != json::string::npos &&
      value.get_string().find('\t') == json::string::npos && value.get_string()[0] != ' ' &&
      value.get_string()[0] != '\n' && value.get_string().back() == '\n') {
    const std::string text(value.get_string().begin(), value.get_string().end());
    const bool one_end = text.size() < 2 || text[text.size() - 2] != '\n';
    *out += one_end ? " |\n" : " |+\n";
    for (size_t from = 0; from < text.size();) {
      const size_t end = text.find('\n', from);
      if (end > from) StrAppend(out, std::string(indent + 2, ' '), text.substr(from, end - from));
      *out += "\n";
      from = end + 1;
    }
    return;
  }
  *out += " ";
  WriteYaml(value, 0, false, out);
}

// `in_list`: the first line follows a "- " already.
void WriteYaml(const json::value& value, size_t indent, bool in_list, std::string* out) {
  if (value.is_object() && !value.get_object().empty()) {
    bool first = in_list;
    for (const auto& member : value.get_object()) {
      if (!first) *out += std::string(indent, ' ');
      first = false;
      StrAppend(out, YamlText({member.key().data(), member.key().size()}), ":");
      WriteYamlChild(member.value(), indent, out);
    }
  } else if (value.is_array() && !value.get_array().empty()) {
    for (const json::value& item : value.get_array()) {
      StrAppend(out, std::string(indent, ' '), "- ");
      const bool list_in_list = item.is_array() && !item.get_array().empty();
      if (list_in_list) *out += "\n";
      WriteYaml(item, indent + 2, !list_in_list, out);
    }
  } else if (value.is_string()) {
    StrAppend(out, YamlText({value.get_string().data(), value.get_string().size()}), "\n");
  } else {
    StrAppend(out, Scalar(value), "\n");
  }
}

}  // namespace

absl::StatusOr<json::value> ParseJson(std::string_view text) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = 200;
  json::value value = json::parse({text.data(), text.size()}, error, {}, options);
  if (error) return absl::InvalidArgumentError(StrCat("this is no JSON: ", error.message()));
  return value;
}

std::string PrettyJson(const json::value& value) {
  std::string out;
  WriteJson(value, "", &out);
  return out + "\n";
}

std::string PrettyYaml(const json::value& value) {
  std::string out;
  WriteYaml(value, 0, false, &out);
  return out;
}

const json::value* ValueAt(const json::value& value, std::initializer_list<std::string_view> path) {
  const json::value* at = &value;
  for (const std::string_view key : path) {
    if (!at->is_object()) return nullptr;
    at = at->get_object().if_contains({key.data(), key.size()});
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string TextAt(const json::value& value, std::initializer_list<std::string_view> path) {
  const json::value* at = ValueAt(value, path);
  if (at == nullptr || at->is_null() || at->is_object() || at->is_array()) return "";
  if (at->is_string()) return std::string(at->get_string().data(), at->get_string().size());
  return Scalar(*at);
}

const json::array& ArrayAt(const json::value& value, std::initializer_list<std::string_view> path) {
  static const json::array* const none = new json::array();
  const json::value* at = ValueAt(value, path);
  return at != nullptr && at->is_array() ? at->get_array() : *none;
}

}  // namespace gloo::cli
