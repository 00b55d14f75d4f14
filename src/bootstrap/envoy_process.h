// The Envoy that `gloo up` runs: found, started, watched, taken over from an earlier run, stopped.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gloo::bootstrap {

// The given path, else `envoy` on the PATH, else the one that the checkout's own Python environment holds.
absl::StatusOr<std::string> FindEnvoy(const std::string& given);
// The folder of libgloo_filters.so: the given one, else ../lib beside this program.
absl::StatusOr<std::string> FindFilters(const std::string& given);

struct EnvoyCommand {
  std::string binary;
  std::string filters_dir;
  std::string bootstrap_file;
  std::string log_file;
  int concurrency = 0;
  std::string log_level = "warning";
};

// One running Envoy, a child of ours or one that an earlier `gloo up` left behind. It is in a session of its own: a
// Ctrl-C in the terminal reaches only us, and when we are killed it goes on serving.
class EnvoyProcess {
 public:
  static absl::StatusOr<EnvoyProcess> Start(const EnvoyCommand& command);
  // The process of a record written by Record(), if it still runs.
  static std::optional<EnvoyProcess> Adopt(const std::string& record_file);

  EnvoyProcess(EnvoyProcess&& other) noexcept;
  EnvoyProcess& operator=(EnvoyProcess&& other) noexcept;
  EnvoyProcess(const EnvoyProcess&) = delete;
  // Lets the process run on; Stop() ends it.
  ~EnvoyProcess();

  pid_t pid() const { return pid_; }
  // A pidfd: readable once the process has ended.
  int fd() const { return fd_; }
  bool Running() const;
  // SIGTERM, after `patience` SIGKILL; waits for the end.
  void Stop(absl::Duration patience);
  // How it ended, for people: "exit code 1", "signal 11".
  std::string Ending();

  // Writes pid and start time, so that a later run can adopt the process.
  absl::Status Record(const std::string& record_file) const;

 private:
  EnvoyProcess(pid_t pid, int fd, bool child) : pid_(pid), fd_(fd), child_(child) {}

  pid_t pid_ = -1;
  int fd_ = -1;
  bool child_ = false;
};

// Whether something accepts connections there.
bool Accepts(const std::string& address, uint16_t port);
// Fails with a clear sentence where the port cannot be bound; `flag` is named in it. Port 0 gets a free one.
absl::Status ClaimPort(const std::string& address, const std::string& flag, uint16_t* port);

}  // namespace gloo::bootstrap
