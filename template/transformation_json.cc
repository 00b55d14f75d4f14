// The wire form of a transformation.
#include <charconv>

#include "template/codec.h"
#include "template/json.h"
#include "template/transformation.h"
#include "template/value.h"

namespace gloo::tmpl {
namespace {

constexpr std::string_view kConfigFields[] = {"request", "response", "max_body_bytes", "escape_json", "on_error"};
constexpr std::string_view kMessageFields[] = {"extractors",   "method",         "path",    "query",
                                               "headers",      "remove_headers", "body",    "merge_extractors_to_body",
                                               "input_schema", "append_headers", "metadata"};
constexpr std::string_view kExtractorFields[] = {"from", "key", "pattern", "regex", "name"};
constexpr std::string_view kNamedFields[] = {"name", "value"};
constexpr std::string_view kOnErrors[] = {"fail", "pass", "default"};
constexpr std::string_view kFroms[] = {"path", "authority", "header", "query", "body", "pointer"};

class Writer {
 public:
  void Config(const TransformationConfig& config) {
    Open('{');
    if (config.request.has_value()) Message("request", *config.request);
    if (config.response.has_value()) Message("response", *config.response);
    Key("max_body_bytes");
    out_ += std::to_string(config.max_body_bytes);
    if (!config.escape_json) {
      Key("escape_json");
      out_ += "false";
    }
    if (config.on_error != OnError::kFail) Member("on_error", kOnErrors[static_cast<size_t>(config.on_error)]);
    Close('}');
  }
  std::string Take() { return std::move(out_); }

 private:
  void Open(char c) {
    out_ += c;
    first_ = true;
  }
  void Close(char c) {
    out_ += c;
    first_ = false;
  }
  void Comma() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  void Text(std::string_view text) {
    out_ += '"';
    AppendJsonEscaped(text, &out_);
    out_ += '"';
  }
  void Key(std::string_view key) {
    Comma();
    Text(key);
    out_ += ':';
  }
  void Member(std::string_view key, std::string_view text) {
    Key(key);
    Text(text);
  }
  void Named(std::string_view key, const std::vector<std::pair<std::string, std::string>>& list) {
    if (list.empty()) return;
    Key(key);
    Open('[');
    for (const auto& [name, value] : list) {
      Comma();
      Open('{');
      Member("name", name);
      Member("value", value);
      Close('}');
    }
    Close(']');
  }
  void Message(std::string_view key, const MessageTemplates& message) {
    Key(key);
    Open('{');
    if (!message.extractors.empty()) {
      Key("extractors");
      Open('[');
      for (const Extractor& extractor : message.extractors) {
        Comma();
        Open('{');
        Member("from", kFroms[static_cast<size_t>(extractor.from)]);
        if (!extractor.key.empty()) Member("key", extractor.key);
        Member("pattern", extractor.pattern);
        if (!extractor.regex.empty()) Member("regex", extractor.regex);
        if (!extractor.name.empty()) Member("name", extractor.name);
        Close('}');
      }
      Close(']');
    }
    if (message.method.has_value()) Member("method", *message.method);
    if (message.path.has_value()) Member("path", *message.path);
    Named("query", message.query);
    Named("headers", message.headers);
    Named("append_headers", message.append_headers);
    Named("metadata", message.metadata);
    if (!message.remove_headers.empty()) {
      Key("remove_headers");
      Open('[');
      for (const std::string& name : message.remove_headers) {
        Comma();
        Text(name);
      }
      Close(']');
    }
    if (message.body.has_value()) Member("body", *message.body);
    if (message.input_schema.has_value()) Member("input_schema", *message.input_schema);
    if (message.merge_extractors_to_body) {
      Key("merge_extractors_to_body");
      out_ += "true";
    }
    Close('}');
  }

  std::string out_;
  bool first_ = true;
};

// Stops at the first error.
class Reader {
 public:
  explicit Reader(std::string* error) : error_(error) {}

  bool Config(const Value& value, TransformationConfig* config) {
    if (!Object(value, "the transformation", "", kConfigFields)) return false;
    if (const Value* request = FindMember(value, "request")) {
      if (!Message(*request, "request", &config->request.emplace())) return false;
    }
    if (const Value* response = FindMember(value, "response")) {
      if (!Message(*response, "response", &config->response.emplace())) return false;
    }
    if (const Value* limit = FindMember(value, "max_body_bytes")) {
      Numeric number = ToNumeric(*limit);
      if (!limit->is_number() || !number.is_int || number.integer < 0) {
        return Fail("max_body_bytes must be a whole number that is not negative");
      }
      config->max_body_bytes = static_cast<size_t>(number.integer);
    }
    return Bool(value, "escape_json", "", &config->escape_json) && ReadOnError(value, &config->on_error);
  }

 private:
  bool Fail(std::string message) {
    *error_ = std::move(message);
    return false;
  }

  bool Object(const Value& value, const std::string& what, const std::string& prefix,
              std::span<const std::string_view> fields) {
    if (!value.is_object()) return Fail(what + " must be an object, got " + TypeName(value));
    for (uint32_t i = 0; i < value.size; ++i) {
      std::string_view key = value.members[i].key;
      bool known = false;
      for (std::string_view field : fields) known = known || field == key;
      if (known) continue;
      std::string message = "unknown field \"" + prefix + std::string(key) + "\"";
      std::string_view suggestion = Suggest(key, fields);
      if (!suggestion.empty()) message += "; did you mean \"" + std::string(suggestion) + "\"?";
      return Fail(message);
    }
    return true;
  }

