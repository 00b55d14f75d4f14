// A gRPC service as its upstream describes it, and the configurations of Envoy's transcoder for parts of it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "descriptors/descriptors.h"
#include "descriptors/http_rule.h"
#include "envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder.pb.h"
#include "src/plugins/grpc/grpc.pb.h"
#include "translator/plugin.h"

namespace gloo::plugins {

using Transcoder = envoy::extensions::filters::http::grpc_json_transcoder::v3::GrpcJsonTranscoder;

struct GrpcService final : translator::Service {
  std::shared_ptr<const descriptors::DescriptorSet> descriptors;
  // Full names.
  std::vector<std::string> names;
  GrpcProperties properties;
  // What was said of it when it was read.
  std::vector<Issue> warnings;
  // Transcoders that were made, by what they were made of: making one takes longer than all else of a route.
  std::map<std::string, google::protobuf::Any> made;
  size_t made_bytes = 0;
};

// Current path: `spec.serviceInfo.properties`. Null after an error, or a warning: the artifact is not there. `before`,
// or null: what was read last, which is given back where it is the same.
std::shared_ptr<GrpcService> ReadGrpcService(const GrpcProperties& properties, translator::Inputs& inputs,
                                             std::shared_ptr<GrpcService> before, Issues& issues);

struct GrpcMethod {
  std::string service;
  const google::protobuf::MethodDescriptorProto* method = nullptr;

  std::string path() const;
  bool streams() const { return method->client_streaming() || method->server_streaming(); }
};

// The method of a function. `method` is null after an error. Current path: the function's spec.
GrpcMethod FindMethod(const GrpcService& service, const GrpcFunction& function, std::string_view name, Issues& issues);

// What calls the method as a function: rules of the function and of the descriptors, and a POST of any path. Wrong
// rules of the function are errors; wrong ones of the descriptors are left out. Current path: the function's spec.
Transcoder FunctionTranscoder(const GrpcService& service, const GrpcMethod& method, const GrpcFunction& function,
                              Issues& issues);

// How the path of a request becomes the one that the upstream knows: `prefix` is replaced by `rewrite`. Whole segments,
// without a slash at the end.
struct PathPrefix {
  std::string prefix;
  std::string rewrite;
};

// What calls any method of the service: rules of the descriptors, and a POST of `/pkg.Service/Method`. Rules that are
// wrong, or are another's already, are left out with a warning.
Transcoder ServiceTranscoder(const GrpcService& service, const PathPrefix& path, Issues& issues);

// Whether Envoy can build the descriptors.
void CheckForEnvoy(const Transcoder& transcoder, Issues& issues);

bool AnyStreams(const GrpcService& service);

}  // namespace gloo::plugins
