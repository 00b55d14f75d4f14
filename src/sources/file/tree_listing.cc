// The half of TreeWatcher that looks at the file system: single paths, folders, links.
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>
#include <system_error>

#include "sources/file/names.h"
#include "sources/file/tree_watcher.h"

namespace gloo::sources::file {
namespace {

// Kernels stamp files by a clock that ticks every few milliseconds.
constexpr int64_t kClockTickNs = 20'000'000;
// A periodic listing leaves alone what changed so shortly before: it may be half written.
constexpr int64_t kSettledNs = 1'000'000'000;

int64_t Nanoseconds(const timespec& t) { return t.tv_sec * 1'000'000'000LL + t.tv_nsec; }

int64_t WallNow() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return Nanoseconds(now);
}

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};

// The entries below a folder, of a map sorted by path.
template <typename Map>
std::pair<typename Map::iterator, typename Map::iterator> Below(Map& map, const std::string& folder) {
  if (folder.empty()) return {map.upper_bound(folder), map.end()};
  return {map.lower_bound(folder + "/"), map.lower_bound(folder + "0")};  // '0' follows '/'
}

bool Contains(const std::vector<Dependency>& all, const Dependency& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

void TreeWatcher::CheckPath(const std::string& path, uint8_t flags, Listing listing) {
  auto parent = folders_.find(std::string(ParentOf(path)));
  if (parent == folders_.end()) return;
  const std::string& base = parent->second.real;
  const std::string entry = JoinPath(base, NameOf(path));
  std::string real = entry;

  struct stat info;
  if (lstat(entry.c_str(), &info) != 0) return Leave(path);
  const bool link = S_ISLNK(info.st_mode);
  const std::vector<Dependency> before = TakeDependencies(path);
  std::vector<Dependency> dependencies;
  bool there = true;
  if (link) {
    dependencies = Follow(path, base, std::string(NameOf(path)), before, &real);
    there = stat(entry.c_str(), &info) == 0;
  } else {
    Release(before, path);
  }

  if (there && S_ISDIR(info.st_mode)) {
    if (auto file = files_.find(path); file != files_.end()) LeaveFile(path, file->second);
    return CheckFolder(path, real, info, std::move(dependencies), listing);
  }
  if (folders_.contains(path)) Leave(path);
  if (!options_.wanted(NameOf(path))) return Release(dependencies, path);
  CheckFile(path, flags, listing, link, there ? &info : nullptr, std::move(dependencies));
}

void TreeWatcher::CheckFile(const std::string& path, uint8_t flags, Listing listing, bool link, const struct stat* info,
                            std::vector<Dependency> dependencies) {
  Identity identity;
  if (info != nullptr) {
    identity = {.device = info->st_dev,
                .inode = info->st_ino,
                .size = info->st_size,
                .modified_ns = Nanoseconds(info->st_mtim),
                .changed_ns = Nanoseconds(info->st_ctim)};
  }
  const auto [it, fresh] = files_.try_emplace(path);
  FileEntry& file = it->second;
  file.dependencies = std::move(dependencies);
  const bool returned = std::exchange(file.leaves_at, std::nullopt).has_value();
  const int64_t age_ns = WallNow() - identity.changed_ns;

  if (flags & kContent) {
    if (writing_.contains(path)) return;
  } else if (flags & kCreated) {
    // Its maker will close it, unless it was linked into place, whole.
    if (info != nullptr && !link && info->st_nlink == 1) {
      writing_.insert(path);
      return;
    }
  } else if (fresh || returned || file.racy || identity != file.identity) {
    if (writing_.contains(path)) return;
    if (listing == Listing::kPeriodic && !fresh && !returned && age_ns < kSettledNs) return;
    if (flags == kAttributes && !fresh && !returned) {
      // A writer may be at work; what it wrote is told when it closes.
      changes_.changed.push_back({path, true});
      return;
    }
  } else {
    if (flags & kAttributes) changes_.changed.push_back({path, true});
    return;
  }
  file.identity = identity;
  file.racy = age_ns < kClockTickNs;
  changes_.changed.push_back({path, false});
}

void TreeWatcher::CheckFolder(const std::string& path, const std::string& real, const struct stat& info,
                              std::vector<Dependency> dependencies, Listing listing) {
  if (IsBelowItself(path, info)) {
    Release(dependencies, path);
    Leave(path);
    Problem(path, Issue{.severity = Severity::kWarning,
                        .reason = "LinkLoop",
                        .message = "is a symbolic link to a folder that it is in; it is not followed",
                        .location = {.file = path}});
    return;
  }
  const int wd = watches_.AddFolder(real, path);
  if (wd < 0 && (fd() < 0 || watches_.last_error() == ENOSPC || watches_.last_error() == ENOMEM)) {
    unwatched_.insert(path);
  }
  FolderEntry& folder = folders_[path];
  if (folder.wd >= 0 && folder.wd != wd) watches_.RemoveFolder(folder.wd, path);
  folder = {
      .real = real, .wd = wd, .device = info.st_dev, .inode = info.st_ino, .dependencies = std::move(dependencies)};
  std::optional<Issue> problem = ListFolder(path, real, listing);
  if (path.empty()) {
    root_problem_ = std::move(problem);
  } else {
    Problem(path, std::move(problem));
  }
}

std::optional<Issue> TreeWatcher::ListFolder(const std::string& path, const std::string& real, Listing listing) {
  const std::unique_ptr<DIR, CloseDir> dir(opendir(real.c_str()));
  if (!dir) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return Issue{
        .severity = Severity::kError,
        .reason = "Unreadable",
        .message = "the folder cannot be listed: " +
                   (errno == EACCES ? std::string("permission denied") : std::generic_category().message(errno)) +
                   "; what it held stays in force",
        .location = {.file = path.empty() ? options_.root : path}};
  }
  std::set<std::string> there;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (IsIgnored(name)) continue;
    if (entry->d_type == DT_REG && !options_.wanted(name)) continue;
    there.insert(JoinPath(path, name));
  }
  // What is no longer there, before what is: files that went into a folder of the same name ...
  std::vector<std::string> lost;
  const auto is_child = [&](const std::string& other) { return ParentOf(other) == path && !there.contains(other); };
  for (auto [it, end] = Below(files_, path); it != end; ++it) {
    if (!it->second.leaves_at && is_child(it->first)) lost.push_back(it->first);
  }
  for (auto [it, end] = Below(folders_, path); it != end; ++it) {
    if (is_child(it->first)) lost.push_back(it->first);
  }
  // A folder that is new here can hold files of an earlier one whose own folder is not there any more.
  for (auto [it, end] = Below(files_, path); it != end; ++it) {
    if (it->second.leaves_at || ParentOf(it->first) == path) continue;
    const size_t slash = it->first.find('/', path.empty() ? 0 : path.size() + 1);
    if (!there.contains(it->first.substr(0, slash))) lost.push_back(it->first);
  }
  for (const std::string& child : lost) Leave(child);
  for (const std::string& child : there) CheckPath(child, 0, listing);
  return std::nullopt;
}

