#include "sources/file/file_worker.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

#include "base/hash.h"
#include "sources/file/names.h"

namespace gloo::sources {
namespace {

using file::ReadOutcome;
using SteadyClock = std::chrono::steady_clock;

// More files than this are read by several threads.
constexpr size_t kReadAlone = 32;
constexpr size_t kMaxReaders = 8;

file::TreeWatcher::Options TreeOptions(const FileSource::Options& options, const std::string& root, bool config) {
  file::TreeWatcher::Options out;
  out.root = root;
  out.wanted = config ? file::IsConfigName : +[](std::string_view) { return true; };
  out.removal_grace = options.removal_grace;
  out.relist_interval = options.relist_interval;
  out.relist_interval_unwatched = options.relist_interval_unwatched;
  out.max_watches = options.max_watches;
  return out;
}

Issue Unreadable(const std::string& path, const std::string& why) {
  return {.severity = Severity::kError,
          .reason = "Unreadable",
          .message = "the file cannot be read: " + why + "; what it held before stays in force",
          .location = {.file = path}};
}

bool IsReadable(const std::string& path) { return faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0; }

// Runs fn(0) ... fn(n - 1) on several threads where there are many.
template <typename Fn>
void InParallel(size_t n, const Fn& fn) {
  // Asking for the number of cores reads files: not for a change of a few.
  const size_t readers = n <= kReadAlone ? 1 : std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMaxReaders);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next.fetch_add(1); i < n; i = next.fetch_add(1)) fn(i);
  };
  std::vector<std::thread> others;
  try {
    for (size_t i = 1; i < readers; ++i) others.emplace_back(work);
  } catch (const std::system_error&) {
    // No more threads are to be had: those that are there do all of it.
  }
  work();
  for (std::thread& other : others) other.join();
}

absl::Status SystemError(const std::string& what) {
  return absl::InternalError(what + ": " + std::generic_category().message(errno));
}

}  // namespace

FileSource::Worker::Worker(const Options& options, Sink& sink)
    : options_(options), sink_(sink), config_(TreeOptions(options, options.config_dir, true)), index_(options.name) {
  for (auto [kind, folder] :
       {std::pair(DataKind::kSecret, options.secrets_dir), std::pair(DataKind::kArtifact, options.artifacts_dir)}) {
    if (folder.empty()) continue;
    data_.push_back(std::unique_ptr<DataTree>(
        new DataTree{folder, file::TreeWatcher(TreeOptions(options, folder, false)), file::DataIndex(kind, folder)}));
  }
  if (runtime::Metrics* metrics = options.metrics) {
    const runtime::Labels labels = {{"source", options.name}};
    instruments_ = {
        .reads =
            &metrics->counter("gloo_source_reads_total", "Files read, because they changed or were listed.", labels),
        .overflows = &metrics->counter("gloo_source_overflows_total",
                                       "Overflows of the system's event queue, each followed by a listing.", labels),
        .files = &metrics->gauge("gloo_source_files", "Configuration files known.", labels),
        .objects = &metrics->gauge("gloo_source_objects", "Objects known, wrong ones included.", labels),
        .seconds = &metrics->histogram("gloo_source_round_seconds",
                                       "Time from seeing changes of files to having told the objects.",
                                       runtime::LatencyBuckets(), labels)};
  }
}

absl::Status FileSource::Worker::Start() {
  stop_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (stop_fd_ < 0 || epoll_fd_ < 0) return SystemError("cannot make an event queue for the file source");
  std::vector<int> fds = {stop_fd_, config_.fd()};
  for (const auto& tree : data_) fds.push_back(tree->watcher.fd());
  for (int fd : fds) {
    if (fd < 0) continue;  // no inotify instance: found by listing, and said so
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) return SystemError("cannot watch for changes of files");
  }
  // Signals are for the main thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return absl::OkStatus();
}

