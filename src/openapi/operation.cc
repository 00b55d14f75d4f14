#include "openapi/operation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace gloo::openapi {
namespace {

using model::Value;

// As many names as a template's function takes.
constexpr size_t kMaxNames = 200;

// Headers that are not of a function: the gateway's own, and those that OpenAPI says parameters do not set.
bool IsOwnHeader(const std::string& lower) {
  constexpr std::string_view kOwn[] = {
      "accept", "authorization",     "connection", "content-length", "content-type",    "cookie", "host", "keep-alive",
      "te",     "transfer-encoding", "upgrade",    "expect",         "proxy-connection"};
  return absl::StartsWith(lower, "x-gloo-") || absl::StartsWith(lower, "x-envoy-") ||
         std::find(std::begin(kOwn), std::end(kOwn), lower) != std::end(kOwn);
}

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// A name that a template can write by itself. Others mean something of their own there, or would be read otherwise.
bool IsVariable(std::string_view name) {
  constexpr std::string_view kWords[] = {"and",  "authority", "body",   "context",  "else",    "false", "for",    "if",
                                         "in",   "index",     "index1", "is_first", "is_last", "loop",  "method", "not",
                                         "null", "or",        "path",   "scheme",   "set",     "true"};
  if (std::find(std::begin(kWords), std::end(kWords), name) != std::end(kWords)) return false;
  return !name.empty() && absl::ascii_isalpha(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; });
}

std::string Variable(std::string_view name) {
  return IsVariable(name) ? std::string(name) : StrCat("context()[", JsonQuote(name), "]");
}

std::string Names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) StrAppend(&out, out.empty() ? "" : ", ", JsonQuote(name));
  return out;
}

// Text that a template leaves as it is, and a request line too; `{name}` stands for itself.
bool IsPlainPath(std::string_view path) {
  return path.find("{{") == std::string_view::npos && path.find("{%") == std::string_view::npos &&
         std::all_of(path.begin(), path.end(),
                     [](unsigned char c) { return c > ' ' && c != 0x7f && c != '?' && c != '#'; });
}

std::string Lower(std::string_view text) { return absl::AsciiStrToLower(AbslView(text)); }

std::string MediaType(std::string_view written) {
  return Lower(StdView(absl::StripAsciiWhitespace(AbslView(written.substr(0, written.find(';'))))));
}

bool IsJson(const std::string& type) {
  return type == "application/json" || type == "text/json" || absl::EndsWith(type, "+json") || type == "*/*";
}

bool IsForm(const std::string& type) { return type == "application/x-www-form-urlencoded"; }

// JSON before forms before all else, of the media types in order.
int Rank(const std::string& type) { return type == "application/json" ? 0 : IsJson(type) ? 1 : IsForm(type) ? 2 : 3; }

}  // namespace

bool OperationReader::Unsupported(const At& at, std::string message) {
  documents_.Warning(at, "Unsupported", StrCat(message, "; the operation is left out"));
  return false;
}

bool OperationReader::Style(Parameter* parameter) {
  const At& at = parameter->at;
  const std::string_view style = at.Text("style");
  const bool in_query = parameter->in == In::kQuery;
  const bool form = style == "form" || (style.empty() && (in_query || parameter->in == In::kCookie));
  const std::string type = schemas_.TypeOf(parameter->schema);
  const bool explode = at.Child("explode") ? at.True("explode") : form;
  if (style == "deepObject") {
    parameter->separator = type == "array" ? 'b' : '\0';
    return true;
  }
  if (style == "spaceDelimited" || style == "pipeDelimited") {
    parameter->separator = explode ? '\0' : style == "pipeDelimited" ? '|' : ' ';
    return type != "object" || Unsupported(at, StrCat("style ", style, " of an object is not supported"));
  }
  if (!form && !style.empty() && style != "simple")
    return Unsupported(at, StrCat("style ", style, " is not supported"));
  if (parameter->json && (type == "object" || type == "array")) {
    return Unsupported(at, "a parameter that holds JSON (`content`) is not supported");
  }
  if (type == "object") return Unsupported(at, "an object as a parameter is supported as `style: deepObject` alone");
  parameter->separator = form && explode && in_query ? '\0' : ',';
  return true;
}

bool OperationReader::CollectionFormat(Parameter* parameter) {
  const std::string_view format = parameter->at.Text("collectionFormat");
  if (format.empty() || format == "csv") {
    parameter->separator = ',';
  } else if (format == "multi") {
    parameter->separator = '\0';
  } else if (format == "ssv" || format == "pipes") {
    parameter->separator = format == "ssv" ? ' ' : '|';
  } else {
    return Unsupported(parameter->at, StrCat("collectionFormat ", format, " is not supported"));
  }
  return true;
}

