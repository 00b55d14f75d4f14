// What `glooctl create` and `glooctl function` make objects of; each kind of description is a file of its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/verb.h"
#include "model/object.h"
#include "model/value.h"

namespace gloo::cli {

// Functions of a service, and the upstream that they belong to.
struct Described {
  // UpstreamSpec: type, spec, serviceInfo, without functions. Empty where the description does not say where it is.
  model::Value upstream = model::Value::Map();
  // {name, spec}, in the description's order.
  std::vector<model::Value> functions;
};

// Reads what the flags name; what is wrong is told on context.err. Fails with a message for the user.
using Describe = std::function<absl::StatusOr<Described>(const Context& context)>;

struct Description {
  // "--openapi".
  const char* flag;
  // Declares the flags; `for_new`: with those that only a new upstream needs.
  Describe (*add)(CLI::App& app, bool for_new);
};
// Declares the flags of all descriptions; the result reads the one that was given.
Describe AddDescriptions(CLI::App& app, bool for_new);

Describe AddOpenApi(CLI::App& app, bool for_new);

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
