#include "controller/controller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "base/strings.h"

namespace gloo::controller {

Pending Pending::From(sources::Batch batch) {
  Pending out;
  out.batches = 1;
  for (sources::ObjectEvent& event : batch.objects) out.objects.insert_or_assign(event.key, std::move(event));
  for (auto& [kind, event] : batch.data) out.data.insert_or_assign({kind, event.key}, std::move(event.data));
  for (sources::PlaceEvent& event : batch.places) {
    out.places.insert_or_assign(std::move(event.place), std::move(event.issues));
  }
  if (batch.synced) out.synced.insert(std::move(batch.source));
  return out;
}

void Pending::Merge(Pending later) {
  for (auto& [key, event] : later.objects) objects.insert_or_assign(key, std::move(event));
  for (auto& [key, value] : later.data) data.insert_or_assign(key, std::move(value));
  for (auto& [place, issues] : later.places) places.insert_or_assign(place, std::move(issues));
  synced.merge(later.synced);
  batches += later.batches;
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
      unsynced_(options_.sources.begin(), options_.sources.end()) {
  server_.AddObserver(this);
}

Controller::~Controller() = default;

void Controller::Start() {
  translator::Changes changes;
  if (store_ != nullptr) {
    state::Store::Loaded loaded = store_->Load();
    reporter_.Load(loaded.statuses);
    for (const model::ObjectPtr& object : loaded.good) {
      known_[object->key] = {.current = object,
                             .in_force = object,
                             .origin = object->origin,
                             .generation = object->generation,
                             .created = object->created,
                             .hash = object->hash,
                             .from_state = true};
      changes.objects.emplace_back(object->key, translator::Entry{.current = object, .last_good = object});
    }
    for (const state::SavedData& saved : loaded.data) {
      const model::DataKey key{saved.data->ns, saved.data->name};
      data_seen_[{saved.secret ? sources::DataKind::kSecret : sources::DataKind::kArtifact, key}] = false;
      (saved.secret ? changes.secrets : changes.artifacts).emplace_back(key, saved.data);
    }
    has_state_ = !loaded.good.empty();
  }
  Publish(translator_.Apply(changes));
  if (has_state_) {
    last_good_timer_ = loop_.After(options_.serve_last_good_after, [this] {
      if (serving_) return;
      spdlog::warn("the configuration is not complete after {}: serving what was good before",
                   absl::FormatDuration(options_.serve_last_good_after));
      Serve();
    });
  }
}

void Controller::Push(sources::Batch batch) {
  Pending pending = Pending::From(std::move(batch));
  queue_.Set(static_cast<double>(pending.size()));
  mailbox_.Push(std::move(pending));
}

std::optional<translator::Entry> Controller::Take(const sources::ObjectEvent& event) {
  auto [it, fresh] = known_.try_emplace(event.key);
  Known& known = it->second;
  const bool was_state = std::exchange(known.from_state, false);
  if (event.object == nullptr) {
    known.current = nullptr;
    known.read_issues = event.issues;
    return translator::Entry{.current = nullptr, .read_issues = event.issues, .last_good = known.in_force};
  }
  const bool same =
      !fresh && known.current != nullptr && known.hash == event.object->hash && known.read_issues == event.issues;
  auto object = std::make_shared<model::Object>(*event.object);
  if (object->generation == 0) {
    object->generation = known.hash == object->hash && known.generation > 0 ? known.generation : known.generation + 1;
  }
  // The age decides between claimants: it must survive a restart and a rewrite of the file.
  if (known.created != 0) object->created = known.created;
  known.origin = object->origin;
  known.generation = object->generation;
  known.created = object->created;
  known.hash = object->hash;
  known.read_issues = event.issues;
  known.current = object;
  // What the state directory held is what the user has now: nothing to translate again.
  if (same) {
    if (was_state && known.report) reporter_.Put({{event.key, MakeReport(known)}});
    return std::nullopt;
  }
  return translator::Entry{.current = std::move(object), .read_issues = event.issues, .last_good = known.in_force};
}

void Controller::Process(Pending pending) {
  queue_.Set(0);
  metrics_.counter("gloo_changes_merged_total", "Batches of changes that were processed together with another one.")
      .Add(static_cast<double>(pending.batches - 1));
  const absl::Time start = absl::Now();
  translator::Changes changes;

  absl::flat_hash_set<std::string> places_changed;
  for (auto& [place, issues] : pending.places) {
    auto it = places_.find(place);
    for (const Issue& issue : issues) {
      if (it == places_.end() || it->second != issues) spdlog::warn("{}", ToString(issue));
    }
    if (issues.empty()) {
      if (places_.erase(place) > 0) {
        places_changed.insert(place);
        spdlog::info("{} is well again", place);
      }
    } else if (it == places_.end() || it->second != issues) {
      places_[place] = std::move(issues);
      places_changed.insert(place);
    }
  }
  metrics_.gauge("gloo_broken_places", "Files and other places of configuration that cannot be read.")
      .Set(static_cast<double>(places_.size()));

  for (auto& [key, event] : pending.objects) {
    if (event.removed) {
      if (known_.erase(key) > 0) changes.objects.emplace_back(key, std::nullopt);
    } else if (std::optional<translator::Entry> entry = Take(event)) {
      changes.objects.emplace_back(key, std::move(*entry));
    }
  }
  state::Write write;
  for (auto& [key, data] : pending.data) {
    const auto& [kind, name] = key;
    (kind == sources::DataKind::kSecret ? changes.secrets : changes.artifacts).emplace_back(name, data);
    if (data == nullptr) {
      data_seen_.erase(key);
      write.gone_data.emplace_back(kind == sources::DataKind::kSecret, name);
    } else {
      data_seen_[key] = true;
      write.data.push_back({kind == sources::DataKind::kSecret, data});
    }
  }
  if (store_ != nullptr && (!write.data.empty() || !write.gone_data.empty())) store_->Put(std::move(write));

  bool just_synced = false;
  for (const std::string& source : pending.synced) {
    if (unsynced_.erase(source) > 0) just_synced = unsynced_.empty();
  }
  if (just_synced) DropUnseen(changes);

  translator::Result result = translator_.Apply(changes);
  const absl::Duration took = absl::Now() - start;
  metrics_
      .histogram("gloo_translation_seconds", "Time to translate one merged set of changes.", runtime::LatencyBuckets())
      .Observe(absl::ToDoubleSeconds(took));
  metrics_.counter("gloo_units_run_total", "Units of translation that ran.").Add(static_cast<double>(result.units_run));
  spdlog::debug("translated {} objects, {} secrets and artifacts: {} units in {}", changes.objects.size(),
                changes.secrets.size() + changes.artifacts.size(), result.units_run, absl::FormatDuration(took));
  Publish(std::move(result));

  if (!places_changed.empty()) {
    reporter::Update update;
    for (auto& [key, known] : known_) {
      if (known.report && places_changed.contains(known.origin.location)) update[key] = MakeReport(known);
    }
    reporter_.Put(std::move(update));
  }
  if (just_synced) {
    spdlog::info("configuration complete: {} objects", known_.size());
    Serve();
  }
}

// What the state directory held and no source has is gone, unless it may stand in a file that cannot be read now.
void Controller::DropUnseen(translator::Changes& changes) {
  std::vector<model::ObjectKey> gone;
  reporter::Update kept;
  for (auto& [key, known] : known_) {
    if (!known.from_state) continue;
    if (!places_.contains(known.origin.location)) {
      gone.push_back(key);
      continue;
    }
    known.from_state = false;
    if (known.report) kept[key] = MakeReport(known);
  }
  reporter_.Put(std::move(kept));
  std::sort(gone.begin(), gone.end());
  for (const model::ObjectKey& key : gone) {
    known_.erase(key);
    changes.objects.emplace_back(key, std::nullopt);
  }
  state::Write write;
  for (auto it = data_seen_.begin(); it != data_seen_.end();) {
    const auto& [kind, name] = it->first;
    if (it->second) {
      ++it;
      continue;
    }
    (kind == sources::DataKind::kSecret ? changes.secrets : changes.artifacts).emplace_back(name, nullptr);
    write.gone_data.emplace_back(kind == sources::DataKind::kSecret, name);
    data_seen_.erase(it++);
  }
  if (store_ != nullptr && !write.gone_data.empty()) store_->Put(std::move(write));
}

void Controller::Publish(translator::Result result) {
  // Envoys first; statuses and disk are nobody's hurry.
  for (const auto& [role, delta] : result.deltas) server_.Publish(role, delta);

  reporter::Update update;
  state::Write write;
  for (translator::Report& report : result.reports) {
    auto it = known_.find(report.key);
    if (it == known_.end()) continue;
    Known& known = it->second;
    if (report.in_force != nullptr && report.in_force != known.in_force && !known.from_state) {
      write.good.push_back(report.in_force);
    }
    known.in_force = report.in_force;
    known.report = std::move(report);
    // Until a source has spoken of it, an object of the state directory keeps the status it had.
    if (!known.from_state) update[it->first] = MakeReport(known);
  }
  for (const model::ObjectKey& key : result.gone) {
    update[key] = std::nullopt;
    write.gone.push_back(key);
  }
  reporter_.Put(std::move(update));
  if (store_ != nullptr && (!write.good.empty() || !write.gone.empty())) store_->Put(std::move(write));
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
  // The object itself is well, but the file that it came from cannot be read any more.
  auto place = places_.find(known.origin.location);
  if (place != places_.end() && known.read_issues.empty()) {
    for (const Issue& issue : place->second) {
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

void Controller::Serve() {
  if (serving_) return;
  serving_ = true;
  last_good_timer_.reset();
  server_.SetReady(true);
}

std::vector<ObjectView> Controller::Objects(model::Kind kind) const {
  std::vector<ObjectView> out;
  const std::vector<xds::Client> clients = server_.clients();
  for (const auto& [key, known] : known_) {
    if (key.kind != kind) continue;
    ObjectView view{key, known.current ? known.current : known.in_force, reporter_.Get(key)};
    for (v1::Status::Node& node : NodesOf(key, clients)) *view.status.add_nodes() = std::move(node);
    out.push_back(std::move(view));
  }
  std::sort(out.begin(), out.end(), [](const ObjectView& a, const ObjectView& b) { return a.key < b.key; });
  return out;
}

std::vector<v1::Status::Node> Controller::NodesOf(const model::ObjectKey& key,
                                                  const std::vector<xds::Client>& clients) const {
  const std::vector<translator::OwnedResource> owned = translator_.ResourcesOf(key);
  std::vector<v1::Status::Node> out;
  for (const xds::Client& client : clients) {
    v1::Status::Node node;
    bool part = false;
    for (const translator::OwnedResource& resource : owned) {
      if (resource.role != client.role) continue;
      part = true;
      std::string message;
      switch (server_.StateOf(client.node_id, resource.ref, resource.version, &message)) {
        case xds::ClientState::kNotWanted:
        case xds::ClientState::kAcknowledged:
          break;
        case xds::ClientState::kWaiting:
          if (node.state() != v1::Status::Node::REFUSED) node.set_state(v1::Status::Node::WAITING);
          node.set_message(StrCat("waits for ", snapshot::TypeUrl(resource.ref.type), " ", resource.ref.name));
          continue;
        case xds::ClientState::kRefused:
          node.set_state(v1::Status::Node::REFUSED);
          node.set_message(message);
          continue;
      }
    }
    if (!part) continue;
    node.set_id(client.node_id);
    if (node.message().empty()) node.set_state(v1::Status::Node::PROGRAMMED);
    out.push_back(std::move(node));
  }
  return out;
}

std::vector<std::pair<std::string, std::vector<Issue>>> Controller::BrokenPlaces() const {
  std::map<std::string, std::vector<Issue>> sorted(places_.begin(), places_.end());
  return {sorted.begin(), sorted.end()};
}

void Controller::OnConnected(const std::string& node_id, const std::string& role) {
  spdlog::info("Envoy {} connected, role {}", node_id, role);
}

void Controller::OnDisconnected(const std::string& node_id, const std::string& role) {
  spdlog::info("Envoy {} disconnected, role {}", node_id, role);
}

void Controller::OnAck(const std::string&, snapshot::Type, const std::vector<std::pair<std::string, std::string>>&) {}

void Controller::OnNack(const xds::Nack& nack) {
  std::string names;
  for (const auto& [name, version] : nack.resources) StrAppend(&names, names.empty() ? "" : ", ", name);
  spdlog::error("Envoy {} refused {} [{}]: {}", nack.node_id, snapshot::TypeUrl(nack.type), names, nack.message);
}

}  // namespace gloo::controller