  bool Text(const Value& object, std::string_view key, const std::string& prefix, std::string* out) {
    const Value* value = FindMember(object, key);
    if (value == nullptr) return true;
    if (!value->is_string()) return Fail(prefix + std::string(key) + " must be a string, got " + TypeName(*value));
    *out = value->view();
    return true;
  }

  bool OptionalText(const Value& object, std::string_view key, const std::string& prefix,
                    std::optional<std::string>* out) {
    return FindMember(object, key) == nullptr || Text(object, key, prefix, &out->emplace());
  }

  bool Bool(const Value& object, std::string_view key, const std::string& prefix, bool* out) {
    const Value* value = FindMember(object, key);
    if (value == nullptr) return true;
    if (value->type != Type::kBool) {
      return Fail(prefix + std::string(key) + " must be true or false, got " + TypeName(*value));
    }
    *out = value->flag;
    return true;
  }

  // The array under `key`; an absent one is empty.
  bool List(const Value& object, std::string_view key, const std::string& prefix, Value* list) {
    *list = Value::Array(nullptr, 0);
    const Value* value = FindMember(object, key);
    if (value == nullptr) return true;
    if (!value->is_array()) return Fail(prefix + std::string(key) + " must be an array, got " + TypeName(*value));
    *list = *value;
    return true;
  }

  bool Named(const Value& object, std::string_view key, const std::string& prefix,
             std::vector<std::pair<std::string, std::string>>* out) {
    Value list;
    if (!List(object, key, prefix, &list)) return false;
    for (uint32_t i = 0; i < list.size; ++i) {
      std::string what = prefix + std::string(key) + "[" + std::to_string(i) + "]";
      auto& [name, text] = out->emplace_back();
      if (!Object(list.items[i], what, what + ".", kNamedFields) || !Text(list.items[i], "name", what + ".", &name) ||
          !Text(list.items[i], "value", what + ".", &text)) {
        return false;
      }
    }
    return true;
  }

  bool ReadOnError(const Value& config, OnError* on_error) {
    if (FindMember(config, "on_error") == nullptr) return true;
    std::string text;
    if (!Text(config, "on_error", "", &text)) return false;
    for (size_t i = 0; i < std::size(kOnErrors); ++i) {
      if (kOnErrors[i] != text) continue;
      *on_error = static_cast<OnError>(i);
      return true;
    }
    return Fail("on_error must be \"fail\", \"pass\" or \"default\", got \"" + text + "\"");
  }

  bool ReadExtractor(const Value& value, const std::string& what, Extractor* extractor) {
    if (!Object(value, what, what + ".", kExtractorFields)) return false;
    std::string from;
    if (!Text(value, "from", what + ".", &from) || !Text(value, "key", what + ".", &extractor->key) ||
        !Text(value, "pattern", what + ".", &extractor->pattern) ||
        !Text(value, "regex", what + ".", &extractor->regex) || !Text(value, "name", what + ".", &extractor->name)) {
      return false;
    }
    for (size_t i = 0; i < std::size(kFroms); ++i) {
      if (kFroms[i] != from) continue;
      extractor->from = static_cast<Extractor::From>(i);
      return true;
    }
    return Fail(what + ".from must be \"path\", \"authority\", \"header\", \"query\", \"body\" or \"pointer\", got \"" +
                from + "\"");
  }

  bool Message(const Value& value, const std::string& what, MessageTemplates* message) {
    std::string prefix = what + ".";
    if (!Object(value, what, prefix, kMessageFields)) return false;
    Value list;
    if (!List(value, "extractors", prefix, &list)) return false;
    for (uint32_t i = 0; i < list.size; ++i) {
      std::string item = prefix + "extractors[" + std::to_string(i) + "]";
      if (!ReadExtractor(list.items[i], item, &message->extractors.emplace_back())) return false;
    }
    if (!List(value, "remove_headers", prefix, &list)) return false;
    for (uint32_t i = 0; i < list.size; ++i) {
      if (!list.items[i].is_string()) {
        return Fail(prefix + "remove_headers[" + std::to_string(i) + "] must be a string, got " +
                    TypeName(list.items[i]));
      }
      message->remove_headers.emplace_back(list.items[i].view());
    }
    return OptionalText(value, "method", prefix, &message->method) &&
           OptionalText(value, "path", prefix, &message->path) && Named(value, "query", prefix, &message->query) &&
           Named(value, "headers", prefix, &message->headers) &&
           Named(value, "append_headers", prefix, &message->append_headers) &&
           Named(value, "metadata", prefix, &message->metadata) &&
           OptionalText(value, "body", prefix, &message->body) &&
           OptionalText(value, "input_schema", prefix, &message->input_schema) &&
           Bool(value, "merge_extractors_to_body", prefix, &message->merge_extractors_to_body);
  }

  std::string* error_;
};

}  // namespace

std::string ToJson(const TransformationConfig& config) {
  Writer writer;
  writer.Config(config);
  return writer.Take();
}

bool FromJson(std::string_view json, TransformationConfig* config, std::string* error) {
  *config = TransformationConfig();
  Arena arena;
  Value value;
  JsonError json_error;
  if (!ReadJson(json, &arena, &value, &json_error)) {
    *error = "not JSON: " + std::string(json_error.message) + " at byte " + std::to_string(json_error.offset);
    return false;
  }
  return Reader(error).Config(value, config);
}

}  // namespace gloo::tmpl
