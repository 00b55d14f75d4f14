#include "plugins/grpc/service.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/hash.h"
#include "base/suggest.h"
#include "google/api/annotations.pb.h"
#include "translator/envoy_build.h"
#include "translator/text.h"

namespace gloo::plugins {
namespace {

using descriptors::Binding;
using descriptors::DescriptorSet;
using descriptors::ServiceUse;
using google::protobuf::MethodDescriptorProto;
using google::protobuf::ServiceDescriptorProto;
using translator::Cat;
using translator::JsonQuote;

constexpr uint32_t kDefaultBytes = 1 << 20;
constexpr uint32_t kMostBytes = 16 << 20;
constexpr char kFileRef[] = "descriptorsFileRef";

// "a, b and 3 more".
std::string ListOf(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  std::string list;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) list += (i > 0 ? ", " : "") + names[i];
  return names.size() > kShown ? Cat(list, " and ", names.size() - kShown, " more") : list;
}

// Null after an issue.
const std::string* ArtifactBytes(const std::string& reference, const model::NamedData* artifact,
                                 const std::string& name, const std::string& key, Issues& issues) {
  if (artifact == nullptr) {
    issues.Warning(
        kFileRef, "ArtifactNotFound",
        Cat("there is no artifact ", JsonQuote(name), "; nothing of the upstream can be called until there is"));
    return nullptr;
  }
  std::vector<std::string> keys;
  for (const auto& [there, _] : artifact->data) keys.push_back(there);
  const std::string& wanted = key.empty() && keys.size() == 1 ? keys.front() : key;
  const auto found = artifact->data.find(wanted);
  if (found != artifact->data.end()) return &found->second;
  issues.Error(kFileRef, "ArtifactKeyNotFound",
               key.empty() ? Cat("artifact ", JsonQuote(name), " has several keys: write ", reference, ":KEY; it has ",
                                 ListOf(keys))
                           : Cat("artifact ", JsonQuote(name), " has no key ", JsonQuote(key), Suggestion(key, keys)));
  return nullptr;
}

bool ReadNames(const GrpcProperties& properties, GrpcService* service, Issues& issues) {
  const std::vector<std::string>& known = service->descriptors->services();
  if (properties.service_names().empty()) {
    service->names = known;
    if (!known.empty()) return true;
    issues.Error("", "NoService", "the descriptor set has no service");
    return false;
  }
  const size_t errors_before = issues.errors();
  for (int i = 0; i < properties.service_names_size(); ++i) {
    const std::string& name = properties.service_names(i);
    if (service->descriptors->Service(name) == nullptr) {
      IssuePath path(issues, "serviceNames", static_cast<size_t>(i));
      issues.Error("", "UnknownService",
                   Cat("the descriptor set has no service ", JsonQuote(name), Suggestion(name, known), "; it has ",
                       ListOf(known)));
    } else if (std::find(service->names.begin(), service->names.end(), name) == service->names.end()) {
      service->names.push_back(name);
    }
  }
  return issues.errors() == errors_before;
}

std::string WithoutDot(const std::string& type) { return type.substr(std::min<size_t>(1, type.size())); }

// Empty: all is well.
std::string Check(const GrpcService& service, const MethodDescriptorProto& method, const Binding& binding) {
  return descriptors::CheckBinding(*service.descriptors, WithoutDot(method.input_type()),
                                   WithoutDot(method.output_type()), binding);
}

// What google.api.http says; what Envoy would refuse is left out with a warning.
std::vector<Binding> AnnotatedBindings(const GrpcService& service, const MethodDescriptorProto& method,
                                       const std::string& full, Issues& issues) {
  if (!method.options().HasExtension(google::api::http)) return {};
  std::vector<Binding> bindings = descriptors::BindingsOf(method.options().GetExtension(google::api::http));
  std::erase_if(bindings, [&](const Binding& binding) {
    const std::string wrong = Check(service, method, binding);
    if (wrong.empty()) return false;
    issues.Warning("", "BadHttpRule",
                   Cat("google.api.http of method ", JsonQuote(full), ": ", wrong, "; it is left out"));
    return true;
  });
  return bindings;
}

// Envoy takes no two rules for the same requests.
class Bindings {
 public:
  // False: the requests are another's already; `other` says whose.
  bool Add(const Binding& binding, const std::string& whose, std::string* other) {
    const auto parsed = descriptors::ParseHttpTemplate(binding.path);
    if (!parsed.ok()) return false;
    const auto [found, inserted] = taken_.emplace(std::pair(binding.verb, parsed->Shape()), whose);
    if (!inserted) *other = found->second;
    return inserted;
  }

