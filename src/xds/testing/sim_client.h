// A client like Envoy against a Session, without gRPC: it warms clusters, subscribes to what resources refer to,
// holds acknowledgements of clusters back until they are warm or does not (Envoy while it starts), refuses what is
// marked bad, and checks after every step that nothing it has in force refers to something that it does not have.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "runtime/loop.h"
#include "snapshot/snapshot.h"
#include "xds/session.h"

namespace gloo::xds::testing {

// Resources with this in their body are refused.
inline constexpr char kBad[] = "!bad!";
// A table of domains names the scopes that it wants to find: "table:a,b,".
inline constexpr char kTable[] = "table:";
// How long its workers may take for a table: less than the grace of a session.
inline constexpr absl::Duration kWorkersLag = absl::Milliseconds(400);

class SimClient final : public SessionEvents {
 public:
  SimClient(runtime::FakeLoop& loop, const snapshot::Snapshot& snapshot, bool delta, uint32_t seed);

  // A new stream; what is held stays. The first one of a fresh client holds nothing.
  void Connect();
  void Publish(const Change& change) { session_->OnChange(change); }
  // One random step: a request or a response is moved. False: nothing to move.
  bool Step();
  // Time passes for timers. What the client has said has arrived: the grace that a client has to ask for something is
  // far longer than a message takes.
  void Wait(absl::Duration duration);
  // Steps until nothing moves, letting timers fire.
  void Drain();

  Session& session() { return *session_; }
  const std::vector<std::string>& violations() const { return violations_; }
  // Where the client differs from the snapshot in what it asks for; empty: converged.
  std::vector<std::string> Differences() const;
  size_t responses() const { return responses_; }
  size_t nacks() const { return nacks_; }

 private:
  using Map = std::map<std::string, snapshot::ResourcePtr>;

  void OnAck(snapshot::Type, const NamedVersions&, absl::Duration) override {}
  void OnInForce(absl::Duration) override {}
  // Often something else stands in for a refused route: of what it needs and what the form before did.
  void OnNack(snapshot::Type type, const NamedVersions& resources, const std::string&, bool isolated) override;
  void OnRunnable() override {}
  void OnServerNameRefused(const std::string&) override {}

  struct Request {
    envoy::service::discovery::v3::DeltaDiscoveryRequest delta;
    envoy::service::discovery::v3::DiscoveryRequest sotw;
    snapshot::Type type;
  };

  Map& held(snapshot::Type type) { return held_[static_cast<int>(type)]; }
  const Map& held(snapshot::Type type) const { return held_[static_cast<int>(type)]; }
  void Deliver();
  void Receive(const Response& response);
  void Answer(snapshot::Type type, const std::string& nonce, bool ok);
  void Resubscribe(const std::set<snapshot::ResourceRef>& again);
  bool Warm(const snapshot::Resource& cluster) const;
  bool AnyWarming() const;
  void ReleaseAcks();
  void CheckTwice(snapshot::Type type, const Response& response, bool ok);
  void Check(const char* after);
  bool Wildcard(snapshot::Type type) const;

  runtime::FakeLoop& loop_;
  const snapshot::Snapshot& snapshot_;
  const bool delta_;
  std::mt19937 random_;
  std::unique_ptr<Session> session_;
  std::deque<Request> to_server_;
  std::deque<Response> to_client_;
  Map held_[snapshot::kTypeCount];
  // Clusters that were warm once serve until they are removed, even while a change of them warms.
  std::set<std::string> active_;
  // What this client refused in its latest form; clusters until the form after that is warm. What it was told is
  // absent.
  std::set<snapshot::ResourceRef> refused_;
  std::set<std::string> mending_;
  // Clusters that came on this stream: a server that knows nothing of earlier ones need not answer their endpoints.
  std::set<std::string> advertised_;
  std::set<snapshot::ResourceRef> absent_;
  // Endpoints that a changed cluster waits for.
  std::set<snapshot::ResourceRef> stale_;
  int substitutes_ = 0;
  // Scopes that have had their routes.
  std::set<std::string> routed_;
  std::set<std::string> subscribed_[snapshot::kTypeCount];
  bool asked_[snapshot::kTypeCount] = {};
  std::string last_nonce_[snapshot::kTypeCount];
  // From the first time on that the table of domains and the scopes fitted: until then no listener is warm.
  bool serving_ = false;
  // Tables that a worker may still use, and until when.
  std::vector<std::pair<snapshot::ResourcePtr, absl::Duration>> tables_before_;
  absl::Duration passed_;
  // Acknowledgements of clusters that wait for warming.
  std::vector<std::pair<std::string, bool>> cluster_acks_;
  // The last version that came on this stream, or was said to be held when it began; and how often it may come again
  // because the client asked.
  std::map<snapshot::ResourceRef, std::string> got_;
  std::map<snapshot::ResourceRef, int> asked_again_;
  std::vector<std::string> violations_;
  size_t responses_ = 0;
  size_t nacks_ = 0;
};

}  // namespace gloo::xds::testing