bool OperationReader::ReadParameter(const At& at, Parameter* parameter) {
  parameter->at = at;
  parameter->name = at.Text("name");
  const std::string_view in = at.Text("in");
  const std::pair<std::string_view, In> places[] = {{"path", In::kPath},     {"query", In::kQuery},
                                                    {"header", In::kHeader}, {"cookie", In::kCookie},
                                                    {"body", In::kBody},     {"formData", In::kForm}};
  const auto* place = std::find_if(std::begin(places), std::end(places), [&](const auto& p) { return p.first == in; });
  const bool known = place != std::end(places) && (common_.swagger ? in != "cookie" : place->second < In::kBody);
  if (!known || parameter->name.empty()) {
    documents_.Error(at, "BadParameter",
                     parameter->name.empty()
                         ? "a parameter needs a name"
                         : StrCat("in: \"", in, "\" is not known: path, query, header or cookie are"));
    return false;
  }
  parameter->in = place->second;
  parameter->required = at.True("required") || parameter->in == In::kPath;
  // In 2.0 the parameter is its own schema.
  parameter->schema = common_.swagger && parameter->in != In::kBody ? at : at.Child("schema");
  if (const At content = at.Child("content"); content.IsMap() && !content.node->entries.empty()) {
    parameter->schema = content.Child(content.node->entries[0]).Child("schema");
    parameter->json = true;
  }
  return true;
}

bool OperationReader::ReadParameters(const At& item, const At& operation) {
  parameters_.clear();
  form_.clear();
  body_ = {};
  // Those of the operation count before those of its path.
  for (const At& owner : {operation, item}) {
    const At list = owner.Child("parameters");
    for (size_t i = 0; list.IsList() && i < list.node->items.size(); ++i) {
      const At at = documents_.Resolve(list.Item(i));
      Parameter parameter;
      if (!at || !ReadParameter(at, &parameter)) return false;
      const auto same = [&](const Parameter& p) {
        return p.in == parameter.in &&
               (p.in == In::kHeader ? Lower(p.name) == Lower(parameter.name) : p.name == parameter.name);
      };
      if (std::any_of(parameters_.begin(), parameters_.end(), same)) continue;
      if (parameter.in == In::kBody) {
        if (!body_) body_ = parameter.schema;
        body_required_ = parameter.required;
        continue;
      }
      if (parameter.in == In::kHeader && IsOwnHeader(Lower(parameter.name))) continue;
      if (parameter.in == In::kHeader && !IsHeaderName(parameter.name)) {
        documents_.Error(at, "BadParameter", StrCat("\"", parameter.name, "\" is not the name of a header"));
        return false;
      }
      if (!(common_.swagger ? CollectionFormat(&parameter) : Style(&parameter))) return false;
      (parameter.in == In::kForm ? form_ : parameters_).push_back(std::move(parameter));
    }
  }
  return true;
}

std::optional<std::string> OperationReader::Path(std::string_view path, const At& operation) {
  if (!IsPlainPath(path) || !IsPlainPath(common_.server.base_path)) {
    Unsupported(operation, StrCat("the path \"", common_.server.base_path, path,
                                  "\" has a query, a fragment or a space, or reads as a template"));
    return std::nullopt;
  }
  std::string out = common_.server.base_path;
  while (!path.empty()) {
    const size_t open = path.find('{');
    StrAppend(&out, path.substr(0, open));
    if (open == std::string_view::npos) break;
    const size_t close = path.find('}', open);
    if (close == std::string_view::npos) {
      documents_.Error(operation, "BadPath", StrCat("\"", path, "\" has no \"}\""));
      return std::nullopt;
    }
    const std::string name(path.substr(open + 1, close - open - 1));
    path.remove_prefix(close + 1);
    auto parameter = std::find_if(parameters_.begin(), parameters_.end(),
                                  [&](const Parameter& p) { return p.in == In::kPath && p.name == name; });
    if (parameter == parameters_.end()) {
      documents_.Warning(operation, "MissingParameter",
                         StrCat("the path's parameter \"", name, "\" is not described; it is taken for a text"));
      parameter = parameters_.insert(parameters_.end(), Parameter{operation, name, In::kPath, true});
    }
    const std::string variable = Variable(name);
    if (schemas_.TypeOf(parameter->schema) == "array") {
      StrAppend(&out, "{{ join(", variable, ", \",\") if isArray(", variable, ") else ", variable, " }}");
    } else {
      StrAppend(&out, "{{ ", variable, " }}");
    }
  }
  std::vector<std::string> query;
  for (const Parameter& parameter : parameters_) {
    if (parameter.in != In::kQuery) continue;
    std::string name = parameter.name;
    if (parameter.separator == 'b') name += "[]";
    // How an array is written matters for arrays alone.
    const bool joined = parameter.separator != '\0' && parameter.separator != 'b';
    if (joined && schemas_.TypeOf(parameter.schema) == "array") name += parameter.separator;
    query.push_back(std::move(name));
  }
  if (query.size() > kMaxNames) {
    Unsupported(operation, StrCat("more than ", kMaxNames, " query parameters"));
    return std::nullopt;
  }
  if (!query.empty()) StrAppend(&out, "{{ query(", Names(query), ") }}");
  return out;
}

