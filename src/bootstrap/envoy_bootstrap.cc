#include "bootstrap/envoy_bootstrap.h"

#include <google/protobuf/util/json_util.h>

#include "bootstrap/xds_security.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "translator/checks/checks.h"

namespace gloo::bootstrap {
namespace {

namespace core = envoy::config::core::v3;
namespace tls = envoy::extensions::transport_sockets::tls::v3;

constexpr char kXdsCluster[] = "gloo_xds";

void SetAddress(const std::string& host, uint16_t port, core::Address* out) {
  out->mutable_socket_address()->set_address(host);
  out->mutable_socket_address()->set_port_value(port);
}

void SetTls(const EnvoyBootstrap& b, core::TransportSocket* socket) {
  tls::UpstreamTlsContext context;
  auto* common = context.mutable_common_tls_context();
  common->add_alpn_protocols("h2");
  auto* verify = common->mutable_validation_context();
  verify->mutable_trusted_ca()->set_filename(b.ca_file);
  std::vector<std::string> names;
  if (!b.server_name.empty()) names.push_back(b.server_name);
  for (const EnvoyBootstrap::Address& xds : b.xds) {
    if (b.server_name.empty()) names.push_back(xds.host);
  }
  for (const std::string& name : names) {
    auto* san = verify->add_match_typed_subject_alt_names();
    san->set_san_type(IsIpAddress(name) ? tls::SubjectAltNameMatcher::IP_ADDRESS : tls::SubjectAltNameMatcher::DNS);
    san->mutable_matcher()->set_exact(name);
  }
  if (names.size() == 1 && !IsIpAddress(names[0])) context.set_sni(names[0]);
  if (!b.cert_file.empty()) {
    auto* pair = common->add_tls_certificates();
    pair->mutable_certificate_chain()->set_filename(b.cert_file);
    pair->mutable_private_key()->set_filename(b.key_file);
  }
  socket->set_name("envoy.transport_sockets.tls");
  socket->mutable_typed_config()->PackFrom(context);
}

// Envoy keeps over a hundred series for each cluster and scope; what costs more than it tells is left out.
void SetStats(envoy::config::bootstrap::v3::Bootstrap& out) {
  auto* exclude = out.mutable_stats_config()->mutable_stats_matcher()->mutable_exclusion_list();
  // Clusters but the control plane's own: the requests of a route or a function are counted where users ask for them.
  exclude->add_patterns()->mutable_safe_regex()->set_regex(R"(cluster\.[^/]+/.*)");
  exclude->add_patterns()->mutable_safe_regex()->set_regex(R"(http\.[^.]+\.(rds|scoped_rds)\..*)");
  // Of what serves no user's request: the table of domains and its parts, the admin listener, and all of the control
  // plane's connection but its state and its bytes.
  for (const char* prefix :
       {"vhost.", "sds.", "extension_config_discovery.", "listener.admin.", "http.admin.", "listener.127.0.0.1_1.",
        "http.domains.", "cluster.gloo_xds.http2.", "cluster.gloo_xds.upstream_rq"}) {
    exclude->add_patterns()->set_prefix(prefix);
  }
}

// Envoy refuses expressions of more than 100 instructions unless told otherwise; what our own checks take, it takes.
void SetRuntime(envoy::config::bootstrap::v3::Bootstrap& out) {
  auto* fixed = out.mutable_layered_runtime()->add_layers();
  fixed->set_name("gloo");
  (*fixed->mutable_static_layer()->mutable_fields())["re2.max_program_size.error_level"].set_number_value(
      checks::kMaxRegexProgramSize);
  auto* admin = out.mutable_layered_runtime()->add_layers();
  admin->set_name("admin");
  admin->mutable_admin_layer();
}

}  // namespace

std::string ToJson(const EnvoyBootstrap& b) {
  envoy::config::bootstrap::v3::Bootstrap out;
  out.mutable_node()->set_id(b.node_id);
  out.mutable_node()->set_cluster(b.node_id.substr(0, b.node_id.find('~')));
  SetAddress(b.admin_address, b.admin_port, out.mutable_admin()->mutable_address());

  auto* dynamic = out.mutable_dynamic_resources();
  auto* ads = dynamic->mutable_ads_config();
  ads->set_api_type(core::ApiConfigSource::DELTA_GRPC);
  ads->set_transport_api_version(core::V3);
  ads->set_set_node_on_first_message_only(true);
  auto* grpc = ads->add_grpc_services()->mutable_envoy_grpc();
  grpc->set_cluster_name(kXdsCluster);
  // The default waits up to 30 s after a restart of the control plane.
  auto* backoff = grpc->mutable_retry_policy()->mutable_retry_back_off();
  backoff->mutable_base_interval()->set_nanos(100'000'000);
  backoff->mutable_max_interval()->set_seconds(2);
  for (core::ConfigSource* source : {dynamic->mutable_lds_config(), dynamic->mutable_cds_config()}) {
    source->mutable_ads();
    source->set_resource_api_version(core::V3);
  }

  auto* cluster = out.mutable_static_resources()->add_clusters();
  cluster->set_name(kXdsCluster);
  cluster->set_type(envoy::config::cluster::v3::Cluster::STRICT_DNS);
  cluster->mutable_connect_timeout()->set_seconds(1);
  auto* load = cluster->mutable_load_assignment();
  load->set_cluster_name(kXdsCluster);
  auto* endpoints = load->add_endpoints();
  for (const EnvoyBootstrap::Address& xds : b.xds) {
    SetAddress(xds.host, xds.port, endpoints->add_lb_endpoints()->mutable_endpoint()->mutable_address());
  }
  if (!b.ca_file.empty()) SetTls(b, cluster->mutable_transport_socket());
  envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
  auto* http2 = options.mutable_explicit_http_config()->mutable_http2_protocol_options();
  http2->mutable_connection_keepalive()->mutable_interval()->set_seconds(30);
  http2->mutable_connection_keepalive()->mutable_timeout()->set_seconds(10);
  // gRPC gives room back message by message. Envoy asks for each part of the table of domains by a message of its own,
  // many in a frame, and would take the answers for a flood (its default is 10) and close the connection.
  http2->mutable_max_inbound_window_update_frames_per_data_frame_sent()->set_value(1000);
  (*cluster->mutable_typed_extension_protocol_options())["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
      .PackFrom(options);
  SetStats(out);
  SetRuntime(out);

  std::string json;
  google::protobuf::util::JsonPrintOptions print;
  print.add_whitespace = true;
  print.preserve_proto_field_names = true;
  // Every message above is linked in, so that printing cannot fail.
  if (!google::protobuf::util::MessageToJsonString(out, &json, print).ok()) return "";
  return json;
}

}  // namespace gloo::bootstrap
