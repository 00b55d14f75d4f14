// Which file holds which object, and what to tell of a change: events that carry only what is new.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "model/reader.h"
#include "sources/source.h"

namespace gloo::sources::file {

// No I/O, no thread. Of several files that define one object the first to do so holds it; when it lets go, the next
// takes over. A file that does not parse, cannot be read or is leaving holds what it held; one that has left, or may
// have lost an object among documents that cannot be identified, yields to another that truly has the object.
class ConfigIndex {
 public:
  // `source` goes into origins.
  explicit ConfigIndex(std::string source) : source_(std::move(source)) {}

  // What the file holds now. Files of one round are given in the order of their paths.
  void Update(const std::string& path, model::FileResult result);
  // Why the file cannot be read; none: it can again and is as it was.
  void SetUnreadable(const std::string& path, std::optional<Issue> issue);
  // The file is not there, but may return.
  void Leaving(const std::string& path);
  void Remove(const std::string& path);
  // A place that is no file.
  void SetProblem(const std::string& place, std::optional<Issue> issue);

  bool IsUnreadable(const std::string& path) const;
  // The file held objects when it was last read.
  bool HoldsObjects(const std::string& path) const {
    const auto it = files_.find(path);
    return it != files_.end() && !it->second.claims.empty();
  }

  // Adds the events of all that was told since the last call. `now_ns` is the age of objects that are new and carry
  // none; of several the order is that of paths and documents.
  void Flush(int64_t now_ns, Batch& batch);

  size_t objects() const { return keys_.size(); }

 private:
  struct Claim {
    model::ObjectPtr object;  // null: wrong
    std::vector<Issue> issues;
    int document = 0;
    int line = 0;
    // No document of the file has this key any more; it may be one that cannot be identified.
    bool lost = false;
  };
  struct FileState {
    std::map<model::ObjectKey, Claim> claims;
    std::vector<Issue> issues;
    std::optional<Issue> unreadable;
    // Some of what it holds cannot be told: it does not parse, or a document cannot be identified.
    bool partly = false;
    bool leaving = false;
  };
  struct KeyState {
    // Paths of the files that claim it, the holder first.
    std::vector<std::string> claimants;
    int64_t created = 0;
    bool told = false;
    model::ObjectPtr told_object;
    std::vector<Issue> told_issues;
  };

  void AddClaim(const std::string& path, const model::ObjectKey& key);
  void DropClaim(const std::string& path, const model::ObjectKey& key);
  bool IsWeak(const std::string& path, const model::ObjectKey& key) const;
  void SettleHolder(const model::ObjectKey& key, KeyState& state);
  void Tell(const model::ObjectKey& key, KeyState& state, Batch& batch);
  void TellPlace(const std::string& place, std::vector<Issue> issues, bool unread, Batch& batch);
  std::vector<Issue> IssuesOf(const std::string& path, const FileState& file) const;

  const std::string source_;
  std::map<std::string, FileState> files_;
  std::map<std::string, std::optional<Issue>> problems_;
  absl::flat_hash_map<model::ObjectKey, KeyState> keys_;
  // Places that were last told with issues.
  std::map<std::string, PlaceEvent> told_places_;

  std::set<model::ObjectKey> touched_keys_;
  std::set<std::string> touched_files_;
  int64_t last_created_ = 0;
};

}  // namespace gloo::sources::file
