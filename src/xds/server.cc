#include "xds/server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "xds/counters.h"
#include "xds/grpc_log.h"
#include "xds/server_impl.h"

namespace gloo::xds {

using snapshot::Delta;
using snapshot::ResourcePtr;
using snapshot::ResourceRef;
using snapshot::Type;

namespace {

// A client that reconnects names all that it holds in one request.
constexpr int kMaxRequestBytes = 64 << 20;
constexpr int kMaxStreamsOfAConnection = 100;
constexpr absl::Duration kSweepPeriod = absl::Seconds(1);
constexpr unsigned kReloadSeconds = 1;

std::shared_ptr<grpc::ServerCredentials> Credentials(const std::optional<TlsFiles>& files) {
  if (!files.has_value()) return grpc::InsecureServerCredentials();
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(files->key, files->cert, files->client_ca,
                                                                           kReloadSeconds));
  options.watch_identity_key_cert_pairs();
  if (files->client_ca.empty()) {
    options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  } else {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace

const std::string& TypeLabel(Type type) {
  static const auto* labels = new std::vector<std::string>{"secret",       "endpoint",         "cluster", "route",
                                                           "scoped_route", "extension_config", "listener"};
  return (*labels)[static_cast<size_t>(type)];
}

std::unique_ptr<Server> Server::Create(runtime::Loop& loop, runtime::Metrics& metrics, ServerOptions options) {
  return std::make_unique<ServerImpl>(loop, metrics, std::move(options));
}

ServerImpl::ServerImpl(runtime::Loop& loop, runtime::Metrics& metrics, ServerOptions options)
    : loop_(loop), metrics_(metrics), options_(std::move(options)), counters_(std::make_unique<Counters>(metrics)) {
  slot_->handler = this;
}

ServerImpl::~ServerImpl() {
  observers_.clear();
  Shutdown();
}

absl::Status ServerImpl::Start() {
  grpc::ServerBuilder builder;
  RouteGrpcLog();
  handshakes_seen_ = FailedHandshakes();
  builder.AddListeningPort(options_.address, Credentials(options_.tls), &port_);
  builder.RegisterCallbackGenericService(this);
  // Two control planes must not share a port without knowing.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                             static_cast<int>(absl::ToInt64Milliseconds(options_.keepalive_time)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             static_cast<int>(absl::ToInt64Milliseconds(options_.keepalive_timeout)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsOfAConnection);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.SetMaxSendMessageSize(-1);
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr || port_ == 0) {
    grpc_ = nullptr;
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options_.address, ": the port is taken or the address is not of this host"));
  }
  sweep_ = loop_.After(kSweepPeriod, [this] { Sweep(); });
  return absl::OkStatus();
}

void ServerImpl::SetReady(bool ready) {
  if (ready == ready_) return;
  ready_ = ready;
  if (!ready) return;
  std::vector<Call*> calls;
  for (const auto& [call, stream] : streams_) calls.push_back(call);
  for (Call* call : calls) {
    const auto it = streams_.find(call);
    if (it == streams_.end()) continue;
    Stream& stream = *it->second;
    if (stream.held.has_value()) {
      Message message = *std::move(stream.held);
      stream.held.reset();
      Handle(stream, std::move(message));
    } else {
      Pump(stream);
    }
  }
}

void ServerImpl::Publish(const std::string& name, const Delta& delta, absl::Time since) {
  std::unique_ptr<Role>& role = roles_[name];
  if (role == nullptr) {
    role = std::make_unique<Role>();
    role->name = name;
  }
  if (std::exchange(role->published, true)) {
    ApplyTo(*role, delta, since);
    return;
  }
  // What its Envoys were served while nobody knew the role goes.
  Delta whole = delta;
  for (int i = 0; i < snapshot::kTypeCount; ++i) {
    const Type type = static_cast<Type>(i);
    for (const auto& [resource, ptr] : role->snapshot.resources(type)) whole.removals.push_back({type, resource});
  }
  ApplyTo(*role, whole, since);
}

void ServerImpl::ForgetRole(const std::string& name) {
  const auto it = roles_.find(name);
  if (it == roles_.end() || !it->second->published) return;
  Role& role = *it->second;
  if (role.streams.empty()) {
    roles_.erase(it);
    return;
  }
  role.published = false;
  role.asked = false;
  Delta gone;
  for (int i = 0; i < snapshot::kTypeCount; ++i) {
    const Type type = static_cast<Type>(i);
    for (const auto& [resource, ptr] : role.snapshot.resources(type)) gone.removals.push_back({type, resource});
  }
  AskForUnknown(role, std::move(gone));
}

