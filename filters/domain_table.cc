#include "filters/domain_table.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "filters/json.h"
#include "template/codec.h"

namespace gloo::filters {
namespace {

// What a thread has last seen of a slot.
struct CachedTable {
  const DomainTables::Slot* slot;
  uint64_t generation;
  std::shared_ptr<const DomainTable> table;
};

// Every thread keeps its own reference, so requests share no reference count. One entry per table of the process: one.
thread_local std::vector<CachedTable> cached_tables;

}  // namespace

std::string_view DomainTable::Listener::Match(std::string_view host) const {
  if (host.empty() || (suffixes_.empty() && star_.empty())) return star_;
  if (exact_.find(host) != exact_.end()) return {};
  if (!suffixes_.empty()) {
    // From the longest suffix; the label before the dot must not be empty.
    for (size_t dot = host.find('.', 1); dot != host.npos; dot = host.find('.', dot + 1)) {
      if (const auto it = suffixes_.find(host.substr(dot)); it != suffixes_.end()) return it->second;
    }
  }
  return star_;
}

std::shared_ptr<const DomainTable> DomainTable::Parse(std::string_view json, std::string* error) {
  Json root;
  if (!ParseJson(json, &root, error)) return nullptr;
  const auto fail = [&](std::string text) -> std::shared_ptr<const DomainTable> {
    *error = std::move(text);
    return nullptr;
  };
  if (root.kind != Json::Kind::kObject) return fail("must be an object");
  for (const auto& [key, value] : root.object) {
    if (key != "table" && key != "listeners") return fail("unknown field \"" + key + "\"");
  }
  auto table = std::make_shared<DomainTable>();
  const Json* id = root.Find("table");
  if (id == nullptr || id->kind != Json::Kind::kString || id->string.empty()) {
    return fail("table: must be a non-empty string");
  }
  table->id_ = id->string;
  const Json* listeners = root.Find("listeners");
  if (listeners == nullptr) return table;
  if (listeners->kind != Json::Kind::kObject) return fail("listeners: must be an object");
  for (const auto& [name, domains] : listeners->object) {
    if (domains.kind != Json::Kind::kArray) return fail("listeners." + name + ": must be an array");
    Listener& listener = table->listeners_[name];
    for (size_t i = 0; i < domains.array.size(); ++i) {
      const Json& domain = domains.array[i];
      if (domain.kind != Json::Kind::kString || domain.string.empty()) {
        return fail("listeners." + name + "[" + std::to_string(i) + "]: must be a non-empty string");
      }
      std::string text = domain.string;
      std::transform(text.begin(), text.end(), text.begin(), tmpl::ToLower);
      if (text == "*") {
        listener.star_ = name + "|*";
      } else if (text.size() > 2 && text.starts_with("*.") && text.find('*', 1) == text.npos) {
        listener.suffixes_[text.substr(1)] = name + "|" + text;
      } else if (text.find('*') != text.npos) {
        return fail("listeners." + name + "[" + std::to_string(i) +
                    "]: a wildcard must be \"*\" or \"*.\" and a suffix");
      } else {
        listener.exact_.insert(std::move(text));
      }
    }
  }
  return table;
}

const DomainTable::Listener* DomainTable::Find(std::string_view listener) const {
  const auto it = listeners_.find(listener);
  return it == listeners_.end() ? nullptr : &it->second;
}

const DomainTable* DomainTables::Slot::Get() const {
  auto it = std::find_if(cached_tables.begin(), cached_tables.end(), [&](const auto& c) { return c.slot == this; });
  const uint64_t generation = generation_.load(std::memory_order_acquire);
  if (it == cached_tables.end()) {
    if (generation == 0) return nullptr;
    it = cached_tables.insert(it, CachedTable{this, 0, nullptr});
  }
  if (it->generation != generation) {
    const std::lock_guard lock(mutex_);
    it->generation = generation_.load(std::memory_order_relaxed);
    it->table = live_.empty() ? nullptr : live_.back();
  }
  return it->table.get();
}

DomainTables::Publication::Publication(Slot* slot, std::shared_ptr<const DomainTable> table)
    : slot_(slot), table_(std::move(table)) {
  const std::lock_guard lock(slot_->mutex_);
  auto& live = slot_->live_;
  // Every listener loads the same resource: they share one table, and readers see no change.
  if (!live.empty() && *live.back() == *table_) table_ = live.back();
  const bool changed = live.empty() || live.back() != table_;
  live.push_back(table_);
  if (changed) slot_->generation_.fetch_add(1, std::memory_order_release);
}

DomainTables::Publication::~Publication() {
  const std::lock_guard lock(slot_->mutex_);
  auto& live = slot_->live_;
  const std::shared_ptr<const DomainTable> in_force = live.back();
  // Searched from the end: an older entry may be the same table.
  live.erase(std::next(std::find(live.rbegin(), live.rend(), table_)).base());
  if (live.empty() || live.back() != in_force) slot_->generation_.fetch_add(1, std::memory_order_release);
}

DomainTables::Slot* DomainTables::Find(std::string_view id) {
  // Never destroyed: workers may still read while the process ends.
  static std::mutex* const mutex = new std::mutex;
  static auto* const slots = new std::map<std::string, std::unique_ptr<Slot>, std::less<>>;
  const std::lock_guard lock(*mutex);
  auto it = slots->find(id);
  if (it == slots->end()) it = slots->emplace(std::string(id), std::make_unique<Slot>()).first;
  return it->second.get();
}

}  // namespace gloo::filters
