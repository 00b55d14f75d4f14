// Upstreams of services that do not describe themselves to strangers: the user names their functions.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <utility>

#include "base/strings.h"
#include "cli/create.h"

namespace gloo::cli {
namespace {

using model::Value;

// `spec`: UpstreamSpec.spec.
Described Named(const char* type, Value spec, const SharedFlags& shared) {
  Described described;
  if (!shared.secret.empty()) spec.Set("secretRef", Value::Text(shared.secret));
  described.upstream = Value::Map({{"type", Value::Text(type)}, {"spec", std::move(spec)}});
  for (const std::string& name : shared.functions) {
    described.functions.push_back(Value::Map({{"name", Value::Text(name)}}));
  }
  return described;
}

// Of HOST, HOST:PORT and [ADDRESS]:PORT; an IPv6 address without brackets has no port.
std::pair<std::string, std::string> SplitPort(const std::string& text) {
  const size_t colon = text.rfind(':');
  const bool is_address = text.find(':') != colon && text.find(']') == std::string::npos;
  if (colon == std::string::npos || is_address || text.back() == ']') return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

// An upstream whose spec has one field besides.
Describe AddOneField(CLI::App& app, const SharedFlagsPtr& shared, const char* flag, const char* what, const char* help,
                     const char* type, const char* field) {
  auto value = std::make_shared<std::string>();
  app.add_option(flag, *value, help)->type_name(what);
  return [value, shared, type, field](const Context&) -> absl::StatusOr<Described> {
    return Named(type, Value::Map({{field, Value::Text(*value)}}), *shared);
  };
}

}  // namespace

Describe AddAws(CLI::App& app, const SharedFlagsPtr& shared) {
  return AddOneField(app, shared, "--aws", "REGION", "Functions of AWS Lambda in this region", "aws", "region");
}

Describe AddAzure(CLI::App& app, const SharedFlagsPtr& shared) {
  return AddOneField(app, shared, "--azure", "APP", "Functions of an Azure function app", "azure", "functionAppName");
}

Describe AddGoogle(CLI::App& app, const SharedFlagsPtr& shared) {
  return AddOneField(app, shared, "--google", "URL", "A Google Cloud function, or a service of Cloud Run", "google",
                     "url");
}

Describe AddNats(CLI::App& app, const SharedFlagsPtr& shared) {
  auto address = std::make_shared<std::string>();
  app.add_option("--nats", *address, "Subjects of a NATS server")->type_name("HOST[:PORT]");
  return [address, shared](const Context&) -> absl::StatusOr<Described> {
    auto [name, port] = SplitPort(*address);
    Value host = Value::Map({{"addr", Value::Text(std::move(name))}});
    if (!port.empty()) host.Set("port", Value::Literal(std::move(port)));
    return Named("nats", Value::Map({{"hosts", Value::List({std::move(host)})}}), *shared);
  };
}

}  // namespace gloo::cli
