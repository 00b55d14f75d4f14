// What `glooctl create` and `glooctl function` make objects of; each kind of description is a file of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/verb.h"
#include "model/object.h"
#include "model/value.h"
#include "openapi/openapi.h"

namespace gloo::cli {

// Functions of a service, and the upstream that they belong to.
struct Described {
  // UpstreamSpec: type and spec. Empty where nothing says where the service is.
  model::Value upstream = model::Value::Map();
  // UpstreamSpec.serviceInfo.
  model::Value service_info = model::Value::Map();
  // {name, spec}, in the description's order.
  std::vector<model::Value> functions;
};

// Reads what the flags name; what is wrong is told on context.err. Fails with a message for the user.
using Describe = std::function<absl::StatusOr<Described>(const Context& context)>;

// Where the service is, as the user said it; empty: it was not said. Known once the flags are parsed.
using ServerFlag = std::shared_ptr<const std::string>;

struct Description {
  // "--openapi".
  const char* flag;
  // Declares its flags.
  Describe (*add)(CLI::App& app, const ServerFlag& server);
};
// Declares the flags of all descriptions; the result reads the one that was given. `for_new`: of a new upstream.
Describe AddDescriptions(CLI::App& app, bool for_new);

Describe AddOpenApi(CLI::App& app, const ServerFlag& server);
Describe AddGrpcServer(CLI::App& app, const ServerFlag& server);
Describe AddProtoSources(CLI::App& app, const ServerFlag& server);
Describe AddDescriptorSet(CLI::App& app, const ServerFlag& server);

// Text of a file, or of a URL where that is one.
absl::StatusOr<std::string> Load(const std::string& location, size_t max_bytes);

// An upstream of type `static` at the server.
model::Value UpstreamAt(const openapi::Server& server);

// Where a made object goes.
struct Delivery {
  // "yaml" or "json", printed; else it is applied.
  std::string output;
  bool apply = false;
  double wait_seconds = 5;

  void AddFlags(CLI::App& app, bool apply_by_default);
  // Checks the object and delivers it; the exit code.
  int Deliver(const Context& context, const model::Value& object) const;
};

}  // namespace gloo::cli
