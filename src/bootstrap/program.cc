#include "bootstrap/program.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "absl/synchronization/mutex.h"
#include "bootstrap/control_plane.h"
#include "bootstrap/envoy_bootstrap.h"
#include "bootstrap/settings.h"
#include "bootstrap/up.h"
#include "bootstrap/xds_security.h"
#include "runtime/log.h"

namespace gloo::bootstrap {
namespace {

void SetUpLogs(const Settings& settings) {
  auto logger = std::make_shared<spdlog::logger>("gloo", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(runtime::MakeLogFormatter(settings.log_format == "json"));
  logger->set_level(spdlog::level::from_str(settings.log_level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

// The value of --settings, which must be known before the other flags are read.
std::string SettingsFile(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--settings" && i + 1 < argc) return argv[i + 1];
    if (arg.starts_with("--settings=")) return std::string(arg.substr(11));
  }
  const char* env = getenv("GLOO_SETTINGS");
  return env != nullptr ? env : "";
}

// Each Envoy is a connection, and the usual limit of 1,024 files is kept for programs that use select().
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Finish(const absl::Status& status, int failed) {
  if (status.ok()) return 0;
  std::cerr << "gloo: " << status.message() << "\n";
  return failed;
}

}  // namespace

int RunProgram(int argc, char** argv) {
  // Debian's Abseil is built with its search for deadlocks, which follows every lock of gRPC too.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app("Gloo, a function gateway on Envoy: routes requests and events to functions on upstreams.\n", "gloo");
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", std::string("gloo ") + kVersion);
  app.footer(
      "Each flag can also be set in the environment (GLOO_HTTP_PORT=8000 for --http-port) and in the file given by\n"
      "--settings (http-port: 8000). The command line wins over the environment, that over the file.\n\n"
      "Examples:\n"
      "  gloo up --config-dir ./config                  gateway on 8080 and 8443, one process tree\n"
      "  gloo serve --config-dir ./config --xds-address 0.0.0.0 --xds-tls-cert crt.pem --xds-tls-key key.pem\n"
      "  gloo bootstrap --node-id ingress~pod-1 --xds gloo.internal:9977 > envoy.json");

  // One for each verb, which takes its flags from the environment too.
  Settings up_settings, serve_settings;
  BootstrapSettings bootstrap;
  CLI::App* up = app.add_subcommand("up", "Run the control plane and an Envoy together");
  AddControlPlaneFlags(*up, up_settings);
  AddEnvoyFlags(*up, up_settings);
  CLI::App* serve = app.add_subcommand("serve", "Run the control plane alone, for Envoys started elsewhere");
  AddControlPlaneFlags(*serve, serve_settings);
  CLI::App* print = app.add_subcommand("bootstrap", "Print the configuration that an Envoy is started with");
  AddBootstrapFlags(*print, bootstrap);
  // With a callback a verb reads the environment when it is chosen, not when another one is.
  for (CLI::App* verb : {up, serve, print}) verb->parse_complete_callback([] {});

  SettingPlaces places;
  if (const std::string file = SettingsFile(argc, argv); !file.empty()) {
    if (absl::Status status = LoadSettingsFile(file, app, places); !status.ok()) return Finish(status, 2);
  }
  try {
    if (absl::Status status = ParseFlags(app, argc, argv, places); !status.ok()) return Finish(status, 2);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  if (app.get_subcommands().empty()) {
    std::cerr << app.help();
    return 2;
  }
  if (print->parsed()) {
    if (absl::Status status = CheckClientFiles(bootstrap.ca, bootstrap.client_cert, bootstrap.client_key);
        !status.ok()) {
      return Finish(status, 2);
    }
    std::vector<EnvoyBootstrap::Address> planes;
    for (const std::string& address : bootstrap.xds) {
      const size_t colon = address.rfind(':');
      planes.push_back({address.substr(0, colon), static_cast<uint16_t>(std::stoi(address.substr(colon + 1)))});
    }
    std::cout << ToJson({.node_id = bootstrap.node_id,
                         .xds = std::move(planes),
                         .ca_file = bootstrap.ca,
                         .server_name = bootstrap.server_name,
                         .cert_file = bootstrap.client_cert,
                         .key_file = bootstrap.client_key,
                         .admin_address = bootstrap.admin_address,
                         .admin_port = bootstrap.admin_port})
              << "\n";
    return 0;
  }
  const Settings& settings = up->parsed() ? up_settings : serve_settings;
  if (settings.config_dir.empty()) {
    return Finish(
        absl::InvalidArgumentError("the folder of the configuration is missing: give it with --config-dir DIR"), 2);
  }
  SetUpLogs(settings);
  RaiseFileLimit();
  return Finish(up->parsed() ? Up(settings) : Serve(settings), 1);
}

}  // namespace gloo::bootstrap