FileSource::Worker::~Worker() {
  stop_ = true;
  if (stop_fd_ >= 0) {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(stop_fd_, &one, sizeof one);
  }
  if (thread_.joinable()) thread_.join();
  if (stop_fd_ >= 0) close(stop_fd_);
  if (epoll_fd_ >= 0) close(epoll_fd_);
}

void FileSource::Worker::Run() {
  pthread_setname_np(pthread_self(), "gloo-files");
  do {
    Round();
  } while (Wait());
}

bool FileSource::Worker::Wait() {
  SteadyClock::time_point deadline = config_.NextDeadline();
  for (const auto& tree : data_) deadline = std::min(deadline, tree->watcher.NextDeadline());
  for (const auto& [path, believed_at] : emptied_) deadline = std::min(deadline, believed_at);
  int timeout = -1;
  if (deadline != SteadyClock::time_point::max()) {
    const auto left =
        deadline == SteadyClock::time_point::min() ? SteadyClock::duration::zero() : deadline - SteadyClock::now();
    const int64_t ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    timeout = static_cast<int>(std::clamp<int64_t>(ms, 0, INT_MAX));
  }
  epoll_event events[4];
  epoll_wait(epoll_fd_, events, 4, timeout);
  return !stop_;
}

void FileSource::Worker::Round() {
  const auto start = SteadyClock::now();
  Batch batch;
  batch.source = options_.name;
  RoundOfConfig(batch);
  for (const auto& tree : data_) RoundOfData(*tree, batch);

  const bool listed = config_.listed() &&
                      std::all_of(data_.begin(), data_.end(), [](const auto& tree) { return tree->watcher.listed(); });
  const bool just_synced = listed && !std::exchange(synced_, listed);
  if (batch.objects.empty() && batch.data.empty() && batch.places.empty() && !just_synced) return;
  batch.synced = synced_;
  sink_.Push(std::move(batch));
  if (instruments_.seconds != nullptr) {
    instruments_.seconds->Observe(std::chrono::duration<double>(SteadyClock::now() - start).count());
  }
}

void FileSource::Worker::ReadConfig(Reading& reading) const {
  reading.outcome = file::ReadWhole(config_.FullPath(reading.path), options_.limits.max_bytes);
  if (reading.outcome.kind == ReadOutcome::Kind::kGone || reading.outcome.kind == ReadOutcome::Kind::kUnreadable)
    return;
  reading.empty = reading.outcome.text.empty();
  reading.hash = ContentHash(reading.outcome.text);
  const auto known = hashes_.find(reading.path);
  if (known != hashes_.end() && known->second == reading.hash) {
    reading.same = true;
    return;
  }
  // Too large a text goes to the reader too: it says so in its own words.
  reading.result = options_.read_text ? options_.read_text(reading.outcome.text, reading.path)
                                      : model::ReadText(reading.outcome.text, reading.path, *options_.schemas,
                                                        options_.limits, options_.name);
  reading.outcome.text = {};
}

bool FileSource::Worker::MayBeFilled(const Reading& reading) {
  if (!reading.empty || !index_.HoldsObjects(reading.path)) {
    emptied_.erase(reading.path);
    return false;
  }
  const auto now = SteadyClock::now();
  const auto [it, fresh] = emptied_.try_emplace(reading.path, now + options_.removal_grace);
  if (now < it->second) return true;
  emptied_.erase(it);
  return false;
}

