#include "translator/role_unit.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <set>
#include <utility>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/http/dynamic_modules/v3/dynamic_modules.pb.h"
#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/http/early_header_mutation/dynamic_modules/v3/dynamic_modules.pb.h"
#include "envoy/extensions/transport_sockets/tls/cert_mappers/sni/v3/config.pb.h"
#include "envoy/extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3/config.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "translator/checks/checks.h"
#include "translator/domain_table.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"
#include "translator/upstream_build.h"

namespace gloo::translator {
namespace {

namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;
namespace tls = envoy::extensions::transport_sockets::tls;
using envoy::config::listener::v3::Listener;

// What is held of one connection. Filters may hold bodies of this size; a route that needs more says so itself.
constexpr uint32_t kBufferLimit = 1 << 20;

// Limits that Envoy's makers advise for proxies at the edge.
void SetLimits(hcm::HttpConnectionManager* manager) {
  manager->mutable_use_remote_address()->set_value(true);
  manager->mutable_normalize_path()->set_value(true);
  manager->set_merge_slashes(true);
  manager->set_path_with_escaped_slashes_action(hcm::HttpConnectionManager::UNESCAPE_AND_REDIRECT);
  manager->mutable_stream_idle_timeout()->set_seconds(300);
  manager->mutable_request_headers_timeout()->set_seconds(30);
  auto* common = manager->mutable_common_http_protocol_options();
  common->mutable_idle_timeout()->set_seconds(3600);
  common->set_headers_with_underscores_action(envoy::config::core::v3::HttpProtocolOptions::REJECT_REQUEST);
  auto* http2 = manager->mutable_http2_protocol_options();
  http2->mutable_max_concurrent_streams()->set_value(100);
  http2->mutable_initial_stream_window_size()->set_value(64 << 10);
  http2->mutable_initial_connection_window_size()->set_value(1 << 20);
}

void AddRouter(hcm::HttpConnectionManager* manager) {
  hcm::HttpFilter* filter = manager->add_http_filters();
  filter->set_name("envoy.filters.http.router");
  *filter->mutable_typed_config() = Pack(envoy::extensions::filters::http::router::v3::Router());
}

void AddFilters(const Registry& registry, bool on_demand, hcm::HttpConnectionManager* manager) {
  std::vector<FilterPlugin::Filter> filters;
  if (on_demand) {
    filters.push_back({FilterSlot::kOnDemand, "envoy.filters.http.on_demand",
                       Pack(envoy::extensions::filters::http::on_demand::v3::OnDemand()), /*disabled=*/false});
  }
  filters.push_back({FilterSlot::kEvents, std::string(kEvents), ModuleFilter(kEvents, "")});
  for (const auto& plugin : registry.filters()) {
    for (FilterPlugin::Filter& filter : plugin->Filters()) filters.push_back(std::move(filter));
  }
  std::stable_sort(filters.begin(), filters.end(), [](const auto& a, const auto& b) { return a.slot < b.slot; });
  for (FilterPlugin::Filter& filter : filters) {
    hcm::HttpFilter* out = manager->add_http_filters();
    out->set_name(filter.name);
    *out->mutable_typed_config() = std::move(filter.config);
    // A request that began to send its body while its routes were fetched goes on in the chain that it has, which was
    // made before anybody knew what its route enables.
    out->set_disabled(filter.disabled && !(on_demand && filter.harmless));
  }
  AddRouter(manager);
}

// The same for all listeners, so that Envoy holds the scopes once.
void SetScopes(hcm::HttpConnectionManager* manager) {
  hcm::ScopedRoutes* scopes = manager->mutable_scoped_routes();
  scopes->set_name("gloo");
  auto* key = scopes->mutable_scope_key_builder()->add_fragments()->mutable_header_value_extractor();
  key->set_name(std::string(kScopeHeader));
  // Without a separator the whole value is element 0.
  key->set_index(0);
  *scopes->mutable_rds_config_source() = AdsSource();
  *scopes->mutable_scoped_rds()->mutable_scoped_rds_config_source() = AdsSource();
}

void SetScopeKey(const std::string& role, const std::string& listener, hcm::HttpConnectionManager* manager) {
  envoy::extensions::http::early_header_mutation::dynamic_modules::v3::DynamicModuleEarlyHeaderMutation mutation;
  mutation.mutable_dynamic_module_config()->set_name(std::string(kModuleName));
  mutation.mutable_dynamic_module_config()->set_do_not_close(true);
  mutation.set_early_header_mutation_name(std::string(kScopeMutation));
  google::protobuf::StringValue config;
  config.set_value(Cat("{\"table\":", JsonQuote(role), ",\"listener\":", JsonQuote(listener), "}"));
  *mutation.mutable_early_header_mutation_config() = Pack(config);
  auto* extension = manager->add_early_header_mutation_extensions();
  extension->set_name(std::string(kScopeMutation));
  *extension->mutable_typed_config() = Pack(mutation);
}

void SetTls(envoy::config::core::v3::TransportSocket* socket) {
  tls::cert_mappers::sni::v3::SNI mapper;
  mapper.set_default_value("*");
  tls::cert_selectors::on_demand_secret::v3::Config selector;
  *selector.mutable_config_source() = AdsSource();
  selector.mutable_certificate_mapper()->set_name("envoy.tls.certificate_mappers.sni");
  *selector.mutable_certificate_mapper()->mutable_typed_config() = Pack(mapper);

  tls::v3::DownstreamTlsContext context;
  tls::v3::CommonTlsContext* common = context.mutable_common_tls_context();
  common->add_alpn_protocols("h2");
  common->add_alpn_protocols("http/1.1");
  common->mutable_custom_tls_certificate_selector()->set_name("envoy.tls.certificate_selectors.on_demand_secret");
  *common->mutable_custom_tls_certificate_selector()->mutable_typed_config() = Pack(selector);
  // The selector demands it: a session that is resumed has no handshake to select a certificate in.
  context.set_disable_stateless_session_resumption(true);
  context.set_disable_stateful_session_resumption(true);
  socket->set_name("envoy.transport_sockets.tls");
  *socket->mutable_typed_config() = Pack(context);
}

Listener MakeListener(const std::string& name, const std::string& address, uint32_t port,
                      const hcm::HttpConnectionManager& manager) {
  Listener listener;
  listener.set_name(name);
  auto* socket = listener.mutable_address()->mutable_socket_address();
  socket->set_address(address);
  socket->set_port_value(port);
  listener.mutable_per_connection_buffer_limit_bytes()->set_value(kBufferLimit);
  auto* filter = listener.add_filter_chains()->add_filters();
  filter->set_name("envoy.filters.network.http_connection_manager");
  *filter->mutable_typed_config() = Pack(manager);
  return listener;
}

// Holds the filters whose configurations are the parts of the table of domains. It is bound to no port and serves no
// request, so a request passes none of them; and a part that changes touches no listener that serves. It has the scopes
// of the listeners that serve, for the first that asks for them is the only one that Envoy keeps back until they are
// there: another one would answer 404 until then.
snapshot::ResourcePtr MakeTableListener(Issues& issues) {
  hcm::HttpConnectionManager manager;
  // Without a dot: the bootstrap leaves `http.domains.` out of the statistics.
  manager.set_stat_prefix("domains");
  SetScopes(&manager);
  std::vector<snapshot::ResourceRef> parts;
  for (size_t part = 0; part < kDomainParts; ++part) {
    hcm::HttpFilter* filter = manager.add_http_filters();
    filter->set_name(DomainPartName(part));
    *filter->mutable_config_discovery()->mutable_config_source() = AdsSource();
    filter->mutable_config_discovery()->add_type_urls(
        Cat("type.googleapis.com/",
            envoy::extensions::filters::http::dynamic_modules::v3::DynamicModuleFilter::descriptor()->full_name()));
    filter->set_disabled(true);
    parts.push_back({snapshot::Type::kExtensionConfig, filter->name()});
  }
  AddRouter(&manager);
  // The address is a name only.
  Listener listener = MakeListener(std::string(kDomainTable), "127.0.0.1", 1, manager);
  listener.mutable_bind_to_port()->set_value(false);
  return MakeChecked(snapshot::Type::kListener, listener.name(), listener, "listener", issues, std::move(parts));
}

// A role has it from the start, so that no listener changes with the first function that needs it.
snapshot::ResourcePtr MakeMetadataCluster(const Settings& settings, Issues& issues) {
  envoy::config::cluster::v3::Cluster cluster;
  cluster.set_name(std::string(kGoogleMetadata));
  cluster.set_alt_stat_name("google_metadata");
  cluster.mutable_connect_timeout()->set_seconds(5);
  SetHost(settings.google_metadata_host, settings.google_metadata_port, &cluster, issues);
  cluster.mutable_load_assignment()->set_cluster_name(cluster.name());
  return MakeChecked(snapshot::Type::kCluster, cluster.name(), cluster, "cluster", issues);
}

bool IsListenerName(const std::string& name) {
  return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

v1::RoleSpec DefaultListeners(const Settings& settings) {
  v1::RoleSpec spec;
  if (settings.http_port != 0) {
    v1::Listener* http = spec.add_listeners();
    http->set_name("http");
    http->set_port(settings.http_port);
  }
  if (settings.https_port != 0) {
    v1::Listener* https = spec.add_listeners();
    https->set_name("https");
    https->set_port(settings.https_port);
    https->set_tls(true);
  }
  return spec;
}

}  // namespace

RoleOutput TranslateRole(const Registry& registry, const Settings& settings, const std::string& role,
                         const v1::RoleSpec& written, Issues& issues) {
  v1::RoleSpec defaults;
  if (written.listeners_size() == 0) {
    defaults = DefaultListeners(settings);
    defaults.set_on_demand(written.on_demand());
  }
  const v1::RoleSpec& spec = written.listeners_size() == 0 ? defaults : written;

  RoleOutput out;
  out.on_demand = spec.on_demand();
  std::set<std::string> names;
  std::set<std::pair<std::string, uint32_t>> addresses;
  for (int i = 0; i < spec.listeners_size(); ++i) {
    const v1::Listener& listener = spec.listeners(i);
    IssuePath path(issues, "spec.listeners", static_cast<size_t>(i));
    size_t errors_before = issues.errors();
    const std::string& wanted = listener.bind_address().empty() ? settings.bind_address : listener.bind_address();
    const std::string address = CanonicalIp(wanted);
    if (!IsListenerName(listener.name())) {
      issues.Error("name", "BadName",
                   Cat(JsonQuote(listener.name()), " is no listener name; 1 to 63 letters, digits and \"-\" are"));
    } else if (!names.insert(listener.name()).second) {
      issues.Error("name", "DuplicateName",
                   Cat("there is a listener ", JsonQuote(listener.name()), " before this one"));
    }
    if (address.empty()) {
      issues.Error("bindAddress", "BadAddress", Cat(JsonQuote(wanted), " is no IP address"));
    }
    if (listener.port() == 0 || listener.port() > 65535) {
      issues.Error("port", "BadPort", Cat(listener.port(), " is no port; 1 to 65535 are"));
    } else if (!addresses.emplace(address, listener.port()).second) {
      issues.Error("port", "DuplicatePort",
                   Cat("a listener before this one has address ", address, " and port ", listener.port()));
    }
    if (issues.errors() > errors_before) continue;

    hcm::HttpConnectionManager manager;
    manager.set_stat_prefix(listener.name());
    manager.set_server_name("gloo");
    SetLimits(&manager);
    SetScopes(&manager);
    SetScopeKey(role, listener.name(), &manager);
    AddFilters(registry, spec.on_demand(), &manager);
    Listener message = MakeListener(listener.name(), address, listener.port(), manager);
    if (listener.tls()) {
      auto* chain = message.mutable_filter_chains(0);
      SetTls(chain->mutable_transport_socket());
      // For a handshake; without it a client that sends nothing holds its connection for ever.
      chain->mutable_transport_socket_connect_timeout()->set_seconds(10);
    }
    // The table and the scopes first: without them a host has no scope, or that of a wildcard that covers it.
    snapshot::ResourcePtr checked = MakeChecked(snapshot::Type::kListener, listener.name(), message, "listener", issues,
                                                {}, {{snapshot::Type::kListener, std::string(kDomainTable)}});
    if (checked == nullptr) continue;
    out.listeners.push_back({listener.name(), listener.tls()});
    out.resources.push_back(std::move(checked));
  }
  if (!settings.google_metadata_host.empty()) {
    out.resources.push_back(MakeMetadataCluster(settings, issues));
    if (out.resources.back() == nullptr) return {};
  }
  out.resources.push_back(MakeTableListener(issues));
  if (out.resources.back() == nullptr) return {};
  return out;
}

snapshot::Delta AnswerOnly(const Settings& settings, const std::string& reason) {
  snapshot::Delta delta;
  // Over TLS there is no certificate to answer with, so both are in the clear.
  v1::RoleSpec spec = DefaultListeners(settings);
  for (const v1::Listener& listener : spec.listeners()) {
    hcm::HttpConnectionManager manager;
    manager.set_stat_prefix(listener.name());
    manager.set_server_name("gloo");
    SetLimits(&manager);
    auto* routes = manager.mutable_route_config();
    routes->set_name("answer");
    auto* host = routes->add_virtual_hosts();
    host->set_name("answer");
    host->add_domains(std::string(1, '*'));
    auto* route = host->add_routes();
    route->mutable_match()->set_prefix("/");
    route->mutable_direct_response()->set_status(500);
    route->mutable_direct_response()->mutable_body()->set_inline_string(reason + "\n");
    AddRouter(&manager);
    Issues refused;
    snapshot::ResourcePtr checked = MakeChecked(
        snapshot::Type::kListener, listener.name(),
        MakeListener(listener.name(), settings.bind_address, listener.port(), manager), "listener", refused);
    if (checked != nullptr) delta.upserts.push_back(std::move(checked));
  }
  return delta;
}

}  // namespace gloo::translator
