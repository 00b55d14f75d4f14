// The admin endpoint: health, metrics, what is served and why. HTTP/1.1, GET only, meant for loopback.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "controller/controller.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"
#include "xds/server.h"

namespace gloo::console {

struct Options {
  std::string address = "127.0.0.1";
  // 0 is chosen.
  uint16_t port = 9091;
  std::string version;
  std::string config_dir;
  std::string state_dir;
};

// Paths:
//   /healthz                       200 while the process works
//   /readyz                        200 once every source has synced once, else 503 and what is waited for
//   /metrics                       Prometheus text format
//   /snapshot[?role=R]             what Envoys are served, secrets hidden
//   /api/v1/objects?kind=K         objects of a kind with their statuses
//   /api/v1/functions              functions of all upstreams and how many routes call them
//   /api/v1/clients                the Envoys that are connected
//   /api/v1/info                   version, folders, readiness, places that cannot be read
class Console {
 public:
  virtual ~Console() = default;
  // "port 9091 is in use: ..." where it cannot listen.
  virtual absl::Status Start() = 0;
  virtual int port() const = 0;

  // The references must outlive the console; the loop must run while requests are answered.
  static std::unique_ptr<Console> Create(runtime::Loop& loop, runtime::Metrics& metrics,
                                         controller::Controller& controller, xds::Server& server, Options options);
};

}  // namespace gloo::console
