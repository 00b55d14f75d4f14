#include "plugins/grpc/grpc.h"

#include <memory>
#include <string>

#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.pb.h"
#include "plugins/grpc/service.h"
#include "plugins/rest_call.h"
#include "re2/re2.h"
#include "translator/envoy_build.h"
#include "translator/text.h"

namespace gloo::plugins {
namespace {

using envoy::config::route::v3::Route;
using translator::Cat;
using translator::FilterConfigs;
using translator::FunctionCall;

constexpr char kTranscoder[] = "envoy.filters.http.grpc_json_transcoder";
constexpr char kWeb[] = "envoy.filters.http.grpc_web";

// What is kept of the transcoders of one service.
constexpr size_t kMostKept = 32 << 20;

GrpcService* ServiceOf(translator::Service* service) { return dynamic_cast<GrpcService*>(service); }

google::protobuf::Any Keep(GrpcService& service, const std::string& key, const Transcoder& transcoder) {
  google::protobuf::Any any = translator::Pack(transcoder);
  if (service.made_bytes + any.value().size() <= kMostKept && service.made.emplace(key, any).second) {
    service.made_bytes += any.value().size();
  }
  return any;
}

// The packed transcoder of this key; `make` makes it where there is none.
template <typename Make>
google::protobuf::Any Made(GrpcService& service, const std::string& key, Make make) {
  const auto found = service.made.find(key);
  return found != service.made.end() ? found->second : Keep(service, key, make());
}

// Of all that FunctionTranscoder() reads, besides the service.
std::string KeyOf(const GrpcMethod& method, const GrpcFunction& function) {
  return Cat("method ", method.path(), " ", translator::Serialize(function));
}

bool Read(const FunctionCall& call, GrpcFunction* function) {
  if (call.function == nullptr) return false;
  return !call.function->has_spec() || call.function->spec().UnpackTo(function);
}

void Enable(google::protobuf::Any transcoder, FilterConfigs* filters) {
  (*filters)[kTranscoder] = std::move(transcoder);
  envoy::config::route::v3::FilterConfig web;
  web.mutable_config();
  (*filters)[kWeb] = translator::Pack(web);
}

void RewritePath(const std::string& pattern, const std::string& path, Route* out) {
  auto* rewrite = out->mutable_route()->mutable_regex_rewrite();
  rewrite->mutable_pattern()->set_regex(pattern);
  std::string substitution;
  for (const char c : path) substitution += c == '\\' ? "\\\\" : std::string(1, c);
  rewrite->set_substitution(substitution);
}

std::string WithoutSlash(std::string path) {
  if (!path.empty() && path.back() == '/') path.pop_back();
  return path;
}

// A stream has no time by which it must have ended; the route's `timeout` says otherwise.
void NoTimeout(Route* out) { out->mutable_route()->mutable_timeout()->set_seconds(0); }

class GrpcFunctions final : public translator::FunctionPlugin {
 public:
  std::string_view type() const override { return "gRPC"; }
  const google::protobuf::Descriptor* properties() const override { return GrpcProperties::descriptor(); }
  const google::protobuf::Descriptor* function_spec() const override { return GrpcFunction::descriptor(); }
  bool http2() const override { return true; }
  bool calls_upstream() const override { return true; }
  bool SetsPath(const FunctionCall&) const override { return true; }

  bool ReadService(const model::Object& upstream, translator::Inputs& inputs,
                   std::shared_ptr<translator::Service>* service, Issues& issues) const override {
    GrpcProperties properties;
    IssuePath path(issues, "serviceInfo.properties");
    const auto& info = upstream.upstream().service_info();
    if (info.has_properties() && !info.properties().UnpackTo(&properties)) {
      issues.Error("", "BadSpec", "are not of a gRPC service");
      return false;
    }
    *service = ReadGrpcService(properties, inputs, std::dynamic_pointer_cast<GrpcService>(*service), issues);
    return *service != nullptr;
  }

