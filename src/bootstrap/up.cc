#include "bootstrap/up.h"

#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "bootstrap/control_plane.h"
#include "bootstrap/envoy_bootstrap.h"
#include "bootstrap/envoy_process.h"
#include "bootstrap/xds_security.h"
#include "runtime/backoff.h"

namespace gloo::bootstrap {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kStopPatience = absl::Seconds(5);
// While something is awaited; otherwise the program sleeps until a signal or the end of Envoy.
constexpr int kPollMs = 10;
// An Envoy that ran this long was well: its next failure starts the back-off anew.
constexpr absl::Duration kWellAfter = absl::Minutes(1);

// Blocks the signals that end the program and makes them readable. Before any thread is started.
class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    fd_ = signalfd(-1, &set, SFD_CLOEXEC);
  }
  ~Signals() { close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

absl::Status WriteFile(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  std::ofstream out(temporary, std::ios::trunc);
  out << text;
  out.close();
  if (!out || rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::PermissionDeniedError(StrCat("cannot write ", path, ": ", strerror(errno)));
  }
  return absl::OkStatus();
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

absl::Status PrepareStateDir(Settings& settings) {
  std::error_code error;
  if (settings.state_dir.empty()) {
    settings.state_dir = (fs::weakly_canonical(settings.config_dir, error).parent_path() / ".gloo").string();
  }
  fs::create_directories(settings.state_dir, error);
  if (error) {
    return absl::PermissionDeniedError(StrCat("cannot make the state folder ", settings.state_dir, ": ",
                                              error.message(), "; choose another with --state-dir"));
  }
  chmod(settings.state_dir.c_str(), 0700);
  return absl::OkStatus();
}

// The Envoy of `gloo up`: keeps it running.
class EnvoyKeeper {
 public:
  EnvoyKeeper(const Settings& settings, std::string binary, std::string filters_dir)
      : settings_(settings),
        record_(settings.state_dir + "/envoy.pid"),
        command_{.binary = std::move(binary),
                 .filters_dir = std::move(filters_dir),
                 .bootstrap_file = settings.state_dir + "/envoy.json",
                 .log_file = settings.state_dir + "/envoy.log",
                 .concurrency = settings.concurrency} {}

  // Before the control plane starts: ports are claimed, or taken from an Envoy that still runs.
  absl::Status ClaimPorts(Settings& settings) {
    running_ = EnvoyProcess::Adopt(record_);
    const std::string ports_file = settings.state_dir + "/envoy.ports";
    if (running_) {
      Settings old = settings;
      std::ifstream in(ports_file);
      in >> old.http_port >> old.https_port >> old.xds_port >> old.envoy_admin_port;
      auto same = [](uint16_t& wanted, uint16_t had) {
        if (wanted == 0) wanted = had;
        return wanted == had;
      };
      const bool known = !in.fail();
      const bool fits = known && same(settings.http_port, old.http_port) && same(settings.https_port, old.https_port) &&
                        same(settings.xds_port, old.xds_port) &&
                        same(settings.envoy_admin_port, old.envoy_admin_port) &&
                        ReadFile(command_.bootstrap_file) == MakeBootstrap(settings);
      if (fits) {
        spdlog::info("taking over Envoy, pid {}, from an earlier run", running_->pid());
        return absl::OkStatus();
      }
      // It serves until it is known that another one can: ports that it does not hold are looked at first.
      if (known) GLOO_RETURN_IF_ERROR(Claim(settings, {old.http_port, old.https_port, old.envoy_admin_port}));
      spdlog::info("stopping Envoy, pid {}, of an earlier run with other settings", running_->pid());
      running_->Stop(kStopPatience);
      running_.reset();
    }
    GLOO_RETURN_IF_ERROR(Claim(settings, {}));
    GLOO_RETURN_IF_ERROR(WriteFile(ports_file, StrCat(settings.http_port, " ", settings.https_port, " ",
                                                      settings.xds_port, " ", settings.envoy_admin_port, "\n")));
    return absl::OkStatus();
  }

  absl::Status Start(const Settings& settings) {
    settings_ = settings;
    if (running_) return absl::OkStatus();
    GLOO_RETURN_IF_ERROR(WriteFile(command_.bootstrap_file, MakeBootstrap(settings)));
    return Launch();
  }

  // Called when the process has ended: starts it again, not too often.
  absl::Status Restart() {
    const std::string ending = running_->Ending();
    running_.reset();
    if (SteadyNow() - started_ > kWellAfter) backoff_.Reset();
    if (!ever_ready_ && ++early_failures_ >= 3) {
      return absl::UnavailableError(StrCat("Envoy does not start (", ending, "): see ", command_.log_file));
    }
    const absl::Duration delay = backoff_.Next();
    spdlog::error("Envoy ended ({}), see {}; starting it again in {}", ending, command_.log_file,
                  absl::FormatDuration(delay));
    restart_at_ = SteadyNow() + delay;
    return absl::OkStatus();
  }

  // Between an end and the next start there is no process.
  bool waiting() const { return !running_; }
  absl::Status LaunchIfDue() { return !running_ && SteadyNow() >= restart_at_ ? Launch() : absl::OkStatus(); }

  int fd() const { return running_ ? running_->fd() : -1; }
  pid_t pid() const { return running_ ? running_->pid() : -1; }
  void MarkReady() { ever_ready_ = true; }
  void Stop() {
    if (running_) running_->Stop(kStopPatience);
    unlink(record_.c_str());
  }

 private:
  // All ports but those that are `held`.
  static absl::Status Claim(Settings& s, const std::vector<uint16_t>& held) {
    const auto claim = [&held](const std::string& address, const char* flag, uint16_t& port) {
      if (std::find(held.begin(), held.end(), port) != held.end()) return absl::OkStatus();
      return ClaimPort(address, flag, &port);
    };
    GLOO_RETURN_IF_ERROR(claim(s.bind_address, "--http-port", s.http_port));
    GLOO_RETURN_IF_ERROR(claim(s.bind_address, "--https-port", s.https_port));
    GLOO_RETURN_IF_ERROR(claim("127.0.0.1", "--envoy-admin-port", s.envoy_admin_port));
    return claim(s.xds_address, "--xds-port", s.xds_port);
  }

  static std::string MakeBootstrap(const Settings& s) {
    const auto absolute = [](const std::string& path) { return path.empty() ? "" : fs::absolute(path).string(); };
    return ToJson({.node_id = s.node_id,
                   .xds = {{.host = s.xds_address == "0.0.0.0" ? "127.0.0.1" : s.xds_address, .port = s.xds_port}},
                   .ca_file = absolute(s.xds_ca),
                   .server_name = s.xds_server_name,
                   .cert_file = absolute(s.xds_client_cert),
                   .key_file = absolute(s.xds_client_key),
                   .admin_port = s.envoy_admin_port});
  }

  absl::Status Launch() {
    GLOO_ASSIGN_OR_RETURN(EnvoyProcess process, EnvoyProcess::Start(command_));
    running_.emplace(std::move(process));
    started_ = SteadyNow();
    // Without it a next run cannot take this Envoy over, but this one serves.
    if (absl::Status recorded = running_->Record(record_); !recorded.ok()) {
      spdlog::warn("{}", std::string(recorded.message()));
    }
    return absl::OkStatus();
  }

  Settings settings_;
  const std::string record_;
  const EnvoyCommand command_;
  std::optional<EnvoyProcess> running_;
  runtime::Backoff backoff_{{.initial = absl::Milliseconds(200), .max = absl::Seconds(10)}};
  absl::Time started_ = absl::InfinitePast();
  absl::Time restart_at_ = absl::InfinitePast();
  int early_failures_ = 0;
  bool ever_ready_ = false;
};

// What is on its way to the ready file: where an Envoy listens, as a list and, for programs that need no more, the
// first plain and the first TLS port.
struct EnvoyPorts {
  pid_t pid = -1;
  uint16_t admin_port = 0;
  std::vector<RoleListener> listeners;
};

std::string ReadyJson(const ControlPlane& plane, const EnvoyPorts* envoy) {
  std::string out =
      StrCat("{\"pid\":", getpid(), ",\"xdsPort\":", plane.xds_port(), ",\"adminPort\":", plane.admin_port());
  if (envoy != nullptr) {
    for (const bool tls : {false, true}) {
      for (const RoleListener& listener : envoy->listeners) {
        if (listener.tls != tls) continue;
        StrAppend(&out, tls ? ",\"httpsPort\":" : ",\"httpPort\":", listener.port);
        break;
      }
    }
    StrAppend(&out, ",\"listeners\":[");
    for (size_t i = 0; i < envoy->listeners.size(); ++i) {
      const RoleListener& listener = envoy->listeners[i];
      StrAppend(&out, i > 0 ? "," : "", "{\"name\":", JsonQuote(listener.name),
                ",\"address\":", JsonQuote(listener.address), ",\"port\":", listener.port,
                ",\"tls\":", listener.tls ? "true" : "false", "}");
    }
    StrAppend(&out, "],\"envoyAdminPort\":", envoy->admin_port, ",\"envoyPid\":", envoy->pid);
  }
  return out + "}\n";
}

absl::Status Ready(const Settings& settings, const ControlPlane& plane, const EnvoyPorts* envoy) {
  if (settings.ready_file.empty()) return absl::OkStatus();
  return WriteFile(settings.ready_file, ReadyJson(plane, envoy));
}

// The listeners of the role, or those of the settings where nobody defines the role.
std::vector<RoleListener> ListenersOr(const ControlPlane::Progress& progress, const Settings& s) {
  if (!progress.listeners.empty()) return progress.listeners;
  return {{"http", s.bind_address, s.http_port, false}, {"https", s.bind_address, s.https_port, true}};
}

std::string ListenersText(const std::vector<RoleListener>& listeners) {
  std::string out;
  for (const RoleListener& listener : listeners) {
    StrAppend(&out, out.empty() ? "" : ", ", listener.tls ? "HTTPS" : "HTTP", " on ", listener.address, ":",
              listener.port);
  }
  return out;
}

// Waits for a signal, for the end of Envoy, or for `timeout_ms` (-1: for ever). True: a signal came.
bool WaitForSignal(const Signals& signals, int envoy_fd, int timeout_ms) {
  pollfd wait[2] = {{signals.fd(), POLLIN, 0}, {envoy_fd, POLLIN, 0}};
  poll(wait, envoy_fd >= 0 ? 2 : 1, timeout_ms);
  return (wait[0].revents & POLLIN) != 0;
}

bool Ended(int envoy_fd) {
  pollfd wait{envoy_fd, POLLIN, 0};
  return envoy_fd >= 0 && poll(&wait, 1, 0) > 0;
}

}  // namespace

absl::Status Up(Settings settings) {
  Signals signals;
  GLOO_RETURN_IF_ERROR(CheckOwnEnvoy(settings));
  GLOO_RETURN_IF_ERROR(PrepareStateDir(settings));
  GLOO_ASSIGN_OR_RETURN(std::unique_ptr<state::Store> store, state::Store::Open(settings.state_dir));
  GLOO_ASSIGN_OR_RETURN(std::string binary, FindEnvoy(settings.envoy));
  GLOO_ASSIGN_OR_RETURN(std::string filters, FindFilters(settings.filters_dir));
  if (!settings.ready_file.empty()) unlink(settings.ready_file.c_str());

  EnvoyKeeper envoy(settings, binary, filters);
  GLOO_RETURN_IF_ERROR(envoy.ClaimPorts(settings));
  GLOO_ASSIGN_OR_RETURN(std::unique_ptr<ControlPlane> plane, ControlPlane::Start(settings, std::move(store)));
  GLOO_RETURN_IF_ERROR(envoy.Start(settings));
  absl::Cleanup stop = [&envoy] { envoy.Stop(); };

  bool ready = false;
  for (;;) {
    if (WaitForSignal(signals, envoy.fd(), ready && !envoy.waiting() ? -1 : kPollMs)) break;
    if (Ended(envoy.fd())) {
      ready = false;
      if (!settings.ready_file.empty()) unlink(settings.ready_file.c_str());
      GLOO_RETURN_IF_ERROR(envoy.Restart());
    }
    GLOO_RETURN_IF_ERROR(envoy.LaunchIfDue());
    if (ready || envoy.waiting()) continue;
    const ControlPlane::Progress progress = plane->progress(settings.node_id);
    if (!progress.serving || !progress.node_settled) continue;
    const std::vector<RoleListener> listeners = ListenersOr(progress, settings);
    if (!std::all_of(listeners.begin(), listeners.end(),
                     [](const RoleListener& l) { return Accepts(l.address, l.port); })) {
      continue;
    }
    ready = true;
    envoy.MarkReady();
    spdlog::info("ready: {} objects; {}, admin on {}:{}, Envoy's admin on 127.0.0.1:{}", progress.objects,
                 ListenersText(listeners), settings.admin_address, plane->admin_port(), settings.envoy_admin_port);
    const EnvoyPorts ports{.pid = envoy.pid(), .admin_port = settings.envoy_admin_port, .listeners = listeners};
    GLOO_RETURN_IF_ERROR(Ready(settings, *plane, &ports));
  }
  spdlog::info("stopping");
  return absl::OkStatus();
}

absl::Status Serve(Settings settings) {
  Signals signals;
  GLOO_RETURN_IF_ERROR(PrepareStateDir(settings));
  GLOO_ASSIGN_OR_RETURN(std::unique_ptr<state::Store> store, state::Store::Open(settings.state_dir));
  if (!settings.ready_file.empty()) unlink(settings.ready_file.c_str());
  // Said here, with the flag to change, before gRPC says it in words of its own.
  GLOO_RETURN_IF_ERROR(ClaimPort(settings.xds_address, "--xds-port", &settings.xds_port));
  GLOO_ASSIGN_OR_RETURN(std::unique_ptr<ControlPlane> plane, ControlPlane::Start(settings, std::move(store)));
  bool ready = false;
  for (;;) {
    if (WaitForSignal(signals, -1, ready ? -1 : kPollMs)) break;
    if (ready) continue;
    const ControlPlane::Progress progress = plane->progress("");
    if (!progress.serving) continue;
    ready = true;
    spdlog::info("ready: {} objects; xDS on {}:{}, admin on {}:{}", progress.objects, settings.xds_address,
                 plane->xds_port(), settings.admin_address, plane->admin_port());
    GLOO_RETURN_IF_ERROR(Ready(settings, *plane, nullptr));
  }
  spdlog::info("stopping");
  return absl::OkStatus();
}

}  // namespace gloo::bootstrap
