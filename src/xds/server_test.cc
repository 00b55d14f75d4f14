// The server over real gRPC on loopback.
#include "xds/server.h"

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "envoy/service/status/v3/csds.pb.h"

namespace gloo::xds {
namespace {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;
using envoy::service::status::v3::ClientStatusRequest;
using envoy::service::status::v3::ClientStatusResponse;
using snapshot::Delta;
using snapshot::MakeResource;
using snapshot::ResourcePtr;
using snapshot::Type;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kDelta[] = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
constexpr char kSotw[] = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

ResourcePtr Cluster(const std::string& name, std::string body = "") {
  return MakeResource(Type::kCluster, name, std::move(body));
}

// One that a dump can show.
ResourcePtr RealCluster(const std::string& name, const std::string& text) {
  envoy::config::cluster::v3::Cluster cluster;
  cluster.set_name(name);
  cluster.set_alt_stat_name(text);
  return Cluster(name, cluster.SerializeAsString());
}

// Writes down what the server tells.
class Log : public Observer {
 public:
  void OnConnected(const std::string& node, const std::string& role) override { Add("connected " + node + " " + role); }
  void OnDisconnected(const std::string& node, const std::string&) override { Add("disconnected " + node); }
  void OnAck(const std::string& node, Type, const std::vector<std::pair<std::string, std::string>>& all) override {
    for (const auto& [name, version] : all) Add("ack " + node + " " + name);
  }
  void OnNack(const Nack& nack) override {
    for (const auto& [name, version] : nack.resources) Add("nack " + nack.node_id + " " + name + " " + nack.message);
  }
  // Waits until a line has come.
  bool Wait(const std::string& line) {
    absl::MutexLock lock(&mutex_);
    const auto there = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return std::find(lines_.begin(), lines_.end(), line) != lines_.end();
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(10));
  }
  std::vector<std::string> lines() {
    absl::MutexLock lock(&mutex_);
    return lines_;
  }

 private:
  void Add(std::string line) {
    absl::MutexLock lock(&mutex_);
    lines_.push_back(std::move(line));
  }
  absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

class ServerTest : public ::testing::Test {
 protected:
  void Start(ServerOptions options = {}) {
    options.address = "127.0.0.1:0";
    thread_ = std::thread([this] { loop_->Run(); });
    OnLoop([&] {
      server_ = Server::Create(*loop_, *metrics_, options);
      server_->AddObserver(&log_);
      ASSERT_TRUE(server_->Start().ok());
      server_->SetReady(true);
    });
    channel_ = Channel();
  }
  void TearDown() override {
    if (server_ != nullptr) OnLoop([&] { server_ = nullptr; });
    loop_->Stop();
    if (thread_.joinable()) thread_.join();
  }
  void OnLoop(std::function<void()> fn) {
    std::promise<void> done;
    loop_->Post([&] {
      fn();
      done.set_value();
    });
    done.get_future().wait();
  }
  void Publish(const std::string& role, Delta delta) {
    OnLoop([&] { server_->Publish(role, delta); });
  }
  // `narrow`: takes no more than 64 KiB that nobody reads.
  std::shared_ptr<grpc::Channel> Channel(bool narrow = false) {
    grpc::ChannelArguments args;
    if (narrow) {
      args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
      args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 65535);
    }
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    args.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port()), grpc::InsecureChannelCredentials(),
                                     args);
  }
  std::string Metrics() { return metrics_->Text(); }

  std::unique_ptr<runtime::Loop> loop_ = runtime::Loop::Create();
  std::unique_ptr<runtime::Metrics> metrics_ = runtime::Metrics::Create();
  Log log_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::thread thread_;
};