 private:
  std::map<std::pair<std::string, std::string>, std::string> taken_;
};

Transcoder MakeTranscoder(const GrpcService& service, const std::vector<ServiceUse>& uses, Issues& issues) {
  const GrpcProperties& properties = service.properties;
  Transcoder transcoder;
  transcoder.set_proto_descriptor_bin(translator::Serialize(
      service.descriptors->Part(uses, {properties.any_types().begin(), properties.any_types().end()}, issues)));
  for (const ServiceUse& use : uses) transcoder.add_services(use.name);
  // The path of the client chose the route: it stays, whatever the path of the method is.
  transcoder.set_match_incoming_request_route(true);
  // A failure is its HTTP status, with google.rpc.Status as JSON.
  transcoder.set_convert_grpc_status(true);
  auto* validation = transcoder.mutable_request_validation_options();
  validation->set_reject_unknown_method(true);
  validation->set_reject_unknown_query_parameters(!properties.ignore_unknown_query_parameters());
  transcoder.set_ignore_unknown_query_parameters(properties.ignore_unknown_query_parameters());
  *transcoder.mutable_ignored_query_parameters() = properties.ignored_query_parameters();
  transcoder.set_case_insensitive_enum_parsing(properties.case_insensitive_enum_parsing());
  transcoder.mutable_max_response_body_size()->set_value(
      properties.max_response_bytes() == 0 ? kDefaultBytes : properties.max_response_bytes());
  if (properties.has_print_options()) {
    const GrpcPrintOptions& written = properties.print_options();
    auto* print = transcoder.mutable_print_options();
    print->set_add_whitespace(written.add_whitespace());
    print->set_always_print_primitive_fields(written.always_print_primitive_fields());
    print->set_always_print_enums_as_ints(written.always_print_enums_as_ints());
    print->set_preserve_proto_field_names(written.preserve_proto_field_names());
    print->set_stream_newline_delimited(written.stream_newline_delimited());
    print->set_stream_sse_style_delimited(written.stream_sse_style_delimited());
  }
  return transcoder;
}

Binding BindingOf(const GrpcHttpRule& rule) {
  Binding binding{"", "", rule.body(), rule.response_body()};
  switch (rule.pattern_case()) {
    case GrpcHttpRule::kGet:
      binding.verb = "GET";
      binding.path = rule.get();
      break;
    case GrpcHttpRule::kPut:
      binding.verb = "PUT";
      binding.path = rule.put();
      break;
    case GrpcHttpRule::kPost:
      binding.verb = "POST";
      binding.path = rule.post();
      break;
    case GrpcHttpRule::kDelete:
      binding.verb = "DELETE";
      binding.path = rule.delete_();
      break;
    case GrpcHttpRule::kPatch:
      binding.verb = "PATCH";
      binding.path = rule.patch();
      break;
    case GrpcHttpRule::PATTERN_NOT_SET:
      break;
  }
  return binding;
}

// The template of a path of clients; empty: no request comes by that route.
std::string Incoming(const std::string& upstream_path, const PathPrefix& path) {
  const std::string_view view = upstream_path;
  if (view.substr(0, path.rewrite.size()) != path.rewrite) return "";
  const std::string_view rest = view.substr(path.rewrite.size());
  return rest.empty() || rest.front() == '/' ? Cat(path.prefix, rest) : "";
}

}  // namespace

