#include "plugins/aws/aws.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "envoy/extensions/filters/http/aws_request_signing/v3/aws_request_signing.pb.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "plugins/aws/credentials.h"
#include "plugins/aws/lambda.h"
#include "plugins/rest_call.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"
#include "translator/upstream_build.h"

namespace gloo::plugins {
namespace {

using envoy::config::cluster::v3::Cluster;
using translator::FunctionCall;
using translator::Inputs;

// What a body may have grown to in an event, escaped or in base64: the signature is made of the whole of it.
constexpr uint32_t kSignedBytes = 16 << 20;

void AddSignature(const AwsSpec& spec, const envoy::extensions::common::aws::v3::AwsCredentialProvider& credentials,
                  Cluster* cluster) {
  // Of the try before, or a client's own: there must be one of each.
  envoy::extensions::filters::http::header_mutation::v3::HeaderMutation unsign;
  for (const char* name : {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"}) {
    unsign.mutable_mutations()->add_request_mutations()->set_remove(name);
  }
  translator::AddUpstreamFilter("envoy.filters.http.header_mutation", translator::Pack(unsign), cluster);
  envoy::extensions::filters::http::aws_request_signing::v3::AwsRequestSigning signing;
  signing.set_service_name("lambda");
  signing.set_region(spec.region());
  // Whatever else is in a request, proxies on the way may change.
  signing.add_match_included_headers()->set_prefix("x-amz-");
  signing.add_match_included_headers()->set_exact("content-type");
  if (credentials.ByteSizeLong() > 0) *signing.mutable_credential_provider() = credentials;
  translator::AddUpstreamFilter("envoy.filters.http.aws_request_signing", translator::Pack(signing), cluster);
}

class AwsUpstreams final : public translator::UpstreamPlugin {
 public:
  std::string_view type() const override { return "aws"; }
  const google::protobuf::Descriptor* spec() const override { return AwsSpec::descriptor(); }

  bool Translate(const model::Object& upstream, const google::protobuf::Message& message, Inputs& inputs,
                 Cluster* cluster, envoy::config::endpoint::v3::ClusterLoadAssignment*, Issues& issues) const override {
    const auto& spec = static_cast<const AwsSpec&>(message);
    if (upstream.upstream().has_service_info()) {
      Issues at("spec");
      at.Error("serviceInfo", "Contradiction", "an upstream of type aws has functions of AWS Lambda; leave this out");
      issues.Merge(at);
    }
    const std::optional<Url> endpoint = LambdaEndpoint(spec, issues);
    envoy::extensions::common::aws::v3::AwsCredentialProvider credentials;
    const bool ready = SetAwsCredentials(spec, inputs, &credentials, issues);
    if (!endpoint || !ready || issues.errors() > 0) return false;
    translator::SetHost(endpoint->host, endpoint->port, cluster, issues);
    AddSignature(spec, credentials, cluster);
    if (!endpoint->tls) return true;
    translator::TlsHosts hosts;
    hosts.all_named = translator::HostIp(endpoint->host).empty();
    if (hosts.all_named) hosts.only_name = endpoint->host;
    IssuePath path(issues, "tls");
    return translator::SetTls(spec.tls(), hosts, inputs, cluster, issues);
  }
};

class LambdaFunctions final : public translator::FunctionPlugin {
 public:
  std::string_view type() const override { return "aws"; }
  const google::protobuf::Descriptor* function_spec() const override { return LambdaFunction::descriptor(); }
  bool reads_upstream_spec() const override { return true; }
  bool SetsPath(const FunctionCall&) const override { return true; }

  void Check(const FunctionCall& call, Issues& issues) const override {
    if (call.function != nullptr) LambdaCall(SpecOf(call.upstream), *call.function, issues);
  }

  void Call(const FunctionCall& call, const v1::Route& route, envoy::config::route::v3::Route* out,
            translator::FilterConfigs* filters, Issues& issues) const override {
    if (call.function == nullptr) return;
    const AwsSpec spec = SpecOf(call.upstream);
    Issues said;
    const std::optional<Url> endpoint = LambdaEndpoint(spec, said);
    std::optional<tmpl::LambdaConfig> config = LambdaCall(spec, *call.function, said);
    if (!endpoint || !config) return;
    config->host = endpoint->authority();
    filters->emplace(std::string(translator::kLambda),
                     translator::ModulePerRoute(translator::kLambda, tmpl::ToJson(*config)));
    CallRestFunction(BodyOf(*config, route), call.name, /*call_key=*/"", route, out, filters, issues);
    out->mutable_request_body_buffer_limit()->set_value(kSignedBytes);
  }

  // Everything that goes to the upstream is signed: a client must not choose what.
  bool calls_upstream() const override { return true; }
  void CallUpstream(const model::Object&, translator::Service*, const v1::Route&, envoy::config::route::v3::Route*,
                    translator::FilterConfigs*, Issues& issues) const override {
    issues.Error(
        "", "FunctionRequired",
        "goes to an upstream of type aws, where clients could call all of AWS Lambda in the gateway's name; name "
        "one of its functions");
  }

 private:
  // What the route's parameters do: with a raw body they are fields of it.
  static RestFunction BodyOf(const tmpl::LambdaConfig& call, const v1::Route& route) {
    RestFunction request;
    request.set_max_body_bytes(static_cast<uint32_t>(call.max_body_bytes));
    for (const google::protobuf::Any& any : route.extensions()) {
      RestExtensions extensions;
      if (call.payload != tmpl::LambdaPayload::kRaw || !any.UnpackTo(&extensions) || !extensions.has_parameters())
        continue;
      request.set_method("POST");
      (*request.mutable_headers())["content-type"] = "application/json";
      request.set_merge_parameters_to_body(true);
    }
    return request;
  }
  static AwsSpec SpecOf(const model::Object& upstream) {
    AwsSpec spec;
    upstream.upstream().spec().UnpackTo(&spec);
    return spec;
  }
};

class LambdaFilter final : public translator::FilterPlugin {
 public:
  std::vector<Filter> Filters() const override {
    return {{translator::FilterSlot::kLambda, std::string(translator::kLambda),
             translator::ModuleFilter(translator::kLambda, ""), true}};
  }
};

}  // namespace

void AddAws(translator::Registry& registry) {
  registry.Add(std::unique_ptr<translator::UpstreamPlugin>(std::make_unique<AwsUpstreams>()));
  registry.Add(std::unique_ptr<translator::FunctionPlugin>(std::make_unique<LambdaFunctions>()));
  registry.Add(std::unique_ptr<translator::FilterPlugin>(std::make_unique<LambdaFilter>()));
}

}  // namespace gloo::plugins
