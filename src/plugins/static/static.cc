#include "plugins/static/static.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "envoy/extensions/clusters/dns/v3/dns_cluster.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "src/plugins/static/static.pb.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::plugins {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using translator::Cat;
using translator::Inputs;
using translator::JsonQuote;

// In its one spelling; empty where it is a name. An IPv6 address may be written in brackets.
std::string IpAddress(const std::string& written) {
  if (written.size() > 2 && written.front() == '[' && written.back() == ']') {
    return translator::CanonicalIp(written.substr(1, written.size() - 2));
  }
  return translator::CanonicalIp(written);
}

class StaticPlugin final : public translator::UpstreamPlugin {
 public:
  std::string_view type() const override { return "static"; }
  std::vector<std::string_view> aliases() const override { return {"service"}; }
  const google::protobuf::Descriptor* spec() const override { return StaticSpec::descriptor(); }

  bool Translate(const model::Object&, const google::protobuf::Message& message, Inputs& inputs, Cluster* cluster,
                 ClusterLoadAssignment* endpoints, Issues& issues) const override {
    const auto& spec = static_cast<const StaticSpec&>(message);
    std::set<std::string> names;
    ClusterLoadAssignment assignment;
    if (!Hosts(spec, &assignment, &names, issues)) return false;
    if (names.empty()) {
      cluster->set_type(Cluster::EDS);
      *endpoints = std::move(assignment);
    } else {
      *cluster->mutable_load_assignment() = std::move(assignment);
      SetDns(spec, cluster, issues);
    }
    if (spec.dns_refresh_rate().seconds() != 0 && names.empty()) {
      issues.Warning("dnsRefreshRate", "NoEffect", "has no effect: no host is a DNS name");
    }
    if (spec.http2()) SetHttp2(cluster);
    return SetTls(spec, names, inputs, cluster, issues);
  }

 private:
  static bool Hosts(const StaticSpec& spec, ClusterLoadAssignment* assignment, std::set<std::string>* names,
                    Issues& issues) {
    size_t errors_before = issues.errors();
    if (spec.hosts_size() == 0) issues.Error("hosts", "Required", "needs at least one host");
    uint64_t weights = 0;
    std::set<std::pair<std::string, uint32_t>> seen;
    auto* locality = assignment->add_endpoints();
    for (int i = 0; i < spec.hosts_size(); ++i) {
      const StaticHost& host = spec.hosts(i);
      IssuePath path(issues, "hosts", static_cast<size_t>(i));
      const std::string ip = IpAddress(host.addr());
      std::string address = ip.empty() ? host.addr() : ip;
      bool is_name = ip.empty();
      if (host.addr().empty()) {
        issues.Error("addr", "Required", "needs an IP address or a DNS name");
      } else if (is_name) {
        std::string error;
        std::string domain;
        if (!translator::NormalizeDomain(address, &domain, &error)) {
          issues.Error("addr", "BadAddress", error);
        } else if (domain.front() == '*') {
          issues.Error("addr", "BadAddress", Cat(JsonQuote(host.addr()), " is neither an IP address nor a DNS name"));
        } else {
          address = domain;
          names->insert(address);
        }
      }
      if (host.port() == 0 || host.port() > 65535) {
        issues.Error("port", "BadPort", Cat(host.port(), " is no port; 1 to 65535 are"));
      }
      if (!seen.emplace(address, host.port()).second) {
        issues.Error("", "DuplicateHost", Cat(address, " with port ", host.port(), " is there before"));
      }
      weights += std::max<uint32_t>(host.weight(), 1);
      auto* endpoint = locality->add_lb_endpoints();
      auto* socket = endpoint->mutable_endpoint()->mutable_address()->mutable_socket_address();
      socket->set_address(address);
      socket->set_port_value(host.port());
      if (is_name) endpoint->mutable_endpoint()->set_hostname(address);
      if (host.weight() > 0) endpoint->mutable_load_balancing_weight()->set_value(host.weight());
      if (host.port() == 443 && !spec.has_tls()) {
        issues.Warning("port", "PlainToTlsPort", "443 is the port of TLS: write tls: true, or tls: false if it is not");
      }
    }
    if (weights > 0xffffffffu) issues.Error("hosts", "TooMuchWeight", "weights add up to more than 4294967295");
    return issues.errors() == errors_before;
  }

