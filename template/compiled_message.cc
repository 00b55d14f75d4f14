#include "template/compiled_message.h"

#include <algorithm>

#include "template/codec.h"

namespace gloo::tmpl {
namespace {

std::string Lower(std::string_view text) {
  std::string out;
  for (char c : text) out.push_back(ToLower(c));
  return out;
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

}  // namespace

bool IsHeaderName(std::string_view name) { return !name.empty() && std::all_of(name.begin(), name.end(), IsTokenChar); }

bool IsHeaderValue(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; });
}

class MessageCompiler {
 public:
  MessageCompiler(const MessageTemplates& templates, bool is_response, const TransformationConfig& config,
                  std::vector<CompileError>* errors)
      : templates_(templates),
        is_response_(is_response),
        config_(config),
        errors_(errors),
        message_(new CompiledMessage()) {}

  std::unique_ptr<const CompiledMessage> Compile() {
    message_->is_response_ = is_response_;
    message_->more_ = std::make_unique<CompiledMessage::More>();
    message_->max_body_bytes_ = config_.max_body_bytes;
    message_->missing_is_null_ = config_.on_error == OnError::kDefault;
    for (size_t i = 0; i < templates_.extractors.size(); ++i) AddExtractor(i);
    if (is_response_) {
      RefuseRequestOnly();
    } else {
      for (std::string_view name : {"path", "method", "authority", "scheme"}) AddImplied(name);
    }
    if (templates_.method.has_value()) message_->method_ = CompileMethod(*templates_.method);
    if (templates_.path.has_value()) message_->path_ = CompilePath("path", *templates_.path);
    for (const auto& [name, value] : templates_.query) AddQuery(name, value);
    for (const auto& [name, value] : templates_.headers) AddHeader(name, value);
    for (const auto& [name, value] : templates_.append_headers) AddAppend(name, value);
    for (size_t i = 0; i < templates_.remove_headers.size(); ++i) AddRemoval(i);
    for (const auto& [name, value] : templates_.metadata) AddMetadata(name, value);
    if (templates_.body.has_value()) {
      message_->body_ = CompileTemplate("body", *templates_.body, BodyLanding());
      if (templates_.merge_extractors_to_body) Fail("merge_extractors_to_body", "cannot stand beside body");
    }
    message_->merge_ = templates_.merge_extractors_to_body;
    if (templates_.input_schema.has_value()) CompileInput(*templates_.input_schema);
    // Messages last as long as their route.
    const auto shrink = [](auto&... lists) { (lists.shrink_to_fit(), ...); };
    shrink(message_->extractors_, message_->parameters_, message_->headers_);
    if (message_->more_->empty()) message_->more_.reset();
    message_->needs_body_ =
        message_->needs_body_ || templates_.body.has_value() || message_->merge_ || templates_.input_schema.has_value();
    if (failed_) return nullptr;
    return std::move(message_);
  }

 private:
  void Fail(std::string_view field, std::string message) {
    failed_ = true;
    if (errors_ == nullptr) return;
    errors_->push_back(
        {std::string(is_response_ ? "response" : "request") + "." + std::string(field), std::move(message)});
  }

  void RefuseRequestOnly() {
    if (templates_.method.has_value()) Fail("method", "a response has no method");
    if (templates_.path.has_value()) Fail("path", "a response has no path");
    if (!templates_.query.empty()) Fail("query", "a response has no query");
  }

  void CompileInput(std::string_view schema) {
    if (is_response_) return Fail("input_schema", "a response has no input");
    std::string error;
    message_->input_ = Schema::Compile(schema, &error);
    if (message_->input_ == nullptr) Fail("input_schema", error);
  }

  std::unique_ptr<const Template> CompileTemplate(std::string_view field, std::string_view text, Landing landing) {
    TemplateOptions options;
    options.landing = landing;
    options.parameters = message_->parameters_;
    std::vector<TemplateError> errors;
    std::unique_ptr<const Template> result = Template::Compile(text, options, &errors);
    for (const TemplateError& error : errors) Fail(field, error.ToString());
    if (result != nullptr) {
      message_->needs_body_ = message_->needs_body_ || result->reads_data();
      message_->reads_request_ = message_->reads_request_ || result->reads_request_header();
    }
    return result;
  }

