#include "sources/file/tree_watcher.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "sources/file/names.h"

namespace gloo::sources::file {
namespace {

std::string Absolute(const std::string& path) {
  std::error_code error;
  std::string absolute = std::filesystem::absolute(path, error).lexically_normal().string();
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  return error ? path : absolute;
}

TreeWatcher::Options Normal(TreeWatcher::Options options) {
  options.root = Absolute(options.root);
  return options;
}

}  // namespace

TreeWatcher::TreeWatcher(Options options)
    : options_(Normal(std::move(options))), watches_(options_.max_watches), backoff_(options_.return_poll) {}

std::string TreeWatcher::FullPath(const std::string& path) const {
  return path.empty() ? options_.root : JoinPath(options_.root, path);
}

void TreeWatcher::Drain() {
  if (fd() < 0) return;
  alignas(inotify_event) char buffer[64 * 1024];
  uint32_t half_rename = 0;
  bool waited = false;
  while (true) {
    const ssize_t size = read(fd(), buffer, sizeof buffer);
    if (size <= 0) {
      if (size < 0 && errno == EINTR) continue;
      // The two halves of a rename are queued one after the other; the second is a moment away, if it comes.
      if (half_rename == 0 || waited) return;
      waited = true;
      pollfd more{fd(), POLLIN, 0};
      if (poll(&more, 1, 1) <= 0) return;
      continue;
    }
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if (event->mask & IN_MOVED_FROM) half_rename = event->cookie;
      if ((event->mask & IN_MOVED_TO) && event->cookie == half_rename) half_rename = 0;
      TakeEvent(event->wd, event->mask, event->len > 0 ? std::string_view(event->name) : std::string_view());
    }
  }
}

void TreeWatcher::TakeEvent(int wd, uint32_t mask, std::string_view name) {
  if (mask & IN_Q_OVERFLOW) {
    ++overflows_;
    list_all_ = true;
    check_root_ = true;
    writing_.clear();
    return;
  }
  const WatchTable::Watch* watch = watches_.Find(wd);
  if (watch == nullptr) return;
  if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) {
    for (const std::string& folder : watch->folders) Pend(folder, IN_DELETE | IN_ISDIR);
    for (const auto& [entry, users] : watch->dependents) {
      for (const std::string& user : users) Pend(user, IN_DELETE | IN_ISDIR);
    }
    if (mask & IN_IGNORED) {
      for (const std::string& folder : watch->folders) {
        if (auto it = folders_.find(folder); it != folders_.end()) it->second.wd = -1;
      }
      watches_.Forget(wd);
    }
    return;
  }
  if (name.empty()) return;
  if (!IsIgnored(name)) {
    for (const std::string& folder : watch->folders) Pend(JoinPath(folder, name), mask);
  }
  if (auto it = watch->dependents.find(std::string(name)); it != watch->dependents.end()) {
    const bool same_entry = mask & (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB);
    for (const std::string& user : it->second) Pend(user, same_entry ? mask : uint32_t{IN_MOVED_TO});
  }
}

void TreeWatcher::Pend(const std::string& path, uint32_t mask) {
  if (path.empty()) {
    check_root_ = true;
    return;
  }
  // Of names that are not ours only a new link to a folder matters.
  if (!(mask & (IN_ISDIR | IN_CREATE | IN_MOVED_TO)) && !options_.wanted(NameOf(path)) && !folders_.contains(path)) {
    return;
  }
  if (mask & IN_MODIFY) {
    writing_.insert(path);
    return;
  }
  uint8_t& flags = pending_[path];
  if (mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) {
    flags |= kContent;
    writing_.erase(path);
  } else if (mask & IN_CREATE) {
    // What was closed before under this name is no longer what is there.
    flags = static_cast<uint8_t>((flags & ~kContent) | kCreated);
  } else if (mask & IN_ATTRIB) {
    flags |= kAttributes;
  } else {
    flags |= kCheck;
    writing_.erase(path);
  }
}

bool TreeWatcher::Unsettled(const std::string& path) {
  if (!writing_.contains(path)) return false;
  if (auto it = files_.find(path); it != files_.end()) it->second.racy = true;
  return true;
}

TreeWatcher::Time TreeWatcher::NextDeadline() const {
  if (!pending_.empty() || check_root_ || list_all_) return Time::min();
  Time next = std::min(next_root_check_, next_listing_);
  if (!leaving_.empty()) next = std::min(next, leaving_.begin()->first);
  return next;
}