  // What was the cluster type STRICT_DNS: every address of a name is a host of its own.
  static void SetDns(const StaticSpec& spec, Cluster* cluster, Issues& issues) {
    envoy::extensions::clusters::dns::v3::DnsCluster dns;
    dns.set_dns_lookup_family(spec.enable_ipv6() ? envoy::extensions::clusters::common::dns::v3::V4_PREFERRED
                                                 : envoy::extensions::clusters::common::dns::v3::V4_ONLY);
    const auto& rate = spec.dns_refresh_rate();
    if (!spec.has_dns_refresh_rate()) {
      dns.set_respect_dns_ttl(true);
    } else if (rate.seconds() < 0 || rate.nanos() < 0 || (rate.seconds() == 0 && rate.nanos() < 1'000'000)) {
      issues.Error("dnsRefreshRate", "BadDuration", "must be at least 1ms");
    } else {
      *dns.mutable_dns_refresh_rate() = rate;
    }
    cluster->mutable_cluster_type()->set_name("envoy.clusters.dns");
    *cluster->mutable_cluster_type()->mutable_typed_config() = translator::Pack(dns);
  }

  static void SetHttp2(Cluster* cluster) {
    envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
    options.mutable_explicit_http_config()->mutable_http2_protocol_options();
    (*cluster->mutable_typed_extension_protocol_options())["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"] =
        translator::Pack(options);
  }

  static bool SetTls(const StaticSpec& spec, const std::set<std::string>& names, Inputs& inputs, Cluster* cluster,
                     Issues& issues) {
    if (!spec.has_tls() || (spec.tls().has_enabled() && !spec.tls().enabled())) return true;
    const StaticTls& written = spec.tls();
    IssuePath path(issues, "tls");
    if (written.insecure_skip_verify() && !written.ca_secret_ref().empty()) {
      issues.Error("insecureSkipVerify", "Contradiction",
                   "cannot be true where authorities to verify against are given");
    }
    tls::UpstreamTlsContext context;
    tls::CommonTlsContext* common = context.mutable_common_tls_context();
    // With one name for all hosts it is written down; else each host is asked for its own name.
    std::string name = NameOf(written, issues);
    if (name.empty() && names.size() == 1 && spec.hosts_size() == 1) name = *names.begin();
    if (!name.empty()) {
      // An address is verified, but TLS has no way to ask for one.
      if (translator::CanonicalIp(name).empty()) context.set_sni(name);
    } else {
      bool all_named = std::all_of(spec.hosts().begin(), spec.hosts().end(),
                                   [](const StaticHost& host) { return IpAddress(host.addr()).empty(); });
      if (!all_named && !written.insecure_skip_verify()) {
        issues.Error("sni", "Required",
                     "a host that is an IP address has no name to verify its certificate by; write the name here");
      }
      if (all_named) context.set_auto_host_sni(true);
    }
    if (spec.http2()) common->add_alpn_protocols("h2");
    bool ready = true;
    if (!written.insecure_skip_verify()) ready = SetVerification(written, name, inputs, &context, issues);
    if (!written.client_cert_secret_ref().empty()) {
      std::string resource = inputs.SecretResource(written.client_cert_secret_ref(), Inputs::SecretUse::kKeyPair,
                                                   "clientCertSecretRef", issues);
      if (resource.empty()) return false;
      auto* secret = common->add_tls_certificate_sds_secret_configs();
      secret->set_name(resource);
      *secret->mutable_sds_config() = translator::AdsSource();
    }
    cluster->mutable_transport_socket()->set_name("envoy.transport_sockets.tls");
    *cluster->mutable_transport_socket()->mutable_typed_config() = translator::Pack(context);
    return ready;
  }

  // As the host's certificate has it.
  static std::string NameOf(const StaticTls& written, Issues& issues) {
    if (written.sni().empty()) return "";
    if (std::string ip = IpAddress(written.sni()); !ip.empty()) return ip;
    std::string error;
    std::string domain;
    if (!translator::NormalizeDomain(written.sni(), &domain, &error)) {
      issues.Error("sni", "BadName", error);
      return written.sni();
    }
    if (domain.front() == '*') issues.Error("sni", "BadName", Cat(JsonQuote(written.sni()), " is no name of one host"));
    return domain;
  }

  static bool SetVerification(const StaticTls& written, const std::string& name, Inputs& inputs,
                              tls::UpstreamTlsContext* context, Issues& issues) {
    tls::CommonTlsContext* common = context->mutable_common_tls_context();
    tls::CertificateValidationContext validation;
    if (name.empty()) {
      context->set_auto_sni_san_validation(true);
    } else {
      auto* matcher = validation.add_match_typed_subject_alt_names();
      matcher->set_san_type(translator::CanonicalIp(name).empty() ? tls::SubjectAltNameMatcher::DNS
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
    *combined->mutable_validation_context_sds_secret_config()->mutable_sds_config() = translator::AdsSource();
    return true;
  }
};

}  // namespace

void AddStatic(translator::Registry& registry) {
  registry.Add(std::unique_ptr<translator::UpstreamPlugin>(std::make_unique<StaticPlugin>()));
}

}  // namespace gloo::plugins
