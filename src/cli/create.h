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
  // UpstreamSpec.serviceInfo; empty where the upstream's type says it.
  model::Value service_info = model::Value::Map();
  // {name, spec}, in the description's order.
  std::vector<model::Value> functions;
};

// Reads what the flags name; what is wrong is told on context.err. Fails with a message for the user.
using Describe = std::function<absl::StatusOr<Described>(const Context& context)>;

// Flags that several descriptions have. Known once the flags are parsed.
struct SharedFlags {
  // Where the service is; empty: it was not said.
  std::string server;
  // Of a service that does not describe its functions: their names, and the secret that they are called with.
  std::vector<std::string> functions;
  std::string secret;
};
using SharedFlagsPtr = std::shared_ptr<const SharedFlags>;

struct Description {
  // "--openapi".
  const char* flag;
  // Declares its flags.
  Describe (*add)(CLI::App& app, const SharedFlagsPtr& shared);
  // Functions are named by the user: good for a new upstream alone.
  bool named = false;
};
// Declares the flags of all descriptions; the result reads the one that was given. `for_new`: of a new upstream.
Describe AddDescriptions(CLI::App& app, bool for_new);

Describe AddOpenApi(CLI::App& app, const SharedFlagsPtr& shared);
Describe AddGrpcServer(CLI::App& app, const SharedFlagsPtr& shared);
Describe AddProtoSources(CLI::App& app, const SharedFlagsPtr& shared);
Describe AddDescriptorSet(CLI::App& app, const SharedFlagsPtr& shared);
Describe AddAws(CLI::App& app, const SharedFlagsPtr& shared);
Describe AddAzure(CLI::App& app, const SharedFlagsPtr& shared);
Describe AddGoogle(CLI::App& app, const SharedFlagsPtr& shared);
Describe AddNats(CLI::App& app, const SharedFlagsPtr& shared);

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