void FileSource::Worker::RoundOfConfig(Batch& batch) {
  config_.Drain();
  file::TreeChanges changes = config_.Process(SteadyClock::now());
  for (const std::string& path : changes.leaving) {
    index_.Leaving(path);
    hashes_.erase(path);
  }
  std::vector<Reading> readings;
  for (auto& changed : changes.changed) {
    // The right to read may have come or gone; whether it was written is told when its writer closes it.
    if (changed.attributes_only && !index_.IsUnreadable(changed.path) && IsReadable(config_.FullPath(changed.path))) {
      continue;
    }
    readings.push_back({.path = std::move(changed.path)});
  }
  for (const auto& [path, believed_at] : emptied_) {
    const bool listed = std::any_of(readings.begin(), readings.end(), [&](const Reading& r) { return r.path == path; });
    if (believed_at <= SteadyClock::now() && !listed) readings.push_back({.path = path});
  }
  std::sort(readings.begin(), readings.end(), [](const Reading& a, const Reading& b) { return a.path < b.path; });
  InParallel(readings.size(), [&](size_t i) { ReadConfig(readings[i]); });
  // A writer may have begun anew while we read.
  if (!readings.empty()) config_.Drain();
  for (Reading& reading : readings) {
    const std::string& path = reading.path;
    if (config_.Unsettled(path) || reading.outcome.kind == ReadOutcome::Kind::kGone) {
      emptied_.erase(path);
      continue;
    }
    if (MayBeFilled(reading)) continue;
    if (reading.outcome.kind == ReadOutcome::Kind::kUnreadable) {
      index_.SetUnreadable(path, Unreadable(path, reading.outcome.why));
    } else if (reading.same) {
      index_.SetUnreadable(path, std::nullopt);
    } else {
      hashes_[path] = std::move(reading.hash);
      index_.Update(path, std::move(reading.result));
    }
  }
  for (const std::string& path : changes.gone) {
    index_.Remove(path);
    hashes_.erase(path);
  }
  for (auto& [path, issue] : changes.problems) {
    index_.SetProblem(path.empty() ? options_.config_dir : path, std::move(issue));
  }
  index_.Flush(absl::ToUnixNanos(options_.clock->Now()), batch);
  Count(readings.size());
}

void FileSource::Worker::RoundOfData(DataTree& tree, Batch& batch) {
  tree.watcher.Drain();
  file::TreeChanges changes = tree.watcher.Process(SteadyClock::now());
  std::vector<Reading> readings;
  for (auto& changed : changes.changed) {
    if (changed.attributes_only && !tree.index.IsUnreadable(changed.path) &&
        IsReadable(tree.watcher.FullPath(changed.path))) {
      continue;
    }
    readings.push_back({.path = std::move(changed.path)});
  }
  InParallel(readings.size(), [&](size_t i) {
    readings[i].outcome = file::ReadWhole(tree.watcher.FullPath(readings[i].path), file::DataIndex::kMaxValueBytes);
  });
  if (!readings.empty()) tree.watcher.Drain();
  for (Reading& reading : readings) {
    if (tree.watcher.Unsettled(reading.path)) continue;
    switch (reading.outcome.kind) {
      case ReadOutcome::Kind::kGone:
        break;
      case ReadOutcome::Kind::kUnreadable:
        tree.index.SetUnreadable(reading.path, Unreadable(reading.path, reading.outcome.why));
        break;
      case ReadOutcome::Kind::kTooLarge:
        tree.index.SetUnreadable(reading.path,
                                 Issue{.severity = Severity::kError,
                                       .reason = "TooLarge",
                                       .message = "the file is larger than 1 MiB; what it held before stays in force"});
        break;
      case ReadOutcome::Kind::kText:
        tree.index.Update(reading.path, std::move(reading.outcome.text));
        break;
    }
  }
  for (const std::string& path : changes.gone) tree.index.Remove(path);
  for (auto& [path, issue] : changes.problems) tree.index.SetProblem(path, std::move(issue));
  tree.index.Flush(batch);
}

void FileSource::Worker::Count(uint64_t reads) {
  if (instruments_.reads == nullptr) return;
  if (reads > 0) instruments_.reads->Add(static_cast<double>(reads));
  const uint64_t overflows = config_.overflows();
  if (overflows > overflows_counted_) instruments_.overflows->Add(static_cast<double>(overflows - overflows_counted_));
  overflows_counted_ = overflows;
  instruments_.files->Set(static_cast<double>(config_.files()));
  instruments_.objects->Set(static_cast<double>(index_.objects()));
}

}  // namespace gloo::sources
