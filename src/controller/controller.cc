#include "controller/controller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"
#include "runtime/log.h"

namespace gloo::controller {
namespace {

// Of one object.
constexpr size_t kMaxRefusals = 5;
// Many Envoys answer at about the same time.
constexpr absl::Duration kReviewAfter = absl::Milliseconds(50);

void LogIssue(const Issue& issue) {
  runtime::Log(issue.severity == Severity::kError ? spdlog::level::err : spdlog::level::warn, Describe(issue),
               {{"file", issue.location.file},
                {"line", issue.location.line},
                {"column", issue.location.column},
                {"path", issue.path},
                {"reason", issue.reason}});
}

// Whether a form that is kept says all that is remembered of the form read last.
bool SaysAll(const model::ObjectPtr& form, const state::SeenObject& seen) {
  return form != nullptr && form->hash == seen.hash && form->generation == seen.generation &&
         form->created == seen.created && form->origin == seen.origin;
}

// What all nodes say together.
v1::Status::Condition Programmed(const v1::Status& status) {
  v1::Status::Condition condition;
  condition.set_type("Programmed");
  condition.set_observed_generation(status.observed_generation());
  const v1::Status::Node* worst = nullptr;
  for (const v1::Status::Node& node : status.nodes()) {
    if (node.state() == v1::Status::Node::PROGRAMMED) continue;
    if (worst == nullptr ||
        (worst->state() == v1::Status::Node::WAITING && node.state() == v1::Status::Node::REFUSED)) {
      worst = &node;
    }
  }
  if (worst != nullptr) {
    const bool refused = worst->state() == v1::Status::Node::REFUSED;
    condition.set_status("False");
    condition.set_reason(refused ? "Refused" : "Waiting");
    condition.set_message(StrCat("Envoy ", worst->id(), refused ? " refuses it: " : " ", worst->message()));
  } else if (status.nodes().empty()) {
    condition.set_status("Unknown");
    condition.set_reason("NoEnvoy");
    condition.set_message("no Envoy that is to have it is connected");
  } else {
    condition.set_status("True");
    condition.set_reason("Programmed");
  }
  return condition;
}

}  // namespace

Pending Pending::From(sources::Batch batch) {
  Pending out;
  out.batches = 1;
  out.since = SteadyNow();
  for (sources::ObjectEvent& event : batch.objects) out.objects.insert_or_assign(event.key, std::move(event));
  for (auto& [kind, event] : batch.data) out.data.insert_or_assign({kind, event.key}, std::move(event.data));
  for (sources::PlaceEvent& event : batch.places) {
    std::string place = event.place;
    out.places.insert_or_assign(std::move(place), std::move(event));
  }
  if (batch.synced) out.synced.insert(std::move(batch.source));
  return out;
}

void Pending::Merge(Pending later) {
  for (auto& [key, event] : later.objects) objects.insert_or_assign(key, std::move(event));
  for (auto& [key, value] : later.data) data.insert_or_assign(key, std::move(value));
  for (auto& [place, event] : later.places) places.insert_or_assign(place, std::move(event));
  synced.merge(later.synced);
  batches += later.batches;
  since = std::min(since, later.since);
}

Controller::Controller(runtime::Loop& loop, runtime::Metrics& metrics, translator::Translator& translator,
                       xds::Server& server, reporter::Reporter& reporter, state::Store* store, Options options)
    : loop_(loop),
      metrics_(metrics),
      translator_(translator),
      server_(server),
      reporter_(reporter),
      store_(store),
      options_(std::move(options)),
      queue_(metrics.gauge("gloo_queue_depth", "Things that wait to be processed, merged.", {{"queue", "changes"}})),
      mailbox_(
          loop,
          [this](Pending& waiting, Pending arrived) {
            waiting.Merge(std::move(arrived));
            queue_.Set(static_cast<double>(waiting.size()));
          },
          [this](Pending pending) { Process(std::move(pending)); }),
      refusals_(server, metrics),
      unsynced_(options_.sources.begin(), options_.sources.end()) {
  server_.AddObserver(this);
}

Controller::~Controller() = default;

void Controller::Start() {
  translator::Changes changes;
  if (store_ != nullptr) {
    const state::Store::Loaded loaded = store_->Load();
    reporter_.Load(loaded.statuses);
    Remember(loaded, changes);
    has_state_ = !loaded.good.empty();
  }
  Publish(translator_.Apply(changes), {}, SteadyNow());
  if (has_state_) {
    last_good_timer_ = loop_.After(options_.serve_last_good_after, [this] {
      ServeLastGood(
          StrCat("the configuration is not complete after ", absl::FormatDuration(options_.serve_last_good_after)));
    });
  }
}

void Controller::ServeLastGood(std::string_view why) {
  if (serving_) return;
  spdlog::warn("{}: serving what was good before", why);
  Serve();
}

void Controller::Remember(const state::Store::Loaded& loaded, translator::Changes& changes) {
  int64_t newest = 0;
  for (const model::ObjectPtr& object : loaded.good) {
    Known& known = known_[object->key];
    known.current = known.in_force = known.last_good = object;
    known.generation = object->generation;
    known.created = object->created;
    known.hash = object->hash;
    MoveTo(object->key, known, object->origin);
    changes.objects.emplace_back(object->key, translator::Entry{.current = object, .last_good = object});
    if (!object->body.dated()) newest = std::max(newest, object->created);
  }
  set_back_ = std::max<int64_t>(0, newest + 1 - absl::ToUnixNanos(options_.clock->Now()));
  // The form read last may have been another one, or never a good one.
  for (const state::SeenObject& seen : loaded.seen) {
    Known& known = known_[seen.key];
    known.generation = seen.generation;
    known.created = seen.created;
    known.hash = seen.hash;
    MoveTo(seen.key, known, seen.origin);
  }
  for (const state::SavedStatus& status : loaded.statuses) known_.try_emplace(status.key);
  for (const auto& [key, known] : known_) unseen_.insert(key);
  for (const state::SavedData& saved : loaded.data) {
    const model::DataKey key{saved.data->ns, saved.data->name};
    unseen_data_.insert({saved.secret ? sources::DataKind::kSecret : sources::DataKind::kArtifact, key});
    (saved.secret ? changes.last_good_secrets : changes.artifacts).emplace_back(key, saved.data);
  }
}

void Controller::Push(sources::Batch batch) {
  Pending pending = Pending::From(std::move(batch));
  queue_.Set(static_cast<double>(pending.size()));
  mailbox_.Push(std::move(pending));
}

void Controller::MoveTo(const model::ObjectKey& key, Known& known, model::Origin origin) {
  if (known.origin.location != origin.location) {
    if (auto it = by_location_.find(known.origin.location); it != by_location_.end()) {
      it->second.erase(key);
      if (it->second.empty()) by_location_.erase(it);
    }
    by_location_[origin.location].insert(key);
  }
  known.origin = std::move(origin);
}

bool Controller::Forget(const model::ObjectKey& key) {
  auto it = known_.find(key);
  if (it == known_.end()) return false;
  if (auto place = by_location_.find(it->second.origin.location); place != by_location_.end()) {
    place->second.erase(key);
    if (place->second.empty()) by_location_.erase(place);
  }
  known_.erase(it);
  unseen_.erase(key);
  refused_.erase(key);
  return true;
}

std::optional<translator::Entry> Controller::Take(const sources::ObjectEvent& event, state::Write& write) {
  Known& known = known_[event.key];
  const bool was_unseen = unseen_.erase(event.key) > 0;
  if (event.object == nullptr) {
    known.current = nullptr;
    known.read_issues = event.issues;
    return translator::Entry{.current = nullptr, .read_issues = event.issues};
  }
  auto object = std::make_shared<model::Object>(*event.object);
  if (object->generation == 0) {
    object->generation = known.hash == object->hash && known.generation > 0 ? known.generation : known.generation + 1;
  }
  // The age decides between claimants: it must survive a restart and a rewrite of the file.
  if (known.created != 0) {
    object->created = known.created;
  } else if (!object->body.dated()) {
    object->created += set_back_;
  }
  const bool same = known.current != nullptr && known.current->hash == object->hash &&
                    known.current->generation == object->generation && known.read_issues == event.issues;
  if (known.generation != object->generation || known.created != object->created || known.hash != object->hash ||
      known.origin != object->origin) {
    write.seen.push_back({event.key, object->created, object->generation, object->hash, object->origin});
  }
  MoveTo(event.key, known, object->origin);
  known.generation = object->generation;
  known.created = object->created;
  known.hash = object->hash;
  known.read_issues = event.issues;
  known.current = object;
  // What the state directory held is what the user has now: nothing to translate again.
  if (same) {
    if (was_unseen && known.report) reporter_.Put({{event.key, MakeReport(known)}});
    return std::nullopt;
  }
  return translator::Entry{.current = std::move(object), .read_issues = event.issues};
}

absl::flat_hash_set<std::string> Controller::TakePlaces(absl::flat_hash_map<std::string, sources::PlaceEvent>& places) {
  absl::flat_hash_set<std::string> changed;
  for (auto& [place, event] : places) {
    auto it = places_.find(place);
    if (event.issues.empty()) {
      if (it == places_.end()) continue;
      places_.erase(it);
      runtime::Log(spdlog::level::info, StrCat(place, " is well again"), {{"file", place}});
    } else {
      if (it != places_.end() && it->second.issues == event.issues && it->second.unread == event.unread) continue;
      for (const Issue& issue : event.issues) LogIssue(issue);
      places_.insert_or_assign(place, std::move(event));
    }
    changed.insert(place);
  }
  metrics_.gauge("gloo_broken_places", "Files and other places of configuration that cannot be read.")
      .Set(static_cast<double>(places_.size()));
  return changed;
}

void Controller::Process(Pending pending) {
  queue_.Set(0);
  metrics_.counter("gloo_changes_merged_total", "Batches of changes that were processed together with another one.")
      .Add(static_cast<double>(pending.batches - 1));
  const absl::Time start = SteadyNow();
  translator::Changes changes;
  state::Write write;

  const absl::flat_hash_set<std::string> places_changed = TakePlaces(pending.places);
  for (auto& [key, event] : pending.objects) {
    if (event.removed) {
      if (Forget(key)) changes.objects.emplace_back(key, std::nullopt);
    } else if (std::optional<translator::Entry> entry = Take(event, write)) {
      changes.objects.emplace_back(key, std::move(*entry));
    }
  }
  for (auto& [key, data] : pending.data) {
    const auto& [kind, name] = key;
    unseen_data_.erase(key);
    if (kind == sources::DataKind::kSecret) {
      changes.secrets.emplace_back(name, data);
      continue;
    }
    changes.artifacts.emplace_back(name, data);
    if (data == nullptr) {
      write.gone_data.emplace_back(false, name);
    } else {
      write.data.push_back({false, data});
    }
  }

  bool just_synced = false;
  for (const std::string& source : pending.synced) {
    if (unsynced_.erase(source) > 0) just_synced = unsynced_.empty();
  }
  if (just_synced || (synced() && !places_changed.empty())) {
    DropUnseen(changes, write);
    DropUnseenData(changes, write);
  }

  translator::Result result = translator_.Apply(changes);
  const absl::Duration took = SteadyNow() - start;
  metrics_
      .histogram("gloo_translation_seconds", "Time to translate one merged set of changes.", runtime::LatencyBuckets())
      .Observe(absl::ToDoubleSeconds(took));
  for (const std::string& refused : result.refused) spdlog::error("translator: {}", refused);
  metrics_.counter("gloo_units_run_total", "Units of translation that ran.").Add(static_cast<double>(result.units_run));
  spdlog::debug("translated {} objects, {} secrets and artifacts: {} units in {}", changes.objects.size(),
                changes.secrets.size() + changes.artifacts.size(), result.units_run, absl::FormatDuration(took));
  Publish(std::move(result), std::move(write), pending.since);
  ReportPlaces(places_changed);
  if (just_synced) {
    spdlog::info("configuration complete: {} objects", known_.size());
    Serve();
  } else if (has_state_ && std::any_of(places_.begin(), places_.end(), [](const auto& p) { return p.second.unread; })) {
    // It will not be complete soon, so nobody is made to wait for that.
    ServeLastGood("a part of the configuration cannot be read");
  }
}

void Controller::ReportPlaces(const absl::flat_hash_set<std::string>& changed) {
  reporter::Update update;
  for (const std::string& place : changed) {
    auto there = by_location_.find(place);
    if (there == by_location_.end()) continue;
    for (const model::ObjectKey& key : there->second) {
      const Known& known = known_.at(key);
      if (known.report && (synced() || !unseen_.contains(key))) update[key] = MakeReport(known);
    }
  }
  reporter_.Put(std::move(update));
}

bool Controller::Unread(std::string_view location) const {
  for (size_t end = location.size(); end != std::string_view::npos && end > 0; end = location.rfind('/', end - 1)) {
    auto it = places_.find(std::string(location.substr(0, end)));
    if (it != places_.end() && it->second.unread) return true;
  }
  return false;
}

// What the state directory held and no source has is gone, unless it may stand in a place that cannot be read now.
void Controller::DropUnseen(translator::Changes& changes, state::Write& write) {
  std::vector<model::ObjectKey> gone;
  reporter::Update update;
  for (const model::ObjectKey& key : unseen_) {
    const Known& known = known_.at(key);
    if (!Unread(known.origin.location)) {
      gone.push_back(key);
    } else if (known.report) {
      update[key] = MakeReport(known);
    }
  }
  std::sort(gone.begin(), gone.end());
  for (const model::ObjectKey& key : gone) {
    Forget(key);
    // Of what never was good the translator knows nothing, so it does not say that it is gone.
    update[key] = std::nullopt;
    write.gone.push_back(key);
    changes.objects.emplace_back(key, std::nullopt);
  }
  reporter_.Put(std::move(update));
}

// A secret or an artifact does not know its place: while any place is unread it stays.
void Controller::DropUnseenData(translator::Changes& changes, state::Write& write) {
  if (unseen_data_.empty() ||
      std::any_of(places_.begin(), places_.end(), [](const auto& place) { return place.second.unread; })) {
    return;
  }
  for (const auto& [kind, name] : unseen_data_) {
    (kind == sources::DataKind::kSecret ? changes.secrets : changes.artifacts).emplace_back(name, nullptr);
    write.gone_data.emplace_back(kind == sources::DataKind::kSecret, name);
  }
  unseen_data_.clear();
}

bool Controller::IsDropped(const std::string& role) const {
  const std::vector<std::string> roles = translator_.Roles();
  return std::find(roles.begin(), roles.end(), role) == roles.end();
}

void Controller::Publish(translator::Result result, state::Write write, absl::Time since) {
  // Envoys first; statuses and disk are nobody's hurry.
  for (const auto& [role, delta] : result.deltas) {
    if (delta.upserts.empty() && IsDropped(role)) {
      server_.ForgetRole(role);
    } else {
      server_.Publish(role, delta, since);
    }
  }
  ReviewRefusalsSoon();
  if (result.tokens_wanted && options_.want_tokens) {
    options_.want_tokens(*result.tokens_wanted);
    if (!serving_) {
      awaited_tokens_.clear();
      for (const auto& [key, _] : *result.tokens_wanted) {
        if (!told_tokens_.contains(key)) awaited_tokens_.insert(key);
      }
    }
  }

  reporter::Update update;
  for (translator::Report& report : result.reports) {
    auto it = known_.find(report.key);
    if (it == known_.end()) continue;
    Known& known = it->second;
    if (report.last_good != nullptr && report.last_good != known.last_good) write.good.push_back(report.last_good);
    known.last_good = report.last_good;
    known.in_force = report.in_force;
    known.report = std::move(report);
    // Until a source has spoken of it, an object of the state directory keeps the status it had.
    if (synced() || !unseen_.contains(it->first)) update[it->first] = MakeReport(known);
  }
  for (auto& [key, data] : result.last_good_secrets) {
    if (data == nullptr) {
      write.gone_data.emplace_back(true, key);
    } else {
      write.data.push_back({true, std::move(data)});
    }
  }
  for (const model::ObjectKey& key : result.gone) {
    update[key] = std::nullopt;
    write.gone.push_back(key);
  }
  for (state::SeenObject& seen : std::exchange(write.seen, {})) {
    const auto known = known_.find(seen.key);
    if (known != known_.end() && SaysAll(known->second.last_good, seen)) {
      write.gone_seen.push_back(std::move(seen.key));
    } else {
      write.seen.push_back(std::move(seen));
    }
  }
  // The reporter puts the statuses that it makes of the update, and what waits is written with them.
  if (store_ != nullptr) {
    store_->Put(std::move(write), update.empty() ? state::Store::When::kNow : state::Store::When::kWithNext);
  }
  reporter_.Put(std::move(update));
}

reporter::StatusReport Controller::MakeReport(const Known& known) const {
  const translator::Report& report = *known.report;
  reporter::StatusReport out{.key = report.key,
                             .state = report.state,
                             .reason = report.reason,
                             .message = report.message,
                             .issues = report.issues,
                             .generation = report.generation,
                             .origin = known.origin};
  if (auto refused = refused_.find(report.key); refused != refused_.end() && !refused->second.empty()) {
    out.issues.insert(out.issues.end(), refused->second.begin(), refused->second.end());
    if (out.state == v1::Status::ACCEPTED) {
      out.state = v1::Status::WARNING;
      out.reason = refused->second.front().reason;
      const Issue& first = refused->second.front();
      out.message = first.path.empty() ? first.message : StrCat(first.path, ": ", first.message);
    }
  }
  // The object itself is well, but the file that it came from cannot be read any more.
  auto place = places_.find(known.origin.location);
  if (place != places_.end() && known.read_issues.empty()) {
    for (const Issue& issue : place->second.issues) {
      out.issues.push_back(issue);
      out.issues.back().severity = Severity::kWarning;
    }
    if (out.state == v1::Status::ACCEPTED) {
      out.state = v1::Status::WARNING;
      out.reason = "SourceBroken";
      out.message = StrCat(known.origin.location, " cannot be read now; what it held before stays in force");
    }
  }
  return out;
}

std::vector<Issue> Controller::RefusalsOf(const model::ObjectKey& key, const std::vector<xds::Client>& clients) const {
  // Envoys that say the same of the same are named together: route, path, what comes of it, words.
  std::map<std::tuple<int, std::string, std::string, std::string>, std::set<std::string>> nodes;
  const auto known = known_.find(key);
  const model::ObjectPtr object = known == known_.end() ? nullptr : known->second.in_force;
  v1::VirtualServiceSpec spec;
  if (object != nullptr && key.kind == model::Kind::kVirtualService) spec = object->virtual_service();
  for (const translator::OwnedResource& resource : translator_.ResourcesOf(key)) {
    for (const xds::Client& client : clients) {
      std::string message;
      if (client.role != resource.role ||
          server_.StateOf(client.node_id, resource.ref, resource.version, &message) != xds::ClientState::kRefused) {
        continue;
      }
      const Refusals::Refusal* refusal = refusals_.Find(client.node_id, resource.ref, resource.version);
      if (refusal == nullptr || refusal->routes.empty()) {
        nodes[{-1, "", "it and keeps what it had", Words(message)}].insert(client.node_id);
        continue;
      }
      for (const Refusals::HeldRoute& route : refusal->routes) {
        std::optional<int> index;
        if (object != nullptr) index = translator::RouteIndex(spec, route.name);
        nodes[{index.value_or(-1), index ? StrCat("spec.routes[", *index, "]") : "",
               route.has_last_good ? "this route and keeps its last good form" : "this route, which answers 503 there",
               route.message}]
            .insert(client.node_id);
      }
    }
  }
  std::vector<Issue> issues;
  for (const auto& [what, ids] : nodes) {
    const auto& [index, path, effect, words] = what;
    if (issues.size() == kMaxRefusals) {
      issues.push_back({Severity::kWarning,
                        "RefusedByEnvoy",
                        path,
                        StrCat("and ", nodes.size() - kMaxRefusals, " more refusals, from here on"),
                        {}});
      break;
    }
    const std::string others = ids.size() > 1 ? StrCat(" (and ", ids.size() - 1, " more)") : "";
    issues.push_back({Severity::kWarning,
                      "RefusedByEnvoy",
                      path,
                      StrCat("Envoy ", *ids.begin(), others, " refuses ", effect, ": ", words),
                      {}});
  }
  return issues;
}

void Controller::ReviewRefusalsSoon() {
  if ((refused_.empty() && refusals_.empty()) || refusals_timer_ != nullptr) return;
  refusals_timer_ = loop_.After(kReviewAfter, [this] { ReviewRefusals(); });
}

void Controller::ReviewRefusals() {
  refusals_timer_.reset();
  refusals_.Review();
  reporter::Update update;
  const std::vector<xds::Client> clients = server_.clients();
  for (auto it = refused_.begin(); it != refused_.end();) {
    const auto current = it++;
    const model::ObjectKey key = current->first;
    std::vector<Issue> issues = RefusalsOf(key, clients);
    const bool same = issues == current->second;
    if (issues.empty()) {
      refused_.erase(current);
    } else {
      current->second = std::move(issues);
    }
    if (const Known& known = known_.at(key); !same && known.report) update[key] = MakeReport(known);
  }
  if (!update.empty()) reporter_.Put(std::move(update));
}

void Controller::PutToken(const model::TokenKey& key, std::optional<model::Token> token) {
  translator::Changes changes;
  changes.tokens.emplace_back(key, std::move(token));
  Publish(translator_.Apply(changes), {}, SteadyNow());
  if (serving_) return;
  told_tokens_.insert(key);
  awaited_tokens_.erase(key);
  if (token_timer_ != nullptr && awaited_tokens_.empty()) ServeNow();
}

void Controller::Serve() {
  if (serving_ || token_timer_ != nullptr) return;
  if (awaited_tokens_.empty()) return ServeNow();
  spdlog::debug("waiting for {} tokens of functions", awaited_tokens_.size());
  token_timer_ = loop_.After(options_.wait_for_tokens, [this] {
    spdlog::warn("{} tokens of functions are not there after {}: serving without them", awaited_tokens_.size(),
                 absl::FormatDuration(options_.wait_for_tokens));
    ServeNow();
  });
}

void Controller::ServeNow() {
  serving_ = true;
  last_good_timer_.reset();
  // The timer that fires must live until its function returns.
  const std::unique_ptr<runtime::Timer> fired = std::move(token_timer_);
  told_tokens_.clear();
  awaited_tokens_.clear();
  server_.SetReady(true);
}

std::vector<ObjectView> Controller::Objects(model::Kind kind) const {
  std::vector<ObjectView> out;
  const std::vector<xds::Client> clients = server_.clients();
  for (const auto& [key, known] : known_) {
    if (key.kind != kind) continue;
    ObjectView view{key, known.current ? known.current : known.in_force, reporter_.Get(key)};
    for (v1::Status::Node& node : NodesOf(key, clients)) *view.status.add_nodes() = std::move(node);
    *view.status.add_conditions() = Programmed(view.status);
    out.push_back(std::move(view));
  }
  std::sort(out.begin(), out.end(), [](const ObjectView& a, const ObjectView& b) { return a.key < b.key; });
  return out;
}

std::vector<ClientView> Controller::Clients() const {
  std::vector<ClientView> out;
  for (xds::Client& client : server_.clients()) {
    std::vector<Refusals::Refusal> refusals = refusals_.Of(client.node_id);
    out.push_back({std::move(client), std::move(refusals)});
  }
  return out;
}

std::vector<v1::Status::Node> Controller::NodesOf(const model::ObjectKey& key,
                                                  const std::vector<xds::Client>& clients) const {
  const std::vector<translator::OwnedResource> owned = translator_.ResourcesOf(key);
  std::vector<v1::Status::Node> out;
  for (const xds::Client& client : clients) {
    v1::Status::Node node;
    bool part = false;
    node.set_state(v1::Status::Node::PROGRAMMED);
    for (const translator::OwnedResource& resource : owned) {
      if (resource.role != client.role) continue;
      part = true;
      std::string message;
      switch (server_.StateOf(client.node_id, resource.ref, resource.version, &message)) {
        case xds::ClientState::kNotWanted:
        case xds::ClientState::kAcknowledged:
          break;
        case xds::ClientState::kWaiting:
          if (node.state() == v1::Status::Node::REFUSED) continue;
          node.set_state(v1::Status::Node::WAITING);
          node.set_message(StrCat("waits for ", snapshot::TypeUrl(resource.ref.type), " ", resource.ref.name));
          continue;
        case xds::ClientState::kRefused:
          node.set_state(v1::Status::Node::REFUSED);
          node.set_message(Words(message));
          continue;
      }
    }
    if (!part) continue;
    node.set_id(client.node_id);
    out.push_back(std::move(node));
  }
  return out;
}

std::vector<std::pair<std::string, std::vector<Issue>>> Controller::BrokenPlaces() const {
  std::map<std::string, std::vector<Issue>> sorted;
  for (const auto& [place, event] : places_) sorted.emplace(place, event.issues);
  return {sorted.begin(), sorted.end()};
}

// The server says who comes and goes.
void Controller::OnConnected(const std::string&, const std::string&) {}
void Controller::OnDisconnected(const std::string& node_id, const std::string&) {
  refusals_.OnDisconnected(node_id);
  ReviewRefusalsSoon();
}

void Controller::OnAck(const std::string& node_id, snapshot::Type type,
                       const std::vector<std::pair<std::string, std::string>>& resources) {
  refusals_.OnAck(node_id, type, resources);
  ReviewRefusalsSoon();
}

void Controller::OnNack(const xds::Nack& nack) {
  const bool is_new = refusals_.OnNack(nack);
  std::string names;
  for (const auto& [name, version] : nack.resources) {
    StrAppend(&names, names.empty() ? "" : ", ", name);
    for (const model::ObjectKey& key : translator_.OwnersOf(nack.role, {nack.type, name})) {
      if (known_.contains(key)) refused_.try_emplace(key);
    }
  }
  ReviewRefusalsSoon();
  if (!is_new) return;
  const std::string type(snapshot::TypeUrl(nack.type));
  runtime::Log(spdlog::level::err,
               StrCat("Envoy ", nack.node_id, " refused ", type, " [", names, "]: ", Words(nack.message)),
               {{"node", nack.node_id}, {"type", type}, {"resources", names}, {"reason", "RefusedByEnvoy"}});
}

}  // namespace gloo::controller
