// Pieces of clusters that several kinds of upstreams have.
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "api/v1/upstream_tls.pb.h"
#include "base/issues.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "translator/plugin.h"

namespace gloo::translator {

// The IP address of a host, in its one spelling; empty where it is a name. An IPv6 address may be in brackets.
std::string HostIp(const std::string& written);

// Hosts are found by name, and all addresses of a name used (what was the cluster type STRICT_DNS). `refresh_rate`:
// null for the time to live of the answer. The hosts are in the cluster's load_assignment.
void SetDns(bool ipv6, const google::protobuf::Duration* refresh_rate, envoy::config::cluster::v3::Cluster* cluster,
            Issues& issues);

// One host, found by name or by address.
void SetHost(const std::string& host, uint32_t port, envoy::config::cluster::v3::Cluster* cluster, Issues& issues);

// Hosts are spoken to in HTTP/2, over TLS or not. After SetTls().
void SpeakHttp2(envoy::config::cluster::v3::Cluster* cluster);

// A filter that requests pass after a host is chosen, before what was added earlier ends the chain: for what must see
// the request as it leaves, such as a signature.
void AddUpstreamFilter(std::string_view name, const google::protobuf::Any& config,
                       envoy::config::cluster::v3::Cluster* cluster);

// A text (Inputs::TextResource) becomes the value of a header of every request, whatever the client sent.
void AddCredential(const std::string& header, const std::string& resource,
                   envoy::config::cluster::v3::Cluster* cluster);

// Likewise, but of those requests alone that a function has marked by kCallHeader: the text by its key. The mark does
// not leave.
void AddCallCredentials(const std::string& header, const std::map<std::string, std::string>& resources,
                        envoy::config::cluster::v3::Cluster* cluster);

// What TLS has to know of the hosts.
struct TlsHosts {
  // The name of the only host; empty where there are several, or it is an address.
  std::string only_name;
  // Each has a DNS name.
  bool all_named = false;
};

// Talks TLS to the hosts as written, or not where it is not enabled. Current path: that of `written`. False: a secret
// is missing, and the upstream must not be served.
bool SetTls(const v1::UpstreamTls& written, const TlsHosts& hosts, Inputs& inputs,
            envoy::config::cluster::v3::Cluster* cluster, Issues& issues);

}  // namespace gloo::translator
