#include "tests/feature/envoy.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"

namespace gloo::testing {

using snapshot::Type;

namespace {

constexpr char kMethod[] = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
constexpr absl::Duration kPatience = absl::Seconds(10);

const char* Word(Type type) {
  static constexpr const char* kWords[] = {"secret", "endpoints", "cluster", "routes",
                                           "scope",  "extension", "listener"};
  return kWords[static_cast<int>(type)];
}

}  // namespace

Envoy::Envoy(int port, const std::string& node_id, const Versions& versions)
    : channel_(grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials(), [] {
        grpc::ChannelArguments arguments;
        arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
        return arguments;
      }())) {
  const grpc::internal::RpcMethod method(kMethod, grpc::internal::RpcMethod::BIDI_STREAMING);
  stream_.reset(
      grpc::internal::ClientReaderWriterFactory<Request, Response>::Create(channel_.get(), method, &context_));
  {
    absl::MutexLock lock(&mutex_);
    node_id_ = node_id;
    initial_ = versions;
    for (const Type type : {Type::kCluster, Type::kListener}) Ask(type, {"*"});
    for (const auto& [type, held] : versions) {
      // What it holds it still needs: it asks for all of it at once, as Envoy does.
      std::set<std::string> names;
      for (const auto& [name, version] : held) names.insert(name);
      if (type == Type::kEndpoint || type == Type::kRoute || type == Type::kSecret) Ask(type, names);
      if (type == Type::kScopedRoute) Ask(type, {"*"});
    }
  }
  thread_ = std::thread([this] { Read(); });
}

Envoy::~Envoy() {
  context_.TryCancel();
  thread_.join();
  (void)stream_->Finish();
}

void Envoy::Read() {
  Response response;
  while (stream_->Read(&response)) {
    absl::MutexLock lock(&mutex_);
    Take(response);
  }
}

void Envoy::Take(const Response& response) {
  Type type;
  if (!snapshot::ParseTypeUrl(response.type_url(), &type)) return;
  const bool refused = !Verdict(type, response).empty();
  for (const auto& resource : response.resources()) {
    events_.push_back(absl::StrCat(refused ? "!" : "+", Word(type), " ", resource.name()));
    if (!refused) resources_[type][resource.name()] = {resource.version(), resource.resource().value()};
  }
  for (const std::string& name : response.removed_resources()) {
    if (resources_[type].erase(name) > 0) events_.push_back(absl::StrCat("-", Word(type), " ", name));
    absent_.insert(name);
  }
  // As Envoy: what a resource needs is asked for before the resource is acknowledged.
  if (!refused) Follow(type);
  if (held_back_.contains(type)) {
    held_back_[type].push_back(response);
  } else {
    Answer(response);
  }
}

std::string Envoy::Verdict(Type type, const Response& response) const {
  const auto judge = judges_.find(type);
  if (judge == judges_.end()) return "";
  for (const auto& resource : response.resources()) {
    if (std::string words = judge->second(resource.resource().value()); !words.empty()) return words;
  }
  return "";
}

void Envoy::Answer(const Response& response) {
  Type type;
  snapshot::ParseTypeUrl(response.type_url(), &type);
  Request request;
  request.set_type_url(response.type_url());
  request.set_response_nonce(response.nonce());
  if (const std::string words = Verdict(type, response); !words.empty()) {
    request.mutable_error_detail()->set_message(words);
  }
  Send(request);
}

void Envoy::Follow(Type type) {
  std::set<std::string> names;
  if (type == Type::kListener) Ask(Type::kScopedRoute, {"*"});
  if (type == Type::kCluster) {
    for (const auto& [name, held] : resources_[type]) {
      envoy::config::cluster::v3::Cluster cluster;
      if (cluster.ParseFromString(held.body) && cluster.type() == envoy::config::cluster::v3::Cluster::EDS) {
        const std::string& service = cluster.eds_cluster_config().service_name();
        names.insert(service.empty() ? name : service);
      }
    }
    Ask(Type::kEndpoint, names);
  }
  if (type == Type::kScopedRoute) {
    for (const auto& [name, held] : resources_[type]) {
      envoy::config::route::v3::ScopedRouteConfiguration scope;
      if (scope.ParseFromString(held.body)) names.insert(scope.route_configuration_name());
    }
    Ask(Type::kRoute, names);
  }
}

