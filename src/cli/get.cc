// glooctl get: lists or shows objects and functions, with what became of them.
#include <CLI/CLI.hpp>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "base/strings.h"
#include "base/suggest.h"
#include "cli/json.h"
#include "cli/objects.h"
#include "cli/table.h"
#include "cli/verb.h"

namespace gloo::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string kind;
  std::string name;
  std::string ns;
  std::string output = "table";
};

constexpr char kFunctions[] = "functions";

// "Accepted", however it is written; nothing is what was not looked at yet.
std::string StateWord(const std::string& state) {
  if (state.empty()) return "Pending";
  std::string out = absl::AsciiStrToLower(state);
  out[0] = absl::ascii_toupper(out[0]);
  return out;
}

// "3/4": of the Envoys that are connected those that have all of the object.
std::string Programmed(const json::value& item) {
  const json::array& nodes = ArrayAt(item, {"status", "nodes"});
  int programmed = 0;
  for (const json::value& node : nodes) programmed += StateWord(TextAt(node, {"state"})) == "Programmed" ? 1 : 0;
  return nodes.empty() ? "-" : StrCat(programmed, "/", nodes.size());
}

std::string Age(const json::value& item, absl::Time now) {
  absl::Time created;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, TextAt(item, {"created"}), &created, &error)) return "-";
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(now - created));
  if (seconds < 120) return StrCat(seconds, "s");
  if (seconds < 2 * 3600) return StrCat(seconds / 60, "m");
  if (seconds < 2 * 86400) return StrCat(seconds / 3600, "h");
  return StrCat(seconds / 86400, "d");
}

std::string Joined(const json::array& texts, const char* when_none) {
  constexpr size_t kShown = 3;
  std::string out;
  for (size_t i = 0; i < texts.size() && i < kShown; ++i) {
    StrAppend(&out, i == 0 ? "" : ",", texts[i].is_string() ? texts[i].get_string().c_str() : "?");
  }
  if (texts.size() > kShown) StrAppend(&out, " and ", texts.size() - kShown, " more");
  return out.empty() ? when_none : out;
}

std::vector<std::string> Head(model::Kind kind) {
  switch (kind) {
    case model::Kind::kUpstream:
      return {"TYPE", "FUNCTIONS"};
    case model::Kind::kVirtualService:
      return {"DOMAINS", "ROUTES"};
    case model::Kind::kRole:
      return {"LISTENERS"};
  }
  return {};
}

std::vector<std::string> Cells(model::Kind kind, const json::value& item) {
  switch (kind) {
    case model::Kind::kUpstream:
      return {TextAt(item, {"object", "spec", "type"}), StrCat(ArrayAt(item, {"object", "spec", "functions"}).size())};
    case model::Kind::kVirtualService:
      return {Joined(ArrayAt(item, {"object", "spec", "domains"}), "*"),
              StrCat(ArrayAt(item, {"object", "spec", "routes"}).size())};
    case model::Kind::kRole: {
      json::array names;
      for (const json::value& listener : ArrayAt(item, {"object", "spec", "listeners"})) {
        names.emplace_back(TextAt(listener, {"name"}) + ":" + TextAt(listener, {"port"}));
      }
      return {Joined(names, "default")};
    }
  }
  return {};
}

std::string ObjectTable(model::Kind kind, const std::vector<json::value>& items, absl::Time now) {
  std::vector<std::vector<std::string>> rows = {{"NAME"}};
  for (std::string& title : Head(kind)) rows[0].push_back(std::move(title));
  for (const char* title : {"STATE", "REASON", "PROGRAMMED", "AGE", "MESSAGE"}) rows[0].emplace_back(title);
  for (const json::value& item : items) {
    std::vector<std::string> row = {
        StrCat(TextAt(item, {"object", "metadata", "namespace"}), "/", TextAt(item, {"object", "metadata", "name"}))};
    // Of an object that could not be read nothing but its name and status is known.
    const bool known = ValueAt(item, {"object", "spec"}) != nullptr;
    for (std::string& cell : Cells(kind, item)) row.push_back(known ? std::move(cell) : "?");
    row.push_back(StateWord(TextAt(item, {"status", "state"})));
    row.push_back(TextAt(item, {"status", "reason"}));
    row.push_back(Programmed(item));
    row.push_back(Age(item, now));
    std::string message = TextAt(item, {"status", "message"});
    message = message.substr(0, message.find('\n'));
    row.push_back(std::move(message));
    rows.push_back(std::move(row));
  }
  return FormatTable(rows);
}

std::string FunctionTable(const std::vector<json::value>& items) {
  std::vector<std::vector<std::string>> rows = {{"UPSTREAM", "NAME", "TYPE", "ROUTES"}};
  for (const json::value& item : items) {
    rows.push_back(
        {TextAt(item, {"upstream"}), TextAt(item, {"name"}), TextAt(item, {"type"}), TextAt(item, {"routes"})});
  }
  return FormatTable(rows);
}

// All that is wrong with one object, below its line of the table.
std::string Details(const json::value& item) {
  std::string out;
  for (const json::value& issue : ArrayAt(item, {"status", "issues"})) {
    const std::string file = TextAt(issue, {"file"});
    StrAppend(&out, "  ");
    if (!file.empty()) StrAppend(&out, file, ":");
    if (const std::string line = TextAt(issue, {"line"}); !file.empty() && !line.empty() && line != "0") {
      StrAppend(&out, line, ":", TextAt(issue, {"column"}), ":");
    }
    if (!file.empty()) out += " ";
    StrAppend(&out, absl::AsciiStrToLower(TextAt(issue, {"severity"})), ": ");
    if (const std::string path = TextAt(issue, {"path"}); !path.empty()) StrAppend(&out, path, ": ");
    StrAppend(&out, TextAt(issue, {"message"}), " (", TextAt(issue, {"reason"}), ")\n");
  }
  for (const json::value& node : ArrayAt(item, {"status", "nodes"})) {
    if (StateWord(TextAt(node, {"state"})) != "Refused") continue;
    StrAppend(&out, "  refused by ", TextAt(node, {"id"}), ": ", TextAt(node, {"message"}), "\n");
  }
  return out;
}

