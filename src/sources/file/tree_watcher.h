// Follows one folder tree: what files are there, which have changed, which are gone.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/issues.h"
#include "runtime/backoff.h"
#include "sources/file/watch_table.h"

namespace gloo::sources::file {

// What Process() found; paths are relative to the root.
struct TreeChanges {
  struct Changed {
    std::string path;
    // Only its permissions may have changed.
    bool attributes_only = false;
  };
  std::vector<Changed> changed;
  // No longer there, but perhaps about to return (an editor that renames the file away and writes it anew).
  std::vector<std::string> leaving;
  // Still not there after the grace.
  std::vector<std::string> gone;
  // What is wrong with a folder (the root is ""); none: well again.
  std::vector<std::pair<std::string, std::optional<Issue>>> problems;

  bool empty() const { return changed.empty() && leaving.empty() && gone.empty() && problems.empty(); }
};

// Not thread safe: one thread calls Drain() when fd() is readable, then Process(), and again Process() at
// NextDeadline(). Symbolic links are followed, wherever they lead, and what they lead through is watched too.
// A file is "changed" when a writer has closed it, when it was renamed or linked into place, or when listing finds
// another file than before under its name; never while it is known to be open for writing.
class TreeWatcher {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  struct Options {
    std::string root;
    // The file names that count; hidden names and editors' backups never do.
    std::function<bool(std::string_view name)> wanted;
    Duration removal_grace = std::chrono::milliseconds(50);
    // The same for what is missing when a root that was away is back, perhaps still being filled.
    Duration return_grace = std::chrono::seconds(1);
    // The whole tree is listed this often, for what no event tells of (network file systems, memory-mapped writes).
    Duration relist_interval = std::chrono::seconds(60);
    // The same while some folder cannot be watched.
    Duration relist_interval_unwatched = std::chrono::seconds(2);
    // How often a root that is not there is looked for.
    runtime::Backoff::Options return_poll = {
        .initial = absl::Milliseconds(10), .max = absl::Seconds(1), .multiplier = 1.5, .jitter = 0.1};
    // 0: as many as the system allows.
    size_t max_watches = 0;
  };

  explicit TreeWatcher(Options options);

  // Readable when there is something to Drain(); -1 where the system gives no inotify instance (then everything is
  // found by listing).
  int fd() const { return watches_.fd(); }
  // Takes in what the system has to tell, without blocking.
  void Drain();
  TreeChanges Process(Time now);
  // Time::max() where there is none.
  Time NextDeadline() const;
  // As far as Drain() has told, somebody is writing the file: what was read of it may be half of it. It is forgotten
  // that it was read; it will be "changed" again.
  bool Unsettled(const std::string& path);

  // The root was listed once, wholly.
  bool listed() const { return listed_; }
  // The root is not there now.
  bool away() const { return away_; }
  uint64_t overflows() const { return overflows_; }
  size_t files() const { return files_.size(); }
  const std::string& root() const { return options_.root; }
  std::string FullPath(const std::string& path) const;

 private:
  // Tells whether a name still means the same bytes, as far as stat() can.
  struct Identity {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = -1;
    int64_t modified_ns = 0;
    int64_t changed_ns = 0;
    bool operator==(const Identity&) const = default;
  };
  struct FileEntry {
    Identity identity;
    // The file changed so shortly before it was looked at that its times may not tell a second change.
    bool racy = true;
    std::vector<Dependency> dependencies;
    std::optional<Time> leaves_at;
  };
  struct FolderEntry {
    std::string real;
    int wd = -1;
    uint64_t device = 0;
    uint64_t inode = 0;
    std::vector<Dependency> dependencies;
  };
  enum class Listing { kNow, kPeriodic };
  enum Flag : uint8_t { kCheck = 1, kContent = 2, kCreated = 4, kAttributes = 8 };

  // tree_watcher.cc
  void TakeEvent(int wd, uint32_t mask, std::string_view name);
  void Pend(const std::string& path, uint32_t mask);
  void CheckRoot();
  void RootAway(int error);
  void ListAll(Listing listing);
  void Expire();
  void ReportRoot();
  void Problem(const std::string& path, std::optional<Issue> issue);

  // tree_listing.cc
  void CheckPath(const std::string& path, uint8_t flags, Listing listing);
  void CheckFile(const std::string& path, uint8_t flags, Listing listing, bool link, const struct stat* info,
                 std::vector<Dependency> dependencies);
  void CheckFolder(const std::string& path, const std::string& real, const struct stat& info,
                   std::vector<Dependency> dependencies, Listing listing);
  std::optional<Issue> ListFolder(const std::string& path, const std::string& real, Listing listing);
  bool IsBelowItself(const std::string& path, const struct stat& info) const;
  std::vector<Dependency> TakeDependencies(const std::string& path);
  std::vector<Dependency> Follow(const std::string& path, const std::string& base, const std::string& target,
                                 const std::vector<Dependency>& before, std::string* real);
  void Release(const std::vector<Dependency>& dependencies, const std::string& path);
  void Leave(const std::string& path);
  void LeaveFile(const std::string& path, FileEntry& entry);
  void DropFolder(const std::string& path, FolderEntry& entry);

  const Options options_;
  WatchTable watches_;
  runtime::Backoff backoff_;

  std::map<std::string, FileEntry> files_;
  std::map<std::string, FolderEntry> folders_;
  std::map<std::string, Issue> problems_;
  std::vector<Dependency> root_dependencies_;
  // Paths that the system lets us not watch, since the last listing of all.
  std::set<std::string> unwatched_;
  bool was_unwatched_ = false;
  // Why the root cannot be found or listed.
  std::optional<Issue> root_problem_;
  // Being written, as far as events told.
  std::set<std::string> writing_;
  std::map<Time, std::set<std::string>> leaving_;

  std::map<std::string, uint8_t> pending_;
  bool check_root_ = true;
  bool list_all_ = false;
  bool returning_ = false;
  uint32_t move_cookie_ = 0;

  bool listed_ = false;
  bool away_ = false;
  uint64_t overflows_ = 0;
  Time now_{};
  Time next_root_check_ = Time::max();
  Time next_listing_ = Time::max();
  TreeChanges changes_;
};

}  // namespace gloo::sources::file
