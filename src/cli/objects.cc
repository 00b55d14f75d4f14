#include "cli/objects.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "api/v1/status.pb.h"
#include "base/strings.h"
#include "cli/admin_client.h"
#include "cli/config_set.h"
#include "cli/json.h"
#include "model/writer.h"
#include "reporter/reporter.h"
#include "state/store.h"
#include "translator/names.h"

namespace gloo::cli {
namespace {

namespace json = boost::json;

// What files and the state directory say.
struct Offline {
  ConfigSet::Checked checked;
  std::map<model::ObjectKey, v1::Status> statuses;
  std::string note;
};

v1::Status StatusOf(const ConfigSet::Entry& entry) {
  return reporter::MakeStatus({.state = entry.report.state,
                               .reason = entry.report.reason,
                               .message = entry.report.message,
                               .issues = entry.issues,
                               .generation = entry.report.generation});
}

json::value BareObject(const model::ObjectKey& key) {
  const std::string_view kind = model::KindName(key.kind);
  return {{"apiVersion", json::string_view(model::kApiVersion.data(), model::kApiVersion.size())},
          {"kind", json::string_view(kind.data(), kind.size())},
          {"metadata", {{"name", key.name}, {"namespace", key.ns}}}};
}

absl::StatusOr<json::value> Item(const model::ObjectKey& key, const model::ObjectPtr& object,
                                 const v1::Status& status) {
  json::object item;
  item["object"] = BareObject(key);
  if (object != nullptr) {
    absl::StatusOr<json::value> parsed = ParseJson(model::ToJson(*object, nullptr));
    if (!parsed.ok()) return parsed.status();
    item["object"] = *std::move(parsed);
  }
  absl::StatusOr<json::value> parsed = ParseJson(model::ToJson(status));
  if (!parsed.ok()) return parsed.status();
  item["status"] = *std::move(parsed);
  return json::value(std::move(item));
}

absl::StatusOr<Offline> ReadOffline(const Context& context, const absl::Status& why) {
  Offline offline;
  offline.note = StrCat(std::string(why.message()), "; shown is what ");
  if (!context.config_dir.empty()) {
    ConfigSet set(context.registry);
    if (absl::Status status = set.AddPath(context.config_dir); !status.ok()) return status;
    offline.checked = set.Check();
    StrAppend(&offline.note, context.config_dir, " holds");
  }
  if (!context.state_dir.empty()) {
    absl::StatusOr<std::vector<state::SavedStatus>> saved = state::Store::ReadStatuses(context.state_dir);
    if (!saved.ok()) return saved.status();
    for (state::SavedStatus& status : *saved) offline.statuses[status.key] = std::move(status.status);
    StrAppend(&offline.note, context.config_dir.empty() ? "" : " and ", context.state_dir, " remembers");
  }
  return offline;
}

// The answer of the admin endpoint, or nullopt where none answers but other places are given.
absl::StatusOr<std::optional<json::value>> Ask(const Context& context, const std::string& target,
                                               absl::Status* unreachable) {
  const absl::StatusOr<std::string> body = AdminClient(context.admin).Get(target);
  if (!body.ok()) {
    if (!absl::IsUnavailable(body.status())) return body.status();
    if (context.config_dir.empty() && context.state_dir.empty()) {
      return absl::UnavailableError(
          StrCat(std::string(body.status().message()),
                 "; start gloo, name its endpoint with --admin, or look offline with --config-dir and --state-dir"));
    }
    *unreachable = body.status();
    return std::optional<json::value>();
  }
  absl::StatusOr<json::value> value = ParseJson(*body);
  if (!value.ok()) return value.status();
  return std::optional<json::value>(*std::move(value));
}

std::vector<json::value> Items(const json::value& answer, std::string_view field) {
  const json::array& items = ArrayAt(answer, {field});
  return {items.begin(), items.end()};
}

void CountCall(const model::ObjectKey& from, const v1::Destination& destination,
               std::map<std::pair<std::string, std::string>, int>* calls) {
  if (!destination.has_function()) return;
  const model::DataKey upstream = translator::Resolve(from.ns, destination.function().upstream_name());
  ++(*calls)[{StrCat(upstream.ns, "/", upstream.name), destination.function().function_name()}];
}

std::vector<json::value> FunctionsOf(const ConfigSet::Checked& checked) {
  std::map<std::pair<std::string, std::string>, int> calls;
  for (const ConfigSet::Entry& entry : checked.entries) {
    if (entry.object == nullptr || entry.key.kind != model::Kind::kVirtualService) continue;
    const v1::VirtualServiceSpec spec = entry.object->virtual_service();
    for (const v1::Route& route : spec.routes()) {
      CountCall(entry.key, route.single_destination(), &calls);
      for (const v1::WeightedDestination& part : route.multiple_destinations()) {
        CountCall(entry.key, part.destination(), &calls);
      }
    }
  }
  std::vector<json::value> items;
  for (const ConfigSet::Entry& entry : checked.entries) {
    if (entry.object == nullptr || entry.key.kind != model::Kind::kUpstream) continue;
    const v1::UpstreamSpec& spec = entry.object->upstream();
    const std::string upstream = StrCat(entry.key.ns, "/", entry.key.name);
    for (const v1::Function& function : spec.functions()) {
      items.push_back({{"upstream", upstream},
                       {"name", function.name()},
                       {"type", spec.has_service_info() ? spec.service_info().type() : spec.type()},
                       {"routes", calls[{upstream, function.name()}]}});
    }
  }
  return items;
}

}  // namespace

absl::StatusOr<Listing> ListObjects(const Context& context, model::Kind kind) {
  absl::Status unreachable;
  const std::string target = StrCat("/api/v1/objects?kind=", model::KindName(kind));
  absl::StatusOr<std::optional<json::value>> answer = Ask(context, target, &unreachable);
  if (!answer.ok()) return answer.status();
  if (answer->has_value()) return Listing{Items(**answer, "objects"), ""};

  absl::StatusOr<Offline> offline = ReadOffline(context, unreachable);
  if (!offline.ok()) return offline.status();
  // Of an object that is in both, what the files are now counts for the object, and what became of it for the status.
  std::map<model::ObjectKey, std::pair<model::ObjectPtr, v1::Status>> found;
  for (const ConfigSet::Entry& entry : offline->checked.entries) found[entry.key] = {entry.object, StatusOf(entry)};
  for (auto& [key, status] : offline->statuses) found[key].second = std::move(status);
  Listing listing{{}, std::move(offline->note)};
  for (const auto& [key, value] : found) {
    if (key.kind != kind) continue;
    absl::StatusOr<json::value> item = Item(key, value.first, value.second);
    if (!item.ok()) return item.status();
    listing.items.push_back(*std::move(item));
  }
  return listing;
}

absl::StatusOr<Listing> ListFunctions(const Context& context) {
  absl::Status unreachable;
  absl::StatusOr<std::optional<json::value>> answer = Ask(context, "/api/v1/functions", &unreachable);
  if (!answer.ok()) return answer.status();
  if (answer->has_value()) return Listing{Items(**answer, "functions"), ""};
  if (context.config_dir.empty()) {
    return absl::UnavailableError(
        StrCat(std::string(unreachable.message()), "; functions can be read offline with --config-dir"));
  }
  absl::StatusOr<Offline> offline = ReadOffline(context, unreachable);
  if (!offline.ok()) return offline.status();
  return Listing{FunctionsOf(offline->checked), std::move(offline->note)};
}

std::optional<model::Kind> ParseKind(std::string_view word) {
  const std::string lower = absl::AsciiStrToLower(AbslView(word));
  if (lower == "us") return model::Kind::kUpstream;
  if (lower == "vs") return model::Kind::kVirtualService;
  for (const model::Kind kind : model::kKinds) {
    if (lower == KindWord(kind) || lower == KindWord(kind) + "s") return kind;
  }
  return std::nullopt;
}

std::string KindWord(model::Kind kind) { return absl::AsciiStrToLower(AbslView(model::KindName(kind))); }

}  // namespace gloo::cli
