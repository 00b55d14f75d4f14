// One client's stream as a state machine: requests and changes in, responses out. No gRPC, no thread of its own:
// loop thread only. docs/design/xds.md explains the states and the order.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "runtime/loop.h"
#include "snapshot/snapshot.h"
#include "xds/server.h"
#include "xds/server_names.h"
#include "xds/subscription.h"

namespace gloo::xds {

// What one publication changed in a role's snapshot. `before` null: new; `after` null: gone.
struct Change {
  struct Item {
    snapshot::ResourceRef ref;
    snapshot::ResourcePtr before;
    snapshot::ResourcePtr after;
  };
  std::vector<Item> items;
  // When what was published arrived.
  absl::Time since = absl::InfinitePast();
};

// One message to the client.
struct Response {
  std::string type_url;
  std::string nonce;
  std::string version;
  struct Item {
    // The name that the client asked for; a secret's own may be a wildcard that covers it.
    std::string name;
    snapshot::ResourcePtr resource;
  };
  std::vector<Item> items;
  std::vector<std::string> removed;  // delta only
};

using NamedVersions = std::vector<std::pair<std::string, std::string>>;

class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  // `took`: from the response to its acknowledgement.
  virtual void OnAck(snapshot::Type type, const NamedVersions& resources, absl::Duration took) = 0;
  // `isolated`: the response held one resource, so it is the culprit; otherwise each is offered again alone.
  virtual void OnNack(snapshot::Type type, const NamedVersions& resources, const std::string& message,
                      bool isolated) = 0;
  // All that one publication changed for this client is in force, `took` after Change::since.
  virtual void OnInForce(absl::Duration took) = 0;
  // A timer has made something sendable: call Next().
  virtual void OnRunnable() = 0;
  // A server name that `wildcard` would answer is answered as absent: it answers too many already.
  virtual void OnServerNameRefused(const std::string& wildcard) = 0;
};

struct SessionOptions {
  bool delta = true;
  size_t max_response_bytes = 1 << 20;
  // How long an acknowledged resource waits for the client to subscribe to what it warms (1 to 2 times this), how long
  // a client that reconnects has to say all that it holds before anything is removed from it, and how long a scope
  // stays after the table of domains named it no more: the workers of an Envoy take a new table one after the other.
  absl::Duration grace = absl::Milliseconds(500);
  // How long a client that reconnected may hold its request for clusters back: longer than an Envoy warms one, which
  // ends by itself after 15 s without endpoints. Zero where it will not ask for clusters on this stream.
  absl::Duration withheld = absl::Seconds(30);
  // How many server names one wildcard certificate may answer on a stream. Clients of the Envoy choose them, and each
  // is a secret of its own there.
  size_t max_names_of_wildcard = 10'000;
  // A type with this many unanswered responses has to wait for answers (delta; the state of the world: one).
  size_t max_unanswered = 1000;
  // For a scope that is about to point to routes which the client does not have: a scope that no request has, under a
  // name of its own, with the same routes.
  snapshot::ResourcePtr (*make_mover)(const snapshot::Resource& scope) = snapshot::ScopeMover;
};