void OperationReader::Headers(Value* headers) {
  // With the name of the server that the document names, not the one that clients ask for.
  const Server& server = common_.server;
  const bool is_name = server.host.find_first_not_of("0123456789.") != std::string::npos &&
                       server.host.find(':') == std::string::npos && server.host != "localhost";
  if (is_name) {
    const bool usual = server.port == (server.tls ? 443 : 80);
    headers->Set("host", Value::Text(usual ? server.host : StrCat(server.host, ":", server.port)));
  }
  std::vector<std::string> cookies;
  for (const Parameter& parameter : parameters_) {
    if (parameter.in == In::kCookie) cookies.push_back(parameter.name);
    if (parameter.in != In::kHeader) continue;
    const std::string variable = Variable(parameter.name);
    const std::string own = StrCat("default(", variable, ", header(", JsonQuote(parameter.name), "))");
    const bool array = schemas_.TypeOf(parameter.schema) == "array";
    headers->Set(Lower(parameter.name),
                 Value::Text(array ? StrCat("{% set v = ", own, " %}{{ join(v, \",\") if isArray(v) else v }}")
                                   : StrCat("{{ ", own, " }}")));
  }
  if (!cookies.empty()) headers->Set("cookie", Value::Text(StrCat("{{ cookies(", Names(cookies), ") }}")));
}

bool OperationReader::ChooseBody(const At& operation, std::string* type, At* schema, bool* required) {
  if (common_.swagger) {
    At consumes = operation.Child("consumes");
    if (!consumes) consumes = common_.consumes;
    *type = form_.empty() ? "application/json" : "application/x-www-form-urlencoded";
    for (size_t i = 0; consumes.IsList() && i < consumes.node->items.size(); ++i) {
      const std::string written = MediaType(consumes.Item(i).Text());
      // The first, or a better one.
      if (i == 0 || Rank(written) < Rank(*type)) *type = written;
    }
    const auto is_file = [](const Parameter& p) { return p.at.Text("type") == "file"; };
    if (std::any_of(form_.begin(), form_.end(), is_file)) *type = "multipart/form-data";
    *schema = body_;
    *required = body_required_;
    return body_ || !form_.empty();
  }
  const At body = documents_.Resolve(operation.Child("requestBody"));
  const At content = body.Child("content");
  if (!content.IsMap() || content.node->entries.empty()) return false;
  const model::Entry* best = nullptr;
  for (const model::Entry& entry : content.node->entries) {
    if (best == nullptr || Rank(MediaType(entry.key)) < Rank(MediaType(best->key))) best = &entry;
  }
  *type = MediaType(best->key);
  *schema = content.Child(*best).Child("schema");
  *required = body.True("required");
  return true;
}

// What of the inputs goes into the body.
std::string OperationReader::BodyTemplate(const Schemas::Fields& fields) const {
  if (!fields.open && fields.names.size() <= kMaxNames) return StrCat("only(", Names(fields.names), ")");
  std::vector<std::string> others;
  for (const Parameter& parameter : parameters_) {
    const bool both = std::find(fields.names.begin(), fields.names.end(), parameter.name) != fields.names.end();
    if (!both && others.size() < kMaxNames) others.push_back(parameter.name);
  }
  return others.empty() ? "context()" : StrCat("except(", Names(others), ")");
}

bool OperationReader::Body(const At& operation, Value* spec, Value* headers) {
  std::string type;
  At schema;
  bool required = false;
  if (!ChooseBody(operation, &type, &schema, &required)) {
    // What else a caller sent is not for this operation.
    spec->Set("body", Value::Text(""));
    spec->Set("input", Input({}, false));
    return true;
  }
  Schemas::Fields fields = schemas_.FieldsOf(schema);
  for (const Parameter& parameter : form_) fields.names.push_back(parameter.name);
  if (!form_.empty()) fields.open = false;
  const bool takes_fields = (IsJson(type) && (fields.is_object || !schema)) || IsForm(type);
  if (!takes_fields) {
    // Arrays, files, several parts: passed on as they come, objects or not.
    Value input = Input({}, false);
    std::erase_if(input.fields, [](const auto& field) { return field.first == "type"; });
    spec->Set("input", std::move(input));
    return true;
  }
  const std::string text = BodyTemplate(fields);
  headers->Set("content-type", Value::Text(type == "*/*" ? "application/json" : type));
  spec->Set("body", Value::Text(IsForm(type) ? StrCat("{{ form(", text, ") }}") : StrCat("{{ ", text, " }}")));
  spec->Set("input", Input(schema, required));
  return true;
}