  std::unique_ptr<const Template> CompilePath(std::string_view field, std::string_view text) {
    auto result = CompileTemplate(field, text, Landing::kPath);
    if (result == nullptr) return result;
    if (!result->prefix().empty() ? result->prefix()[0] != '/' : text.empty()) {
      Fail(field, "must begin with \"/\"");
    }
    if (result->constant() != nullptr &&
        std::any_of(result->constant()->begin(), result->constant()->end(), IsBlankOrControl)) {
      Fail(field, "a path cannot hold a space or a control character");
    }
    return result;
  }

  std::unique_ptr<const Template> CompileMethod(std::string_view text) {
    auto result = CompileTemplate("method", text, Landing::kText);
    if (result != nullptr && result->constant() != nullptr && !IsHeaderName(*result->constant())) {
      Fail("method", Quoted(*result->constant()) + " is not a method");
    }
    return result;
  }

  void AddExtractor(size_t index) {
    const Extractor& extractor = templates_.extractors[index];
    std::string field = "extractors[" + std::to_string(index) + "]";
    CompiledExtractor compiled;
    compiled.from = extractor.from;
    compiled.key = extractor.from == Extractor::From::kHeader ? Lower(extractor.key) : extractor.key;
    compiled.first_parameter = message_->parameters_.size();
    bool from_path = extractor.from == Extractor::From::kPath;
    bool from_authority = extractor.from == Extractor::From::kAuthority;
    std::string_view key = compiled.key;
    if (key.starts_with(':')) key.remove_prefix(1);
    const bool from_body = extractor.from == Extractor::From::kBody || extractor.from == Extractor::From::kPointer;
    if (is_response_ && extractor.from != Extractor::From::kHeader && !from_body) {
      Fail(field + ".from", "a response has headers and a body only");
      return;
    }
    if (extractor.from == Extractor::From::kHeader || extractor.from == Extractor::From::kQuery) {
      if (key.empty()) return Fail(field + ".key", "is missing");
      if (extractor.from == Extractor::From::kHeader && !IsHeaderName(key)) {
        return Fail(field + ".key", Quoted(extractor.key) + " is not the name of a header");
      }
    }
    if (extractor.from == Extractor::From::kPointer || !extractor.regex.empty()) {
      compiled.more = std::make_unique<CompiledExtractor::More>();
    }
    if (extractor.from == Extractor::From::kPointer && !ReadPointer(extractor.key, &compiled.more->steps)) {
      return Fail(field + ".key", Quoted(extractor.key) + " is no JSON Pointer; they are as /user/name");
    }
    message_->needs_body_ = message_->needs_body_ || from_body;
    std::vector<std::string> names;
    if (!extractor.regex.empty()) {
      if (!CompileRegex(extractor, field, &compiled, &names)) return;
    } else {
      if (from_path && extractor.pattern.find('?') != std::string::npos) {
        return Fail(field + ".pattern", "the path has no query here; use `query`");
      }
      std::string error;
      if (!Pattern::Compile(extractor.pattern, &compiled.pattern, &error)) return Fail(field + ".pattern", error);
      names = compiled.pattern.TakeNames();
      compiled.whole = names.empty();
      if (compiled.whole) {
        if (!extractor.name.empty()) key = extractor.name;
        if (from_body && extractor.name.empty()) return Fail(field + ".name", "is missing");
        names.emplace_back(!extractor.name.empty() ? key : from_path ? "path" : from_authority ? "authority" : key);
      }
    }
    if (!extractor.name.empty() && !IsParameterName(extractor.name)) {
      return Fail(field + ".name", Quoted(extractor.name) + " must be letters, digits, \"-\", \"_\" and single dots");
    }
    for (std::string& name : names) {
      for (const Parameter& other : message_->parameters_) {
        if (other.name == name) return Fail(field + ".pattern", "the parameter " + Quoted(name) + " is there already");
        std::string_view shorter = other.name.size() < name.size() ? other.name : name;
        std::string_view longer = other.name.size() < name.size() ? name : other.name;
        if (longer.starts_with(shorter) && longer[shorter.size()] == '.') {
          return Fail(field + ".pattern", "the parameter " + Quoted(shorter) + " cannot hold " + Quoted(longer));
        }
      }
      message_->parameters_.push_back({std::move(name), from_path, false});
    }
    message_->extractors_.push_back(std::move(compiled));
  }

