// The loop: merges what the sources say, translates what it touches, publishes, reports. Owns the mutable world.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "controller/refusals.h"
#include "model/object.h"
#include "model/token.h"
#include "reporter/reporter.h"
#include "runtime/loop.h"
#include "runtime/mailbox.h"
#include "runtime/metrics.h"
#include "sources/source.h"
#include "state/store.h"
#include "translator/translator.h"
#include "xds/server.h"

namespace gloo::controller {

// What has arrived and is not processed yet, merged: bounded by the number of things, not of events.
struct Pending {
  absl::flat_hash_map<model::ObjectKey, sources::ObjectEvent> objects;
  absl::flat_hash_map<std::pair<sources::DataKind, model::DataKey>, model::NamedDataPtr> data;
  absl::flat_hash_map<std::string, sources::PlaceEvent> places;
  absl::flat_hash_set<std::string> synced;
  size_t batches = 0;
  // When the oldest of it arrived.
  absl::Time since = absl::InfiniteFuture();

  static Pending From(sources::Batch batch);
  void Merge(Pending later);
  size_t size() const { return objects.size() + data.size() + places.size(); }
};

// An object as users ask for it.
struct ObjectView {
  model::ObjectKey key;
  // As written; where that could not be read, the form in force; null where there is neither.
  model::ObjectPtr object;
  v1::Status status;  // with nodes and conditions
};

// An Envoy as users ask for it.
struct ClientView {
  xds::Client client;
  std::vector<Refusals::Refusal> refusals;
};

struct Options {
  // Names of the sources to wait for before the first answer to an Envoy.
  std::vector<std::string> sources;
  // After this, what was good before is served although a source has not synced; only where there is such a state.
  absl::Duration serve_last_good_after = absl::Seconds(1);
  // At the start nobody is served before the tokens of functions are there, or cannot be had: an Envoy that has some
  // would lose them. At most for so long.
  absl::Duration wait_for_tokens = absl::Seconds(6);
  const Clock* clock = &Clock::Real();
  // Told on the loop thread, whenever it changes, which tokens upstreams ask for; answers by PutToken(), later.
  std::function<void(const model::TokensWanted&)> want_tokens;
};

class Controller final : public sources::Sink, private xds::Observer {
 public:
  // All references must outlive the controller; `store` may be null.
  Controller(runtime::Loop& loop, runtime::Metrics& metrics, translator::Translator& translator, xds::Server& server,
             reporter::Reporter& reporter, state::Store* store, Options options);
  ~Controller() override;

  // Takes up the last good state: the first thing that the loop does with the controller.
  void Start();

  // Any thread.
  void Push(sources::Batch batch) override;

  // The rest on the loop thread.
  // nullopt: it is no more.
  void PutToken(const model::TokenKey& key, std::optional<model::Token> token);
  bool synced() const { return unsynced_.empty(); }
  // Envoys are answered: synced, or serving the last good state.
  bool serving() const { return serving_; }
  size_t object_count() const { return known_.size(); }
  // Sorted by key.
  std::vector<ObjectView> Objects(model::Kind kind) const;
  // Sorted by node id.
  std::vector<ClientView> Clients() const;
  // Places (files ...) that cannot be read now, with their issues; sorted.
  std::vector<std::pair<std::string, std::vector<Issue>>> BrokenPlaces() const;

 private:
  struct Known {
    model::ObjectPtr current;   // what was read last; null when it could not be read
    model::ObjectPtr in_force;  // what Envoys have
    // What the state directory has: never a form that is wrong.
    model::ObjectPtr last_good;
    model::Origin origin;
    int64_t generation = 0;
    int64_t created = 0;
    std::string hash;
    std::vector<Issue> read_issues;
    // As the translator reported it, before place issues are added.
    std::optional<translator::Report> report;
  };

  void Process(Pending pending);
  void Remember(const state::Store::Loaded& loaded, translator::Changes& changes);
  // Places whose issues changed.
  absl::flat_hash_set<std::string> TakePlaces(absl::flat_hash_map<std::string, sources::PlaceEvent>& places);
  // The object with generation and age filled in; null when the event changes nothing.
  std::optional<translator::Entry> Take(const sources::ObjectEvent& event, state::Write& write);
  void MoveTo(const model::ObjectKey& key, Known& known, model::Origin origin);
  bool Forget(const model::ObjectKey& key);
  // It may be that the place holds something that no source has told.
  bool Unread(std::string_view location) const;
  void DropUnseen(translator::Changes& changes, state::Write& write);
  void DropUnseenData(translator::Changes& changes, state::Write& write);
  // Whether no object defines the role any more.
  bool IsDropped(const std::string& role) const;
  // `write`: what else is to be kept of the change.
  void Publish(translator::Result result, state::Write write, absl::Time since);
  // Soon, and once for whatever many Envoys say by then: looks again at the objects that an Envoy refuses, for it may
  // be another form by now, or another Envoy.
  void ReviewRefusalsSoon();
  void ReviewRefusals();
  std::vector<Issue> RefusalsOf(const model::ObjectKey& key, const std::vector<xds::Client>& clients) const;
  void ReportPlaces(const absl::flat_hash_set<std::string>& changed);
  reporter::StatusReport MakeReport(const Known& known) const;
  // Before the sources have told all. Only where there is such a state; not if served already.
  void ServeLastGood(std::string_view why);
  // Once the tokens that are wanted are there.
  void Serve();
  void ServeNow();
  std::vector<v1::Status::Node> NodesOf(const model::ObjectKey& key, const std::vector<xds::Client>& clients) const;

  void OnConnected(const std::string& node_id, const std::string& role) override;
  void OnDisconnected(const std::string& node_id, const std::string& role) override;
  void OnAck(const std::string& node_id, snapshot::Type type,
             const std::vector<std::pair<std::string, std::string>>& resources) override;
  void OnNack(const xds::Nack& nack) override;

  runtime::Loop& loop_;
  runtime::Metrics& metrics_;
  translator::Translator& translator_;
  xds::Server& server_;
  reporter::Reporter& reporter_;
  state::Store* const store_;
  const Options options_;
  runtime::Gauge& queue_;
  runtime::Mailbox<Pending> mailbox_;
  absl::flat_hash_map<model::ObjectKey, Known> known_;
  // So that what becomes of a place costs what it holds.
  absl::flat_hash_map<std::string, absl::flat_hash_set<model::ObjectKey>> by_location_;
  // Taken from the state directory and not told by a source yet.
  absl::flat_hash_set<model::ObjectKey> unseen_;
  absl::flat_hash_set<std::pair<sources::DataKind, model::DataKey>> unseen_data_;
  // Objects of which an Envoy refuses something, and what their statuses say of it.
  absl::flat_hash_map<model::ObjectKey, std::vector<Issue>> refused_;
  Refusals refusals_;
  std::unique_ptr<runtime::Timer> refusals_timer_;
  // With issues.
  absl::flat_hash_map<std::string, sources::PlaceEvent> places_;
  absl::flat_hash_set<std::string> unsynced_;
  bool serving_ = false;
  bool has_state_ = false;
  // How far (ns) the clock was set back since the last run: what is new now is younger than what was there then.
  int64_t set_back_ = 0;
  std::unique_ptr<runtime::Timer> last_good_timer_;
  // Until it serves: tokens of which it has been told, and those that it waits for.
  std::set<model::TokenKey> told_tokens_, awaited_tokens_;
  // Serve() was called; at its end nothing more is waited for.
  std::unique_ptr<runtime::Timer> token_timer_;
};

}  // namespace gloo::controller