std::shared_ptr<GrpcService> ReadGrpcService(const GrpcProperties& properties, translator::Inputs& inputs,
                                             std::shared_ptr<GrpcService> before, Issues& issues) {
  auto service = std::make_shared<GrpcService>();
  const std::string& reference = properties.descriptors_file_ref();
  if (properties.max_response_bytes() > kMostBytes) {
    issues.Error("maxResponseBytes", "TooLarge", Cat("must be at most ", kMostBytes));
    return nullptr;
  }
  const std::string* bytes = &properties.descriptors();
  const char* field = "descriptors";
  model::NamedDataPtr artifact;
  if (!bytes->empty() && !reference.empty()) {
    issues.Error(kFileRef, "Contradiction", "there are descriptors too; write one of them");
    return nullptr;
  }
  if (bytes->empty() && reference.empty()) {
    issues.Error("", "NoDescriptors",
                 "say what the service offers: descriptors, or descriptorsFileRef; glooctl create upstream --grpc "
                 "HOST:PORT writes them");
    return nullptr;
  }
  if (!reference.empty()) {
    field = kFileRef;
    // Names of the first Gloo have colons in them.
    std::string name = reference;
    std::string key;
    artifact = inputs.Artifact(name);
    if (const size_t colon = reference.rfind(':'); artifact == nullptr && colon != std::string::npos) {
      name = reference.substr(0, colon);
      key = reference.substr(colon + 1);
      artifact = inputs.Artifact(name);
    }
    bytes = ArtifactBytes(reference, artifact.get(), name, key, issues);
    if (bytes == nullptr) return nullptr;
  }
  service->properties = properties;
  service->properties.clear_descriptors();
  service->hash = ContentHash({*bytes, translator::Serialize(service->properties)});
  if (before != nullptr && before->hash == service->hash) {
    for (const Issue& warning : before->warnings) issues.Add(warning);
    return before;
  }
  {
    IssuePath path(issues, field);
    service->descriptors = DescriptorSet::Read(*bytes, descriptors::kMaxBytes, issues);
  }
  if (service->descriptors == nullptr || !ReadNames(properties, service.get(), issues)) return nullptr;
  for (int i = 0; i < properties.any_types_size(); ++i) {
    if (service->descriptors->HasMessage(properties.any_types(i))) continue;
    IssuePath path(issues, "anyTypes", static_cast<size_t>(i));
    issues.Error("", "UnknownMessage",
                 Cat("the descriptor set has no message ", JsonQuote(properties.any_types(i)), "; write pkg.Message"));
    return nullptr;
  }
  // What is wrong with rules is said here, once, not by each route.
  Issues said(issues.path());
  {
    IssuePath path(said, field);
    CheckForEnvoy(ServiceTranscoder(*service, {}, said), said);
  }
  service->warnings = said.items();
  issues.Merge(said);
  return said.ok() ? service : nullptr;
}

std::string GrpcMethod::path() const { return Cat("/", service, "/", method->name()); }

GrpcMethod FindMethod(const GrpcService& service, const GrpcFunction& function, std::string_view name, Issues& issues) {
  const char* field = function.method().empty() ? "" : "method";
  std::string method(function.method().empty() ? name : std::string_view(function.method()));
  if (!method.empty() && method.front() == '/') method.erase(0, 1);
  std::string wanted = function.service();
  if (wanted.empty()) {
    if (const size_t cut = method.find_last_of("./"); cut != std::string::npos) {
      wanted = method.substr(0, cut);
      method.erase(0, cut + 1);
    }
  } else {
    field = "method";
  }
  std::vector<GrpcMethod> found;
  std::vector<std::string> methods;
  bool service_found = false;
  for (const std::string& full : service.names) {
    const bool meant =
        wanted.empty() || full == wanted ||
        (full.size() > wanted.size() && full.ends_with(wanted) && full[full.size() - wanted.size() - 1] == '.');
    if (!meant) continue;
    service_found = true;
    for (const MethodDescriptorProto& candidate : service.descriptors->Service(full)->method()) {
      const bool named = std::find(methods.begin(), methods.end(), candidate.name()) != methods.end();
      if (!named) methods.push_back(candidate.name());
    }
    if (const auto* there = service.descriptors->Method(full, method)) found.push_back({full, there});
  }
  if (found.size() == 1) return found.front();
  if (!service_found) {
    issues.Error(function.service().empty() ? field : "service", "UnknownService",
                 Cat("there is no service ", JsonQuote(wanted), Suggestion(wanted, service.names), "; there are ",
                     ListOf(service.names)));
  } else if (found.empty()) {
    issues.Error(
        field, "UnknownMethod",
        Cat("there is no method ", JsonQuote(method), Suggestion(method, methods), "; there are ", ListOf(methods)));
  } else {
    std::vector<std::string> names;
    for (const GrpcMethod& one : found) names.push_back(one.service);
    issues.Error(field, "AmbiguousMethod",
                 Cat("several services have a method ", JsonQuote(method), ": write service, one of ", ListOf(names)));
  }
  return {};
}