// The object with its status in it, as in a file.
json::value WithStatus(const json::value& item) {
  const json::value* object = ValueAt(item, {"object"});
  if (object == nullptr || !object->is_object()) return item;
  json::object out = object->get_object();
  if (const json::value* status = ValueAt(item, {"status"})) out["status"] = *status;
  return json::value(std::move(out));
}

void PrintStructured(const Context& context, const Options& options, const std::vector<json::value>& items) {
  const bool one = !options.name.empty() && items.size() == 1;
  if (options.output == "json") {
    if (one) {
      context.out << PrettyJson(items.front());
    } else {
      json::object list;
      list["kind"] = "List";
      list["items"] = json::array(items.begin(), items.end());
      context.out << PrettyJson(json::value(std::move(list)));
    }
    return;
  }
  const char* separator = "";
  for (const json::value& item : items) {
    context.out << separator << PrettyYaml(item);
    separator = "---\n";
  }
}

int FailListing(const Context& context, const absl::Status& status) {
  return context.Fail(absl::IsUnavailable(status) ? kUnreachable : kFoundErrors, std::string(status.message()));
}

int GetFunctions(const Context& context, const Options& options) {
  absl::StatusOr<Listing> listing = ListFunctions(context);
  if (!listing.ok()) return FailListing(context, listing.status());
  if (!listing->note.empty()) context.err << "glooctl: " << listing->note << "\n";
  std::vector<json::value> items;
  for (json::value& item : listing->items) {
    const std::string upstream = TextAt(item, {"upstream"});
    if (!options.ns.empty() && upstream.substr(0, upstream.find('/')) != options.ns) continue;
    if (!options.name.empty() && TextAt(item, {"name"}) != options.name) continue;
    items.push_back(std::move(item));
  }
  if (items.empty() && !options.name.empty()) {
    return context.Fail(kFoundErrors, StrCat("there is no function \"", options.name, "\""));
  }
  if (options.output == "table") {
    context.out << FunctionTable(items);
  } else {
    PrintStructured(context, options, items);
  }
  return kOk;
}

int Get(const Context& context, const Options& options) {
  const std::string word = absl::AsciiStrToLower(options.kind);
  if (word == kFunctions || word == "function") return GetFunctions(context, options);
  const std::optional<model::Kind> kind = ParseKind(word);
  if (!kind) {
    std::vector<std::string> known = {kFunctions};
    for (const model::Kind each : model::kKinds) known.push_back(KindWord(each) + "s");
    return context.Fail(kUsage, StrCat("unknown kind \"", options.kind, "\"", Suggestion(word, known)));
  }
  absl::StatusOr<Listing> listing = ListObjects(context, *kind);
  if (!listing.ok()) return FailListing(context, listing.status());
  if (!listing->note.empty()) context.err << "glooctl: " << listing->note << "\n";

  std::string ns = options.ns;
  std::string name = options.name;
  if (const size_t slash = name.find('/'); slash != std::string::npos) {
    ns = name.substr(0, slash);
    name.erase(0, slash + 1);
  }
  std::vector<json::value> items;
  std::vector<std::string> names;
  for (json::value& item : listing->items) {
    if (!ns.empty() && TextAt(item, {"object", "metadata", "namespace"}) != ns) continue;
    names.push_back(TextAt(item, {"object", "metadata", "name"}));
    if (!name.empty() && names.back() != name) continue;
    items.push_back(std::move(item));
  }
  if (items.empty() && !name.empty()) {
    const std::string nearest = Nearest(name, names);
    return context.Fail(kFoundErrors,
                        StrCat("there is no ", KindWord(*kind), " \"", options.name, "\"",
                               ns.empty() || name != options.name ? "" : StrCat(" in namespace \"", ns, "\""),
                               nearest.empty() ? "" : StrCat("; did you mean \"", nearest, "\"?")));
  }
  if (options.output == "table") {
    context.out << ObjectTable(*kind, items, context.clock.Now());
    if (!name.empty()) {
      for (const json::value& item : items) context.out << Details(item);
    }
    return kOk;
  }
  std::vector<json::value> objects;
  for (const json::value& item : items) objects.push_back(WithStatus(item));
  PrintStructured(context, options, objects);
  return kOk;
}

}  // namespace

RunVerb AddGet(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("KIND", options->kind, "upstreams, virtualservices, roles or functions")->required();
  app.add_option("NAME", options->name, "Only this one, with all that is wrong with it; NAMESPACE/NAME is taken too");
  app.add_option("-n,--namespace", options->ns, "Only of this namespace; all by default")->type_name("NAMESPACE");
  app.add_option("-o,--output", options->output, "How to print")
      ->check(CLI::IsMember({"table", "yaml", "json"}))
      ->capture_default_str();
  app.footer(
      "\nSTATE is Accepted, Warning, Rejected or Pending; PROGRAMMED counts the connected Envoys that have taken the\n"
      "object. Where no control plane answers, --config-dir and --state-dir say what to show instead.\n"
      "\nExamples:\n"
      "  glooctl get virtualservices\n"
      "  glooctl get upstream petstore -o yaml\n"
      "  glooctl get functions -n default");
  return [options](Context& context) { return Get(context, *options); };
}

}  // namespace gloo::cli
