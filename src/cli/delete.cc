// glooctl delete: takes away objects that apply wrote.
#include <CLI/CLI.hpp>

#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <vector>

#include "base/strings.h"
#include "cli/applied.h"
#include "cli/config_set.h"
#include "cli/objects.h"
#include "cli/verb.h"

namespace gloo::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string kind;
  std::string name;
  std::string ns = std::string(model::kDefaultNamespace);
  double wait_seconds = 5;
};

// The objects to delete, named by kind and name or by files; only their names are read of those.
absl::StatusOr<std::vector<model::ObjectKey>> Keys(const Context& context, const Options& options) {
  std::vector<model::ObjectKey> keys;
  if (!options.kind.empty()) {
    const std::optional<model::Kind> kind = ParseKind(options.kind);
    if (!kind) {
      return absl::InvalidArgumentError(
          StrCat("unknown kind \"", options.kind, "\"; known: upstream, virtualservice, role"));
    }
    if (options.name.empty()) return absl::InvalidArgumentError("a name is needed after the kind");
    model::ObjectKey key{*kind, options.ns, options.name};
    if (const size_t slash = options.name.find('/'); slash != std::string::npos) {
      key.ns = options.name.substr(0, slash);
      key.name = options.name.substr(slash + 1);
    }
    keys.push_back(std::move(key));
  }
  ConfigSet input(context.registry);
  for (const std::string& file : options.files) {
    if (file == "-") {
      input.AddText("<stdin>", std::string(std::istreambuf_iterator<char>(context.in), {}));
    } else if (absl::Status status = input.AddPath(file); !status.ok()) {
      return status;
    }
  }
  for (const auto& [key, places] : input.Places()) keys.push_back(key);
  if (keys.empty()) return absl::InvalidArgumentError("nothing to delete: give KIND and NAME, or -f FILE with objects");
  return keys;
}

int Delete(const Context& context, const Options& options) {
  const absl::StatusOr<std::vector<model::ObjectKey>> keys = Keys(context, options);
  if (!keys.ok()) return context.Fail(kUsage, std::string(keys.status().message()));
  const absl::StatusOr<ConfigFolder> folder = FindConfigFolder(context);
  if (!folder.ok()) {
    return context.Fail(absl::IsUnavailable(folder.status()) ? kUnreachable : kFoundErrors,
                        std::string(folder.status().message()));
  }
  ConfigSet existing(context.registry);
  if (absl::Status status = existing.AddPath(folder->path); !status.ok()) {
    return context.Fail(kFoundErrors, std::string(status.message()));
  }
  std::vector<std::string> errors = ForeignPlaces(existing, folder->path, *keys);
  const auto places = existing.Places();
  for (const model::ObjectKey& key : *keys) {
    // A file of ours may have been damaged since: then it holds no object, and is taken away all the same.
    if (!places.contains(key) && existing.Text(AppliedPath(folder->path, key)) == nullptr) {
      errors.push_back(StrCat("there is no ", model::ToString(key), " in ", folder->path));
    }
  }
  for (const std::string& error : errors) context.err << "glooctl: " << error << "\n";
  if (!errors.empty()) return kFoundErrors;

  std::map<model::ObjectKey, std::string> hashes;
  for (const model::ObjectKey& key : *keys) {
    const std::string path = AppliedPath(folder->path, key);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      return context.Fail(kFoundErrors, StrCat("cannot delete ", path, ": ", std::generic_category().message(errno)));
    }
    hashes[key] = "";
  }
  std::map<model::ObjectKey, Outcome> outcomes;
  const bool wait = folder->watched && options.wait_seconds > 0;
  if (wait) outcomes = WaitFor(context, hashes, absl::Seconds(options.wait_seconds));
  bool well = true;
  for (const model::ObjectKey& key : *keys) {
    context.out << model::ToString(key) << " deleted";
    if (wait && !outcomes[key].well) {
      context.out << ": not taken in within " << options.wait_seconds << "s";
      well = false;
    }
    context.out << "\n";
  }
  return well ? kOk : kFoundErrors;
}

}  // namespace

RunVerb AddDelete(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("KIND", options->kind, "upstream, virtualservice or role");
  app.add_option("NAME", options->name, "Name of the object; NAMESPACE/NAME is taken too");
  app.add_option("-n,--namespace", options->ns, "Namespace of the object")
      ->type_name("NAMESPACE")
      ->capture_default_str();
  app.add_option("-f,--file", options->files, "Delete the objects that stand there; - reads standard input")
      ->type_name("FILE|DIR");
  app.add_option("--wait", options->wait_seconds,
                 "Seconds to wait for the control plane to let the objects go; 0: do not wait")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.footer(
      "\nOnly what apply wrote is deleted. An object that a file of yours defines is refused: edit that file.\n"
      "\nExamples:\n"
      "  glooctl delete virtualservice shop\n"
      "  glooctl delete -f shop.yaml");
  return [options](Context& context) { return Delete(context, *options); };
}

}  // namespace gloo::cli
