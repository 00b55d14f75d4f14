// What a plugin can do. A plugin is one folder under plugins/: its proto, its code, its test, its page.
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/issues.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "model/object.h"
#include "translator/filter_order.h"

namespace gloo::translator {

// Read access to what a unit may depend on; every read is recorded, so that a change of it re-runs the unit.
class Inputs {
 public:
  virtual ~Inputs() = default;
  // Null where there is none that is good. `name` may be "namespace/name"; else it is looked up in the unit's own
  // namespace. Where a newer one is not good, that is a warning at `field`.
  virtual model::NamedDataPtr Secret(std::string_view name, std::string_view field, Issues& issues) = 0;
  // Likewise; null where there is none.
  virtual model::NamedDataPtr Artifact(std::string_view name) = 0;

  // A secret that Envoy gets by SDS (keys never stand in a cluster): the name to ask for, from ADS. Empty where the
  // secret is missing or not good, after a warning at `field`; what needs it must not be served then.
  // kCertificateAuthority: key `ca.crt`; kKeyPair: `tls.crt` and `tls.key`.
  enum class SecretUse { kCertificateAuthority, kKeyPair };
  virtual std::string SecretResource(std::string_view name, SecretUse use, std::string_view field, Issues& issues) = 0;
  // Likewise a text for filters (Envoy's generic secret): the value of `key`, behind `prefix`.
  virtual std::string TextResource(std::string_view name, std::string_view key, std::string_view prefix,
                                   std::string_view field, Issues& issues) = 0;
  // Likewise the certificate authorities of the system. Envoys get them from here: what files they have is not known.
  virtual std::string SystemAuthorities(std::string_view field, Issues& issues) = 0;
  // The name of the resource with an identity token for the audience, by the service account key of a secret, as the
  // value of `authorization`; empty while there is none. What is wrong is a warning at `field`.
  virtual std::string IdentityToken(std::string_view secret, std::string_view audience, std::string_view field,
                                    Issues& issues) = 0;
  // Envoys can reach Google's metadata server; else there is a warning at `field`.
  virtual bool GoogleMetadata(std::string_view field, Issues& issues) = 0;
};

// Typed per-filter configuration of a route or of a weighted destination, by filter name.
using FilterConfigs = std::map<std::string, google::protobuf::Any>;

// A kind of upstream: UpstreamSpec.type and .spec -> a cluster.
class UpstreamPlugin {
 public:
  virtual ~UpstreamPlugin() = default;
  virtual std::string_view type() const = 0;
  virtual std::vector<std::string_view> aliases() const { return {}; }
  virtual const google::protobuf::Descriptor* spec() const = 0;
  // `cluster` has its name and connect timeout. A cluster of type EDS leaves its endpoints in `endpoints`
  // (cluster_name is filled in by the translator); others carry a load_assignment. Issue paths are relative to the
  // current path of `issues`, which is the upstream's `spec.spec`. What is wrong by itself is an error; what is not
  // there yet (a secret) is a warning, returns false, and the upstream is not served until it comes.
  virtual bool Translate(const model::Object& upstream, const google::protobuf::Message& spec, Inputs& inputs,
                         envoy::config::cluster::v3::Cluster* cluster,
                         envoy::config::endpoint::v3::ClusterLoadAssignment* endpoints, Issues& issues) const = 0;
};

// What a function plugin has read of a service as a whole, for all of its functions: descriptors, for instance. It may
// keep what was made of it; the translator's thread alone uses it.
struct Service {
  virtual ~Service() = default;
  // Of all that counts in it.
  std::string hash;
};

// What a function plugin is asked to call.
struct FunctionCall {
  const model::Object& upstream;
  // Null when routes may name functions that are not listed and this one is not.
  const v1::Function* function;
  std::string_view name;
  // What ReadService() gave; null where that gives nothing.
  Service* service = nullptr;
};

// A kind of function, by service type or upstream type: function spec -> what filters and route need to call it.
class FunctionPlugin {
 public:
  virtual ~FunctionPlugin() = default;
  virtual std::string_view type() const = 0;
  // The message of ServiceInfo.properties; null: none is taken.
  virtual const google::protobuf::Descriptor* properties() const { return nullptr; }
  virtual const google::protobuf::Descriptor* function_spec() const = 0;
  // Routes may name a function that the upstream does not list (a NATS subject).
  virtual bool any_function() const { return false; }
  // Call() reads UpstreamSpec.spec, so that a change of it concerns the routes too (a region, a project ...).
  virtual bool reads_upstream_spec() const { return false; }
  // The upstream is spoken to in HTTP/2.
  virtual bool http2() const { return false; }
  // Reads what all functions of an upstream need, once, before Check() is asked for each. `service` holds what was read
  // before, which stays where nothing of it has changed; its warnings are said again. Current path: `spec`. False after
  // an error, or a warning where something is not there yet: no function can be called then.
  virtual bool ReadService(const model::Object&, Inputs&, std::shared_ptr<Service>* service, Issues&) const {
    service->reset();
    return true;
  }
  // The function makes the path of its request itself, so that the route must not rewrite it.
  virtual bool SetsPath(const FunctionCall&) const { return false; }
  // Checks one listed function when its upstream is read; reads no more than Call(). Current path:
  // `spec.functions[i].spec`.
  virtual void Check(const FunctionCall& call, Issues& issues) const = 0;
  // Called for each destination that names the function; a function that Check() refuses is not called.
  // May change the route action (host rewrite ...) and adds filter configurations: to the route, or to the weighted
  // destination. Reads nothing but the function, the service info and (see above) the upstream's spec.
  // Current path: `spec.routes[i]`.
  virtual void Call(const FunctionCall& call, const v1::Route& route, envoy::config::route::v3::Route* out,
                    FilterConfigs* filters, Issues& issues) const = 0;
  // Routes that name the upstream, not a function, are served in a way of the plugin's own: by CallUpstream().
  virtual bool calls_upstream() const { return false; }
  // As Call(). A `regex_rewrite` in `out` stands for the route's prefixRewrite.
  virtual void CallUpstream(const model::Object&, Service*, const v1::Route&, envoy::config::route::v3::Route*,
                            FilterConfigs*, Issues&) const {}
};

// Owns keys of Route.extensions: the fields of `extensions()`.
class RoutePlugin {
 public:
  virtual ~RoutePlugin() = default;
  virtual const google::protobuf::Descriptor* extensions() const = 0;
  // Called only for routes that have one of the keys and go to an upstream. `message` is of type extensions(). The
  // destination is already in `out`; what a function plugin has put into `filters` is there. Current path:
  // `spec.routes[i].extensions`.
  virtual void Apply(const google::protobuf::Message& message, const v1::Route& route,
                     envoy::config::route::v3::Route* out, FilterConfigs* filters, Issues& issues) const = 0;
};

// Puts HTTP filters into every listener's chain; they are disabled there and enabled by a route's FilterConfigs.
class FilterPlugin {
 public:
  virtual ~FilterPlugin() = default;
  struct Filter {
    FilterSlot slot;  // its place in the one table, filter_order.h
    std::string name;
    google::protobuf::Any config;
    bool disabled = true;
    // Does nothing to requests whose route does not configure it, so that it may be enabled for all of them.
    bool harmless = true;
  };
  virtual std::vector<Filter> Filters() const = 0;
};

}  // namespace gloo::translator