class Session {
 public:
  Session(runtime::Loop& loop, const snapshot::Snapshot& snapshot, SessionEvents& events, SessionOptions options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // An error ends the stream. Only the one of the session's protocol may be called.
  absl::Status OnRequest(const envoy::service::discovery::v3::DeltaDiscoveryRequest& request);
  absl::Status OnRequest(const envoy::service::discovery::v3::DiscoveryRequest& request);
  // The snapshot has changed; called after the fact, once a publication.
  void OnChange(const Change& change);
  // The next message to write, or none. To be called whenever no write is under way and something may have changed.
  std::optional<Response> Next();

  ClientState StateOf(const snapshot::ResourceRef& ref, std::string_view version, std::string* message) const;
  // The form that the client has acknowledged; null where there is none, or it is not known here.
  snapshot::ResourcePtr Held(const snapshot::ResourceRef& ref) const;
  // What the client is to have in place of `version`, which it refused, while there is no other; null: what it has.
  // False: that version is not what it refuses now.
  bool Substitute(const snapshot::ResourceRef& ref, std::string_view version, snapshot::ResourcePtr form);
  // Subscribed to something, and all of it acknowledged.
  bool converged() const;
  // The same, but what the client refused, and removals that wait for it, count as done.
  bool settled() const;
  const Subscription& subscription(snapshot::Type type) const { return subscriptions_[static_cast<int>(type)]; }
  // Bounds of memory, for tests: responses that wait for an answer, held references.
  size_t in_flight() const;
  size_t held() const { return holds_.size(); }

 private:
  struct Hold {
    int count = 0;
    // Set when it left the snapshot while held: it can still be answered.
    snapshot::ResourcePtr gone;
  };
  // The forms of one resource that a client may have.
  using Forms = absl::InlinedVector<snapshot::ResourcePtr, 3>;
  enum class Decision { kNothing, kUpsert, kRemove };

  Subscription& sub(snapshot::Type type) { return subscriptions_[static_cast<int>(type)]; }
  bool FullState(snapshot::Type type) const;
  // What answers for the name now; for secrets under its own name.
  snapshot::ResourcePtr Current(snapshot::Type type, const std::string& name) const;

  // session_requests.cc
  absl::Status OnForeignType(const std::string& type_url, std::vector<std::string> names);
  void Adopt(snapshot::Type type, const std::string& name, const std::string& version);
  absl::Status Subscribe(snapshot::Type type, const std::string& name);
  void Unsubscribe(snapshot::Type type, const std::string& name);
  void SubscribeAll(snapshot::Type type);
  void UnsubscribeAll(snapshot::Type type);
  void ReplaceNames(snapshot::Type type, const std::vector<std::string>& names);
  void Acknowledge(snapshot::Type type, InFlight response);
  void Refuse(snapshot::Type type, InFlight response, const std::string& message);
  // Takes out the publications of which nothing waits any more; `acknowledged`: and tells of them.
  void FinishPublications(bool acknowledged);

  // session_order.cc
  // Applies `change` to the entry's `sent`, `acked`, `lag` or `lag->maybe`, keeping count of what the client may still
  // use.
  template <typename F>
  void Mutate(Entry& entry, F change);
  static Forms FormsOf(const Entry& entry);
  void AddReferences(const Forms& forms);
  void DropReferences(const Forms& forms);
  // True: something of it is to be sent.
  bool MarkChanged(snapshot::Type type, const std::string& name, Entry& entry);
  void Settle(snapshot::Type type, const std::string& name, Entry& entry);
  // The client asks for it no more. Kept until a response with it that is on the way is answered.
  void Leave(snapshot::Type type, const std::string& name, Entry& entry);
  void EraseEntry(snapshot::Type type, const std::string& name);
  void Enqueue(snapshot::Type type, const std::string& name, Entry& entry);
  void SetPending(snapshot::Type type, Lag& lag, uint64_t sequence);
  void UpdatePending(snapshot::Type type, const std::string& name, Entry& entry);
  void WaitFor(const snapshot::ResourceRef& key, snapshot::Type type, const std::string& name, Lag& lag);
  void StopWaiting(snapshot::Type type, const std::string& name, Lag& lag);
  void Wake(const snapshot::ResourceRef& key);
  // What an upsert, a removal, or the end of warming has to wait for.
  std::optional<snapshot::ResourceRef> UpsertBlockedBy(const snapshot::Resource& resource, const Lag& lag) const;
  std::optional<snapshot::ResourceRef> RemovalBlockedBy(snapshot::Type type, const std::string& name, Lag& lag) const;
  std::optional<snapshot::ResourceRef> WarmingBlockedBy(const snapshot::Resource& resource, Lag& lag, bool* grace);
  static bool InForce(const Entry& entry);
  bool NotInForce(const snapshot::ResourceRef& ref, uint64_t sequence) const;
  // Whether all that it needs is in force at the client now.
  bool Usable(const snapshot::Resource& resource) const;
  bool PendingUpTo(snapshot::Type type, uint64_t sequence) const;
  // The client is back, and has not said yet which clusters it has: an Envoy asks for none while it warms one. What it
  // does know of them is not known here, so nothing that may refer to them is sent, and nothing is removed.
  bool ClustersWithheld() const;
  // Endpoints that are not in the snapshot, of a form of a cluster that the client may be warming: the current form of
  // that cluster is sent unasked, so that it warms that one in its place. False: there is no such cluster.
  bool OfferClusterOf(const std::string& endpoints);
  void KeepGraceTimer();
  void OnGrace();

  // session_secrets.cc
  void AssignSecret(const std::string& name);
  // As MarkChanged().
  bool OnSecretsChanged(const std::vector<std::string>& changed);
  // session_moves.cc
  // A scope that moves to other routes would answer 404 until the client has fetched them, for it asks only once it has
  // the scope. True: a mover is on its way, which makes it ask; the scope waits for that.
  bool WaitsForMover(const std::string& name, const Entry& entry, const snapshot::Resource& current, Lag& lag);
  void DropMover(const std::string& name);
  void DropStaleMover(const std::string& name);

  // session_send.cc
  bool MayRespond(const Subscription& s) const;
  Decision Decide(snapshot::Type type, const std::string& name, Entry& entry, snapshot::ResourcePtr* resource);
  void Collect(snapshot::Type type, Response* response, InFlight* in_flight);
  // What a changed resource warms. In the state of the world a client that drops a name and asks for it again looks
  // like one that always had it; it does so for these.
  void SendAgain(const std::vector<snapshot::ResourceRef>& refs);
  void FillFullState(snapshot::Type type, Response* response, const InFlight& in_flight);

  runtime::Loop& loop_;
  const snapshot::Snapshot& snapshot_;
  SessionEvents& events_;
  const SessionOptions options_;

  Subscription subscriptions_[snapshot::kTypeCount];
  ServerNames server_names_;
  // Counts publications: says which changes came before which.
  uint64_t sequence_ = 1;
  // Publications that changed something for this client and are not in force: sequence number and Change::since. What
  // a client that answers too slowly makes too many is not measured.
  std::deque<std::pair<uint64_t, absl::Time>> publications_;
  uint64_t last_nonce_ = 0;
  int next_type_ = 0;
  // Everything that a form which the client has or may have, and which is not the current one, refers to. What is in
  // here is neither removed from the client nor forgotten.
  absl::flat_hash_map<snapshot::ResourceRef, Hold> holds_;
  absl::flat_hash_map<snapshot::ResourceRef, absl::flat_hash_set<snapshot::ResourceRef>> waiters_;
  // Entries whose form at the client is unknown (it reconnected with a version that is not ours), by type.
  size_t unknown_[snapshot::kTypeCount] = {};
  // The timer of graces. One that begins ends with the second tick.
  uint64_t ticks_ = 0;
  // Resources that wait for the clients to ask for what they warm; those in the second one are released by the next
  // tick.
  std::vector<snapshot::ResourceRef> grace_first_, grace_second_;
  // The client reconnected, and has said by then what it holds; 0: it has not.
  uint64_t adopted_at_ = 0;
  // Until then a client that reconnected may hold back its request for clusters.
  uint64_t withheld_until_ = 0;
  // All workers of the client use the table of domains that it has acknowledged.
  uint64_t table_settled_at_ = 0;
  std::unique_ptr<runtime::Timer> grace_timer_;
  // To be sent again as soon as the client has said that it has them.
  absl::flat_hash_set<snapshot::ResourceRef> owed_;
  // By the scope that waits for it. Not in the snapshot: there for this client as long as its scope moves.
  struct Mover {
    snapshot::ResourcePtr scope;
    std::string of;  // version of the form that it was made for
  };
  absl::flat_hash_map<std::string, Mover> movers_;
  absl::flat_hash_map<std::string, snapshot::ResourcePtr> mover_scopes_;
  // Types that this server does not have: their names are answered as absent.
  absl::flat_hash_map<std::string, std::vector<std::string>> foreign_;
};

}  // namespace gloo::xds
