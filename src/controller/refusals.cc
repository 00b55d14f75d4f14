#include "controller/refusals.h"

#include <spdlog/spdlog.h>

#include <set>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "runtime/log.h"

namespace gloo::controller {

using snapshot::ResourcePtr;
using snapshot::ResourceRef;
using snapshot::Type;

namespace {

constexpr char kRefusedMetric[] = "gloo_refused_resources";
constexpr size_t kMaxWords = 1000;
// Forms that one refusal may cost: enough for several culprits among thousands of routes. Then what was not found to be
// taken by then is held back.
constexpr int kMaxOffers = 64;
// Routes.
constexpr size_t kMaxLogged = 10;

ResourcePtr FindCurrent(const xds::Server& server, const std::string& role, const ResourceRef& ref) {
  const snapshot::Snapshot* snapshot = server.snapshot(role);
  if (snapshot == nullptr) return nullptr;
  const auto& resources = snapshot->resources(ref.type);
  const auto it = resources.find(ref.name);
  return it == resources.end() ? nullptr : it->second;
}

}  // namespace

std::string Words(std::string_view message) {
  size_t end = 0;
  while (end < message.size() && end < kMaxWords) end += std::max<size_t>(1, Utf8Length(message, end));
  std::string words = ToUtf8(message.substr(0, end));
  absl::StripAsciiWhitespace(&words);
  return words;
}

// Which changes are taken is a question of prefixes: those before `taken` are in force, and with those before `refused`
// the form was refused; in between lies the first culprit.
struct Refusals::Search {
  std::shared_ptr<Case> of;
  // Culprits, by change, and what Envoy says of them.
  std::vector<bool> held;
  std::vector<std::string> messages;
  size_t taken = 0;
  size_t refused = 0;
  // Of the form with the changes before `refused`.
  std::string message;
  // The form on its way has the changes before that; its version is empty when the search is over.
  size_t offered = 0;
  std::string version;
  // Of the form that the Envoy has.
  std::string in_force;
  // What was found at another Envoy is tried first.
  bool guess = false;
  int offers = 0;
  std::set<std::string> refused_versions;
};

struct Refusals::Record {
  Refusal refusal;
  std::string role;
  std::unique_ptr<Search> search;
};

Refusals::Refusals(xds::Server& server, runtime::Metrics& metrics) : server_(server), metrics_(metrics) {}
Refusals::~Refusals() = default;

bool Refusals::OnNack(const xds::Nack& nack) {
  // A refusal of removals has no resource that could be the cause.
  if (nack.resources.size() != 1) return true;
  const auto& [name, version] = nack.resources.front();
  const ResourceRef ref{nack.type, name};
  Record& record = nodes_[nack.node_id][ref];
  if (record.search != nullptr) {
    Search& search = *record.search;
    const bool over = search.version.empty();
    if (version == search.version) {
      Answered(nack.node_id, record, false, nack.message);
      return false;
    }
    // The form that stays, asked for again: what is known of it does not change.
    if (over && version == search.of->variants.Make(search.held)->version) return false;
  }
  record = {.refusal = {ref, version, Words(nack.message), absl::Now(), {}}, .role = nack.role, .search = nullptr};
  const ResourcePtr current = FindCurrent(server_, nack.role, ref);
  if (ref.type == Type::kRoute && current != nullptr && current->version == version) {
    StartSearch(nack, current, record);
  }
  Count(nack.node_id);
  return true;
}

void Refusals::OnAck(const std::string& node_id, Type type,
                     const std::vector<std::pair<std::string, std::string>>& resources) {
  const auto node = nodes_.find(node_id);
  if (node == nodes_.end()) return;
  Records& records = node->second;
  for (const auto& [name, version] : resources) {
    const auto it = records.find({type, name});
    if (it == records.end()) continue;
    Search* search = it->second.search.get();
    if (search != nullptr && version == search->version) {
      Answered(node_id, it->second, true, "");
    } else if (search == nullptr || !search->version.empty() ||
               version != search->of->variants.Make(search->held)->version) {
      records.erase(it);
    }
  }
  Count(node_id);
}

void Refusals::OnDisconnected(const std::string& node_id) {
  if (const auto node = nodes_.find(node_id); node != nodes_.end()) {
    node->second.clear();
    Count(node_id);
  }
}

void Refusals::StartSearch(const xds::Nack& nack, const ResourcePtr& refused, Record& record) {
  std::erase_if(cases_, [](const auto& known) { return known.second.expired(); });
  std::weak_ptr<Case>& known =
      cases_[{refused->ref.name, refused->version, nack.held == nullptr ? "" : nack.held->version}];
  std::shared_ptr<Case> of = known.lock();
  if (of == nullptr) {
    of = std::make_shared<Case>(Case{translator::RouteVariants(*refused, nack.held.get()), {}, {}});
    known = of;
  }
  const size_t changes = of->variants.changes().size();
  // Not the routes: there is nothing to hold back.
  if (changes == 0) return;
  record.search = std::make_unique<Search>();
  Search& search = *record.search;
  search.guess = !of->held.empty();
  search.held = search.guess ? of->held : std::vector<bool>(changes);
  search.messages.resize(changes);
  search.refused = changes;
  search.message = record.refusal.message;
  if (nack.held != nullptr) search.in_force = nack.held->version;
  search.of = std::move(of);
  Offer(nack.node_id, record, search.guess ? changes : 0);
}

void Refusals::Offer(const std::string& node_id, Record& record, size_t end) {
  Search& search = *record.search;
  std::vector<bool> without = search.held;
  for (size_t i = end; i < without.size(); ++i) without[i] = true;
  const ResourcePtr form = search.of->variants.Make(without);
  search.offered = end;
  search.version = form->version;
  ++search.offers;
  if (form->version == search.in_force) {
    Answered(node_id, record, true, "");
  } else if (search.refused_versions.contains(form->version)) {
    Answered(node_id, record, false, search.message);
  } else if (!server_.Substitute(node_id, record.refusal.ref, record.refusal.version, form)) {
    // There is another version by now.
    record.search = nullptr;
  }
}

void Refusals::Answered(const std::string& node_id, Record& record, bool taken, const std::string& message) {
  Search& search = *record.search;
  const size_t changes = search.held.size();
  if (taken) {
    search.in_force = search.version;
  } else {
    search.refused_versions.insert(search.version);
  }
  if (search.guess) {
    search.guess = false;
    if (taken) {
      search.messages = search.of->messages;
      Found(node_id, record);
      return;
    }
    search.held.assign(changes, false);
    Offer(node_id, record, 0);
    return;
  }
  if (search.offered == 0 && !taken) {
    // Refused with all changes held back: they are not the cause, or not the whole.
    record.search = nullptr;
    return;
  }
  if (taken) {
    search.taken = search.offered;
  } else {
    search.refused = search.offered;
    search.message = Words(message);
  }
  if (search.taken < changes && search.refused - search.taken == 1) {
    search.held[search.taken] = true;
    search.messages[search.taken] = search.message;
    search.taken = search.refused;
    search.refused = changes;
    if (search.taken < changes && search.offers < kMaxOffers) {
      Offer(node_id, record, changes);
      return;
    }
  }
  if (search.taken < changes && search.offers >= kMaxOffers) {
    for (size_t i = search.taken; i < changes; ++i) {
      search.held[i] = true;
      search.messages[i] = search.message;
    }
    search.taken = changes;
  }
  if (search.taken == changes) {
    Found(node_id, record);
  } else {
    Offer(node_id, record, search.taken + (search.refused - search.taken) / 2);
  }
}

void Refusals::Found(const std::string& node_id, Record& record) {
  Search& search = *record.search;
  search.version.clear();
  search.of->held = search.held;
  search.of->messages = search.messages;
  std::string names;
  const std::vector<translator::RouteVariants::Change>& changes = search.of->variants.changes();
  for (size_t i = 0; i < changes.size(); ++i) {
    if (!search.held[i]) continue;
    record.refusal.routes.push_back({changes[i].name, changes[i].has_last_good, search.messages[i]});
    const size_t found = record.refusal.routes.size();
    if (found <= kMaxLogged) StrAppend(&names, names.empty() ? "" : ", ", changes[i].name);
    if (found == kMaxLogged + 1) StrAppend(&names, " ...");
  }
  // The client has that form already; it is what it gets if it asks again.
  if (!server_.Substitute(node_id, record.refusal.ref, record.refusal.version, search.of->variants.Make(search.held))) {
    record.search = nullptr;
    return;
  }
  runtime::Log(spdlog::level::warn,
               StrCat("Envoy ", node_id, " takes ", record.refusal.ref.name, " without the changes of ",
                      record.refusal.routes.size(), " of its routes: ", names),
               {{"node", node_id}, {"resources", record.refusal.ref.name}, {"reason", "RefusedByEnvoy"}});
}

const Refusals::Refusal* Refusals::Find(const std::string& node_id, const ResourceRef& ref,
                                        std::string_view version) const {
  const auto node = nodes_.find(node_id);
  if (node == nodes_.end()) return nullptr;
  const auto it = node->second.find(ref);
  return it == node->second.end() || it->second.refusal.version != version ? nullptr : &it->second.refusal;
}

std::vector<Refusals::Refusal> Refusals::Of(const std::string& node_id) const {
  std::vector<Refusal> out;
  const auto node = nodes_.find(node_id);
  if (node == nodes_.end()) return out;
  for (const auto& [ref, record] : node->second) out.push_back(record.refusal);
  return out;
}

void Refusals::Review() {
  std::vector<std::string> names;
  for (auto& [node_id, records] : nodes_) {
    names.push_back(node_id);
    std::erase_if(records, [&](const auto& item) {
      const auto& [ref, record] = item;
      const ResourcePtr current = FindCurrent(server_, record.role, ref);
      return current == nullptr || current->version != record.refusal.version;
    });
  }
  for (const std::string& name : names) Count(name);
}

void Refusals::Count(const std::string& node_id) {
  const auto node = nodes_.find(node_id);
  if (node == nodes_.end()) return;
  double counts[snapshot::kTypeCount] = {};
  for (const auto& [ref, record] : node->second) ++counts[static_cast<size_t>(ref.type)];
  for (int i = 0; i < snapshot::kTypeCount; ++i) {
    const runtime::Labels labels = {{"node", node_id}, {"type", xds::TypeLabel(static_cast<Type>(i))}};
    if (counts[i] > 0) {
      metrics_.gauge(kRefusedMetric, "Resources that a connected Envoy refuses; only while there are some.", labels)
          .Set(counts[i]);
    } else {
      metrics_.Forget(kRefusedMetric, labels);
    }
  }
  if (node->second.empty()) nodes_.erase(node);
}

}  // namespace gloo::controller