Transcoder FunctionTranscoder(const GrpcService& service, const GrpcMethod& method, const GrpcFunction& function,
                              Issues& issues) {
  ServiceUse use{method.service, {}};
  std::vector<Binding>& bindings = use.methods[method.method->name()];
  Bindings taken;
  std::string other;
  for (int i = 0; i < function.http_size(); ++i) {
    IssuePath path(issues, "http", static_cast<size_t>(i));
    const Binding binding = BindingOf(function.http(i));
    if (function.http(i).pattern_case() == GrpcHttpRule::PATTERN_NOT_SET) {
      issues.Error("", "Required", "says no request: write get, put, post, delete or patch, with a path");
      continue;
    }
    if (std::string wrong = Check(service, *method.method, binding); !wrong.empty()) {
      issues.Error("", "BadHttpRule", wrong);
    } else if (!taken.Add(binding, method.path(), &other)) {
      issues.Error("", "DuplicateHttpRule", "takes the requests of a rule before it");
    } else {
      bindings.push_back(binding);
    }
  }
  Issues said_before;
  for (const Binding& binding : AnnotatedBindings(service, *method.method, method.path(), said_before)) {
    if (taken.Add(binding, method.path(), &other)) bindings.push_back(binding);
  }
  const Binding any{"POST", "/**", "*", ""};
  if (taken.Add(any, method.path(), &other)) bindings.push_back(any);
  return MakeTranscoder(service, {use}, issues);
}

Transcoder ServiceTranscoder(const GrpcService& service, const PathPrefix& path, Issues& issues) {
  std::vector<ServiceUse> uses;
  Bindings taken;
  std::string other;
  for (const std::string& name : service.names) {
    ServiceUse& use = uses.emplace_back(ServiceUse{name, {}});
    for (const MethodDescriptorProto& method : service.descriptors->Service(name)->method()) {
      const std::string full = Cat(name, ".", method.name());
      std::vector<Binding>& bindings = use.methods[method.name()];
      std::vector<Binding> all = AnnotatedBindings(service, method, full, issues);
      all.push_back({"POST", Cat("/", name, "/", method.name()), "*", ""});
      for (Binding& binding : all) {
        binding.path = Incoming(binding.path, path);
        if (binding.path.empty()) continue;
        if (taken.Add(binding, full, &other)) {
          bindings.push_back(std::move(binding));
        } else if (other != full) {
          issues.Warning("", "DuplicateHttpRule",
                         Cat(binding.verb, " ", binding.path, " calls ", other, ", so it does not call ", full,
                             "; change google.api.http, or leave one of the services out with serviceNames"));
        }
      }
    }
  }
  return MakeTranscoder(service, uses, issues);
}

void CheckForEnvoy(const Transcoder& transcoder, Issues& issues) {
  google::protobuf::FileDescriptorSet part;
  if (part.ParseFromString(transcoder.proto_descriptor_bin())) descriptors::CheckPart(part, issues);
}

bool AnyStreams(const GrpcService& service) {
  return std::any_of(service.names.begin(), service.names.end(), [&](const std::string& name) {
    const auto& methods = service.descriptors->Service(name)->method();
    return std::any_of(methods.begin(), methods.end(),
                       [](const auto& method) { return method.client_streaming() || method.server_streaming(); });
  });
}

}  // namespace gloo::plugins
