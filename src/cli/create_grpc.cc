// Upstreams and functions from gRPC services: what a server says of itself, .proto sources, descriptor sets.
#include <CLI/CLI.hpp>

#include <map>
#include <memory>
#include <ostream>
#include <utility>

#include "absl/strings/escaping.h"
#include "base/strings.h"
#include "cli/create.h"
#include "descriptors/compile.h"
#include "descriptors/descriptors.h"
#include "google/api/annotations.pb.h"
#include "net/grpc_reflection.h"

namespace gloo::cli {
namespace {

using descriptors::DescriptorSet;
using model::Value;

std::string ShortName(const std::string& service) { return service.substr(service.rfind('.') + 1); }

// Methods by the shortest name that no other method has.
std::vector<Value> FunctionsOf(const DescriptorSet& set) {
  std::map<std::string, int> uses;
  const auto visit = [&](const auto& with) {
    for (const std::string& service : set.services()) {
      for (const auto& method : set.Service(service)->method()) with(service, method.name());
    }
  };
  visit([&](const std::string& service, const std::string& method) {
    ++uses[method];
    ++uses[StrCat(ShortName(service), ".", method)];
  });
  std::vector<Value> functions;
  visit([&](const std::string& service, const std::string& method) {
    std::string name = method;
    if (uses[name] > 1) name = StrCat(ShortName(service), ".", method);
    if (uses[name] > 1) name = StrCat(service, ".", method);
    Value spec = Value::Map({{"service", Value::Text(service)}, {"method", Value::Text(method)}});
    functions.push_back(Value::Map({{"name", Value::Text(std::move(name))}, {"spec", std::move(spec)}}));
  });
  return functions;
}

// What counts for calls: without comments, sources' places and options.
std::string Reduced(const DescriptorSet& set, Issues& issues) {
  std::vector<descriptors::ServiceUse> uses;
  for (const std::string& service : set.services()) {
    descriptors::ServiceUse& use = uses.emplace_back(descriptors::ServiceUse{service, {}});
    for (const auto& method : set.Service(service)->method()) {
      use.methods[method.name()] = descriptors::BindingsOf(method.options().GetExtension(google::api::http));
    }
  }
  return set.Part(uses, {}, issues).SerializeAsString();
}

absl::StatusOr<Described> DescribeService(const Context& context, const std::string& from, const std::string& bytes,
                                          const std::string& server, Issues& issues) {
  std::shared_ptr<const DescriptorSet> set;
  std::string reduced;
  if (issues.ok()) set = DescriptorSet::Read(bytes, descriptors::kMaxFileBytes, issues);
  if (set != nullptr && set->services().empty()) issues.Error("", "NoService", "there is no service in it");
  if (issues.ok()) reduced = Reduced(*set, issues);
  if (reduced.size() > descriptors::kMaxBytes) {
    issues.Error("", "TooLarge",
                 StrCat("its descriptors have ", reduced.size(), " bytes; ", descriptors::kMaxBytes,
                        " are the most: describe fewer services"));
  }
  for (const Issue& issue : issues.items()) context.err << ToString(issue) << "\n";
  if (!issues.ok()) return absl::FailedPreconditionError(StrCat(from, ": nothing was made"));
  Described described;
  described.functions = FunctionsOf(*set);
  if (!server.empty()) described.upstream = UpstreamAt(*openapi::ParseServer(server));
  described.service_info =
      Value::Map({{"type", Value::Text("gRPC")},
                  {"properties", Value::Map({{"descriptors", Value::Text(absl::Base64Escape(reduced))}})}});
  return described;
}

}  // namespace

Describe AddGrpcServer(CLI::App& app, const SharedFlagsPtr& shared) {
  auto address = std::make_shared<std::string>();
  app.add_option("--grpc", *address,
                 "gRPC server with reflection (v1 or v1alpha), https:// for TLS: each method becomes a function")
      ->type_name("HOST:PORT");
  return [address, shared](const Context& context) -> absl::StatusOr<Described> {
    const std::string url = openapi::IsUrl(*address) ? *address : StrCat("http://", *address);
    const std::optional<openapi::Server> target = openapi::ParseServer(url);
    if (!target) return absl::InvalidArgumentError(StrCat("--grpc: \"", *address, "\" is no HOST:PORT"));
    const absl::StatusOr<std::string> bytes =
        net::FetchDescriptors(target->host, static_cast<uint16_t>(target->port), target->tls);
    if (!bytes.ok()) return absl::FailedPreconditionError(std::string(bytes.status().message()));
    Issues issues;
    return DescribeService(context, *address, *bytes, shared->server.empty() ? url : shared->server, issues);
  };
}

Describe AddProtoSources(CLI::App& app, const SharedFlagsPtr& shared) {
  struct Sources {
    std::vector<std::string> files;
    std::vector<std::string> folders;
  };
  auto sources = std::make_shared<Sources>();
  app.add_option("--proto", sources->files, "Source of a gRPC service: each method becomes a function; may be repeated")
      ->type_name("FILE");
  app.add_option("-I,--proto-path", sources->folders,
                 "Where sources are imported from, as protoc takes it; the folder of each source by default")
      ->type_name("DIR");
  return [sources, shared](const Context& context) {
    Issues issues;
    const std::string bytes = descriptors::CompileSources(sources->files, sources->folders, issues);
    return DescribeService(context, sources->files.front(), bytes, shared->server, issues);
  };
}

Describe AddDescriptorSet(CLI::App& app, const SharedFlagsPtr& shared) {
  auto file = std::make_shared<std::string>();
  app.add_option(
         "--descriptors", *file,
         "Descriptor set of a gRPC service (protoc --include_imports --descriptor_set_out): each method becomes "
         "a function")
      ->type_name("FILE|URL");
  return [file, shared](const Context& context) -> absl::StatusOr<Described> {
    const absl::StatusOr<std::string> bytes = Load(*file, descriptors::kMaxFileBytes);
    if (!bytes.ok()) return bytes.status();
    Issues issues;
    return DescribeService(context, *file, *bytes, shared->server, issues);
  };
}

}  // namespace gloo::cli
