// The control plane, wired: sources, translator, xDS server, reporter, admin endpoint. The one place that names them.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "bootstrap/settings.h"
#include "console/console.h"
#include "controller/controller.h"
#include "credentials/engine.h"
#include "credentials/exchange.h"
#include "reporter/reporter.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"
#include "sources/file/file_source.h"
#include "state/store.h"
#include "translator/registry.h"
#include "translator/translator.h"
#include "xds/server.h"

namespace gloo::bootstrap {

inline constexpr char kVersion[] = "0.1.0";

// A listener that an Envoy of a role is served.
struct RoleListener {
  std::string name;
  std::string address;
  uint16_t port = 0;
  bool tls = false;
};

class ControlPlane {
 public:
  // Listens and begins to read the configuration. The loop runs on a thread of its own. Who holds the state directory
  // holds what belongs to it, so that it is opened before anything else is touched.
  static absl::StatusOr<std::unique_ptr<ControlPlane>> Start(const Settings& settings,
                                                             std::unique_ptr<state::Store> store);
  ~ControlPlane();

  int xds_port() const { return xds_port_; }
  int admin_port() const { return console_->port(); }

  struct Progress {
    // Envoys are answered.
    bool serving = false;
    size_t objects = 0;
    // An Envoy of this node id is connected and has everything but what it refused.
    bool node_settled = false;
    // Where an Envoy of the node's role listens, plain ones first; empty while nobody defines the role.
    std::vector<RoleListener> listeners;
  };
  Progress progress(const std::string& node_id);

 private:
  ControlPlane() = default;
  absl::Status Init(const Settings& settings);
  void WatchState(const std::string& file);
  // Runs `fn` on the loop thread and waits.
  void OnLoop(absl::AnyInvocable<void()> fn);

  // In the order of construction; destroyed the other way round.
  std::unique_ptr<runtime::Metrics> metrics_;
  std::unique_ptr<runtime::Loop> loop_;
  std::unique_ptr<state::Store> store_;
  translator::Registry registry_;
  std::unique_ptr<translator::Translator> translator_;
  std::unique_ptr<xds::Server> server_;
  // The file source is made before the controller, which it pushes to once started.
  struct ToController final : sources::Sink {
    void Push(sources::Batch batch) override { target->Push(std::move(batch)); }
    sources::Sink* target = nullptr;
  } to_controller_;
  std::unique_ptr<sources::FileSource> files_;
  std::unique_ptr<reporter::Reporter> reporter_;
  std::unique_ptr<controller::Controller> controller_;
  std::unique_ptr<credentials::Exchange> exchange_;
  std::unique_ptr<credentials::Engine> credentials_;
  std::unique_ptr<console::Console> console_;
  std::thread thread_;
  int xds_port_ = 0;
};

}  // namespace gloo::bootstrap
