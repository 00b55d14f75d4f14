#include "bootstrap/program.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "bootstrap/control_plane.h"
#include "bootstrap/envoy_bootstrap.h"
#include "bootstrap/settings.h"
#include "bootstrap/up.h"

namespace gloo::bootstrap {
namespace {

// %* : the message, escaped for a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& msg, const std::tm&, spdlog::memory_buf_t& out) override {
    for (char c : msg.payload) {
      if (c == '"' || c == '\\') {
        out.push_back('\\');
        out.push_back(c);
      } else if (static_cast<unsigned char>(c) < 0x20) {
        char escaped[8];
        const int n = snprintf(escaped, sizeof escaped, "\\u%04x", c);
        out.append(escaped, escaped + n);
      } else {
        out.push_back(c);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

void SetUpLogs(const Settings& settings) {
  auto logger = std::make_shared<spdlog::logger>("gloo", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<JsonMessage>('*');
  formatter->set_pattern(settings.log_format == "json"
                             ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%*"})"
                             : "%Y-%m-%dT%H:%M:%S.%eZ %l: %v");
  logger->set_formatter(std::move(formatter));
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

int Finish(const absl::Status& status) {
  if (status.ok()) return 0;
  std::cerr << "gloo: " << status.message() << "\n";
  return 1;
}

}  // namespace

int RunProgram(int argc, char** argv) {
  CLI::App app("Gloo, a function gateway on Envoy: routes requests and events to functions on upstreams.\n", "gloo");
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", std::string("gloo ") + kVersion);
  app.footer(
      "Each flag can also be set in the environment (GLOO_HTTP_PORT=8000 for --http-port) and in the file given by\n"
      "--settings (http-port: 8000). The command line wins over the environment, that over the file.\n\n"
      "Examples:\n"
      "  gloo up --config-dir ./config                  gateway on 8080 and 8443, one process tree\n"
      "  gloo serve --config-dir ./config --xds-address 0.0.0.0\n"
      "  gloo bootstrap --node-id ingress~pod-1 --xds gloo.internal:9977 > envoy.json");

  // One for each verb: the environment fills in the flags of both.
  Settings up_settings, serve_settings;
  EnvoyBootstrap bootstrap;
  std::string xds = "127.0.0.1:9977";

  CLI::App* up = app.add_subcommand("up", "Run the control plane and an Envoy together");
  AddControlPlaneFlags(*up, up_settings);
  AddEnvoyFlags(*up, up_settings);
  CLI::App* serve = app.add_subcommand("serve", "Run the control plane alone, for Envoys started elsewhere");
  AddControlPlaneFlags(*serve, serve_settings);
  CLI::App* print = app.add_subcommand("bootstrap", "Print the configuration that an Envoy is started with");
  print->add_option("--node-id", bootstrap.node_id, "ROLE~ANYTHING, unique for each Envoy")->capture_default_str();
  print->add_option("--xds", xds, "HOST:PORT of the control plane")->capture_default_str();
  print->add_option("--envoy-admin-address", bootstrap.admin_address, "IP address of Envoy's admin page")
      ->capture_default_str();
  print->add_option("--envoy-admin-port", bootstrap.admin_port, "Port of Envoy's admin page")->capture_default_str();

  if (const std::string file = SettingsFile(argc, argv); !file.empty()) {
    if (absl::Status status = LoadSettingsFile(file, *up); !status.ok()) {
      std::cerr << "gloo: " << status.message() << "\n";
      return 2;
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (app.get_subcommands().empty()) {
    std::cerr << app.help();
    return 2;
  }
  if (print->parsed()) {
    const size_t colon = xds.rfind(':');
    int port = 0;
    if (colon == std::string::npos || !CLI::detail::lexical_cast(xds.substr(colon + 1), port) || port < 1 ||
        port > 65535) {
      std::cerr << "gloo: --xds must be HOST:PORT, for instance gloo.internal:9977\n";
      return 2;
    }
    bootstrap.xds_host = xds.substr(0, colon);
    bootstrap.xds_port = static_cast<uint16_t>(port);
    std::cout << ToJson(bootstrap) << "\n";
    return 0;
  }
  if (up->parsed()) {
    SetUpLogs(up_settings);
    return Finish(Up(up_settings));
  }
  SetUpLogs(serve_settings);
  return Finish(Serve(serve_settings));
}

}  // namespace gloo::bootstrap
