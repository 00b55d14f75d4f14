#include "translator/upstream_unit.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/hash.h"
#include "base/suggest.h"
#include "snapshot/snapshot.h"
#include "translator/checks/checks.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"
#include "translator/upstream_build.h"

namespace gloo::translator {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;

std::unique_ptr<google::protobuf::Message> NewMessage(const google::protobuf::Descriptor* type) {
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

bool Decode(const google::protobuf::Any& any, google::protobuf::Message* message) {
  if (any.type_url().empty()) return true;
  size_t slash = any.type_url().rfind('/');
  if (any.type_url().substr(slash + 1) != message->GetDescriptor()->full_name()) return false;
  return message->ParseFromString(any.value());
}

// Endpoints belong to a way to talk to them: while a cluster that begins to speak TLS, or HTTP/2, warms up, the old
// form still serves, and must not be given the hosts of the new one. So each way has endpoints of its own.
std::string EndpointsNameOf(const std::string& name, const Cluster& cluster) {
  Cluster way;
  if (cluster.has_transport_socket()) *way.mutable_transport_socket() = cluster.transport_socket();
  *way.mutable_typed_extension_protocol_options() = cluster.typed_extension_protocol_options();
  const std::string bytes = Serialize(way);
  return snapshot::EndpointsName(name, bytes.empty() ? "" : ContentHash(bytes).substr(0, 8));
}

const std::string& FunctionType(const v1::UpstreamSpec& upstream) {
  return upstream.has_service_info() ? upstream.service_info().type() : upstream.type();
}

const FunctionPlugin* FunctionsOf(const Registry& registry, const v1::UpstreamSpec& upstream) {
  return registry.function(FunctionType(upstream));
}

void TranslateCluster(const Registry& registry, const model::Object& object, Inputs& inputs, UpstreamOutput* out,
                      std::vector<snapshot::ResourcePtr>* secrets, Issues& issues) {
  const v1::UpstreamSpec& upstream = object.upstream();
  const UpstreamPlugin* plugin = registry.upstream(upstream.type());
  if (plugin == nullptr) {
    issues.Error("spec.type", "UnknownUpstreamType",
                 Cat("no upstream type ", JsonQuote(upstream.type()),
                     Suggestion(upstream.type(), registry.Known(v1::UPSTREAM_SPEC))));
    return;
  }
  std::unique_ptr<google::protobuf::Message> spec = NewMessage(plugin->spec());
  if (!Decode(upstream.spec(), spec.get())) {
    issues.Error("spec.spec", "BadSpec", Cat("is not of upstream type ", JsonQuote(upstream.type())));
    return;
  }
  std::string name = ResourceName(object.key.ns, object.key.name);
  Cluster cluster;
  ClusterLoadAssignment endpoints;
  cluster.set_name(name);
  if (name.find('.') != std::string::npos) {
    // A dot in a statistic's name separates its parts.
    std::string stat_name = name;
    std::replace(stat_name.begin(), stat_name.end(), '.', '_');
    cluster.set_alt_stat_name(stat_name);
  }
  if (upstream.has_connection_timeout()) {
    *cluster.mutable_connect_timeout() = upstream.connection_timeout();
    if (upstream.connection_timeout().seconds() < 0 || upstream.connection_timeout().nanos() < 0 ||
        (upstream.connection_timeout().seconds() == 0 && upstream.connection_timeout().nanos() == 0)) {
      issues.Error("spec.connectionTimeout", "BadDuration", "must be greater than 0s");
      return;
    }
  } else {
    cluster.mutable_connect_timeout()->set_seconds(5);
  }
  size_t errors_before = issues.errors();
  bool ready = false;
  {
    IssuePath path(issues, "spec.spec");
    ready = plugin->Translate(object, *spec, inputs, &cluster, &endpoints, issues);
    if (cluster.has_load_assignment()) cluster.mutable_load_assignment()->set_cluster_name(name);
  }
  const FunctionPlugin* functions = FunctionsOf(registry, upstream);
  if (functions != nullptr && functions->http2()) SpeakHttp2(&cluster);
  if (issues.errors() > errors_before || !ready) return;
  IssuePath path(issues, "spec.spec");
  std::vector<snapshot::ResourceRef> warms;
  if (cluster.type() == Cluster::EDS) {
    const std::string service = EndpointsNameOf(name, cluster);
    *cluster.mutable_eds_cluster_config()->mutable_eds_config() = AdsSource();
    if (service != name) cluster.mutable_eds_cluster_config()->set_service_name(service);
    endpoints.set_cluster_name(service);
    warms.push_back({snapshot::Type::kEndpoint, service});
  }
  std::sort(secrets->begin(), secrets->end(), [](const auto& a, const auto& b) { return a->ref < b->ref; });
  secrets->erase(
      std::unique(secrets->begin(), secrets->end(), [](const auto& a, const auto& b) { return a->ref == b->ref; }),
      secrets->end());
  for (const snapshot::ResourcePtr& secret : *secrets) warms.push_back(secret->ref);
  snapshot::ResourcePtr checked =
      MakeChecked(snapshot::Type::kCluster, name, cluster, "upstream", issues, std::move(warms));
  if (cluster.type() == Cluster::EDS) {
    out->endpoints = MakeChecked(snapshot::Type::kEndpoint, endpoints.cluster_name(), endpoints, "upstream", issues);
  }
  if (issues.errors() > errors_before) {
    out->endpoints = nullptr;
    return;
  }
  out->secrets = std::move(*secrets);
  out->cluster = std::move(checked);
}

constexpr char kWrong[] = " wrong";

void TranslateFunctions(const Registry& registry, const model::Object& object, const UpstreamOutput& before,
                        Inputs& inputs, UpstreamOutput* out, Issues& issues) {
  const v1::UpstreamSpec& upstream = object.upstream();
  bool has_service = upstream.has_service_info();
  const std::string& type = FunctionType(upstream);
  const FunctionPlugin* plugin = FunctionsOf(registry, upstream);
  if (plugin == nullptr && has_service) {
    issues.Error("spec.serviceInfo.type", "UnknownServiceType",
                 Cat("no service type ", JsonQuote(type), Suggestion(type, registry.Known(v1::FUNCTION_SPEC))));
  }
  if (plugin == nullptr && !has_service && upstream.functions_size() > 0) {
    issues.Error(
        "spec.functions", "NoServiceInfo",
        Cat("functions of an upstream of type ", JsonQuote(type), " need serviceInfo.type; known: ", [&registry] {
          std::string known;
          for (const std::string& name : registry.Known(v1::FUNCTION_SPEC)) {
            known += known.empty() ? name : ", " + name;
          }
          return known;
        }()));
  }
  out->functions_plugin = plugin;
  const bool same_plugin = plugin == before.functions_plugin;
  if (plugin != nullptr) {
    IssuePath path(issues, "spec");
    if (same_plugin) out->service = before.service;
    out->service_ready = plugin->ReadService(object, inputs, &out->service, issues);
  }
  std::string base = ContentHash({type, upstream.service_info().properties().value(),
                                  plugin != nullptr && plugin->reads_upstream_spec() ? upstream.spec().value() : "",
                                  out->service != nullptr ? out->service->hash : ""});
  out->face = out->usable() ? "usable" : "unusable";
  if (!out->service_ready) out->face += " without service";
  if (plugin != nullptr && (plugin->any_function() || plugin->calls_upstream())) out->face += base;
  for (int i = 0; i < upstream.functions_size(); ++i) {
    const v1::Function& function = upstream.functions(i);
    IssuePath path(issues, "spec.functions", static_cast<size_t>(i));
    FunctionFace face;
    face.function = &function;
    if (function.name().empty()) {
      issues.Error("name", "Required", "a function needs a name");
      continue;
    }
    face.index = static_cast<size_t>(i);
    face.hash = ContentHash({base, function.spec().type_url(), function.spec().value()});
    const auto old = before.functions.find(function.name());
    const bool checked = same_plugin && out->service_ready && before.service_ready && old != before.functions.end() &&
                         (old->second.hash == face.hash || old->second.hash == face.hash + kWrong) &&
                         (old->second.said.empty() || old->second.index == face.index);
    if (plugin == nullptr || !out->service_ready) {
      face.wrong = true;
    } else if (checked) {
      face.wrong = old->second.wrong;
      face.said = old->second.said;
    } else {
      Issues said(issues.path() + ".spec");
      plugin->Check({object, &function, function.name(), out->service.get()}, said);
      face.wrong = !said.ok();
      face.said = said.items();
    }
    for (const Issue& issue : face.said) issues.Add(issue);
    if (face.wrong) face.hash += kWrong;
    if (!out->functions.emplace(function.name(), std::move(face)).second) {
      issues.Error("name", "DuplicateName",
                   Cat("there is a function ", JsonQuote(function.name()), " before this one"));
    }
  }
}

}  // namespace

UpstreamOutput TranslateUpstream(const Registry& registry, model::ObjectPtr object, const UpstreamOutput& before,
                                 Inputs& inputs, std::vector<snapshot::ResourcePtr>* secrets, Issues& issues) {
  UpstreamOutput out;
  TranslateCluster(registry, *object, inputs, &out, secrets, issues);
  TranslateFunctions(registry, *object, before, inputs, &out, issues);
  out.object = std::move(object);
  return out;
}

}  // namespace gloo::translator
