#include "sources/file/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace gloo::sources::file {
namespace {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

ReadOutcome Unreadable(std::string why) { return {ReadOutcome::Kind::kUnreadable, "", std::move(why)}; }

std::string ErrorText(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return "permission denied";
    case ELOOP:
      return "its symbolic links form a loop";
    default:
      return std::generic_category().message(error);
  }
}

}  // namespace

ReadOutcome ReadWhole(const std::string& path, size_t max_bytes) {
  // O_NONBLOCK: opening a named pipe must not wait for its writer.
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (fd.get() < 0) {
    const int error = errno;
    if (error != ENOENT && error != ENOTDIR) return Unreadable(ErrorText(error));
    struct stat link;
    if (lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode)) {
      return Unreadable("it is a symbolic link to a file that is not there");
    }
    return {};
  }
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return Unreadable(ErrorText(errno));
  if (!S_ISREG(info.st_mode)) return Unreadable("it is not a regular file");

  ReadOutcome out;
  out.kind = ReadOutcome::Kind::kText;
  // One byte more than the size said: seeing its end then needs no second round.
  out.text.resize(std::min<size_t>(static_cast<size_t>(info.st_size) + 1, max_bytes + 1));
  size_t size = 0;
  while (true) {
    const ssize_t n = read(fd.get(), out.text.data() + size, out.text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Unreadable(ErrorText(errno));
    if (n == 0) break;
    size += static_cast<size_t>(n);
    if (size > max_bytes) {
      out.kind = ReadOutcome::Kind::kTooLarge;
      break;
    }
    if (size == out.text.size()) out.text.resize(std::min(size * 2, max_bytes + 1));
  }
  out.text.resize(size);
  return out;
}

}  // namespace gloo::sources::file