TreeChanges TreeWatcher::Process(Time now) {
  now_ = now;
  if (check_root_ || now >= next_root_check_) CheckRoot();
  if (!away_ && (list_all_ || now >= next_listing_)) ListAll(list_all_ ? Listing::kNow : Listing::kPeriodic);
  // In the order of paths: folders before what is in them.
  const std::map<std::string, uint8_t> pending = std::exchange(pending_, {});
  for (const auto& [path, flags] : pending) {
    if (away_) break;
    CheckPath(path, flags, Listing::kNow);
  }
  Expire();
  ReportRoot();
  return std::exchange(changes_, {});
}

void TreeWatcher::ListAll(Listing listing) {
  list_all_ = false;
  struct stat info;
  if (stat(options_.root.c_str(), &info) != 0) return RootAway(errno);
  unwatched_.clear();
  // Who still writes will close; what was written in ways that no event tells of has settled by then.
  if (listing == Listing::kPeriodic) writing_.clear();
  CheckFolder("", FollowLinks("/", options_.root).real, info, {}, listing);
  listed_ = true;
  returning_ = false;
  next_listing_ = now_ + (unwatched_.empty() ? options_.relist_interval : options_.relist_interval_unwatched);
}

void TreeWatcher::Expire() {
  while (!leaving_.empty() && leaving_.begin()->first <= now_) {
    const Time due = leaving_.begin()->first;
    const std::set<std::string> paths = std::move(leaving_.begin()->second);
    leaving_.erase(leaving_.begin());
    for (const std::string& path : paths) {
      auto it = files_.find(path);
      if (it == files_.end() || it->second.leaves_at != due) continue;
      files_.erase(it);
      changes_.gone.push_back(path);
    }
  }
}

void TreeWatcher::CheckRoot() {
  check_root_ = false;
  next_root_check_ = Time::max();
  root_dependencies_ = Follow("", "/", options_.root, root_dependencies_, nullptr);
  struct stat info;
  if (stat(options_.root.c_str(), &info) != 0) return RootAway(errno);
  if (!S_ISDIR(info.st_mode)) return RootAway(ENOTDIR);
  if (std::exchange(away_, false)) {
    returning_ = listed_;
    root_problem_.reset();
  }
  backoff_.Reset();
  auto it = folders_.find("");
  if (it == folders_.end() || it->second.wd < 0 || it->second.device != info.st_dev ||
      it->second.inode != info.st_ino) {
    list_all_ = true;
  }
}

void TreeWatcher::RootAway(int error) {
  next_root_check_ = now_ + absl::ToChronoNanoseconds(backoff_.Next());
  next_listing_ = Time::max();
  list_all_ = false;
  if (!std::exchange(away_, true)) {
    // What was leaving has left with the root: it stays, as everything does, until the root is back.
    for (auto& [path, file] : files_) {
      file.leaves_at.reset();
      file.dependencies.clear();
      file.racy = true;
    }
    leaving_.clear();
    writing_.clear();
    folders_.clear();
    unwatched_.clear();
    watches_.Clear("");
    const auto problems = problems_;
    for (const auto& [path, issue] : problems) {
      if (!path.empty()) Problem(path, std::nullopt);
    }
  }
  const std::string why = error == ENOENT    ? "is not there"
                          : error == ENOTDIR ? "is no folder"
                          : error == EACCES  ? "cannot be entered: permission denied"
                                             : "cannot be read: " + std::generic_category().message(error);
  root_problem_ = Issue{.severity = Severity::kError,
                        .reason = "FolderMissing",
                        .message = "the folder " + why +
                                   (listed_ ? "; what it held stays in force until it is back" : "; waiting for it"),
                        .location = {.file = options_.root}};
}

void TreeWatcher::ReportRoot() {
  if (root_problem_ || unwatched_.empty()) {
    was_unwatched_ = false;
    return Problem("", root_problem_);
  }
  if (!std::exchange(was_unwatched_, true)) {
    // Changes of the folders that lost their watch must not wait for the slow listing.
    next_listing_ = std::min(next_listing_, now_ + options_.relist_interval_unwatched);
  }
  const std::string limit = fd() < 0 ? "fs.inotify.max_user_instances" : "fs.inotify.max_user_watches";
  Problem("", Issue{.severity = Severity::kWarning,
                    .reason = "WatchLimit",
                    .message = "not all folders can be watched: the system's limit " + limit +
                               " is reached; their changes are found by listing, a few seconds late",
                    .location = {.file = options_.root}});
}

void TreeWatcher::Problem(const std::string& path, std::optional<Issue> issue) {
  auto it = problems_.find(path);
  if (issue) {
    if (it != problems_.end() && it->second == *issue) return;
    problems_[path] = *issue;
  } else {
    if (it == problems_.end()) return;
    problems_.erase(it);
  }
  changes_.problems.emplace_back(path, std::move(issue));
}

}  // namespace gloo::sources::file
