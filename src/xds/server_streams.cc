// Calls: who they are from, what they ask, what they are sent.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/log.h"
#include "xds/counters.h"
#include "xds/csds.h"
#include "xds/server_impl.h"
#include "xds/wire.h"

namespace gloo::xds {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::status::v3::ClientStatusRequest;
using envoy::service::status::v3::ClientStatusResponse;
using snapshot::Type;

namespace {

constexpr size_t kMaxNodeIdBytes = 1024;
constexpr size_t kMaxLoggedMessage = 500;
constexpr absl::Duration kLogPause = absl::Minutes(1);
constexpr size_t kMaxLogged = 1000;
constexpr absl::Duration kNameWarningPeriod = absl::Minutes(1);

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// Ends a call without ever telling the loop.
class Rejection final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Rejection(const grpc::Status& status) { Finish(status); }
  void OnDone() override { std::unique_ptr<Rejection> self(this); }
};

grpc::ServerGenericBidiReactor* Reject(const grpc::Status& status) {
  return std::make_unique<Rejection>(status).release();
}

std::string UserAgent(const envoy::config::core::v3::Node& node) {
  const auto& version = node.user_agent_build_version().version();
  if (node.has_user_agent_build_version()) {
    return absl::StrCat(node.user_agent_name(), "/", version.major_number(), ".", version.minor_number(), ".",
                        version.patch());
  }
  return node.user_agent_version().empty() ? node.user_agent_name()
                                           : absl::StrCat(node.user_agent_name(), "/", node.user_agent_version());
}

}  // namespace

ServerImpl::Stream::Stream(ServerImpl& s, std::shared_ptr<Call> c)
    : server(s), call(std::move(c)), waiting_since(SteadyNow()) {
  client.peer = call->peer();
  client.delta = call->method().kind == Method::kDelta;
  client.connected = absl::Now();
}

void ServerImpl::Stream::OnAck(Type type, const NamedVersions& resources, absl::Duration took) {
  ++client.acks;
  server.counters_->acks.Add();
  server.counters_->ack_seconds.Observe(absl::ToDoubleSeconds(took));
  for (Observer* observer : server.observers_) observer->OnAck(client.node_id, type, resources);
}

void ServerImpl::Stream::OnInForce(absl::Duration took) {
  server.counters_->change_to_ack_seconds.Observe(absl::ToDoubleSeconds(took));
}

void ServerImpl::Stream::OnNack(Type type, const NamedVersions& resources, const std::string& message, bool isolated) {
  ++client.nacks;
  client.last_error = message;
  server.counters_->nacks.Add();
  if (!isolated && !resources.empty()) {
    spdlog::debug("xds: {} refused {} {} resources, which are offered again one by one: {}", client.node_id,
                  resources.size(), TypeLabel(type), message.substr(0, kMaxLoggedMessage));
    return;
  }
  Nack nack{client.node_id, client.role, type, resources, message, nullptr};
  if (isolated) nack.held = session->Held({type, resources.front().first});
  for (Observer* observer : server.observers_) observer->OnNack(nack);
}

void ServerImpl::Stream::OnServerNameRefused(const std::string& wildcard) {
  server.counters_->names_refused.Add();
  const absl::Time now = SteadyNow();
  if (now < last_name_warning + kNameWarningPeriod) return;
  last_name_warning = now;
  spdlog::warn("xds: {}: {} server names have the certificate of {}; further ones get none", client.node_id,
               server.options_.max_names_of_wildcard, wildcard);
}

grpc::ServerGenericBidiReactor* ServerImpl::CreateReactor(grpc::GenericCallbackServerContext* context) {
  const std::optional<Method> method = ParseMethod(context->method());
  if (!method.has_value()) return Reject({grpc::StatusCode::UNIMPLEMENTED, "no such method here"});
  auto key = std::make_shared<Call*>(nullptr);
  auto call = std::make_shared<Call>(loop_, slot_, *method, context, [calls = calls_, key] {
    absl::MutexLock lock(&calls->mutex);
    calls->open.erase(*key);
  });
  *key = call.get();
  // Under the lock as a whole: Shutdown() either sees the call or lets none in.
  absl::MutexLock lock(&calls_->mutex);
  if (calls_->closing) return Reject({grpc::StatusCode::UNAVAILABLE, "shutting down"});
  calls_->open.insert(call.get());
  call->Open();
  return call.get();
}

void ServerImpl::OnOpen(const std::shared_ptr<Call>& call) {
  auto stream = std::make_unique<Stream>(*this, call);
  streams_.emplace(call.get(), std::move(stream));
}

