// Upstreams and functions from OpenAPI documents: files or URLs.
#include <CLI/CLI.hpp>

#include <memory>
#include <ostream>
#include <utility>

#include "base/strings.h"
#include "cli/create.h"
#include "net/fetch.h"
#include "openapi/openapi.h"
#include "sources/file/read_file.h"

namespace gloo::cli {
namespace {

using model::Value;

struct Options {
  std::string document;
  std::string server;
};

absl::StatusOr<std::string> Load(const std::string& location) {
  if (openapi::IsUrl(location)) return net::Fetch(location, {.max_bytes = openapi::Documents::kMaxFileBytes});
  using sources::file::ReadOutcome;
  ReadOutcome read = sources::file::ReadWhole(location, openapi::Documents::kMaxFileBytes);
  switch (read.kind) {
    case ReadOutcome::Kind::kText:
    case ReadOutcome::Kind::kTooLarge:  // the reader says so in its own words
      return std::move(read.text);
    case ReadOutcome::Kind::kGone:
      return absl::NotFoundError(StrCat("there is no file ", location));
    case ReadOutcome::Kind::kUnreadable:
      break;
  }
  return absl::NotFoundError(StrCat("cannot read ", location, ": ", read.why));
}

Value UpstreamOf(const openapi::Server& server) {
  Value host = Value::Map({{"addr", Value::Text(server.host)}, {"port", Value::Literal(std::to_string(server.port))}});
  Value spec = Value::Map({{"hosts", Value::List({std::move(host)})}});
  if (server.tls) spec.Set("tls", Value::Bool(true));
  return Value::Map({{"type", Value::Text("static")},
                     {"spec", std::move(spec)},
                     {"serviceInfo", Value::Map({{"type", Value::Text("REST")}})}});
}

absl::StatusOr<Described> ReadDocument(const Context& context, const Options& options) {
  if (!options.server.empty() && !openapi::ParseServer(options.server)) {
    return absl::InvalidArgumentError(StrCat("--server: \"", options.server, "\" is no URL of http or https"));
  }
  Issues issues;
  openapi::Imported imported = openapi::Read(options.document, Load, {options.server}, issues);
  for (const Issue& issue : issues.items()) context.err << ToString(issue) << "\n";
  if (issues.dropped() > 0) context.err << "and " << issues.dropped() << " more\n";
  if (!issues.ok()) {
    return absl::FailedPreconditionError(
        StrCat(options.document, ": nothing was made: ", issues.errors(), issues.errors() == 1 ? " error" : " errors"));
  }
  Described described;
  if (imported.server) described.upstream = UpstreamOf(*imported.server);
  for (openapi::Function& function : imported.functions) {
    described.functions.push_back(
        Value::Map({{"name", Value::Text(std::move(function.name))}, {"spec", std::move(function.spec)}}));
  }
  return described;
}

}  // namespace

Describe AddOpenApi(CLI::App& app, bool for_new) {
  auto options = std::make_shared<Options>();
  app.add_option("--openapi", options->document,
                 "OpenAPI document (Swagger 2.0, OpenAPI 3.0 and 3.1, JSON or YAML): each operation becomes a function")
      ->type_name("FILE|URL");
  app.add_option("--server", options->server,
                 for_new ? "Where the service is, in place of the document's own server"
                         : "The server whose base path counts, in place of the document's own")
      ->type_name("URL");
  return [options](const Context& context) { return ReadDocument(context, *options); };
}

}  // namespace gloo::cli
