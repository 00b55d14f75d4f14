#include "state/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace gloo::state {

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Take(const std::string& folder) {
  const std::string path = folder + "/lock";
  // Closed on exec: the lock must not live on in programs that we start.
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return absl::PermissionDeniedError("cannot write the state directory " + folder + ": " +
                                       std::generic_category().message(errno));
  }
  auto lock = std::unique_ptr<FolderLock>(new FolderLock(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char pid[32] = {};
    const ssize_t size = pread(fd, pid, sizeof pid - 1, 0);
    const std::string holder = size > 0 ? std::string(pid, static_cast<size_t>(size)) : "unknown";
    return absl::FailedPreconditionError("state directory " + folder + " is in use by another gloo (pid " + holder +
                                         ")");
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return absl::ResourceExhaustedError("cannot write " + path + ": " + std::generic_category().message(errno));
  }
  return lock;
}

FolderLock::~FolderLock() { close(fd_); }

}  // namespace gloo::state