void ServerImpl::OnMessage(Call& call, Message message) {
  const auto it = streams_.find(&call);
  if (it == streams_.end() || it->second->ended) return;
  it->second->spoke = true;
  if (!ready_) {
    // The next one is read only after this one: one request is all that waits.
    it->second->held = std::move(message);
    return;
  }
  Handle(*it->second, std::move(message));
}

void ServerImpl::Handle(Stream& stream, Message message) {
  absl::Status status;
  if (auto* delta = std::get_if<DeltaDiscoveryRequest>(&message)) {
    status = HandleDiscovery(stream, *delta);
  } else if (auto* sotw = std::get_if<DiscoveryRequest>(&message)) {
    status = HandleDiscovery(stream, *sotw);
  } else {
    status = HandleStatus(stream, std::get<ClientStatusRequest>(message));
  }
  if (!status.ok()) {
    End(stream, status);
    return;
  }
  if (stream.call->method().kind != Method::kStatusFetch) stream.call->Read();
  Pump(stream);
}

template <typename Request>
absl::Status ServerImpl::HandleDiscovery(Stream& stream, Request& request) {
  if (const auto& only = stream.call->method().only; only.has_value()) {
    const std::string_view url = snapshot::TypeUrl(*only);
    if (request.type_url().empty()) {
      request.set_type_url(std::string(url));
    } else if (request.type_url() != url) {
      return absl::InvalidArgumentError(absl::StrCat("type_url: this service serves ", std::string(url), " only"));
    }
  }
  if (stream.session == nullptr) {
    if (absl::Status status = Identify(stream, request.node()); !status.ok()) return status;
  }
  return stream.session->OnRequest(request);
}

absl::Status ServerImpl::Identify(Stream& stream, const envoy::config::core::v3::Node& node) {
  if (node.id().size() > kMaxNodeIdBytes) {
    return absl::InvalidArgumentError(absl::StrCat("node.id is longer than ", kMaxNodeIdBytes, " bytes"));
  }
  Client& client = stream.client;
  client.node_id = node.id();
  client.role = node.id().substr(0, node.id().find('~'));
  client.user_agent = UserAgent(node);
  if (!MayBeRole(stream, client.role)) return RefuseRole(stream);
  std::unique_ptr<Role>& role = roles_[client.role];
  if (role == nullptr) {
    role = std::make_unique<Role>();
    role->name = client.role;
  }
  AskForUnknown(*role);
  stream.role = role.get();
  SessionOptions session{.delta = client.delta,
                         .max_response_bytes = options_.max_response_bytes,
                         .grace = options_.grace,
                         .max_names_of_wildcard = options_.max_names_of_wildcard};
  // It asks for its clusters elsewhere, if at all.
  if (stream.call->method().only.has_value()) session.withheld = absl::ZeroDuration();
  stream.session = std::make_unique<Session>(loop_, role->snapshot, stream, session);
  role->streams.push_back(&stream);
  std::vector<Stream*>& of_node = nodes_[client.node_id];
  of_node.push_back(&stream);
  counters_->CountStream(client.delta, 1);
  runtime::Log(spdlog::level::info,
               absl::StrCat("xds: ", client.node_id, " connected from ", client.peer, " as ", client.user_agent, " (",
                            client.delta ? "delta" : "state of the world", ")"),
               {{"node", client.node_id}, {"role", client.role}});
  if (of_node.size() == 1) {
    for (Observer* observer : observers_) observer->OnConnected(client.node_id, client.role);
  }
  return absl::OkStatus();
}

bool ServerImpl::MayBeRole(const Stream& stream, const std::string& role) const {
  return MayBe(options_.access, stream.call->identities(), role);
}

absl::Status ServerImpl::RefuseRole(const Stream& stream) {
  counters_->clients_refused.Add();
  const std::vector<std::string>& identities = stream.call->identities();
  const std::string who = identities.empty() ? "a client without a certificate" : absl::StrJoin(identities, ", ");
  const std::string what =
      absl::StrCat(who.substr(0, kMaxLoggedMessage), " may not be role \"", stream.client.role, "\"");
  if (NotLoggedLately(what)) spdlog::warn("xds: refused, from {}: {}", stream.client.peer, what);
  return absl::PermissionDeniedError(what);
}

bool ServerImpl::NotLoggedLately(const std::string& what) {
  const absl::Time now = SteadyNow();
  if (logged_.size() >= kMaxLogged) {
    absl::erase_if(logged_, [&](const auto& logged) { return logged.second < now - kLogPause; });
    if (logged_.size() >= kMaxLogged) return false;
  }
  absl::Time& last = logged_.try_emplace(what, absl::InfinitePast()).first->second;
  if (last >= now - kLogPause) return false;
  last = now;
  return true;
}

