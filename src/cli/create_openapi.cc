// Upstreams and functions from OpenAPI documents: files or URLs.
#include <CLI/CLI.hpp>

#include <memory>
#include <ostream>
#include <utility>

#include "base/strings.h"
#include "cli/create.h"
#include "openapi/openapi.h"

namespace gloo::cli {
namespace {

using model::Value;

absl::StatusOr<Described> ReadDocument(const Context& context, const std::string& document, const std::string& server) {
  Issues issues;
  openapi::Imported imported = openapi::Read(
      document, [](const std::string& location) { return Load(location, openapi::Documents::kMaxFileBytes); }, {server},
      issues);
  for (const Issue& issue : issues.items()) context.err << ToString(issue) << "\n";
  if (issues.dropped() > 0) context.err << "and " << issues.dropped() << " more\n";
  if (!issues.ok()) {
    return absl::FailedPreconditionError(
        StrCat(document, ": nothing was made: ", issues.errors(), issues.errors() == 1 ? " error" : " errors"));
  }
  Described described;
  if (imported.server) described.upstream = UpstreamAt(*imported.server);
  described.service_info = Value::Map({{"type", Value::Text("REST")}});
  for (openapi::Function& function : imported.functions) {
    described.functions.push_back(
        Value::Map({{"name", Value::Text(std::move(function.name))}, {"spec", std::move(function.spec)}}));
  }
  return described;
}

}  // namespace

Describe AddOpenApi(CLI::App& app, const SharedFlagsPtr& shared) {
  auto document = std::make_shared<std::string>();
  app.add_option("--openapi", *document,
                 "OpenAPI document (Swagger 2.0, OpenAPI 3.0 and 3.1, JSON or YAML): each operation becomes a function")
      ->type_name("FILE|URL");
  return [document, shared](const Context& context) { return ReadDocument(context, *document, shared->server); };
}

}  // namespace gloo::cli
