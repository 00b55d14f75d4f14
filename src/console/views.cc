#include "console/views.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "model/writer.h"
#include "snapshot/redact.h"

namespace gloo::console {
namespace {

std::string IssueJson(const Issue& issue) {
  return StrCat("{\"severity\":", issue.severity == Severity::kError ? "\"Error\"" : "\"Warning\"",
                ",\"reason\":", JsonQuote(issue.reason), ",\"path\":", JsonQuote(issue.path),
                ",\"message\":", JsonQuote(issue.message), ",\"file\":", JsonQuote(issue.location.file),
                ",\"line\":", issue.location.line, ",\"column\":", issue.location.column, "}");
}

std::string ResourceJson(const snapshot::Resource& resource) {
  std::string body = "null";
  if (const std::unique_ptr<google::protobuf::Message> message = snapshot::Redacted(resource)) {
    std::string json;
    if (google::protobuf::util::MessageToJsonString(*message, &json).ok()) body = std::move(json);
  }
  return StrCat("{\"name\":", JsonQuote(resource.ref.name), ",\"version\":", JsonQuote(resource.version),
                ",\"resource\":", body, "}");
}

const char* SnapshotField(snapshot::Type type) {
  switch (type) {
    case snapshot::Type::kSecret:
      return "secrets";
    case snapshot::Type::kEndpoint:
      return "endpoints";
    case snapshot::Type::kCluster:
      return "clusters";
    case snapshot::Type::kRoute:
      return "routes";
    case snapshot::Type::kScopedRoute:
      return "scopedRoutes";
    case snapshot::Type::kExtensionConfig:
      return "extensionConfigs";
    case snapshot::Type::kListener:
      return "listeners";
  }
  return "";
}

std::string UpstreamName(const model::ObjectKey& from, const std::string& name) {
  return name.find('/') != std::string::npos ? name : StrCat(from.ns, "/", name);
}

void CountCalls(const model::ObjectKey& from, const v1::Destination& destination,
                std::map<std::pair<std::string, std::string>, int>& calls) {
  if (destination.has_function()) {
    const v1::FunctionDestination& function = destination.function();
    ++calls[{UpstreamName(from, function.upstream_name()), function.function_name()}];
  }
}

std::string TimeText(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

std::vector<std::string> CountsJson(const xds::Client& client,
                                    const std::vector<controller::Refusals::Refusal>& refusals) {
  std::vector<std::string> out;
  for (int i = 0; i < snapshot::kTypeCount; ++i) {
    const auto type = static_cast<snapshot::Type>(i);
    const xds::Client::Count& count = client.counts[static_cast<size_t>(i)];
    if (!count.asked) continue;
    const auto refused = static_cast<size_t>(
        std::count_if(refusals.begin(), refusals.end(), [type](const auto& r) { return r.ref.type == type; }));
    const size_t behind = std::min(count.resources, count.waiting + refused);
    out.push_back(StrCat("{\"type\":", JsonQuote(xds::TypeLabel(type)), ",\"acknowledged\":", count.resources - behind,
                         ",\"waiting\":", count.waiting, ",\"refused\":", refused, "}"));
  }
  return out;
}

std::vector<std::string> RefusalsJson(const std::vector<controller::Refusals::Refusal>& refusals) {
  std::vector<std::string> out;
  for (const controller::Refusals::Refusal& refusal : refusals) {
    std::vector<std::string> routes;
    for (const controller::Refusals::HeldRoute& route : refusal.routes) {
      routes.push_back(StrCat("{\"name\":", JsonQuote(route.name), ",\"lastGood\":",
                              route.has_last_good ? "true" : "false", ",\"message\":", JsonQuote(route.message), "}"));
    }
    out.push_back(StrCat("{\"type\":", JsonQuote(xds::TypeLabel(refusal.ref.type)),
                         ",\"name\":", JsonQuote(refusal.ref.name), ",\"version\":", JsonQuote(refusal.version),
                         ",\"since\":", JsonQuote(TimeText(refusal.since)), ",\"message\":", JsonQuote(refusal.message),
                         ",\"routes\":[", absl::StrJoin(routes, ","), "]}"));
  }
  return out;
}

}  // namespace

std::string ObjectsJson(const std::vector<controller::ObjectView>& objects) {
  std::string out = "{\"objects\":[";
  bool first = true;
  for (const controller::ObjectView& view : objects) {
    StrAppend(&out, first ? "" : ",");
    first = false;
    if (view.object != nullptr) {
      StrAppend(&out, "{\"object\":", model::ToJson(*view.object, nullptr));
    } else {
      StrAppend(&out, "{\"object\":{\"apiVersion\":", JsonQuote(model::kApiVersion),
                ",\"kind\":", JsonQuote(model::KindName(view.key.kind)),
                ",\"metadata\":{\"name\":", JsonQuote(view.key.name), ",\"namespace\":", JsonQuote(view.key.ns), "}}");
    }
    std::string created = "null";
    std::string place = "null";
    if (view.object != nullptr) {
      if (view.object->created > 0) {
        created = JsonQuote(TimeText(absl::FromUnixNanos(view.object->created)));
      }
      place = JsonQuote(StrCat(view.object->origin.location, ":", view.object->origin.line));
    }
    StrAppend(&out, ",\"created\":", created, ",\"origin\":", place,
              ",\"generation\":", view.object != nullptr ? view.object->generation : 0,
              ",\"hash\":", JsonQuote(view.object != nullptr ? view.object->hash : ""),
              ",\"status\":", model::ToJson(view.status), "}");
  }
  return out + "]}\n";
}

std::string FunctionsJson(const std::vector<controller::ObjectView>& upstreams,
                          const std::vector<controller::ObjectView>& virtual_services) {
  std::map<std::pair<std::string, std::string>, int> calls;
  for (const controller::ObjectView& view : virtual_services) {
    if (view.object == nullptr) continue;
    const v1::VirtualServiceSpec spec = view.object->virtual_service();
    for (const v1::Route& route : spec.routes()) {
      if (route.has_single_destination()) CountCalls(view.key, route.single_destination(), calls);
      for (const v1::WeightedDestination& part : route.multiple_destinations()) {
        CountCalls(view.key, part.destination(), calls);
      }
    }
  }
  std::vector<std::string> items;
  for (const controller::ObjectView& view : upstreams) {
    if (view.object == nullptr) continue;
    const v1::UpstreamSpec& spec = view.object->upstream();
    const std::string upstream = StrCat(view.key.ns, "/", view.key.name);
    for (const v1::Function& function : spec.functions()) {
      auto count = calls.find({upstream, function.name()});
      items.push_back(
          StrCat("{\"upstream\":", JsonQuote(upstream), ",\"name\":", JsonQuote(function.name()),
                 ",\"type\":", JsonQuote(spec.has_service_info() ? spec.service_info().type() : spec.type()),
                 ",\"routes\":", count == calls.end() ? 0 : count->second, "}"));
    }
  }
  return StrCat("{\"functions\":[", absl::StrJoin(items, ","), "]}\n");
}

std::string ClientsJson(const std::vector<controller::ClientView>& clients) {
  std::vector<std::string> items;
  for (const auto& [client, refusals] : clients) {
    items.push_back(StrCat("{\"nodeId\":", JsonQuote(client.node_id), ",\"role\":", JsonQuote(client.role),
                           ",\"peer\":", JsonQuote(client.peer), ",\"userAgent\":", JsonQuote(client.user_agent),
                           ",\"delta\":", client.delta ? "true" : "false",
                           ",\"connected\":", JsonQuote(TimeText(client.connected)),
                           ",\"converged\":", client.converged ? "true" : "false", ",\"acks\":", client.acks,
                           ",\"nacks\":", client.nacks, ",\"lastError\":", JsonQuote(client.last_error), ",\"types\":[",
                           absl::StrJoin(CountsJson(client, refusals), ","), "],\"refusals\":[",
                           absl::StrJoin(RefusalsJson(refusals), ","), "]}"));
  }
  return StrCat("{\"clients\":[", absl::StrJoin(items, ","), "]}\n");
}

std::string InfoJson(const Info& info) {
  std::vector<std::string> places;
  for (const auto& [place, issues] : info.broken_places) {
    std::vector<std::string> items;
    for (const Issue& issue : issues) items.push_back(IssueJson(issue));
    places.push_back(StrCat("{\"place\":", JsonQuote(place), ",\"issues\":[", absl::StrJoin(items, ","), "]}"));
  }
  return StrCat("{\"version\":", JsonQuote(info.version), ",\"configDir\":", JsonQuote(info.config_dir),
                ",\"stateDir\":", JsonQuote(info.state_dir), ",\"uptimeSeconds\":", info.uptime_seconds,
                ",\"ready\":", info.ready ? "true" : "false", ",\"brokenPlaces\":[", absl::StrJoin(places, ","),
                "]}\n");
}

std::string SnapshotJson(const std::map<std::string, std::vector<snapshot::ResourcePtr>>& roles) {
  std::vector<std::string> out;
  for (const auto& [role, resources] : roles) {
    std::vector<snapshot::ResourcePtr> sorted = resources;
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a->ref < b->ref; });
    std::vector<std::string> by_type[snapshot::kTypeCount];
    for (const snapshot::ResourcePtr& resource : sorted) {
      by_type[static_cast<int>(resource->ref.type)].push_back(ResourceJson(*resource));
    }
    std::vector<std::string> fields;
    for (int i = 0; i < snapshot::kTypeCount; ++i) {
      fields.push_back(
          StrCat("\"", SnapshotField(static_cast<snapshot::Type>(i)), "\":[", absl::StrJoin(by_type[i], ","), "]"));
    }
    out.push_back(StrCat(JsonQuote(role), ":{", absl::StrJoin(fields, ","), "}"));
  }
  return StrCat("{\"roles\":{", absl::StrJoin(out, ","), "}}\n");
}

}  // namespace gloo::console