  // Names of parameters are those of the groups.
  bool CompileRegex(const Extractor& extractor, const std::string& field, CompiledExtractor* compiled,
                    std::vector<std::string>* names) {
    std::string error;
    const auto fails = [&](std::string_view part, std::string message) {
      Fail(field + std::string(part), std::move(message));
      return false;
    };
    if (!extractor.pattern.empty()) return fails(".pattern", "there is a regular expression too");
    if (!Regex::Compile(extractor.regex, &compiled->more->regex.emplace(), &error)) {
      return fails(".regex", Quoted(extractor.regex) + " is no regular expression: " + error);
    }
    const std::vector<std::string>& groups = compiled->more->regex->groups();
    for (size_t i = 0; i < groups.size(); ++i) {
      if (groups[i].empty()) continue;
      names->push_back(groups[i]);
      compiled->more->groups.push_back(i + 1);
    }
    if (!names->empty()) {
      return extractor.name.empty() || fails(".name", "has no effect: the groups of the regular expression have names");
    }
    if (extractor.name.empty()) {
      return fails(".name", "is missing: the regular expression has no group with a name, (?P<name>...)");
    }
    names->push_back(extractor.name);
    compiled->more->groups.push_back(groups.empty() ? 0 : 1);
    return true;
  }

  static bool IsParameterName(std::string_view name) {
    std::vector<std::string_view> parts;
    return SplitPath(name, &parts) &&
           std::all_of(name.begin(), name.end(), [](char c) { return IsAlnum(c) || c == '-' || c == '.' || c == '_'; });
  }

  // The variables that a request has unasked, where a template may name them.
  void AddImplied(std::string_view name) {
    auto names = [&](std::string_view text) { return text.find(name) != std::string_view::npos; };
    auto names_in = [&](const std::vector<std::pair<std::string, std::string>>& list) {
      return std::any_of(list.begin(), list.end(), [&](const auto& entry) { return names(entry.second); });
    };
    bool named = names(templates_.method.value_or("")) || names(templates_.path.value_or("")) ||
                 names(templates_.body.value_or("")) || names_in(templates_.query) || names_in(templates_.headers) ||
                 names_in(templates_.append_headers) || names_in(templates_.metadata);
    for (const Parameter& other : message_->parameters_) {
      if (std::string_view(other.name).substr(0, other.name.find('.')) == name) named = false;
    }
    if (!named) return;
    CompiledExtractor compiled;
    compiled.from = name == "path" ? Extractor::From::kPath : Extractor::From::kHeader;
    compiled.key = ":" + std::string(name);
    compiled.whole = true;
    compiled.first_parameter = message_->parameters_.size();
    message_->extractors_.push_back(std::move(compiled));
    message_->parameters_.push_back({std::string(name), name == "path", true});
  }

  void AddQuery(const std::string& name, const std::string& text) {
    std::string field = "query[" + Quoted(name) + "]";
    if (name.empty()) return Fail(field, "a query parameter needs a name");
    for (const auto& other : message_->more_->query) {
      if (other.name == name) return Fail(field, "stands twice");
    }
    message_->more_->query.push_back({name, CompileTemplate(field, text, Landing::kQuery)});
  }

  void AddHeader(const std::string& given, const std::string& text) {
    std::string field = "headers[" + Quoted(given) + "]";
    std::string name = Lower(given);
    if (name == "host" && !is_response_) name = ":authority";
    if (name == ":path" && !is_response_) {
      if (message_->path_ != nullptr || templates_.path.has_value()) return Fail(field, "is the same as path");
      message_->path_ = CompilePath(field, text);
      return;
    }
    if (!CheckName(field, given, name)) return;
    if (name == ":method" && templates_.method.has_value()) return Fail(field, "is the same as method");
    for (const auto& other : message_->headers_) {
      if (other.name == name) return Fail(field, "stands twice");
    }
    message_->headers_.push_back({std::move(name), CompileHeader(field, text)});
  }

