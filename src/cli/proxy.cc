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
  std::string node;
  std::string output;
};

// Only of this node, where one is given.
void KeepNode(const std::string& node, boost::json::value* value) {
  if (node.empty() || !value->is_object() || !value->get_object().contains("clients")) return;
  boost::json::array kept;
  for (const boost::json::value& client : ArrayAt(*value, {"clients"})) {
    if (TextAt(client, {"nodeId"}) == node) kept.push_back(client);
  }
  value->get_object()["clients"] = std::move(kept);
}

int Show(const Context& context, const Options& options, const std::string& target, const std::string& by_default,
         std::string (*table)(const boost::json::value&)) {
  const AdminClient client(context.admin);
  const absl::StatusOr<std::string> body = client.Get(target);
  if (!body.ok()) {
    return context.Fail(absl::IsUnavailable(body.status()) ? kUnreachable : kFoundErrors,
                        std::string(body.status().message()));
  }
  absl::StatusOr<boost::json::value> value = ParseJson(*body);
  if (!value.ok()) return context.Fail(kFoundErrors, std::string(value.status().message()));
  KeepNode(options.node, &*value);
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

constexpr char kNobody[] = "no Envoy is connected\n";

// How far each Envoy is with each type, and below that what it refuses.
std::string StatusTable(const boost::json::value& value) {
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "ROLE", "CONNECTED", "TYPE", "ACKNOWLEDGED", "WAITING", "REFUSED"}};
  std::string refusals;
  for (const boost::json::value& client : ArrayAt(value, {"clients"})) {
    const std::string node = TextAt(client, {"nodeId"});
    for (const boost::json::value& type : ArrayAt(client, {"types"})) {
      rows.push_back({node, TextAt(client, {"role"}), TextAt(client, {"connected"}), TextAt(type, {"type"}),
                      TextAt(type, {"acknowledged"}), TextAt(type, {"waiting"}), TextAt(type, {"refused"})});
    }
    for (const boost::json::value& refusal : ArrayAt(client, {"refusals"})) {
      StrAppend(&refusals, "\n", node, " refuses ", TextAt(refusal, {"type"}), " ", TextAt(refusal, {"name"}),
                " since ", TextAt(refusal, {"since"}), ": ", TextAt(refusal, {"message"}), "\n");
      for (const boost::json::value& route : ArrayAt(refusal, {"routes"})) {
        StrAppend(&refusals, "  ", TextAt(route, {"name"}),
                  TextAt(route, {"lastGood"}) == "true" ? " keeps its last good form: " : " answers 503: ",
                  TextAt(route, {"message"}), "\n");
      }
      if (ArrayAt(refusal, {"routes"}).empty()) StrAppend(&refusals, "  it keeps what it had\n");
    }
  }
  if (rows.size() == 1) return kNobody;
  return FormatTable(rows) + refusals;
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
  if (rows.size() == 1) return kNobody;
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
  CLI::App* status = app.add_subcommand("status", "How far each Envoy is, and what it refuses in its own words");
  status->fallthrough();
  status->add_option("--node", options->node, "Only of this Envoy")->type_name("ID");
  AddOutput(*status, options, "table");
  status->callback([options, run] {
    *run = [options](Context& context) { return Show(context, *options, "/api/v1/clients", "table", StatusTable); };
  });
  app.footer(
      "\nExamples:\n"
      "  glooctl proxy clients\n"
      "  glooctl proxy status --node ingress~pod-1\n"
      "  glooctl proxy snapshot --role ingress -o table");
  return [run](Context& context) { return (*run)(context); };
}

}  // namespace gloo::cli
