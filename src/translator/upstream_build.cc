#include "translator/upstream_build.h"

#include <utility>

#include "envoy/extensions/clusters/dns/v3/dns_cluster.pb.h"
#include "envoy/extensions/common/matching/v3/extension_matcher.pb.h"
#include "envoy/extensions/filters/http/composite/v3/composite.pb.h"
#include "envoy/extensions/filters/http/credential_injector/v3/credential_injector.pb.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "envoy/extensions/filters/http/upstream_codec/v3/upstream_codec.pb.h"
#include "envoy/extensions/http/injected_credentials/generic/v3/generic.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "envoy/type/matcher/v3/http_inputs.pb.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using envoy::config::cluster::v3::Cluster;
using HttpOptions = envoy::extensions::upstreams::http::v3::HttpProtocolOptions;

constexpr char kHttpOptions[] = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

template <typename Edit>
void EditHttpOptions(Cluster* cluster, Edit edit) {
  google::protobuf::Any& any = (*cluster->mutable_typed_extension_protocol_options())[kHttpOptions];
  HttpOptions options;
  any.UnpackTo(&options);
  edit(options);
  any = Pack(options);
}

constexpr char kInjector[] = "envoy.filters.http.credential_injector";

google::protobuf::Any Injector(const std::string& header, const std::string& resource) {
  envoy::extensions::http::injected_credentials::generic::v3::Generic generic;
  generic.set_header(header);
  generic.mutable_credential()->set_name(resource);
  *generic.mutable_credential()->mutable_sds_config() = AdsSource();
  envoy::extensions::filters::http::credential_injector::v3::CredentialInjector injector;
  injector.set_overwrite(true);
  injector.mutable_credential()->set_name("envoy.http.injected_credentials.generic");
  *injector.mutable_credential()->mutable_typed_config() = Pack(generic);
  return Pack(injector);
}

// As the host's certificate has it.
std::string NameOf(const v1::UpstreamTls& written, Issues& issues) {
  if (written.sni().empty()) return "";
  if (std::string ip = HostIp(written.sni()); !ip.empty()) return ip;
  std::string error;
  std::string domain;
  if (!NormalizeDomain(written.sni(), &domain, &error)) {
    issues.Error("sni", "BadName", error);
    return written.sni();
  }
  if (domain.front() == '*') issues.Error("sni", "BadName", Cat(JsonQuote(written.sni()), " is no name of one host"));
  return domain;
}

bool SetVerification(const v1::UpstreamTls& written, const std::string& name, Inputs& inputs,
                     tls::UpstreamTlsContext* context, Issues& issues) {
  tls::CommonTlsContext* common = context->mutable_common_tls_context();
  tls::CertificateValidationContext validation;
  if (name.empty()) {
    context->set_auto_sni_san_validation(true);
  } else {
    auto* matcher = validation.add_match_typed_subject_alt_names();
    matcher->set_san_type(CanonicalIp(name).empty() ? tls::SubjectAltNameMatcher::DNS
                                                    : tls::SubjectAltNameMatcher::IP_ADDRESS);
    matcher->mutable_matcher()->set_exact(name);
  }
  constexpr std::string_view kField = "caSecretRef";
  std::string resource =
      written.ca_secret_ref().empty()
          ? inputs.SystemAuthorities(kField, issues)
          : inputs.SecretResource(written.ca_secret_ref(), Inputs::SecretUse::kCertificateAuthority, kField, issues);
  if (resource.empty()) return false;
  auto* combined = common->mutable_combined_validation_context();
  *combined->mutable_default_validation_context() = std::move(validation);
  combined->mutable_validation_context_sds_secret_config()->set_name(resource);
  *combined->mutable_validation_context_sds_secret_config()->mutable_sds_config() = AdsSource();
  return true;
}

}  // namespace

std::string HostIp(const std::string& written) {
  if (written.size() > 2 && written.front() == '[' && written.back() == ']') {
    return CanonicalIp(written.substr(1, written.size() - 2));
  }
  return CanonicalIp(written);
}

void SetDns(bool ipv6, const google::protobuf::Duration* refresh_rate, Cluster* cluster, Issues& issues) {
  envoy::extensions::clusters::dns::v3::DnsCluster dns;
  dns.set_dns_lookup_family(ipv6 ? envoy::extensions::clusters::common::dns::v3::V4_PREFERRED
                                 : envoy::extensions::clusters::common::dns::v3::V4_ONLY);
  if (refresh_rate == nullptr) {
    dns.set_respect_dns_ttl(true);
  } else if (refresh_rate->seconds() < 0 || refresh_rate->nanos() < 0 ||
             (refresh_rate->seconds() == 0 && refresh_rate->nanos() < 1'000'000)) {
    issues.Error("dnsRefreshRate", "BadDuration", "must be at least 1ms");
  } else {
    *dns.mutable_dns_refresh_rate() = *refresh_rate;
  }
  cluster->mutable_cluster_type()->set_name("envoy.clusters.dns");
  *cluster->mutable_cluster_type()->mutable_typed_config() = Pack(dns);
}

void SetHost(const std::string& host, uint32_t port, Cluster* cluster, Issues& issues) {
  const std::string ip = HostIp(host);
  auto* endpoint = cluster->mutable_load_assignment()->add_endpoints()->add_lb_endpoints()->mutable_endpoint();
  auto* address = endpoint->mutable_address()->mutable_socket_address();
  address->set_port_value(port);
  address->set_address(ip.empty() ? host : ip);
  if (ip.empty()) {
    endpoint->set_hostname(host);
    SetDns(/*ipv6=*/true, nullptr, cluster, issues);
  } else {
    cluster->set_type(Cluster::STATIC);
  }
}

