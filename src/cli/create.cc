// glooctl create: an upstream with its functions, from the description of a service.
#include "cli/create.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <ostream>
#include <utility>

#include "base/strings.h"
#include "cli/applied.h"
#include "cli/config_set.h"
#include "net/fetch.h"
#include "sources/file/read_file.h"

namespace gloo::cli {
namespace {

using model::Value;

constexpr Description kDescriptions[] = {{"--openapi", AddOpenApi},     {"--grpc", AddGrpcServer},
                                         {"--proto", AddProtoSources},  {"--descriptors", AddDescriptorSet},
                                         {"--aws", AddAws, true},       {"--azure", AddAzure, true},
                                         {"--google", AddGoogle, true}, {"--nats", AddNats, true}};

std::string Flags(bool for_new) {
  std::string flags;
  for (const Description& description : kDescriptions) {
    if (for_new || !description.named) StrAppend(&flags, flags.empty() ? "" : ", ", description.flag);
  }
  return flags;
}

struct Options {
  std::string name;
  std::string ns = std::string(model::kDefaultNamespace);
  Delivery delivery;
};

int Create(const Context& context, const Options& options, const Describe& describe) {
  absl::StatusOr<Described> described = describe(context);
  if (!described.ok()) {
    return context.Fail(absl::IsInvalidArgument(described.status()) ? kUsage : kFoundErrors,
                        std::string(described.status().message()));
  }
  if (described->upstream.fields.empty()) {
    return context.Fail(kUsage, "the description does not say where the service is: give --server URL");
  }
  Value metadata = Value::Map({{"name", Value::Text(options.name)}});
  if (options.ns != model::kDefaultNamespace) metadata.Set("namespace", Value::Text(options.ns));
  Value spec = std::move(described->upstream);
  if (!described->service_info.fields.empty()) spec.Set("serviceInfo", std::move(described->service_info));
  if (!described->functions.empty()) spec.Set("functions", Value::List(std::move(described->functions)));
  Value object = Value::Map({{"apiVersion", Value::Text(std::string(model::kApiVersion))},
                             {"kind", Value::Text("Upstream")},
                             {"metadata", std::move(metadata)},
                             {"spec", std::move(spec)}});
  return options.delivery.Deliver(context, object);
}

}  // namespace

absl::StatusOr<std::string> Load(const std::string& location, size_t max_bytes) {
  if (openapi::IsUrl(location)) return net::Fetch(location, {.max_bytes = max_bytes});
  using sources::file::ReadOutcome;
  ReadOutcome read = sources::file::ReadWhole(location, max_bytes);
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

Value UpstreamAt(const openapi::Server& server) {
  Value host = Value::Map({{"addr", Value::Text(server.host)}, {"port", Value::Literal(std::to_string(server.port))}});
  Value spec = Value::Map({{"hosts", Value::List({std::move(host)})}});
  if (server.tls) spec.Set("tls", Value::Bool(true));
  return Value::Map({{"type", Value::Text("static")}, {"spec", std::move(spec)}});
}

Describe AddDescriptions(CLI::App& app, bool for_new) {
  struct Choice {
    const CLI::Option* option;
    Describe describe;
    bool named;
  };
  auto shared = std::make_shared<SharedFlags>();
  std::vector<Choice> choices;
  for (const Description& description : kDescriptions) {
    if (!for_new && description.named) continue;
    Describe describe = description.add(app, shared);
    choices.push_back({app.get_option(description.flag), std::move(describe), description.named});
  }
  if (for_new) {
    app.add_option("--function", shared->functions,
                   "Name of a function, for --aws, --azure, --google and --nats; repeatable")
        ->type_name("NAME")
        ->take_all();
    app.add_option("--secret", shared->secret, "Secret that these are called with")->type_name("NAME");
  }
  app.add_option("--server", shared->server,
                 for_new ? "Where the service is, in place of what the description says"
                         : "The server whose base path counts, in place of the OpenAPI document's own")
      ->type_name("URL");
  return [choices, shared, for_new](const Context& context) -> absl::StatusOr<Described> {
    if (!shared->server.empty() && !openapi::ParseServer(shared->server)) {
      return absl::InvalidArgumentError(StrCat("--server: \"", shared->server, "\" is no URL of http or https"));
    }
    const Choice* chosen = nullptr;
    for (const Choice& choice : choices) {
      if (choice.option->count() == 0) continue;
      if (chosen != nullptr) {
        return absl::InvalidArgumentError(StrCat("one of ", Flags(for_new), " is taken, not several"));
      }
      chosen = &choice;
    }
    if (chosen == nullptr) {
      return absl::InvalidArgumentError(StrCat("what describes the service? Give ", Flags(for_new)));
    }
    if (chosen->named && !shared->server.empty()) {
      return absl::InvalidArgumentError(StrCat("--server has no effect with ", chosen->option->get_name()));
    }
    if (!chosen->named && (!shared->functions.empty() || !shared->secret.empty())) {
      return absl::InvalidArgumentError(StrCat(shared->functions.empty() ? "--secret" : "--function",
                                               " has no effect with ", chosen->option->get_name()));
    }
    return chosen->describe(context);
  };
}

void Delivery::AddFlags(CLI::App& app, bool apply_by_default) {
  apply = apply_by_default;
  CLI::Option* print = app.add_option("-o,--output", output, "Print the object in this form")
                           ->check(CLI::IsMember({"yaml", "json"}))
                           ->type_name("yaml|json");
  if (!apply_by_default) app.add_flag("--apply", apply, "Write the object as glooctl apply does")->excludes(print);
  app.add_option("--wait", wait_seconds, "Seconds to wait for the control plane to take the object in; 0: do not wait")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

int Delivery::Deliver(const Context& context, const Value& object) const {
  constexpr char kMade[] = "<made>";
  ConfigSet set(context.registry);
  set.AddText(kMade, model::WriteYaml(object));
  if (apply && output.empty()) return ApplyObjects(context, set, wait_seconds);
  const std::vector<Finding> findings = set.Check().All();
  for (const Finding& finding : findings) context.err << Format(finding, set);
  if (HasErrors(findings)) return context.Fail(kFoundErrors, StrCat("nothing was made: ", CountText(findings)));
  context.out << (output == "json" ? model::WriteJson(object) : model::WriteYaml(object));
  return kOk;
}

RunVerb AddCreate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* upstream = app.add_subcommand("upstream", "Make an upstream with its functions");
  app.require_subcommand(1);
  upstream->fallthrough();
  upstream->add_option("NAME", options->name, "Name of the upstream")->required();
  upstream->add_option("-n,--namespace", options->ns, "Namespace of the upstream")
      ->type_name("NAMESPACE")
      ->capture_default_str();
  const Describe describe = AddDescriptions(*upstream, true);
  options->delivery.AddFlags(*upstream, false);
  upstream->footer(
      "\nPrints the object, or writes it with --apply.\n"
      "\nExamples:\n"
      "  glooctl create upstream petstore --openapi petstore.yaml > petstore-upstream.yaml\n"
      "  glooctl create upstream petstore --openapi https://petstore.example/openapi.json --apply\n"
      "  glooctl create upstream books --grpc localhost:50051 --apply\n"
      "  glooctl create upstream books --proto api/books.proto -I api --server http://books:50051\n"
      "  glooctl create upstream lambda --aws eu-west-1 --secret aws-keys --function price --function shop --apply\n"
      "  glooctl create upstream bus --nats nats.example.com --function orders.made");
  return [options, describe](Context& context) { return Create(context, *options, describe); };
}

}  // namespace gloo::cli