bool TreeWatcher::IsBelowItself(const std::string& path, const struct stat& info) const {
  std::string_view above = path;
  while (!above.empty()) {
    above = ParentOf(above);
    auto it = folders_.find(std::string(above));
    if (it != folders_.end() && it->second.device == info.st_dev && it->second.inode == info.st_ino) return true;
  }
  return false;
}

std::vector<Dependency> TreeWatcher::TakeDependencies(const std::string& path) {
  std::vector<Dependency> out;
  if (auto it = files_.find(path); it != files_.end()) out = std::exchange(it->second.dependencies, {});
  if (auto it = folders_.find(path); it != folders_.end()) {
    for (Dependency& dependency : it->second.dependencies) out.push_back(std::move(dependency));
    it->second.dependencies.clear();
  }
  return out;
}

std::vector<Dependency> TreeWatcher::Follow(const std::string& path, const std::string& base, const std::string& target,
                                            const std::vector<Dependency>& before, std::string* real) {
  std::vector<Dependency> dependencies;
  // A link may change between being read and its folder being watched: read again until nothing was news.
  for (int round = 0; round < 8; ++round) {
    Followed followed = FollowLinks(base, target);
    std::vector<Dependency> found;
    bool added = false;
    if (!watches_.AddHops(followed.hops, path, &found, &added)) unwatched_.insert(path);
    for (const Dependency& old : dependencies) {
      if (!Contains(found, old)) watches_.Remove(old, path);
    }
    dependencies = std::move(found);
    if (real != nullptr) *real = std::move(followed.real);
    if (!added) break;
  }
  for (const Dependency& old : before) {
    if (!Contains(dependencies, old)) watches_.Remove(old, path);
  }
  return dependencies;
}

void TreeWatcher::Release(const std::vector<Dependency>& dependencies, const std::string& path) {
  for (const Dependency& dependency : dependencies) watches_.Remove(dependency, path);
}

void TreeWatcher::Leave(const std::string& path) {
  Problem(path, std::nullopt);
  writing_.erase(path);
  if (auto it = files_.find(path); it != files_.end()) LeaveFile(path, it->second);
  auto folder = folders_.find(path);
  if (folder == folders_.end()) return;
  for (auto [it, end] = Below(files_, path); it != end; ++it) LeaveFile(it->first, it->second);
  for (auto [it, end] = Below(folders_, path); it != end;) {
    DropFolder(it->first, it->second);
    it = folders_.erase(it);
  }
  DropFolder(path, folder->second);
  folders_.erase(folder);
}

void TreeWatcher::LeaveFile(const std::string& path, FileEntry& entry) {
  Release(std::exchange(entry.dependencies, {}), path);
  writing_.erase(path);
  if (entry.leaves_at) return;
  entry.leaves_at = now_ + (returning_ ? options_.return_grace : options_.removal_grace);
  leaving_[*entry.leaves_at].insert(path);
  changes_.leaving.push_back(path);
}

void TreeWatcher::DropFolder(const std::string& path, FolderEntry& entry) {
  Problem(path, std::nullopt);
  Release(std::exchange(entry.dependencies, {}), path);
  if (entry.wd >= 0) watches_.RemoveFolder(entry.wd, path);
}

}  // namespace gloo::sources::file