void Envoy::Ask(Type type, const std::set<std::string>& names) {
  Request request;
  request.set_type_url(std::string(snapshot::TypeUrl(type)));
  for (const std::string& name : names) {
    if (asked_[type].insert(name).second) request.add_resource_names_subscribe(name);
  }
  if (request.resource_names_subscribe_size() == 0) return;
  if (const auto held = initial_.find(type); held != initial_.end()) {
    for (const auto& [name, version] : held->second) (*request.mutable_initial_resource_versions())[name] = version;
    initial_.erase(held);
  }
  Send(request);
}

void Envoy::Send(const Request& request) {
  Request out = request;
  if (!node_id_.empty()) out.mutable_node()->set_id(std::exchange(node_id_, ""));
  stream_->Write(out);
}

void Envoy::Subscribe(Type type, const std::vector<std::string>& names) {
  absl::MutexLock lock(&mutex_);
  Ask(type, {names.begin(), names.end()});
}

void Envoy::Hold(Type type) {
  absl::MutexLock lock(&mutex_);
  held_back_[type];
}

void Envoy::Release(Type type) {
  absl::MutexLock lock(&mutex_);
  const std::vector<Response> responses = std::move(held_back_[type]);
  held_back_.erase(type);
  for (const Response& response : responses) Answer(response);
}

void Envoy::Refuse(Type type, const std::string& words) {
  RefuseIf(type, [words](const std::string&) { return words; });
}

void Envoy::RefuseIf(Type type, Judge judge) {
  absl::MutexLock lock(&mutex_);
  judges_[type] = std::move(judge);
}

void Envoy::WaitBody(Type type, const std::string& name, const std::function<bool(const std::string*)>& what) {
  absl::MutexLock lock(&mutex_);
  const auto fulfilled = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto& held = resources_[type];
    const auto it = held.find(name);
    return what(it == held.end() ? nullptr : &it->second.body);
  };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&fulfilled), kPatience)) {
    ADD_FAILURE() << Word(type) << " " << name << " is not as awaited after 10 s";
  }
}

void Envoy::Fence() {
  absl::MutexLock lock(&mutex_);
  const std::string name = absl::StrCat("fence-", ++fences_);
  Ask(Type::kSecret, {name});
  const auto answered = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return absent_.contains(name); };
  EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&answered), kPatience)) << name << " is not answered";
}

void Envoy::Settle(const std::string& virtual_service) {
  WaitBody(Type::kRoute, virtual_service, [](const std::string* body) { return body != nullptr; });
  Fence();
  ForgetEvents();
}

bool Envoy::Has(Type type, const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  const auto it = resources_.find(type);
  return it != resources_.end() && it->second.contains(name);
}

std::vector<std::string> Envoy::Names(Type type) const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> out;
  if (const auto it = resources_.find(type); it != resources_.end()) {
    for (const auto& [name, held] : it->second) out.push_back(name);
  }
  return out;
}

Envoy::Versions Envoy::Held() const {
  absl::MutexLock lock(&mutex_);
  Versions out;
  for (const auto& [type, held] : resources_) {
    for (const auto& [name, resource] : held) out[type][name] = resource.version;
  }
  return out;
}

std::vector<std::string> Envoy::Events() const {
  absl::MutexLock lock(&mutex_);
  return events_;
}

void Envoy::ForgetEvents() {
  absl::MutexLock lock(&mutex_);
  events_.clear();
}

}  // namespace gloo::testing