void SpeakHttp2(Cluster* cluster) {
  EditHttpOptions(
      cluster, [](HttpOptions& options) { options.mutable_explicit_http_config()->mutable_http2_protocol_options(); });
  tls::UpstreamTlsContext context;
  if (!cluster->has_transport_socket() || !cluster->transport_socket().typed_config().UnpackTo(&context)) return;
  auto* protocols = context.mutable_common_tls_context()->mutable_alpn_protocols();
  protocols->Clear();
  *protocols->Add() = "h2";
  *cluster->mutable_transport_socket()->mutable_typed_config() = Pack(context);
}

void AddUpstreamFilter(std::string_view name, const google::protobuf::Any& config, Cluster* cluster) {
  EditHttpOptions(cluster, [&](HttpOptions& options) {
    if (!options.has_explicit_http_config()) {
      options.mutable_explicit_http_config()->mutable_http_protocol_options();
    }
    auto* filters = options.mutable_http_filters();
    if (filters->empty()) {
      auto* codec = filters->Add();
      codec->set_name("envoy.filters.http.upstream_codec");
      *codec->mutable_typed_config() = Pack(envoy::extensions::filters::http::upstream_codec::v3::UpstreamCodec());
    }
    auto* filter = filters->Add();
    filter->set_name(std::string(name));
    *filter->mutable_typed_config() = config;
    // The codec ends the chain.
    filters->SwapElements(filters->size() - 2, filters->size() - 1);
  });
}

void AddCredential(const std::string& header, const std::string& resource, Cluster* cluster) {
  AddUpstreamFilter(kInjector, Injector(header, resource), cluster);
}

void AddCallCredentials(const std::string& header, const std::map<std::string, std::string>& resources,
                        Cluster* cluster) {
  if (!resources.empty()) {
    namespace composite = envoy::extensions::filters::http::composite::v3;
    envoy::extensions::common::matching::v3::ExtensionWithMatcher chooser;
    chooser.mutable_extension_config()->set_name("envoy.filters.http.composite");
    *chooser.mutable_extension_config()->mutable_typed_config() = Pack(composite::Composite());
    auto* tree = chooser.mutable_xds_matcher()->mutable_matcher_tree();
    envoy::type::matcher::v3::HttpRequestHeaderMatchInput input;
    input.set_header_name(std::string(kCallHeader));
    tree->mutable_input()->set_name("call");
    *tree->mutable_input()->mutable_typed_config() = Pack(input);
    for (const auto& [key, resource] : resources) {
      composite::ExecuteFilterAction action;
      action.mutable_typed_config()->set_name(kInjector);
      *action.mutable_typed_config()->mutable_typed_config() = Injector(header, resource);
      auto* matched = (*tree->mutable_exact_match_map()->mutable_map())[key].mutable_action();
      matched->set_name("inject");
      *matched->mutable_typed_config() = Pack(action);
    }
    AddUpstreamFilter("envoy.filters.http.composite", Pack(chooser), cluster);
  }
  envoy::extensions::filters::http::header_mutation::v3::HeaderMutation unmark;
  unmark.mutable_mutations()->add_request_mutations()->set_remove(std::string(kCallHeader));
  AddUpstreamFilter("envoy.filters.http.header_mutation", Pack(unmark), cluster);
}

bool SetTls(const v1::UpstreamTls& written, const TlsHosts& hosts, Inputs& inputs, Cluster* cluster, Issues& issues) {
  if (written.has_enabled() && !written.enabled()) return true;
  if (written.insecure_skip_verify() && !written.ca_secret_ref().empty()) {
    issues.Error("insecureSkipVerify", "Contradiction", "cannot be true where authorities to verify against are given");
  }
  tls::UpstreamTlsContext context;
  tls::CommonTlsContext* common = context.mutable_common_tls_context();
  // With one name for all hosts it is written down; else each host is asked for its own name.
  std::string name = NameOf(written, issues);
  if (name.empty()) name = hosts.only_name;
  if (!name.empty()) {
    // An address is verified, but TLS has no way to ask for one.
    if (CanonicalIp(name).empty()) context.set_sni(name);
  } else {
    if (!hosts.all_named && !written.insecure_skip_verify()) {
      issues.Error("sni", "Required",
                   "a host that is an IP address has no name to verify its certificate by; write the name here");
    }
    if (hosts.all_named) context.set_auto_host_sni(true);
  }
  bool ready = true;
  if (!written.insecure_skip_verify()) ready = SetVerification(written, name, inputs, &context, issues);
  if (!written.client_cert_secret_ref().empty()) {
    std::string resource = inputs.SecretResource(written.client_cert_secret_ref(), Inputs::SecretUse::kKeyPair,
                                                 "clientCertSecretRef", issues);
    if (resource.empty()) return false;
    auto* secret = common->add_tls_certificate_sds_secret_configs();
    secret->set_name(resource);
    *secret->mutable_sds_config() = AdsSource();
  }
  cluster->mutable_transport_socket()->set_name("envoy.transport_sockets.tls");
  *cluster->mutable_transport_socket()->mutable_typed_config() = Pack(context);
  return ready;
}

}  // namespace gloo::translator
