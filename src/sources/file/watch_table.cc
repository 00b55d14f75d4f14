#include "sources/file/watch_table.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <deque>

#include "sources/file/names.h"

namespace gloo::sources::file {
namespace {

constexpr uint32_t kMask = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                           IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;

// The limit of the kernel.
constexpr int kMaxLinks = 40;

// Puts the components of `path` before those that wait.
void Prepend(const std::string& path, std::deque<std::string>& waiting) {
  std::vector<std::string> parts;
  size_t start = 0;
  while (start < path.size()) {
    size_t end = path.find('/', start);
    if (end == std::string::npos) end = path.size();
    if (end > start) parts.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  waiting.insert(waiting.begin(), parts.begin(), parts.end());
}

}  // namespace

Followed FollowLinks(const std::string& base, const std::string& path) {
  Followed out;
  std::deque<std::string> waiting;
  std::string& at = out.real;
  at = path.starts_with('/') ? std::string(1, '/') : base;
  Prepend(path, waiting);
  int links = 0;
  while (!waiting.empty()) {
    const std::string name = std::move(waiting.front());
    waiting.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      const std::string_view parent = ParentOf(at);
      at = parent.empty() ? std::string(1, '/') : std::string(parent);
      continue;
    }
    std::string next = JoinPath(at, name);
    struct stat info;
    if (lstat(next.c_str(), &info) != 0) {
      out.hops.push_back({at, name});
      at = std::move(next);
      return out;
    }
    if (S_ISLNK(info.st_mode)) {
      out.hops.push_back({at, name});
      if (++links > kMaxLinks) return out;
      char target[PATH_MAX];
      const ssize_t size = readlink(next.c_str(), target, sizeof target);
      if (size < 0) return out;
      const std::string to(target, static_cast<size_t>(size));
      if (to.starts_with('/')) at.assign(1, '/');
      Prepend(to, waiting);
      continue;
    }
    if (waiting.empty() && !out.hops.empty()) out.hops.push_back({at, name});
    at = std::move(next);
  }
  return out;
}

WatchTable::WatchTable(size_t max_watches) : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)), max_watches_(max_watches) {
  if (fd_ < 0) last_error_ = errno;
}

WatchTable::~WatchTable() {
  if (fd_ >= 0) close(fd_);
}

int WatchTable::Add(const std::string& real) {
  if (fd_ < 0) return -1;
  const int wd = inotify_add_watch(fd_, real.c_str(), kMask);
  if (wd < 0) {
    last_error_ = errno;
    return -1;
  }
  if (max_watches_ != 0 && watches_.size() >= max_watches_ && !watches_.contains(wd)) {
    inotify_rm_watch(fd_, wd);
    last_error_ = ENOSPC;
    return -1;
  }
  return wd;
}

int WatchTable::AddFolder(const std::string& real, const std::string& folder) {
  const int wd = Add(real);
  if (wd >= 0) watches_[wd].folders.insert(folder);
  return wd;
}

void WatchTable::RemoveFolder(int wd, const std::string& folder) {
  auto it = watches_.find(wd);
  if (it == watches_.end()) return;
  it->second.folders.erase(folder);
  ReleaseIfUnused(wd);
}

bool WatchTable::AddHops(const std::vector<Hop>& hops, const std::string& dependent,
                         std::vector<Dependency>* dependencies, bool* added) {
  bool ok = true;
  for (const Hop& hop : hops) {
    const int wd = Add(hop.folder);
    if (wd < 0) {
      ok = ok && (last_error_ == ENOENT || last_error_ == ENOTDIR);
      continue;
    }
    auto [it, fresh] = watches_.try_emplace(wd);
    *added = *added || fresh;
    it->second.dependents[hop.name].insert(dependent);
    dependencies->push_back({wd, hop.name});
  }
  return ok;
}

void WatchTable::Remove(const Dependency& dependency, const std::string& dependent) {
  auto it = watches_.find(dependency.wd);
  if (it == watches_.end()) return;
  auto users = it->second.dependents.find(dependency.name);
  if (users != it->second.dependents.end()) {
    users->second.erase(dependent);
    if (users->second.empty()) it->second.dependents.erase(users);
  }
  ReleaseIfUnused(dependency.wd);
}

const WatchTable::Watch* WatchTable::Find(int wd) const {
  auto it = watches_.find(wd);
  return it == watches_.end() ? nullptr : &it->second;
}

void WatchTable::Forget(int wd) { watches_.erase(wd); }

void WatchTable::Clear(const std::string& dependent) {
  std::vector<int> all;
  for (auto& [wd, watch] : watches_) {
    watch.folders.clear();
    for (auto it = watch.dependents.begin(); it != watch.dependents.end();) {
      const bool keep = it->second.contains(dependent);
      it->second.clear();
      if (keep) it->second.insert(dependent);
      if (keep) {
        ++it;
      } else {
        watch.dependents.erase(it++);
      }
    }
    all.push_back(wd);
  }
  for (int wd : all) ReleaseIfUnused(wd);
}

void WatchTable::ReleaseIfUnused(int wd) {
  auto it = watches_.find(wd);
  if (it == watches_.end() || !it->second.folders.empty() || !it->second.dependents.empty()) return;
  watches_.erase(it);
  inotify_rm_watch(fd_, wd);
}

}  // namespace gloo::sources::file