void ServerImpl::ApplyTo(Role& role, const Delta& delta, absl::Time since) {
  absl::flat_hash_map<ResourceRef, ResourcePtr> before;
  const auto remember = [&](const ResourceRef& ref) {
    const auto& map = role.snapshot.resources(ref.type);
    if (const auto it = map.find(ref.name); it != map.end()) before[ref] = it->second;
  };
  for (const ResourcePtr& r : delta.upserts) remember(r->ref);
  for (const ResourceRef& ref : delta.removals) remember(ref);
  std::vector<std::string> violations;
  const Delta changed = role.snapshot.Apply(delta, &violations);
  for (const std::string& violation : violations) spdlog::error("xds: role {}: {}", role.name, violation);
  if (changed.empty()) return;
  Change change;
  change.since = since;
  change.items.reserve(changed.upserts.size() + changed.removals.size());
  for (const ResourcePtr& r : changed.upserts) change.items.push_back({r->ref, before[r->ref], r});
  for (const ResourceRef& ref : changed.removals) change.items.push_back({ref, before[ref], nullptr});
  for (Stream* stream : role.streams) stream->session->OnChange(change);
  for (Stream* stream : role.streams) Pump(*stream);
}

void ServerImpl::AskForUnknown(Role& role, Delta before) {
  if (role.published || std::exchange(role.asked, true)) return;
  spdlog::warn("xds: nobody defines role \"{}\"", role.name);
  if (options_.unknown_role) before.upserts = options_.unknown_role(role.name).upserts;
  ApplyTo(role, before, SteadyNow());
}

const snapshot::Snapshot* ServerImpl::snapshot(const std::string& name) const {
  const auto it = roles_.find(name);
  return it == roles_.end() || !it->second->published ? nullptr : &it->second->snapshot;
}

std::vector<std::string> ServerImpl::roles() const {
  std::vector<std::string> out;
  for (const auto& [name, role] : roles_) {
    if (role->published) out.push_back(name);
  }
  return out;
}

std::vector<Client> ServerImpl::clients() const {
  std::vector<Client> out;
  for (const auto& [call, stream] : streams_) {
    if (stream->session == nullptr) continue;
    out.push_back(stream->client);
    out.back().converged = stream->session->converged();
    out.back().settled = stream->session->settled();
    for (int i = 0; i < snapshot::kTypeCount; ++i) {
      const Subscription& s = stream->session->subscription(static_cast<Type>(i));
      Client::Count& count = out.back().counts[static_cast<size_t>(i)];
      count.asked = s.asked;
      count.resources = s.entries.size();
      for (const auto& [sequence, entries] : s.pending) count.waiting += entries;
    }
  }
  std::sort(out.begin(), out.end(), [](const Client& a, const Client& b) {
    return std::tie(a.node_id, a.connected) < std::tie(b.node_id, b.connected);
  });
  return out;
}

ClientState ServerImpl::StateOf(const std::string& node_id, const ResourceRef& ref, std::string_view version,
                                std::string* message) const {
  const auto it = nodes_.find(node_id);
  if (it == nodes_.end()) return ClientState::kNotWanted;
  // The newest stream speaks for the node; one of a single type has nothing to say about others.
  for (auto stream = it->second.rbegin(); stream != it->second.rend(); ++stream) {
    if (!(*stream)->session->subscription(ref.type).active) continue;
    return (*stream)->session->StateOf(ref, version, message);
  }
  return ClientState::kNotWanted;
}

bool ServerImpl::Substitute(const std::string& node_id, const ResourceRef& ref, std::string_view version,
                            const ResourcePtr& form) {
  const auto it = nodes_.find(node_id);
  if (it == nodes_.end()) return false;
  bool taken = false;
  for (const Stream* stream : it->second) taken |= stream->session->Substitute(ref, version, form);
  return taken;
}

void ServerImpl::Sweep() {
  const std::unique_ptr<runtime::Timer> fired = std::move(sweep_);
  sweep_ = loop_.After(kSweepPeriod, [this] { Sweep(); });
  const uint64_t failed = FailedHandshakes();
  counters_->handshakes_failed.Add(static_cast<double>(failed - std::exchange(handshakes_seen_, failed)));
  const absl::Time late = SteadyNow() - options_.write_timeout;
  std::vector<Stream*> slow;
  for (const auto& [call, stream] : streams_) {
    const bool silent = !stream->spoke;
    if (!stream->ended && (stream->writing || silent) && stream->waiting_since < late) slow.push_back(stream.get());
  }
  for (Stream* stream : slow) {
    spdlog::warn("xds: {} {}: cut off after {} without {}", stream->client.node_id, stream->client.peer,
                 absl::FormatDuration(options_.write_timeout), stream->writing ? "reading" : "a request");
    const std::shared_ptr<Call> call = stream->call;
    Forget(*stream);
    call->Abort({grpc::StatusCode::DEADLINE_EXCEEDED, "the client is too slow"});
  }
}

void ServerImpl::Shutdown() {
  std::vector<std::shared_ptr<Call>> calls;
  {
    absl::MutexLock lock(&calls_->mutex);
    calls_->closing = true;
    for (Call* call : calls_->open) calls.push_back(call->shared_from_this());
  }
  sweep_ = nullptr;
  // Also calls whose opening still waits in the loop's queue: their handler is gone by then.
  slot_->handler = nullptr;
  while (!streams_.empty()) Forget(*streams_.begin()->second);
  for (const std::shared_ptr<Call>& call : calls) call->Close({grpc::StatusCode::UNAVAILABLE, "shutting down"});
  if (grpc_ == nullptr) return;
  // Cuts off what does not end by itself.
  grpc_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
  grpc_->Wait();
  grpc_ = nullptr;
}

}  // namespace gloo::xds
