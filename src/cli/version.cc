// glooctl version: our own, and that of the control plane where one answers.
#include <CLI/CLI.hpp>

#include <chrono>
#include <memory>
#include <ostream>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/verb.h"

namespace gloo::cli {

RunVerb AddVersion(CLI::App& app) {
  auto client_only = std::make_shared<bool>(false);
  app.add_flag("--client", *client_only, "Do not ask the control plane");
  return [client_only](Context& context) {
    context.out << "glooctl " << GLOO_VERSION << "\n";
    if (*client_only) return kOk;
    const AdminClient client(context.admin, std::chrono::seconds(2));
    if (const auto body = client.Get("/api/v1/info"); body.ok()) {
      if (const auto info = ParseJson(*body); info.ok()) {
        context.out << "control plane " << TextAt(*info, {"version"}) << " at " << client.address() << "\n";
        return kOk;
      }
    }
    context.out << "control plane: none at " << client.address() << "\n";
    return kOk;
  };
}

}  // namespace gloo::cli