// A bidirectional stream of any method.
template <typename Request, typename Response>
class Stream {
 public:
  Stream(const std::shared_ptr<grpc::Channel>& channel, std::string path) : path_(std::move(path)) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    const grpc::internal::RpcMethod method(path_.c_str(), grpc::internal::RpcMethod::BIDI_STREAMING);
    stream_.reset(
        grpc::internal::ClientReaderWriterFactory<Request, Response>::Create(channel.get(), method, &context_));
  }
  ~Stream() {
    if (stream_ != nullptr) Cancel();
  }
  bool Send(const Request& request) { return stream_->Write(request); }
  bool Read(Response* response) { return stream_->Read(response); }
  grpc::Status Finish() {
    Response ignored;
    stream_->WritesDone();
    while (stream_->Read(&ignored)) {
    }
    grpc::Status status = stream_->Finish();
    stream_ = nullptr;
    return status;
  }
  void Cancel() {
    context_.TryCancel();
    Finish();
  }

 private:
  const std::string path_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
};
using DeltaStream = Stream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
using SotwStream = Stream<DiscoveryRequest, DiscoveryResponse>;

DeltaDiscoveryRequest First(const std::string& node, Type type) {
  DeltaDiscoveryRequest request;
  request.mutable_node()->set_id(node);
  request.set_type_url(std::string(snapshot::TypeUrl(type)));
  return request;
}
DeltaDiscoveryRequest AckOf(const DeltaDiscoveryResponse& response, const std::string& error = "") {
  DeltaDiscoveryRequest request;
  request.set_type_url(response.type_url());
  request.set_response_nonce(response.nonce());
  if (!error.empty()) request.mutable_error_detail()->set_message(error);
  return request;
}

TEST_F(ServerTest, DeltaOverTheWire) {
  Start();
  const std::string large(100'000, 'x');
  Publish("ingress", {.upserts = {Cluster("small", "abc"), Cluster("large", large), Cluster("empty")}});
  DeltaStream stream(channel_, kDelta);
  ASSERT_TRUE(stream.Send(First("ingress~1", Type::kCluster)));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.type_url(), snapshot::TypeUrl(Type::kCluster));
  std::map<std::string, std::string> got;
  for (const auto& r : response.resources()) {
    EXPECT_EQ(r.resource().type_url(), snapshot::TypeUrl(Type::kCluster));
    EXPECT_EQ(r.version(), Cluster(r.name(), r.resource().value())->version);
    got[r.name()] = r.resource().value();
  }
  EXPECT_THAT(got, ElementsAre(std::pair<const std::string, std::string>("empty", ""),
                               std::pair<const std::string, std::string>("large", large),
                               std::pair<const std::string, std::string>("small", "abc")));
  ASSERT_TRUE(stream.Send(AckOf(response)));
  EXPECT_TRUE(log_.Wait("ack ingress~1 small"));
  OnLoop([&] {
    ASSERT_EQ(server_->clients().size(), 1u);
    const Client client = server_->clients()[0];
    EXPECT_EQ(client.node_id, "ingress~1");
    EXPECT_EQ(client.role, "ingress");
    EXPECT_TRUE(client.converged);
    EXPECT_EQ(client.acks, 1u);
    EXPECT_EQ(server_->StateOf("ingress~1", {Type::kCluster, "small"}, Cluster("", "abc")->version, nullptr),
              ClientState::kAcknowledged);
    EXPECT_EQ(server_->StateOf("ingress~2", {Type::kCluster, "small"}, "", nullptr), ClientState::kNotWanted);
  });

  Publish("ingress", {.upserts = {Cluster("small", "worse")}, .removals = {{Type::kCluster, "empty"}}});
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.resources_size(), 1);
  EXPECT_THAT(response.removed_resources(), IsEmpty());
  ASSERT_TRUE(stream.Send(AckOf(response, "worse is no cluster")));
  EXPECT_TRUE(log_.Wait("nack ingress~1 small worse is no cluster"));
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_THAT(response.removed_resources(), ElementsAre("empty"));
  EXPECT_THAT(Metrics(), HasSubstr("gloo_xds_nacks_total 1"));
  EXPECT_THAT(Metrics(), HasSubstr("gloo_xds_pushes_total{type=\"cluster\"} 3"));
  EXPECT_THAT(Metrics(), HasSubstr("gloo_xds_streams{type=\"delta\"} 1"));
  stream.Cancel();
  EXPECT_TRUE(log_.Wait("disconnected ingress~1"));
  EXPECT_THAT(Metrics(), HasSubstr("gloo_xds_streams{type=\"delta\"} 0"));
}

