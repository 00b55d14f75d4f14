#include "plugins/static/static.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "src/plugins/static/static.pb.h"
#include "translator/names.h"
#include "translator/text.h"
#include "translator/upstream_build.h"

namespace gloo::plugins {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using translator::Cat;
using translator::Inputs;
using translator::JsonQuote;

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
      translator::SetDns(spec.enable_ipv6(), spec.has_dns_refresh_rate() ? &spec.dns_refresh_rate() : nullptr, cluster,
                         issues);
    }
    if (spec.dns_refresh_rate().seconds() != 0 && names.empty()) {
      issues.Warning("dnsRefreshRate", "NoEffect", "has no effect: no host is a DNS name");
    }
    const bool ready = !spec.has_tls() || SetTls(spec, names, inputs, cluster, issues);
    if (spec.http2()) translator::SpeakHttp2(cluster);
    return ready;
  }

 private:
  static bool SetTls(const StaticSpec& spec, const std::set<std::string>& names, Inputs& inputs, Cluster* cluster,
                     Issues& issues) {
    translator::TlsHosts hosts;
    hosts.all_named = std::all_of(spec.hosts().begin(), spec.hosts().end(),
                                  [](const StaticHost& host) { return translator::HostIp(host.addr()).empty(); });
    if (names.size() == 1 && spec.hosts_size() == 1) hosts.only_name = *names.begin();
    IssuePath path(issues, "tls");
    return translator::SetTls(spec.tls(), hosts, inputs, cluster, issues);
  }

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
      const std::string ip = translator::HostIp(host.addr());
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
};

}  // namespace

void AddStatic(translator::Registry& registry) {
  registry.Add(std::unique_ptr<translator::UpstreamPlugin>(std::make_unique<StaticPlugin>()));
}

}  // namespace gloo::plugins
