// glooctl proxy: what Envoys are served, and which are connected.
#include <CLI/CLI.hpp>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/strings.h"
#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/verb.h"

namespace gloo::cli {
namespace {

struct Options {
  std::string role;
  std::string output;
};

int Show(const Context& context, const Options& options, const std::string& target, const std::string& by_default,
         std::string (*table)(const boost::json::value&)) {
  const AdminClient client(context.admin);
  const absl::StatusOr<std::string> body = client.Get(target);
  if (!body.ok()) {
    return context.Fail(absl::IsUnavailable(body.status()) ? kUnreachable : kFoundErrors,
                        std::string(body.status().message()));
  }
  const absl::StatusOr<boost::json::value> value = ParseJson(*body);
  if (!value.ok()) return context.Fail(kFoundErrors, std::string(value.status().message()));
  const std::string& output = options.output.empty() ? by_default : options.output;
  if (output == "json") {
    context.out << PrettyJson(*value);
  } else if (output == "yaml") {
    context.out << PrettyYaml(*value);
  } else {
    context.out << table(*value);
  }
  return kOk;
}

std::string SnapshotTable(const boost::json::value& value) {
  std::vector<std::vector<std::string>> rows = {{"ROLE", "TYPE", "NAME", "VERSION"}};
  const boost::json::value* roles = ValueAt(value, {"roles"});
  if (roles == nullptr || !roles->is_object()) return "";
  for (const auto& role : roles->get_object()) {
    if (!role.value().is_object()) continue;
    for (const auto& type : role.value().get_object()) {
      if (!type.value().is_array()) continue;
      for (const boost::json::value& resource : type.value().get_array()) {
        rows.push_back({std::string(role.key().data(), role.key().size()),
                        std::string(type.key().data(), type.key().size()), TextAt(resource, {"name"}),
                        TextAt(resource, {"version"}).substr(0, 12)});
      }
    }
  }
  return FormatTable(rows);
}

std::string ClientsTable(const boost::json::value& value) {
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "ROLE", "PEER", "PROTOCOL", "STATE", "ACKS", "NACKS", "CONNECTED", "LAST ERROR"}};
  for (const boost::json::value& client : ArrayAt(value, {"clients"})) {
    rows.push_back({TextAt(client, {"nodeId"}), TextAt(client, {"role"}), TextAt(client, {"peer"}),
                    TextAt(client, {"delta"}) == "true" ? "delta" : "sotw",
                    TextAt(client, {"converged"}) == "true" ? "converged" : "waiting", TextAt(client, {"acks"}),
                    TextAt(client, {"nacks"}), TextAt(client, {"connected"}), TextAt(client, {"lastError"})});
  }
  if (rows.size() == 1) return "no Envoy is connected\n";
  return FormatTable(rows);
}

void AddOutput(CLI::App& app, const std::shared_ptr<Options>& options, const char* by_default) {
  app.add_option("-o,--output", options->output, "How to print")
      ->check(CLI::IsMember({"table", "yaml", "json"}))
      ->default_str(by_default);
}

}  // namespace

RunVerb AddProxy(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto run = std::make_shared<RunVerb>();
  app.require_subcommand(1);
  CLI::App* snapshot = app.add_subcommand("snapshot", "The resources that Envoys are served; secrets are hidden");
  snapshot->fallthrough();
  snapshot->add_option("--role", options->role, "Only of this role")->type_name("ROLE");
  AddOutput(*snapshot, options, "json");
  snapshot->callback([options, run] {
    *run = [options](Context& context) {
      const std::string query = options->role.empty() ? "" : StrCat("?role=", QueryEscape(options->role));
      return Show(context, *options, StrCat("/snapshot", query), "json", SnapshotTable);
    };
  });
  CLI::App* clients = app.add_subcommand("clients", "The Envoys that are connected");
  clients->fallthrough();
  AddOutput(*clients, options, "table");
  clients->callback([options, run] {
    *run = [options](Context& context) { return Show(context, *options, "/api/v1/clients", "table", ClientsTable); };
  });
  app.footer(
      "\nExamples:\n"
      "  glooctl proxy clients\n"
      "  glooctl proxy snapshot --role ingress -o table");
  return [run](Context& context) { return (*run)(context); };
}

}  // namespace gloo::cli
