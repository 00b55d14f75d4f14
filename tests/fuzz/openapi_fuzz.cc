// Any bytes as an OpenAPI document of two files, which a line of `====` parts: never a crash; the templates of each
// function compile, and its schemas stay within their bounds.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "openapi/openapi.h"
#include "template/transformation.h"

namespace {

namespace openapi = gloo::openapi;
using gloo::model::Value;

void Demand(bool holds, const std::string& what, std::string_view text) {
  if (holds) return;
  std::fprintf(stderr, "%s\n%.*s\n", what.c_str(), static_cast<int>(text.size()), text.data());
  std::abort();
}

void CheckFunction(const openapi::Function& function, std::string_view text) {
  Value spec = function.spec;
  gloo::tmpl::TransformationConfig config;
  config.request.emplace();
  if (Value* path = spec.Find("path")) config.request->path = path->text;
  if (Value* method = spec.Find("method")) config.request->method = method->text;
  if (Value* body = spec.Find("body")) config.request->body = body->text;
  if (Value* headers = spec.Find("headers")) {
    for (const auto& [name, value] : headers->fields) config.request->headers.emplace_back(name, value.text);
  }
  std::vector<gloo::tmpl::CompileError> errors;
  const bool compiles = gloo::tmpl::Transformation::Compile(config, &errors) != nullptr;
  Demand(compiles, function.name + ": " + (errors.empty() ? "" : errors[0].field + ": " + errors[0].message), text);
  if (Value* output = spec.Find("output")) {
    Demand(gloo::model::WriteCompactJson(*output).size() <= 4 * openapi::kMaxOutputBytes, "a large output", text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kSeparator = "\n====\n";
  const size_t middle = text.find(kSeparator);
  const openapi::Loader loader = [&](const std::string& location) -> absl::StatusOr<std::string> {
    if (location == "a.yaml") return std::string(text.substr(0, middle));
    if (location == "b.yaml" && middle != std::string_view::npos) {
      return std::string(text.substr(middle + kSeparator.size()));
    }
    return absl::NotFoundError("there is no file " + location);
  };
  gloo::Issues issues;
  const openapi::Imported imported = openapi::Read("a.yaml", loader, {}, issues);
  for (const openapi::Function& function : imported.functions) CheckFunction(function, text);
  return 0;
}