  void Check(const FunctionCall& call, Issues& issues) const override {
    GrpcFunction function;
    GrpcService* service = ServiceOf(call.service);
    if (service == nullptr) return;
    if (!Read(call, &function)) {
      issues.Error("", "BadSpec", "is not of a gRPC function");
      return;
    }
    const GrpcMethod method = FindMethod(*service, function, call.name, issues);
    if (method.method == nullptr) return;
    Issues said(issues.path());
    const Transcoder transcoder = FunctionTranscoder(*service, method, function, said);
    if (said.ok()) CheckForEnvoy(transcoder, said);
    if (said.ok()) Keep(*service, KeyOf(method, function), transcoder);
    issues.Merge(said);
  }

  void Call(const FunctionCall& call, const v1::Route& route, Route* out, FilterConfigs* filters,
            Issues& issues) const override {
    GrpcFunction function;
    GrpcService* service = ServiceOf(call.service);
    if (service == nullptr || !Read(call, &function)) return;
    Issues said;
    const GrpcMethod method = FindMethod(*service, function, call.name, said);
    if (method.method == nullptr) return;
    Enable(
        Made(*service, KeyOf(method, function), [&] { return FunctionTranscoder(*service, method, function, said); }),
        filters);
    // gRPC itself calls this method too, by whatever path it came. The transcoder's path is this one already.
    if (route.has_single_destination()) RewritePath("^[^?]*", method.path(), out);
    if (method.streams()) NoTimeout(out);
    CallRestFunction(TemplateOf(route), call.name, /*call_key=*/"", route, out, filters, issues);
  }

  void CallUpstream(const model::Object&, translator::Service* service, const v1::Route& route, Route* out,
                    FilterConfigs* filters, Issues&) const override {
    GrpcService* grpc = ServiceOf(service);
    if (grpc == nullptr) return;
    PathPrefix path;
    // The transcoder reads the path as it came, and its own must not be rewritten: the rules speak of what clients
    // send.
    if (!route.prefix_rewrite().empty() && route.has_request_matcher()) {
      const v1::RequestMatcher& matcher = route.request_matcher();
      path.prefix = WithoutSlash(matcher.has_path_exact() ? matcher.path_exact() : matcher.path_prefix());
      path.rewrite = WithoutSlash(route.prefix_rewrite());
      RewritePath(Cat("^", re2::RE2::QuoteMeta(path.prefix), "(/|$)"), Cat(path.rewrite, "/"), out);
    }
    Issues said_before;
    Enable(Made(*grpc, Cat("upstream ", path.prefix, " ", path.rewrite),
                [&] { return ServiceTranscoder(*grpc, path, said_before); }),
           filters);
    if (AnyStreams(*grpc)) NoTimeout(out);
  }

 private:
  // Parameters that the route takes are fields of the message; they come with a POST.
  static RestFunction TemplateOf(const v1::Route& route) {
    RestFunction request;
    for (const google::protobuf::Any& any : route.extensions()) {
      RestExtensions extensions;
      if (!any.UnpackTo(&extensions) || !extensions.has_parameters()) continue;
      request.set_method("POST");
      (*request.mutable_headers())["content-type"] = "application/json";
      request.set_merge_parameters_to_body(true);
    }
    return request;
  }
};

class GrpcFilters final : public translator::FilterPlugin {
 public:
  std::vector<Filter> Filters() const override {
    Transcoder nothing;
    nothing.set_proto_descriptor_bin("");
    return {{translator::FilterSlot::kGrpcWeb, kWeb,
             translator::Pack(envoy::extensions::filters::http::grpc_web::v3::GrpcWeb()), /*disabled=*/true,
             /*harmless=*/false},
            {translator::FilterSlot::kGrpcJsonTranscoder, kTranscoder, translator::Pack(nothing)}};
  }
};

}  // namespace

void AddGrpc(translator::Registry& registry) {
  registry.Add(std::unique_ptr<translator::FunctionPlugin>(std::make_unique<GrpcFunctions>()));
  registry.Add(std::unique_ptr<translator::FilterPlugin>(std::make_unique<GrpcFilters>()));
}

}  // namespace gloo::plugins
