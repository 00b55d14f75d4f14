#include "filters/domain_table.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "filters/json.h"
#include "template/codec.h"

namespace gloo::filters {
namespace {

constexpr uint64_t kFnvOffset = 14695981039346656037u;
constexpr uint64_t kFnvPrime = 1099511628211u;
constexpr size_t kMostParts = 4096;
// Changes of each part that may wait for one that is under way.
constexpr size_t kMostWaiting = 8;

uint64_t Fnv(std::string_view text, uint64_t hash) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kFnvPrime;
  return hash;
}

// "3/128": part 3 of 128.
bool ParsePart(std::string_view text, size_t* part, size_t* parts) {
  const size_t slash = text.find('/');
  const auto number = [](std::string_view digits, size_t* out) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *out);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  return slash != text.npos && number(text.substr(0, slash), part) && number(text.substr(slash + 1), parts) &&
         *part < *parts && *parts <= kMostParts;
}

// What a thread has last seen of a slot.
struct CachedParts {
  const DomainTables::Slot* slot;
  uint64_t generation;
  std::unique_ptr<DomainParts> parts;
};

// Every thread keeps its own references, so requests share no reference count. One entry per table of the process: one.
thread_local std::vector<CachedParts> cached_parts;

}  // namespace

size_t DomainTable::PartOf(std::string_view domain, size_t parts) { return Fnv(domain, kFnvOffset) % parts; }

size_t DomainTable::PartOfSuffix(std::string_view suffix, size_t parts) {
  return Fnv(suffix, Fnv("*", kFnvOffset)) % parts;
}

std::string_view DomainParts::Match(std::string_view listener, std::string_view host) const {
  const size_t count = parts_.size();
  const auto find = [&](size_t part) { return parts_[part] == nullptr ? nullptr : parts_[part]->Find(listener); };
  // An empty host falls under `*` alone.
  if (const auto* exact = find(DomainTable::PartOf(host, count)); exact != nullptr && exact->HasExact(host)) return {};
  // From the longest suffix; the label before the dot must not be empty.
  for (size_t dot = host.find('.', 1); dot != host.npos; dot = host.find('.', dot + 1)) {
    const std::string_view suffix = host.substr(dot);
    const auto* wildcards = find(DomainTable::PartOfSuffix(suffix, count));
    if (wildcards == nullptr) continue;
    if (const std::string_view key = wildcards->FindSuffix(suffix); !key.empty()) return key;
  }
  const auto* star = find(DomainTable::PartOf("*", count));
  return star == nullptr ? std::string_view() : star->star();
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
    if (key != "table" && key != "part" && key != "listeners") return fail("unknown field \"" + key + "\"");
  }
  auto table = std::make_shared<DomainTable>();
  const Json* id = root.Find("table");
  if (id == nullptr || id->kind != Json::Kind::kString || id->string.empty()) {
    return fail("table: must be a non-empty string");
  }
  table->id_ = id->string;
  if (const Json* part = root.Find("part"); part != nullptr) {
    if (part->kind != Json::Kind::kString || !ParsePart(part->string, &table->part_, &table->parts_)) {
      return fail("part: must be \"NUMBER/COUNT\", for instance \"3/128\"");
    }
  }
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

const DomainParts* DomainTables::Slot::Get() const {
  auto it = std::find_if(cached_parts.begin(), cached_parts.end(), [&](const auto& c) { return c.slot == this; });
  const uint64_t generation = generation_.load(std::memory_order_acquire);
  if (it == cached_parts.end()) {
    if (generation == 0) return nullptr;
    it = cached_parts.insert(it, CachedParts{this, 0, nullptr});
  }
  if (it->generation != generation) {
    const std::lock_guard lock(mutex_);
    it->generation = generation_.load(std::memory_order_relaxed);
    bool any = false;
    if (it->parts == nullptr) it->parts = std::make_unique<DomainParts>();
    auto& parts = it->parts->parts_;
    parts.resize(parts_.size());
    for (size_t i = 0; i < parts_.size(); ++i) {
      // Compared first: most did not change, and their counts are shared with other threads.
      if (parts[i] != parts_[i].in_force) parts[i] = parts_[i].in_force;
      any |= parts[i] != nullptr;
    }
    if (!any) it->parts = nullptr;
  }
  return it->parts.get();
}

void DomainTables::Slot::Advance(const Part& part, bool was_changing) {
  if (part.changing() != was_changing) was_changing ? --changing_ : ++changing_;
  // Where changes follow each other so fast that there is always one under way, they come into force one by one.
  if (changing_ > 0 && ++waiting_ <= kMostWaiting * parts_.size()) return;
  waiting_ = 0;
  bool changed = false;
  for (Part& p : parts_) {
    const TablePtr* oldest = p.live.empty() ? nullptr : &p.live.front();
    if (oldest == nullptr ? p.in_force == nullptr : p.in_force == *oldest) continue;
    p.in_force = oldest == nullptr ? nullptr : *oldest;
    changed = true;
  }
  if (changed) generation_.fetch_add(1, std::memory_order_release);
}

DomainTables::Publication::Publication(Slot* slot, std::shared_ptr<const DomainTable> table)
    : slot_(slot), table_(std::move(table)) {
  const std::lock_guard lock(slot_->mutex_);
  if (slot_->parts_.size() != table_->parts()) {
    // Another number of parts comes with a whole new table; parts that do not fit it hold nothing any more.
    slot_->parts_ = std::vector<Slot::Part>(table_->parts());
    slot_->changing_ = 0;
  }
  Slot::Part& part = slot_->parts_[table_->part()];
  const bool was_changing = part.changing();
  // Every listener loads the same resource: they share one table, and readers see no change.
  if (!part.live.empty() && *part.live.back() == *table_) table_ = part.live.back();
  part.live.push_back(table_);
  slot_->Advance(part, was_changing);
}

DomainTables::Publication::~Publication() {
  const std::lock_guard lock(slot_->mutex_);
  if (slot_->parts_.size() != table_->parts()) return;
  Slot::Part& part = slot_->parts_[table_->part()];
  const auto found = std::find(part.live.begin(), part.live.end(), table_);
  if (found == part.live.end()) return;
  const bool was_changing = part.changing();
  part.live.erase(found);
  slot_->Advance(part, was_changing);
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