TEST_F(ServerTest, StateOfTheWorldOverTheWire) {
  Start();
  Publish("ingress", {.upserts = {Cluster("a", "A"), Cluster("b", std::string(5000, 'B'))}});
  SotwStream stream(channel_, kSotw);
  DiscoveryRequest request;
  request.mutable_node()->set_id("ingress~s");
  request.set_type_url(std::string(snapshot::TypeUrl(Type::kCluster)));
  ASSERT_TRUE(stream.Send(request));
  DiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.resources_size(), 2);
  EXPECT_EQ(response.resources(0).value().size() + response.resources(1).value().size(), 5001u);
  OnLoop([&] { EXPECT_EQ(response.version_info(), server_->snapshot("ingress")->TypeVersion(Type::kCluster)); });
  request.clear_node();
  request.set_response_nonce(response.nonce());
  ASSERT_TRUE(stream.Send(request));
  EXPECT_TRUE(log_.Wait("ack ingress~s a"));
}

TEST_F(ServerTest, NothingIsAnsweredBeforeItIsReady) {
  Start();
  OnLoop([&] { server_->SetReady(false); });
  DeltaStream stream(channel_, kDelta);
  DeltaDiscoveryRequest request = First("ingress~1", Type::kListener);
  (*request.mutable_initial_resource_versions())["old"] = "1";
  ASSERT_TRUE(stream.Send(request));
  Publish("ingress", {.upserts = {MakeResource(Type::kListener, "http", "l")}});
  OnLoop([&] {
    EXPECT_THAT(server_->clients(), IsEmpty());
    server_->SetReady(true);
  });
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.resources(0).name(), "http");
  EXPECT_THAT(response.removed_resources(), ElementsAre("old"));
}

TEST_F(ServerTest, AnUnknownRoleIsAskedForOnceAndReplacedWhenPublished) {
  int asked = 0;
  Start({.unknown_role = [&](const std::string& role) {
    ++asked;
    return Delta{.upserts = {MakeResource(Type::kListener, "fallback", "for " + role)}};
  }});
  DeltaStream stream(channel_, kDelta), second(channel_, kDelta);
  ASSERT_TRUE(stream.Send(First("edge~1", Type::kListener)));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.resources(0).resource().value(), "for edge");
  ASSERT_TRUE(stream.Send(AckOf(response)));
  ASSERT_TRUE(second.Send(First("edge~2", Type::kListener)));
  ASSERT_TRUE(second.Read(&response));
  EXPECT_EQ(asked, 1);
  OnLoop([&] {
    EXPECT_EQ(server_->snapshot("edge"), nullptr);
    EXPECT_THAT(server_->roles(), IsEmpty());
  });
  Publish("edge", {.upserts = {MakeResource(Type::kListener, "own", "l")}});
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.resources(0).name(), "own");
  EXPECT_THAT(response.removed_resources(), ElementsAre("fallback"));
  OnLoop([&] { EXPECT_THAT(server_->roles(), ElementsAre("edge")); });
}

