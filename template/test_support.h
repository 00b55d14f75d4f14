// Shared by the tests of this folder.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "template/json.h"
#include "template/template.h"
#include "template/transformation.h"

namespace gloo::tmpl {

// The result; or "error: TEXT" of rendering; or "LINE:COLUMN TEXT" of each compile error, joined by "\n".
inline std::string RenderText(std::string_view text, std::string_view json, TemplateOptions options = {}) {
  std::vector<TemplateError> errors;
  auto compiled = Template::Compile(text, options, &errors);
  if (compiled == nullptr) {
    std::string out;
    for (const TemplateError& error : errors) {
      if (!out.empty()) out += "\n";
      out += std::to_string(error.line) + ":" + std::to_string(error.column) + " " + error.message;
    }
    return out;
  }
  Arena arena;
  Value root;
  JsonError json_error;
  if (!ReadJson(json, &arena, &root, &json_error)) return std::string("bad test data: ") + json_error.message;
  ValueContext context(root);
  std::string out;
  RenderError error;
  if (!compiled->Render(&context, &arena, &out, &error)) return "error: " + error.message;
  return out;
}

class MapHeaders : public HeaderSource {
 public:
  MapHeaders() = default;
  MapHeaders(std::initializer_list<std::pair<const std::string, std::string>> headers) : headers_(headers) {}
  void Set(const std::string& name, const std::string& value) { headers_[name] = value; }
  std::optional<std::string_view> Get(std::string_view name) const override {
    auto it = headers_.find(name);
    if (it == headers_.end()) return std::nullopt;
    return it->second;
  }

 private:
  std::map<std::string, std::string, std::less<>> headers_;
};

// What an outcome says, a line each: "status 400: TEXT", "set NAME: VALUE", "remove NAME", "body TEXT".
inline std::string Describe(const Outcome& outcome) {
  std::string out;
  if (outcome.status != 0) out += "status " + std::to_string(outcome.status) + ": " + outcome.error + "\n";
  for (const auto& [name, value] : outcome.set_headers) out += "set " + name + ": " + value + "\n";
  for (const auto& name : outcome.remove_headers) out += "remove " + name + "\n";
  for (const auto& [name, value] : outcome.append_headers) out += "append " + name + ": " + value + "\n";
  for (const auto& [name, value] : outcome.metadata) out += "metadata " + name + ": " + value + "\n";
  if (outcome.body.has_value()) out += "body " + *outcome.body + "\n";
  return out;
}

// "FIELD: MESSAGE" a line; empty if it compiles.
inline std::string CompileErrors(const TransformationConfig& config) {
  std::vector<CompileError> errors;
  auto compiled = Transformation::Compile(config, &errors);
  std::string out;
  for (const CompileError& error : errors) out += error.field + ": " + error.message + "\n";
  if ((compiled == nullptr) != !errors.empty()) out += "null and errors disagree\n";
  return out;
}

}  // namespace gloo::tmpl
