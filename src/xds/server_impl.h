// The server: roles with their snapshots, clients with their sessions, and the gRPC server that brings the calls.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "xds/call.h"
#include "xds/server.h"
#include "xds/session.h"

namespace gloo::xds {

class ServerImpl final : public Server, private grpc::CallbackGenericService, private CallHandler {
 public:
  ServerImpl(runtime::Loop& loop, runtime::Metrics& metrics, ServerOptions options);
  ~ServerImpl() override;

  absl::Status Start() override;
  int port() const override { return port_; }
  void SetReady(bool ready) override;
  using Server::Publish;
  void Publish(const std::string& role, const snapshot::Delta& delta, absl::Time since) override;
  void ForgetRole(const std::string& role) override;
  const snapshot::Snapshot* snapshot(const std::string& role) const override;
  std::vector<std::string> roles() const override;
  std::vector<Client> clients() const override;
  ClientState StateOf(const std::string& node_id, const snapshot::ResourceRef& ref, std::string_view version,
                      std::string* message) const override;
  bool Substitute(const std::string& node_id, const snapshot::ResourceRef& ref, std::string_view version,
                  const snapshot::ResourcePtr& form) override;
  void AddObserver(Observer* observer) override { observers_.push_back(observer); }
  void Shutdown() override;

 private:
  struct Stream;
  struct Role {
    std::string name;
    snapshot::Snapshot snapshot;
    bool published = false;
    bool asked = false;
    std::vector<Stream*> streams;
  };
  // One call; those of discovery have a session once they said who they are.
  struct Stream final : SessionEvents {
    Stream(ServerImpl& server, std::shared_ptr<Call> call);
    void OnAck(snapshot::Type type, const NamedVersions& resources, absl::Duration took) override;
    void OnNack(snapshot::Type type, const NamedVersions& resources, const std::string& message,
                bool isolated) override;
    void OnInForce(absl::Duration took) override;
    void OnRunnable() override { server.Pump(*this); }
    void OnServerNameRefused(const std::string& wildcard) override;

    ServerImpl& server;
    const std::shared_ptr<Call> call;
    Client client;
    Role* role = nullptr;
    std::unique_ptr<Session> session;
    // Came before the server was ready.
    std::optional<Message> held;
    // The latest question of client status that came while the answer to another was written.
    std::optional<envoy::service::status::v3::ClientStatusRequest> question;
    bool spoke = false;
    bool writing = false;
    bool ended = false;
    absl::Time waiting_since;  // for a write to end, or for the first request
    absl::Time last_name_warning = absl::InfinitePast();
  };
  struct Counters;

  // server.cc
  void ApplyTo(Role& role, const snapshot::Delta& delta, absl::Time since);
  // `before`: what goes when its answer comes.
  void AskForUnknown(Role& role, snapshot::Delta before = {});
  void Sweep();

  // server_streams.cc
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override;
  void OnOpen(const std::shared_ptr<Call>& call) override;
  void OnMessage(Call& call, Message message) override;
  void OnWritten(Call& call) override;
  void OnClosed(Call& call) override;
  void Handle(Stream& stream, Message message);
  template <typename Request>
  absl::Status HandleDiscovery(Stream& stream, Request& request);
  absl::Status Identify(Stream& stream, const envoy::config::core::v3::Node& node);
  bool MayBeRole(const Stream& stream, const std::string& role) const;
  absl::Status RefuseRole(const Stream& stream);
  // At most once a minute for each text.
  bool NotLoggedLately(const std::string& what);
  absl::Status HandleStatus(Stream& stream, const envoy::service::status::v3::ClientStatusRequest& request);
  void Pump(Stream& stream);
  void End(Stream& stream, const absl::Status& status);
  void Forget(Stream& stream);

  runtime::Loop& loop_;
  runtime::Metrics& metrics_;
  const ServerOptions options_;
  const std::unique_ptr<Counters> counters_;
  const std::shared_ptr<HandlerSlot> slot_ = std::make_shared<HandlerSlot>();
  std::unique_ptr<grpc::Server> grpc_;
  int port_ = 0;
  bool ready_ = false;
  std::map<std::string, std::unique_ptr<Role>> roles_;
  absl::flat_hash_map<Call*, std::unique_ptr<Stream>> streams_;
  // Discovery streams of a node, the newest last.
  absl::flat_hash_map<std::string, std::vector<Stream*>> nodes_;
  std::vector<Observer*> observers_;
  std::unique_ptr<runtime::Timer> sweep_;
  uint64_t handshakes_seen_ = 0;
  // When something was last logged, by what it says: a client that is refused comes again all the time.
  absl::flat_hash_map<std::string, absl::Time> logged_;

  // Every call that gRPC has not finished with. Calls hold it too: the last one may outlive the server.
  struct Calls {
    absl::Mutex mutex;
    bool closing ABSL_GUARDED_BY(mutex) = false;
    absl::flat_hash_set<Call*> open ABSL_GUARDED_BY(mutex);
  };
  const std::shared_ptr<Calls> calls_ = std::make_shared<Calls>();
};

}  // namespace gloo::xds