TEST_F(ServerTest, ARoleThatIsForgottenIsUnknownAgain) {
  Start({.unknown_role = [&](const std::string&) {
    return Delta{
        .upserts = {MakeResource(Type::kListener, "fallback", "f"), MakeResource(Type::kListener, "own", "f")}};
  }});
  Publish("edge", {.upserts = {MakeResource(Type::kListener, "own", "l"), MakeResource(Type::kListener, "more", "l")}});
  DeltaStream stream(channel_, kDelta);
  ASSERT_TRUE(stream.Send(First("edge~1", Type::kListener)));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.resources_size(), 2);
  ASSERT_TRUE(stream.Send(AckOf(response)));
  ASSERT_TRUE(log_.Wait("ack edge~1 own"));
  OnLoop([&] {
    server_->ForgetRole("edge");
    server_->ForgetRole("never heard of");
    EXPECT_EQ(server_->snapshot("edge"), nullptr);
    EXPECT_THAT(server_->roles(), IsEmpty());
  });
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.resources_size(), 2);
  EXPECT_THAT(response.removed_resources(), ElementsAre("more"));
  DeltaStream later(channel_, kDelta);
  ASSERT_TRUE(later.Send(First("edge~2", Type::kListener)));
  ASSERT_TRUE(later.Read(&response));
  EXPECT_EQ(response.resources(0).resource().value(), "f");
  // And when nobody is connected.
  Publish("lone", {.upserts = {MakeResource(Type::kListener, "own", "l")}});
  OnLoop([&] { server_->ForgetRole("lone"); });
  DeltaStream lone(channel_, kDelta);
  ASSERT_TRUE(lone.Send(First("lone~1", Type::kListener)));
  ASSERT_TRUE(lone.Read(&response));
  EXPECT_EQ(response.resources_size(), 2);
}

TEST_F(ServerTest, ServerNamesOfAWildcardAreBoundedAndCounted) {
  Start({.max_names_of_wildcard = 2});
  Publish("ingress", {.upserts = {MakeResource(Type::kSecret, "*.example.com", "")}});
  DeltaStream stream(channel_, kDelta);
  DeltaDiscoveryRequest request = First("ingress~1", Type::kSecret);
  for (int i = 0; i < 5; ++i) request.add_resource_names_subscribe(absl::StrCat(i, ".example.com"));
  ASSERT_TRUE(stream.Send(request));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.resources_size(), 2);
  EXPECT_EQ(response.removed_resources_size(), 3);
  EXPECT_THAT(Metrics(), HasSubstr("gloo_xds_server_names_refused_total 3"));
}

TEST_F(ServerTest, MethodsOfOneType) {
  Start();
  Publish("ingress", {.upserts = {Cluster("a", "A")}});
  DeltaStream stream(channel_, "/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters");
  DeltaDiscoveryRequest request = First("ingress~1", Type::kCluster);
  request.clear_type_url();
  ASSERT_TRUE(stream.Send(request));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(response.resources(0).name(), "a");
  ASSERT_TRUE(stream.Send(First("ingress~1", Type::kRoute)));
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "type_url: this service serves type.googleapis.com/envoy.config.cluster.v3.Cluster only");
}

TEST_F(ServerTest, WhatIsNotServedIsUnimplemented) {
  Start();
  for (const char* path : {"/envoy.service.discovery.v3.AggregatedDiscoveryService/Other", "/x.Y/Z",
                           "/envoy.service.cluster.v3.ClusterDiscoveryService/FetchClusters",
                           "/envoy.service.runtime.v3.RuntimeDiscoveryService/StreamRuntime"}) {
    DeltaStream stream(channel_, path);
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED) << path;
  }
}

