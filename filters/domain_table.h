// The table of domains of one Envoy role: which wildcard domains each listener serves, and which exact domains lie
// beside them. It turns the host of a request into its scope key.
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

// One part of a table: the domains whose hash is its number, so that a change of one domain changes one small part.
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
    bool HasExact(std::string_view host) const { return exact_.find(host) != exact_.end(); }
    // The key of the wildcard `*` + suffix (".example.com"), or empty.
    std::string_view FindSuffix(std::string_view suffix) const {
      const auto it = suffixes_.find(suffix);
      return it == suffixes_.end() ? std::string_view() : it->second;
    }
    // The key of `*`, or empty.
    std::string_view star() const { return star_; }
    bool operator==(const Listener&) const = default;

   private:
    friend class DomainTable;
    std::unordered_set<std::string, StringHash, std::equal_to<>> exact_;
    // ".example.com" -> "http|*.example.com"
    std::unordered_map<std::string, std::string, StringHash, std::equal_to<>> suffixes_;
    std::string star_;  // "http|*"; empty when the listener has no `*`
  };

  // {"table":"ingress","part":"3/128","listeners":{"http":["*.example.com","*","a.example.com"]}}; without a part it is
  // the whole table. Null on a mistake, which `error` names.
  static std::shared_ptr<const DomainTable> Parse(std::string_view json, std::string* error);

  // The part that holds a domain. The control plane computes the same: FNV-1a of 64 bits, modulo the number of parts.
  static size_t PartOf(std::string_view domain, size_t parts);
  // Of the wildcard `*` + suffix.
  static size_t PartOfSuffix(std::string_view suffix, size_t parts);

  const std::string& id() const { return id_; }
  size_t part() const { return part_; }
  size_t parts() const { return parts_; }
  // Null for a listener that the part does not name.
  const Listener* Find(std::string_view listener) const;
  bool operator==(const DomainTable&) const = default;

 private:
  std::string id_;
  size_t part_ = 0;
  size_t parts_ = 1;
  std::unordered_map<std::string, Listener, StringHash, std::equal_to<>> listeners_;
};

// All parts of a table as one thread sees them.
class DomainParts {
 public:
  // The wildcard key under which a host falls, or empty: then the host is its own key. Hosts come from
  // tmpl::NormalizeHost; an empty one falls under `*` alone.
  std::string_view Match(std::string_view listener, std::string_view host) const;

 private:
  friend class DomainTables;
  // Null where a part has not come yet.
  std::vector<std::shared_ptr<const DomainTable>> parts_;
};

// The tables in force by their ids, for all threads of the process.
//
// Envoy makes a configuration on the main thread, hands it to each worker in turn, after the scopes that came before
// it, and destroys the one that it replaces on the main thread once the last worker has taken the new one. So as long
// as two live, a worker may lack the scopes that the new one names, and the old one is in force for all; and several
// parts that arrived together come into force together, or a host would match nothing between a wildcard that went and
// one that came.
class DomainTables {
 public:
  // The place of one table. Its address never changes and it is never freed, so that readers may keep it.
  class Slot {
   public:
    // What is in force, or null. Any thread; takes a lock only in the first call of a thread after a change. The
    // pointer is good until the thread's next call.
    const DomainParts* Get() const;

   private:
    friend class DomainTables;
    friend class Publication;
    using TablePtr = std::shared_ptr<const DomainTable>;
    struct Part {
      // What the live configurations hold, oldest first.
      std::vector<TablePtr> live;
      TablePtr in_force;
      bool changing() const { return !live.empty() && live.front() != live.back(); }
    };
    // After a change of a part that was `changing` before it.
    void Advance(const Part& part, bool was_changing);

    std::atomic<uint64_t> generation_{0};
    mutable std::mutex mutex_;
    // The rest is guarded by mutex_.
    std::vector<Part> parts_;
    size_t changing_ = 0;
    // Changes that wait for the last one that is under way.
    size_t waiting_ = 0;
  };

  // Keeps one part published until it is destroyed.
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
