// What the user sets: flags, else environment (GLOO_...), else a settings file, else the default.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace CLI {
class App;
}

namespace gloo::bootstrap {

struct Settings {
  std::string config_dir;
  std::string state_dir;               // default: .gloo beside the config folder
  std::string secrets_dir;             // default: none
  std::string artifacts_dir;           // default: none
  std::string google_metadata_server;  // HOST[:PORT]; empty: none
  std::string system_ca_file;          // default: the system's
  std::string bind_address = "0.0.0.0";
  uint16_t http_port = 8080;
  uint16_t https_port = 8443;
  std::string xds_address = "127.0.0.1";
  uint16_t xds_port = 9977;
  std::string xds_tls_cert;
  std::string xds_tls_key;
  std::string xds_client_ca;
  std::vector<std::string> xds_allow;
  bool xds_insecure = false;
  uint32_t xds_max_server_names = 10'000;
  std::string admin_address = "127.0.0.1";
  uint16_t admin_port = 9091;
  uint16_t envoy_admin_port = 9901;
  std::string envoy;
  std::string filters_dir;
  std::string xds_ca;
  std::string xds_client_cert;
  std::string xds_client_key;
  std::string xds_server_name;
  std::string node_id = "ingress~1";
  int concurrency = 0;  // 0: one worker a core
  std::string log_level = "info";
  std::string log_format = "text";
  std::string ready_file;
  std::string settings;
};

// By flag: the place in the settings file that its value came from.
using SettingPlaces = std::map<std::string, std::string>;

// Makes the entries of a settings file the defaults of the environment: what is set there, or on the command line,
// wins. Before the flags are parsed. Fails on what no verb of `app` has a flag for, with file and line.
absl::Status LoadSettingsFile(const std::string& path, const CLI::App& app, SettingPlaces& places);

// Parses the command line and the environment. What is wrong is one line that names the flag, the variable or the place
// in the settings file, and says what would be right.
absl::Status ParseFlags(CLI::App& app, int argc, char** argv, const SettingPlaces& places);

// Flags shared by `gloo up` and `gloo serve`: folders, ports of the control plane, logs, the settings file.
void AddControlPlaneFlags(CLI::App& app, Settings& settings);
// Flags of the Envoy that `gloo up` starts.
void AddEnvoyFlags(CLI::App& app, Settings& settings);
// Flags of `gloo bootstrap`.
struct BootstrapSettings {
  std::string node_id = "ingress~1";
  std::vector<std::string> xds = {"127.0.0.1:9977"};
  std::string ca;
  std::string client_cert;
  std::string client_key;
  std::string server_name;
  std::string admin_address = "127.0.0.1";
  uint16_t admin_port = 9901;
  std::string settings;
};
void AddBootstrapFlags(CLI::App& app, BootstrapSettings& settings);

}  // namespace gloo::bootstrap