TEST_F(ServerTest, GarbageEndsTheStreamOnly) {
  Start();
  Stream<grpc::ByteBuffer, grpc::ByteBuffer> garbage(channel_, kDelta);
  const grpc::Slice slice(std::string("\xff\xff\xff\xff garbage"));
  ASSERT_TRUE(garbage.Send(grpc::ByteBuffer(&slice, 1)));
  EXPECT_EQ(garbage.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  DeltaStream long_id(channel_, kDelta);
  ASSERT_TRUE(long_id.Send(First(std::string(5000, 'n'), Type::kCluster)));
  EXPECT_EQ(long_id.Finish().error_message(), "node.id is longer than 1024 bytes");
  DeltaStream stream(channel_, kDelta);
  ASSERT_TRUE(stream.Send(First("ingress~1", Type::kCluster)));
  DeltaDiscoveryResponse response;
  EXPECT_TRUE(stream.Read(&response));
}

TEST_F(ServerTest, ClientStatusHidesKeys) {
  Start();
  envoy::extensions::transport_sockets::tls::v3::Secret secret;
  secret.set_name("*.example.com");
  secret.mutable_tls_certificate()->mutable_certificate_chain()->set_inline_string("public chain");
  secret.mutable_tls_certificate()->mutable_private_key()->set_inline_string("very private");
  Publish("ingress",
          {.upserts = {MakeResource(Type::kSecret, "*.example.com", secret.SerializeAsString()), Cluster("c", "C")}});
  DeltaStream stream(channel_, kDelta);
  DeltaDiscoveryRequest request = First("ingress~1", Type::kSecret);
  request.add_resource_names_subscribe("www.example.com");
  request.add_resource_names_subscribe("example.org");
  ASSERT_TRUE(stream.Send(request));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  ASSERT_EQ(response.resources_size(), 1);
  EXPECT_EQ(response.resources(0).name(), "www.example.com");
  ASSERT_TRUE(secret.ParseFromString(response.resources(0).resource().value()));
  EXPECT_EQ(secret.name(), "www.example.com");
  EXPECT_EQ(secret.tls_certificate().private_key().inline_string(), "very private");
  EXPECT_THAT(response.removed_resources(), ElementsAre("example.org"));
  ASSERT_TRUE(stream.Send(AckOf(response)));
  ASSERT_TRUE(log_.Wait("ack ingress~1 *.example.com"));

  ClientStatusRequest ask;
  ask.add_node_matchers()->mutable_node_id()->set_prefix("ingress~");
  ClientStatusResponse status;
  grpc::ClientContext context;
  const grpc::internal::RpcMethod method("/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  const grpc::Status result = grpc::internal::BlockingUnaryCall(channel_.get(), method, &context, ask, &status);
  ASSERT_TRUE(result.ok()) << result.error_message();
  ASSERT_EQ(status.config_size(), 1);
  EXPECT_EQ(status.config(0).node().id(), "ingress~1");
  EXPECT_THAT(status.DebugString(), Not(HasSubstr("very private")));
  EXPECT_THAT(status.DebugString(), HasSubstr("public chain"));
  std::map<std::string, int> states;
  for (const auto& config : status.config(0).generic_xds_configs()) states[config.name()] = config.client_status();
  EXPECT_EQ(states["www.example.com"], envoy::admin::v3::ClientResourceStatus::ACKED);
  EXPECT_EQ(states["example.org"], envoy::admin::v3::ClientResourceStatus::DOES_NOT_EXIST);

  Stream<ClientStatusRequest, ClientStatusResponse> statuses(
      channel_, "/envoy.service.status.v3.ClientStatusDiscoveryService/StreamClientStatus");
  ask.set_exclude_resource_contents(true);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(statuses.Send(ask));
    ASSERT_TRUE(statuses.Read(&status));
    EXPECT_EQ(status.config_size(), 1);
    EXPECT_FALSE(status.config(0).generic_xds_configs(0).has_xds_config());
  }
  ask.mutable_node_matchers(0)->mutable_node_id()->set_exact("other");
  ASSERT_TRUE(statuses.Send(ask));
  ASSERT_TRUE(statuses.Read(&status));
  EXPECT_EQ(status.config_size(), 0);
}

TEST_F(ServerTest, ClientStatusTellsWhatIsRefusedAndWhatIsOnTheWay) {
  Start();
  Publish("ingress", {.upserts = {RealCluster("a", "1"), RealCluster("b", "1")}});
  DeltaStream stream(channel_, kDelta);
  ASSERT_TRUE(stream.Send(First("ingress~1", Type::kCluster)));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  ASSERT_TRUE(stream.Send(AckOf(response)));
  ASSERT_TRUE(log_.Wait("ack ingress~1 a"));
  Publish("ingress", {.upserts = {RealCluster("a", "bad")}});
  ASSERT_TRUE(stream.Read(&response));
  ASSERT_TRUE(stream.Send(AckOf(response, "a is no good")));
  ASSERT_TRUE(log_.Wait("nack ingress~1 a a is no good"));
  Publish("ingress", {.upserts = {RealCluster("b", "2")}});
  ASSERT_TRUE(stream.Read(&response));

  ClientStatusResponse status;
  grpc::ClientContext context;
  const grpc::internal::RpcMethod method("/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  ASSERT_TRUE(grpc::internal::BlockingUnaryCall(channel_.get(), method, &context, ClientStatusRequest(), &status).ok());
  ASSERT_EQ(status.config_size(), 1);
  std::map<std::string, std::string> told;
  for (const auto& config : status.config(0).generic_xds_configs()) {
    envoy::config::cluster::v3::Cluster shown;
    ASSERT_TRUE(config.xds_config().UnpackTo(&shown));
    told[config.name()] = absl::StrCat(envoy::service::status::v3::ConfigStatus_Name(config.config_status()), " ",
                                       envoy::admin::v3::ClientResourceStatus_Name(config.client_status()), " ",
                                       shown.alt_stat_name(), " ", config.error_state().details());
  }
  EXPECT_EQ(told["a"], "ERROR NACKED 1 a is no good");
  EXPECT_EQ(told["b"], "STALE ACKED 1 ");
}

TEST_F(ServerTest, ClientStatusStreamsMayIdleAndAskAhead) {
  Start({.write_timeout = absl::Milliseconds(300)});
  Publish("ingress", {.upserts = {RealCluster("c", std::string(1 << 20, 'c'))}});
  DeltaStream stream(channel_, kDelta);
  ASSERT_TRUE(stream.Send(First("ingress~1", Type::kCluster)));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  ASSERT_TRUE(stream.Send(AckOf(response)));
  ASSERT_TRUE(log_.Wait("ack ingress~1 c"));
  // One that says nothing is cut off; by then the other, which spoke, has been silent for as long.
  Stream<ClientStatusRequest, ClientStatusResponse> statuses(
      channel_, "/envoy.service.status.v3.ClientStatusDiscoveryService/StreamClientStatus");
  ClientStatusResponse status;
  ASSERT_TRUE(statuses.Send({}));
  ASSERT_TRUE(statuses.Read(&status));
  DeltaStream silent(channel_, kDelta);
  EXPECT_FALSE(silent.Read(&response));
  // Many questions at once: the last one is answered.
  ClientStatusRequest last;
  last.add_node_matchers()->mutable_node_id()->set_exact("nobody");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(statuses.Send({}));
  ASSERT_TRUE(statuses.Send(last));
  int answers = 0;
  do {
    ASSERT_TRUE(statuses.Read(&status));
    ++answers;
  } while (status.config_size() > 0);
  EXPECT_LE(answers, 21);
}

// A client that takes nothing holds one response, delays nobody, and is cut off.
TEST_F(ServerTest, ASlowClientIsBoundedAndCutOff) {
  Start({.write_timeout = absl::Seconds(1)});
  Publish("ingress", {.upserts = {Cluster("c", std::string(1 << 20, '0'))}});
  Stream<grpc::ByteBuffer, grpc::ByteBuffer> slow(Channel(true), kDelta);
  const std::string first = First("ingress~slow", Type::kCluster).SerializeAsString();
  const grpc::Slice slice(first);
  ASSERT_TRUE(slow.Send(grpc::ByteBuffer(&slice, 1)));
  ASSERT_TRUE(log_.Wait("connected ingress~slow ingress"));
  std::weak_ptr<const snapshot::Resource> superseded;
  DeltaStream quick(channel_, kDelta);
  ASSERT_TRUE(quick.Send(First("ingress~quick", Type::kCluster)));
  DeltaDiscoveryResponse response;
  for (int i = 1; i <= 30; ++i) {
    ASSERT_TRUE(quick.Read(&response));
    ASSERT_TRUE(quick.Send(AckOf(response)));
    ResourcePtr next = Cluster("c", std::string(1 << 20, static_cast<char>('0' + i)));
    if (i == 5) superseded = next;
    Publish("ingress", {.upserts = {next}});
  }
  ASSERT_TRUE(quick.Read(&response));
  EXPECT_EQ(response.resources(0).resource().value()[0], '0' + 30);
  ASSERT_TRUE(quick.Send(AckOf(response)));
  EXPECT_TRUE(log_.Wait("disconnected ingress~slow"));
  // The slow one was written one response, not one for each change.
  OnLoop([&] { EXPECT_TRUE(superseded.expired()); });
  EXPECT_THAT(Metrics(), HasSubstr("gloo_xds_pushes_total{type=\"cluster\"} 32"));
}

// Listens on a port of its own and passes on what comes, both ways, until it is told to swallow everything.
class Proxy {
 public:
  explicit Proxy(int target) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in any = Loopback(0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    sockaddr_in bound{};
    socklen_t size = sizeof(bound);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size), 0);
    port_ = ntohs(bound.sin_port);
    thread_ = std::thread([this, target] { Run(target); });
  }
  ~Proxy() {
    end_ = true;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  int port() const { return port_; }
  void Swallow() { swallow_ = true; }

 private:
  static sockaddr_in Loopback(int port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.sin_port = htons(static_cast<uint16_t>(port));
    return out;
  }
  void Run(int target) {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in to = Loopback(target);
    EXPECT_EQ(connect(server, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    std::vector<char> buffer(1 << 16);
    pollfd fds[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    while (!end_) {
      if (poll(fds, 2, 50) <= 0) continue;
      for (int i = 0; i < 2; ++i) {
        if (fds[i].revents == 0) continue;
        const ssize_t n = read(fds[i].fd, buffer.data(), buffer.size());
        if (n <= 0) fds[i].fd = -1;
        if (n <= 0 || swallow_) continue;
        EXPECT_EQ(write(fds[1 - i].fd, buffer.data(), static_cast<size_t>(n)), n);
      }
    }
    close(client);
    close(server);
  }

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> swallow_{false}, end_{false};
  std::thread thread_;
};

TEST_F(ServerTest, APeerThatIsGoneWithoutAWordIsFoundAndHoldsNothing) {
  Start({.keepalive_time = absl::Milliseconds(200), .keepalive_timeout = absl::Milliseconds(200)});
  ResourcePtr first = Cluster("c", std::string(1 << 20, '1'));
  std::weak_ptr<const snapshot::Resource> kept = first;
  Publish("ingress", {.upserts = {std::move(first)}});
  Proxy proxy(server_->port());
  const auto channel =
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", proxy.port()), grpc::InsecureChannelCredentials());
  DeltaStream stream(channel, kDelta);
  ASSERT_TRUE(stream.Send(First("ingress~gone", Type::kCluster)));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  proxy.Swallow();
  Publish("ingress", {.upserts = {Cluster("c", "2")}});
  EXPECT_TRUE(log_.Wait("disconnected ingress~gone"));
  OnLoop([&] { EXPECT_TRUE(server_->clients().empty()); });
  EXPECT_TRUE(kept.expired());
}

TEST_F(ServerTest, AThousandClientsAtOnceAllGetEverything) {
  Start();
  std::vector<ResourcePtr> all;
  for (int i = 0; i < 100; ++i) all.push_back(Cluster(absl::StrCat("c", i), std::string(500, 'x')));
  Publish("ingress", {.upserts = all});
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < 20; ++i) channels.push_back(Channel());
  for (int round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<DeltaStream>> streams;
    for (int i = 0; i < 1000; ++i) {
      streams.push_back(std::make_unique<DeltaStream>(channels[static_cast<size_t>(i) % channels.size()], kDelta));
      DeltaDiscoveryRequest request = First(absl::StrCat("ingress~", i), Type::kCluster);
      if (round == 1) {
        for (const ResourcePtr& r : all) (*request.mutable_initial_resource_versions())[r->ref.name] = r->version;
      }
      ASSERT_TRUE(streams.back()->Send(request));
    }
    // The second time they have everything and are told so by nothing: what comes is the next change.
    if (round == 1) Publish("ingress", {.upserts = {Cluster("c0", "2")}});
    DeltaDiscoveryResponse response;
    for (auto& stream : streams) {
      ASSERT_TRUE(stream->Read(&response));
      EXPECT_EQ(response.resources_size(), round == 0 ? 100 : 1);
      ASSERT_TRUE(stream->Send(AckOf(response)));
    }
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(log_.Wait(absl::StrCat("ack ingress~", i, " c0")));
  }
}

TEST_F(ServerTest, ARequestOfAHundredMegabytesHarmsItsStreamOnly) {
  Start();
  Publish("ingress", {.upserts = {Cluster("c", "1")}});
  DeltaStream other(channel_, kDelta);
  ASSERT_TRUE(other.Send(First("ingress~other", Type::kCluster)));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(other.Read(&response));
  ASSERT_TRUE(other.Send(AckOf(response)));
  DeltaStream stream(channel_, kDelta);
  DeltaDiscoveryRequest huge = First("ingress~huge", Type::kCluster);
  huge.mutable_error_detail()->set_message(std::string(100 << 20, 'x'));
  stream.Send(huge);
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  Publish("ingress", {.upserts = {Cluster("c", "2")}});
  ASSERT_TRUE(other.Read(&response));
  EXPECT_EQ(response.resources(0).resource().value(), "2");
}

TEST_F(ServerTest, AbsurdNoncesAcknowledgeNothing) {
  Start();
  Publish("ingress", {.upserts = {Cluster("c", "1")}});
  DeltaStream stream(channel_, kDelta);
  ASSERT_TRUE(stream.Send(First("ingress~1", Type::kCluster)));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  for (const std::string& nonce : {std::string("0"), std::string("-1"), std::string("18446744073709551616"),
                                   std::string("1 "), std::string(1 << 20, '9')}) {
    DeltaDiscoveryResponse wrong = response;
    wrong.set_nonce(nonce);
    ASSERT_TRUE(stream.Send(AckOf(wrong, "no")));
  }
  ASSERT_TRUE(stream.Send(AckOf(response)));
  EXPECT_TRUE(log_.Wait("ack ingress~1 c"));
  OnLoop([&] {
    EXPECT_EQ(server_->clients()[0].acks, 1u);
    EXPECT_EQ(server_->clients()[0].nacks, 0u);
  });
}

TEST_F(ServerTest, AClientThatSaysNothingIsCutOff) {
  Start({.write_timeout = absl::Milliseconds(100)});
  DeltaStream stream(channel_, kDelta);
  DeltaDiscoveryResponse response;
  EXPECT_FALSE(stream.Read(&response));
}

TEST_F(ServerTest, ATakenPortIsAnError) {
  Start();
  OnLoop([&] {
    ServerOptions options;
    options.address = absl::StrCat("127.0.0.1:", server_->port());
    const auto other = Server::Create(*loop_, *metrics_, options);
    EXPECT_EQ(other->Start().message(), absl::StrCat("cannot listen on ", options.address,
                                                     ": the port is taken or the address is not of this host"));
  });
}

TEST_F(ServerTest, ShutdownEndsStreams) {
  Start();
  DeltaStream stream(channel_, kDelta);
  ASSERT_TRUE(stream.Send(First("ingress~1", Type::kCluster)));
  DeltaDiscoveryResponse response;
  ASSERT_TRUE(stream.Read(&response));
  OnLoop([&] {
    server_->Shutdown();
    server_->Shutdown();
    EXPECT_THAT(server_->clients(), IsEmpty());
  });
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServerTest, ManyClientsComeAndGo) {
  Start();
  Publish("ingress", {.upserts = {Cluster("c", "0")}});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        DeltaStream stream(channel_, kDelta);
        EXPECT_TRUE(stream.Send(First(absl::StrCat("ingress~", t), Type::kCluster)));
        DeltaDiscoveryResponse response;
        EXPECT_TRUE(stream.Read(&response));
        if (i % 2 == 0) stream.Send(AckOf(response));
        if (i % 3 == 0) stream.Cancel();
      }
    });
  }
  for (int i = 1; i < 50; ++i) Publish("ingress", {.upserts = {Cluster("c", absl::StrCat(i))}});
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) EXPECT_TRUE(log_.Wait(absl::StrCat("disconnected ingress~", t)));
}

}  // namespace
}  // namespace gloo::xds