absl::Status ServerImpl::HandleStatus(Stream& stream, const ClientStatusRequest& request) {
  if (stream.writing) {
    stream.question = request;
    return absl::OkStatus();
  }
  ClientStatusResponse response;
  for (const auto& [node_id, of_node] : nodes_) {
    bool matches = false;
    if (absl::Status status = Matches(request, node_id, &matches); !status.ok()) return status;
    if (!matches || !MayBeRole(stream, of_node.back()->client.role)) continue;
    auto& config = *response.add_config();
    config.mutable_node()->set_id(node_id);
    config.mutable_node()->set_user_agent_name(of_node.back()->client.user_agent);
    for (const Stream* of : of_node) Describe(*of->session, !request.exclude_resource_contents(), &config);
  }
  std::string bytes;
  if (!response.SerializeToString(&bytes)) return absl::InternalError("the answer does not serialize");
  const grpc::Slice slice(bytes);
  stream.writing = true;
  stream.waiting_since = SteadyNow();
  stream.call->Write(grpc::ByteBuffer(&slice, 1));
  return absl::OkStatus();
}

void ServerImpl::Pump(Stream& stream) {
  if (!ready_ || stream.writing || stream.ended || stream.session == nullptr) return;
  const std::optional<Response> response = stream.session->Next();
  if (!response.has_value()) return;
  grpc::ByteBuffer bytes = stream.client.delta ? EncodeDelta(*response) : EncodeSotw(*response);
  Type type;
  if (snapshot::ParseTypeUrl(response->type_url, &type)) counters_->pushes[static_cast<size_t>(type)]->Add();
  counters_->bytes.Add(static_cast<double>(bytes.Length()));
  stream.writing = true;
  stream.waiting_since = SteadyNow();
  stream.call->Write(std::move(bytes));
}

void ServerImpl::OnWritten(Call& call) {
  const auto it = streams_.find(&call);
  if (it == streams_.end()) return;
  Stream& stream = *it->second;
  stream.writing = false;
  stream.waiting_since = SteadyNow();
  if (call.method().kind == Method::kStatusFetch) {
    End(stream, absl::OkStatus());
    return;
  }
  if (auto question = std::exchange(stream.question, std::nullopt); question.has_value()) {
    if (absl::Status status = HandleStatus(stream, *question); !status.ok()) End(stream, status);
    return;
  }
  Pump(stream);
}

void ServerImpl::OnClosed(Call& call) {
  const auto it = streams_.find(&call);
  if (it == streams_.end()) return;
  // A unary caller closes its side after the request; its answer is on the way.
  if (call.method().kind == Method::kStatusFetch && it->second->writing) return;
  // gRPC tells the client what was wrong with its request, and us nothing.
  if (!it->second->spoke && NotLoggedLately("unread")) {
    spdlog::warn("xds: {}: ended without a request that can be read (none, a broken one, or one that is too large)",
                 call.peer());
  }
  Forget(*it->second);
}

void ServerImpl::End(Stream& stream, const absl::Status& status) {
  // A refused client has been logged, or was lately.
  if (!status.ok() && !absl::IsPermissionDenied(status) && NotLoggedLately(std::string(status.message()))) {
    spdlog::warn("xds: {}: ended: {}",
                 stream.client.node_id.empty() ? stream.client.peer
                                               : absl::StrCat(stream.client.node_id, " ", stream.client.peer),
                 std::string(status.message()));
  }
  const std::shared_ptr<Call> call = stream.call;
  Forget(stream);
  call->Close(ToGrpc(status));
}

void ServerImpl::Forget(Stream& stream) {
  const auto it = streams_.find(stream.call.get());
  if (it == streams_.end()) return;
  const std::unique_ptr<Stream> owned = std::move(it->second);
  streams_.erase(it);
  owned->ended = true;
  if (owned->session == nullptr) return;
  const Client& client = owned->client;
  counters_->CountStream(client.delta, -1);
  runtime::Log(spdlog::level::info, absl::StrCat("xds: ", client.node_id, " disconnected"),
               {{"node", client.node_id}, {"role", client.role}});
  std::erase(owned->role->streams, owned.get());
  if (!owned->role->published && owned->role->streams.empty()) roles_.erase(client.role);
  const auto node = nodes_.find(client.node_id);
  std::erase(node->second, owned.get());
  if (!node->second.empty()) return;
  nodes_.erase(node);
  for (Observer* observer : observers_) observer->OnDisconnected(client.node_id, client.role);
}

}  // namespace gloo::xds
