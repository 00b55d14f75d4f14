// The inotify watches of one tree: which folders are watched, for whom, and how symbolic links are followed.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace gloo::sources::file {

// An entry of a real folder that a path depends on besides its own folder: a link on its way, the target of a link.
struct Hop {
  std::string folder;  // absolute, without symbolic links
  std::string name;

  bool operator==(const Hop&) const = default;
};

// A hop whose folder is watched.
struct Dependency {
  int wd = -1;
  std::string name;

  bool operator==(const Dependency&) const = default;
};

struct Followed {
  // Every link on the way, and after a link the entry that it ends in; also the first entry that is not there.
  std::vector<Hop> hops;
  // Where it ends, without symbolic links, as far as it could be followed.
  std::string real;
};

// Follows `path` (relative ones start in `base`, which has no symbolic links) component by component.
Followed FollowLinks(const std::string& base, const std::string& path);

// Not thread safe. A folder is watched once, however many need it, and no longer than one does.
// Users are the logical paths of a tree.
class WatchTable {
 public:
  struct Watch {
    // Logical folders that this real folder is.
    std::set<std::string> folders;
    // Logical paths that depend on an entry of this folder.
    absl::flat_hash_map<std::string, std::set<std::string>> dependents;
  };

  // `max_watches` of 0: as many as the system allows.
  explicit WatchTable(size_t max_watches);
  ~WatchTable();
  WatchTable(const WatchTable&) = delete;
  WatchTable& operator=(const WatchTable&) = delete;

  // -1 where the system gives no inotify instance: then nothing can be watched.
  int fd() const { return fd_; }
  // Why the last failing watch failed: an errno.
  int last_error() const { return last_error_; }

  // Watches `real` as the logical folder `folder`. Returns the watch or -1.
  int AddFolder(const std::string& real, const std::string& folder);
  void RemoveFolder(int wd, const std::string& folder);

  // Watches the folders of `hops` for `dependent`; one that is not there is left out. False where one cannot be
  // watched. `added` is set when a folder was not watched before: what happened in it until now may have been missed.
  bool AddHops(const std::vector<Hop>& hops, const std::string& dependent, std::vector<Dependency>* dependencies,
               bool* added);
  void Remove(const Dependency& dependency, const std::string& dependent);

  // Null where it is unknown (or no longer known).
  const Watch* Find(int wd) const;
  // The system has dropped the watch: the folder is gone.
  void Forget(int wd);
  // Drops all folders, and all dependents but `dependent`.
  void Clear(const std::string& dependent);

 private:
  int Add(const std::string& real);
  void ReleaseIfUnused(int wd);

  int fd_;
  int last_error_ = 0;
  const size_t max_watches_;
  absl::flat_hash_map<int, Watch> watches_;
};

}  // namespace gloo::sources::file
