// glooctl function import: the functions of a description, merged into an upstream that is there.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <ostream>
#include <utility>

#include "absl/strings/match.h"
#include "base/strings.h"
#include "cli/applied.h"
#include "cli/create.h"
#include "cli/objects.h"
#include "model/documents.h"
#include "model/parse.h"
#include "openapi/schemas.h"
#include "translator/names.h"

namespace gloo::cli {
namespace {

using model::Value;

struct Options {
  std::string upstream;
  Delivery delivery;
};

// The same value, whatever the order of its keys.
bool IsSame(Value& a, Value& b) {
  if (a.type != b.type || a.text != b.text || a.items.size() != b.items.size() || a.fields.size() != b.fields.size()) {
    return false;
  }
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!IsSame(a.items[i], b.items[i])) return false;
  }
  return std::all_of(a.fields.begin(), a.fields.end(), [&](auto& field) {
    Value* other = b.Find(field.first);
    return other != nullptr && IsSame(field.second, *other);
  });
}

Value& At(Value& map, const std::string& key, Value otherwise) {
  if (Value* found = map.Find(key)) return *found;
  map.Set(key, std::move(otherwise));
  return map.fields.back().second;
}

// What the description says replaces what is there; all else stays: headers and query parameter by parameter.
bool Merge(Value fresh, Value* into) {
  bool changed = false;
  for (auto& [key, value] : fresh.fields) {
    Value* old = into->Find(key);
    if (old == nullptr) {
      into->Set(key, std::move(value));
      changed = true;
    } else if ((key == "headers" || key == "query") && old->type == Value::Type::kMap) {
      changed = Merge(std::move(value), old) || changed;
    } else if (!IsSame(*old, value)) {
      *old = std::move(value);
      changed = true;
    }
  }
  return changed;
}

struct Counts {
  int added = 0;
  int updated = 0;
  int same = 0;
};

Counts MergeFunctions(std::vector<Value> fresh, Value* functions) {
  Counts counts;
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < functions->items.size(); ++i) {
    if (const Value* name = functions->items[i].Find("name")) places.emplace(name->text, i);
  }
  for (Value& function : fresh) {
    const auto found = places.find(function.Find("name")->text);
    if (found == places.end()) {
      functions->items.push_back(std::move(function));
      ++counts.added;
      continue;
    }
    Value& spec = At(functions->items[found->second], "spec", Value::Map());
    ++(Merge(std::move(*function.Find("spec")), &spec) ? counts.updated : counts.same);
  }
  return counts;
}

// Empty, or what is wrong.
std::string MergeServiceInfo(Value fresh, Value* spec) {
  Value* there = spec->Find("serviceInfo");
  if (there == nullptr) there = spec->Find("service_info");
  if (there == nullptr) {
    spec->Set("serviceInfo", std::move(fresh));
    return "";
  }
  const Value* type = there->Find("type");
  const std::string& wanted = fresh.Find("type")->text;
  if (type != nullptr && !absl::EqualsIgnoreCase(type->text, wanted)) {
    return StrCat("its functions are of type ", type->text, ", those of the description of type ", wanted);
  }
  if (Value* properties = fresh.Find("properties")) {
    Merge(std::move(*properties), &At(*there, "properties", Value::Map()));
  }
  return "";
}

// The document of an object, as it is written.
absl::StatusOr<Value> WrittenObject(const ConfigSet& set, const model::ObjectKey& key) {
  const auto places = set.Places();
  const auto found = places.find(key);
  if (found == places.end()) return absl::NotFoundError(StrCat("there is no ", model::ToString(key)));
  const model::Origin& origin = found->second.front();
  model::Tree tree;
  model::ParseText(*set.Text(origin.location), origin.location, {}, &tree);
  const std::vector<model::ObjectNode> objects = model::ObjectsOf(tree);
  const auto index = static_cast<size_t>(origin.document);
  if (index >= objects.size() || objects[index].node == nullptr) {
    return absl::NotFoundError(StrCat(origin.location, " cannot be read"));
  }
  return openapi::ToValue(*objects[index].node);
}

int Import(const Context& context, const Options& options, const Describe& describe) {
  const model::DataKey name = translator::Resolve(model::kDefaultNamespace, options.upstream);
  const model::ObjectKey key{model::Kind::kUpstream, name.ns, name.name};
  const absl::StatusOr<ConfigFolder> folder = FindConfigFolder(context);
  if (!folder.ok()) {
    return context.Fail(absl::IsUnavailable(folder.status()) ? kUnreachable : kFoundErrors,
                        std::string(folder.status().message()));
  }
  ConfigSet set(context.registry);
  if (absl::Status status = set.AddPath(folder->path); !status.ok()) {
    return context.Fail(kFoundErrors, std::string(status.message()));
  }
  absl::StatusOr<Value> object = WrittenObject(set, key);
  if (!object.ok()) {
    return context.Fail(kFoundErrors, StrCat(std::string(object.status().message()), "; make it with glooctl create"));
  }
  absl::StatusOr<Described> described = describe(context);
  if (!described.ok()) {
    return context.Fail(absl::IsInvalidArgument(described.status()) ? kUsage : kFoundErrors,
                        std::string(described.status().message()));
  }
  Value& spec = At(*object, "spec", Value::Map());
  if (std::string wrong = MergeServiceInfo(std::move(described->service_info), &spec); !wrong.empty()) {
    return context.Fail(kFoundErrors, StrCat("upstream ", options.upstream, ": ", wrong));
  }
  const Counts counts = MergeFunctions(std::move(described->functions), &At(spec, "functions", Value::List()));
  const int code = options.delivery.Deliver(context, *object);
  if (code == kOk) {
    context.err << "functions: " << counts.added << " added, " << counts.updated << " updated, " << counts.same
                << " as they were\n";
  }
  return code;
}

}  // namespace

RunVerb AddFunction(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* import = app.add_subcommand("import", "Merge the functions of a description into an upstream");
  app.require_subcommand(1);
  import->fallthrough();
  import->add_option("UPSTREAM", options->upstream, "Name of the upstream; NAMESPACE/NAME is taken too")->required();
  const Describe describe = AddDescriptions(*import, false);
  options->delivery.AddFlags(*import, true);
  import->footer(
      "\nA function that is there takes what the description says: method, path, body, schemas, and the headers that\n"
      "are parameters. What else it has stays, and so do functions of which the description knows nothing. An "
      "upstream\n"
      "that a file of yours defines is not written: print it with -o yaml and put it there. Comments are not kept.\n"
      "\nExamples:\n"
      "  glooctl function import petstore --openapi petstore.yaml\n"
      "  glooctl function import books --grpc localhost:50051");
  return [options, describe](Context& context) { return Import(context, *options, describe); };
}

}  // namespace gloo::cli
