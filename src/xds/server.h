// The xDS server: aggregated discovery (delta and state of the world), client status discovery.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"
#include "snapshot/snapshot.h"
#include "xds/access.h"

namespace gloo::xds {

// "cluster", "scoped_route" ...: a label of metrics and logs.
const std::string& TypeLabel(snapshot::Type type);

// A refusal by an Envoy.
struct Nack {
  std::string node_id;
  std::string role;
  snapshot::Type type;
  // The resource refused, with its version; secrets under the name of the entry that answered. A response with several
  // resources is offered again one by one before it is reported, so that only the culprit is; a refusal of which
  // no resource is the cause holds none.
  std::vector<std::pair<std::string, std::string>> resources;  // name, version
  // Envoy's own words.
  std::string message;
  // What the client has instead of the one resource; null where there is none, or it is not known.
  snapshot::ResourcePtr held;
};

// Called on the loop thread.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnConnected(const std::string& node_id, const std::string& role) = 0;
  virtual void OnDisconnected(const std::string& node_id, const std::string& role) = 0;
  // The client now has these versions in force.
  virtual void OnAck(const std::string& node_id, snapshot::Type type,
                     const std::vector<std::pair<std::string, std::string>>& resources) = 0;
  virtual void OnNack(const Nack& nack) = 0;
};

// How one client stands to one resource.
enum class ClientState {
  kNotWanted,     // not subscribed
  kWaiting,       // not sent, or sent and not acknowledged
  kAcknowledged,  // in force at the given version
  kRefused,       // this version was NACKed
};

struct Client {
  std::string node_id;
  std::string role;
  std::string peer;
  std::string user_agent;
  bool delta = true;
  absl::Time connected;
  // Every resource that it is subscribed to is acknowledged.
  bool converged = false;
  // Nothing more can be sent to it: the rest it has refused.
  bool settled = false;
  uint64_t acks = 0;
  uint64_t nacks = 0;
  std::string last_error;
  // By type; what it has not asked for has none.
  struct Count {
    bool asked = false;
    // Names that it is subscribed to, and of these how many have a form that it has not answered.
    size_t resources = 0;
    size_t waiting = 0;
  };
  std::array<Count, snapshot::kTypeCount> counts;
};

// PEM files; read again every second, so that what replaces them is used for the next connection.
struct TlsFiles {
  std::string cert;
  std::string key;
  // Empty: clients need no certificate.
  std::string client_ca;
};

struct ServerOptions {
  // "127.0.0.1:9977"; port 0 is chosen.
  std::string address;
  // None: plain text.
  std::optional<TlsFiles> tls;
  // Which identities may be which role; the names in a client's certificate, or its common name where there are none.
  std::vector<AccessRule> access;
  // The role of a node: what stands before the first `~` of its id.
  // Asked once for each role that nobody published: gives what its Envoys are served instead.
  std::function<snapshot::Delta(const std::string& role)> unknown_role;
  // Bounds one response; more goes into further ones. The first answer to a wildcard may be 16 times as long, so that a
  // client starts with all of a type.
  size_t max_response_bytes = 1 << 20;
  // A client that takes a response no faster than this, or asks for nothing after it connected, is cut off.
  absl::Duration write_timeout = absl::Seconds(30);
  // Pings on an idle connection find peers that are gone without a word.
  absl::Duration keepalive_time = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(10);
  // How many server names a client is given certificates for by one wildcard; further ones are answered as absent.
  size_t max_names_of_wildcard = 10'000;
  // How long an acknowledged resource waits for the client to ask for what it warms, and a client that reconnects has
  // to name all that it holds before anything is removed from it.
  absl::Duration grace = absl::Milliseconds(500);
};

// All methods on the loop thread. gRPC's own threads only move bytes.
class Server {
 public:
  virtual ~Server() = default;
  virtual absl::Status Start() = 0;
  virtual int port() const = 0;
  // Nothing is answered before the first call with true: an Envoy that comes early waits for a complete state.
  virtual void SetReady(bool ready) = 0;
  // Makes the role known, with or without resources. `since`: when the change that this comes from arrived.
  virtual void Publish(const std::string& role, const snapshot::Delta& delta, absl::Time since) = 0;
  void Publish(const std::string& role, const snapshot::Delta& delta) { Publish(role, delta, SteadyNow()); }
  // Nobody defines the role any more: its Envoys, now and later, are served as those of a role that nobody published.
  virtual void ForgetRole(const std::string& role) = 0;
  // Null where the role is unknown.
  virtual const snapshot::Snapshot* snapshot(const std::string& role) const = 0;
  virtual std::vector<std::string> roles() const = 0;
  virtual std::vector<Client> clients() const = 0;
  // `message` receives Envoy's words where refused; may be null.
  virtual ClientState StateOf(const std::string& node_id, const snapshot::ResourceRef& ref, std::string_view version,
                              std::string* message) const = 0;
  // For observers, while they are told of an answer: what the node is to have in place of `version`, which it refused,
  // while there is no other; null: what it has. False: that version is not what it refuses now.
  virtual bool Substitute(const std::string& node_id, const snapshot::ResourceRef& ref, std::string_view version,
                          const snapshot::ResourcePtr& form) = 0;
  virtual void AddObserver(Observer* observer) = 0;
  // Ends all streams, so that clients go elsewhere. Idempotent.
  virtual void Shutdown() = 0;

  static std::unique_ptr<Server> Create(runtime::Loop& loop, runtime::Metrics& metrics, ServerOptions options);
};

}  // namespace gloo::xds
