// The table of domains of one Envoy role: which wildcard domains each listener serves, and which exact domains lie
// under them. It turns the host of a request into its scope key.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace gloo::filters {

// Immutable. The scope key of a host is `LISTENER|DOMAIN`.
class DomainTable {
 public:
  struct StringHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  // The domains of one listener.
  class Listener {
   public:
    // The wildcard key under which a host falls, or empty: then the host is its own key. Hosts come from
    // tmpl::NormalizeHost; an empty one falls under `*` alone.
    std::string_view Match(std::string_view host) const;
    bool operator==(const Listener&) const = default;

   private:
    friend class DomainTable;
    std::unordered_set<std::string, StringHash, std::equal_to<>> exact_;
    // ".example.com" -> "http|*.example.com"
    std::unordered_map<std::string, std::string, StringHash, std::equal_to<>> suffixes_;
    std::string star_;  // "http|*"; empty when the listener has no `*`
  };

  // {"table":"ingress","listeners":{"http":["*.example.com","*","a.example.com"]}}. Null on a mistake, which `error`
  // names.
  static std::shared_ptr<const DomainTable> Parse(std::string_view json, std::string* error);

  const std::string& id() const { return id_; }
  // Null for a listener that the table does not name.
  const Listener* Find(std::string_view listener) const;
  bool operator==(const DomainTable&) const = default;

 private:
  std::string id_;
  std::unordered_map<std::string, Listener, StringHash, std::equal_to<>> listeners_;
};

// The tables in force by their ids, for all threads of the process.
class DomainTables {
 public:
  // The place of one table. Its address never changes and it is never freed, so that readers may keep it.
  class Slot {
   public:
    // The table in force, or null. Any thread; takes a lock only in the first call of a thread after a change. The
    // pointer is good until the thread's next call.
    const DomainTable* Get() const;

   private:
    friend class DomainTables;
    friend class Publication;
    std::atomic<uint64_t> generation_{0};
    mutable std::mutex mutex_;
    // What the live configurations hold, oldest first: the last one is in force. Guarded by mutex_.
    std::vector<std::shared_ptr<const DomainTable>> live_;
  };

  // Keeps one table published until it is destroyed.
  class Publication {
   public:
    Publication(Slot* slot, std::shared_ptr<const DomainTable> table);
    ~Publication();
    Publication(const Publication&) = delete;
    Publication& operator=(const Publication&) = delete;

   private:
    Slot* slot_;
    std::shared_ptr<const DomainTable> table_;
  };

  // The slot of an id, made on first use. Called when configurations are made, not on requests.
  static Slot* Find(std::string_view id);
};

}  // namespace gloo::filters