  std::unique_ptr<const Template> CompileHeader(const std::string& field, const std::string& text) {
    auto value = CompileTemplate(field, text, Landing::kText);
    if (value != nullptr && value->constant() != nullptr && !IsHeaderValue(*value->constant())) {
      Fail(field, "a header cannot hold a control character");
    }
    return value;
  }

  void AddAppend(const std::string& given, const std::string& text) {
    const std::string field = "append_headers[" + Quoted(given) + "]";
    std::string name = Lower(given);
    if (!IsHeaderName(name)) return Fail(field, Quoted(given) + " is not the name of a header");
    // Those that a message has once only.
    for (const std::string_view once : {"host", "content-type", "content-length", "transfer-encoding"}) {
      if (name == once) return Fail(field, Quoted(given) + " cannot have several values; set it among the headers");
    }
    message_->more_->append_headers.push_back({std::move(name), CompileHeader(field, text)});
  }

  void AddMetadata(const std::string& name, const std::string& text) {
    const std::string field = "metadata[" + Quoted(name) + "]";
    if (name.empty()) return Fail(field, "metadata needs a name");
    message_->more_->metadata.push_back({name, CompileTemplate(field, text, Landing::kText)});
  }

  bool CheckName(const std::string& field, const std::string& given, std::string_view name) {
    bool good;
    if (name.starts_with(':')) {
      good = is_response_ ? name == ":status" : name == ":method" || name == ":authority" || name == ":scheme";
      if (!good) {
        Fail(field, Quoted(given) + (is_response_ ? " cannot be set; of the pseudo headers \":status\" can"
                                                  : " cannot be set; of the pseudo headers \":path\", \":method\", "
                                                    "\":authority\" and \":scheme\" can"));
      }
    } else {
      good = IsHeaderName(name);
      if (!good) Fail(field, Quoted(given) + " is not the name of a header");
    }
    return good;
  }

  void AddRemoval(size_t index) {
    const std::string& given = templates_.remove_headers[index];
    std::string name = Lower(given);
    if (!IsHeaderName(name)) {
      Fail("remove_headers[" + std::to_string(index) + "]", Quoted(given) + " is not the name of a header");
      return;
    }
    message_->more_->remove_headers.push_back(std::move(name));
  }

  // A content type that the templates set tells what the body is; else its own text does.
  Landing BodyLanding() const {
    if (!config_.escape_json) return Landing::kText;
    for (const auto& header : message_->headers_) {
      if (header.name != "content-type" || header.value == nullptr || header.value->constant() == nullptr) continue;
      return IsJsonType(*header.value->constant()) ? Landing::kJson : Landing::kText;
    }
    return Landing::kBody;
  }

  const MessageTemplates& templates_;
  bool is_response_;
  const TransformationConfig& config_;
  std::vector<CompileError>* errors_;
  std::unique_ptr<CompiledMessage> message_;
  bool failed_ = false;
};

std::unique_ptr<const CompiledMessage> CompiledMessage::Compile(const MessageTemplates& templates, bool is_response,
                                                                const TransformationConfig& config,
                                                                std::vector<CompileError>* errors) {
  return MessageCompiler(templates, is_response, config, errors).Compile();
}

std::vector<std::string> CompiledMessage::Parameters() const {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters_) {
    if (!parameter.implied) names.push_back(parameter.name);
  }
  return names;
}

std::vector<std::string> CompiledMessage::RequiredBodyFields() const {
  std::vector<std::string> fields;
  auto add = [&](const std::unique_ptr<const Template>& t) {
    if (t == nullptr) return;
    for (const std::string& name : t->required()) {
      bool from_parameter = std::any_of(parameters_.begin(), parameters_.end(), [&](const Parameter& p) {
        return p.name.starts_with(name + ".") || name.starts_with(p.name + ".");
      });
      if (!from_parameter && std::find(fields.begin(), fields.end(), name) == fields.end()) fields.push_back(name);
    }
  };
  add(method_);
  add(path_);
  for (const Named& query : more().query) add(query.value);
  for (const std::vector<Named>* list : {&headers_, &more().append_headers, &more().metadata}) {
    for (const Named& named : *list) add(named.value);
  }
  add(body_);
  return fields;
}

}  // namespace gloo::tmpl