Value OperationReader::SchemaOf(const Parameter& parameter) {
  Value schema = schemas_.Convert(parameter.schema, Schemas::Use::kRequest, kMaxInputBytes / 16);
  return schema.type == Value::Type::kMap ? schema : Value::Map();
}

// Of parameters and the fields of the body together: what a caller may give.
Value OperationReader::Input(const At& body, bool body_required) {
  Value properties = Value::Map();
  std::vector<std::string> required;
  constexpr std::string_view kPlaces[] = {"path", "query", "header", "cookie", "body", "body"};
  for (const auto* list : {&parameters_, &form_}) {
    for (const Parameter& parameter : *list) {
      if (properties.Find(parameter.name) != nullptr) continue;
      Value schema = SchemaOf(parameter);
      // Where its text may come from besides.
      if (parameter.in != In::kForm) {
        schema.Set("x-in", Value::Text(std::string(kPlaces[static_cast<size_t>(parameter.in)])));
      }
      properties.Set(parameter.name, std::move(schema));
      if (parameter.required) required.push_back(parameter.name);
    }
  }
  Value input = Value::Map({{"type", Value::Text("object")}});
  if (body) {
    Value schema = schemas_.Convert(body, Schemas::Use::kRequest, kMaxInputBytes);
    if (Value* own = schema.Find("properties")) {
      for (auto& [name, value] : own->fields) {
        if (properties.Find(name) == nullptr) properties.Set(name, std::move(value));
      }
    }
    if (Value* names = schema.Find("required"); names != nullptr && body_required) {
      for (const Value& name : names->items) {
        if (std::find(required.begin(), required.end(), name.text) == required.end()) required.push_back(name.text);
      }
    }
    for (auto& [key, value] : schema.fields) {
      // Parameters stand beside the body's fields, also where the body itself takes no others.
      const bool of_parts = key == "allOf" || key == "anyOf" || key == "oneOf";
      if (!of_parts || !body_required) continue;
      for (Value& part : value.items)
        std::erase_if(part.fields, [](auto& f) { return f.first == "additionalProperties"; });
      // Parts that now take more may fit several at once.
      if (input.Find(key == "oneOf" ? "anyOf" : key) == nullptr)
        input.Set(key == "oneOf" ? "anyOf" : key, std::move(value));
    }
  }
  if (!required.empty()) input.Set("required", Value::Texts(required));
  if (!properties.fields.empty()) input.Set("properties", std::move(properties));
  return input;
}

std::optional<Value> OperationReader::Output(const At& operation) {
  const At responses = operation.Child("responses");
  At response;
  for (const std::string_view status : {"200", "201", "202", "2XX", "203", "206", "default"}) {
    if (response = documents_.Resolve(responses.Child(status)); response) break;
  }
  At schema = response.Child("schema");
  if (const At content = response.Child("content"); content.IsMap()) {
    for (const model::Entry& entry : content.node->entries) {
      if (IsJson(MediaType(entry.key))) schema = content.Child(entry).Child("schema");
      if (schema) break;
    }
  }
  if (!schema) return std::nullopt;
  Value output = schemas_.Convert(schema, Schemas::Use::kResponse, kMaxOutputBytes);
  if (output.type != Value::Type::kMap || output.fields.empty()) return std::nullopt;
  return output;
}

std::optional<Value> OperationReader::Read(std::string_view path, const At& item, std::string_view method,
                                           const At& operation) {
  if (!ReadParameters(item, operation)) return std::nullopt;
  const std::optional<std::string> target = Path(path, operation);
  if (!target) return std::nullopt;
  Value spec = Value::Map();
  spec.Set("method", Value::Text(absl::AsciiStrToUpper(AbslView(method))));
  spec.Set("path", Value::Text(*target));
  Value headers = Value::Map();
  Headers(&headers);
  if (!Body(operation, &spec, &headers)) return std::nullopt;
  if (!headers.fields.empty()) spec.fields.insert(spec.fields.begin() + 2, {"headers", std::move(headers)});
  if (std::optional<Value> output = Output(operation)) spec.Set("output", *std::move(output));
  return spec;
}

}  // namespace gloo::openapi
