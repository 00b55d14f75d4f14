#include "bootstrap/settings.h"

#include <yaml-cpp/yaml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "base/suggest.h"

namespace gloo::bootstrap {
namespace {

// "http-port" -> "GLOO_HTTP_PORT".
std::string EnvName(const std::string& flag) {
  return StrCat("GLOO_", absl::AsciiStrToUpper(absl::StrReplaceAll(flag, {{"-", "_"}})));
}

// "httpPort" and "http_port" are other ways to write "http-port".
std::string FlagName(const std::string& key) {
  std::string out;
  for (char c : key) {
    if (absl::ascii_isupper(c)) out += '-';
    out += c == '_' ? '-' : absl::ascii_tolower(c);
  }
  return out;
}

template <typename T>
CLI::Option* Flag(CLI::App& app, const std::string& name, T& value, const std::string& help) {
  return app.add_option("--" + name, value, help)->envname(EnvName(name))->capture_default_str();
}

}  // namespace

absl::Status LoadSettingsFile(const std::string& path, const CLI::App& app) {
  std::ifstream in(path);
  if (!in) return absl::NotFoundError(StrCat("cannot read the settings file ", path));
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const auto error = [&path](int line, const std::string& what) {
    return absl::InvalidArgumentError(StrCat("settings file ", path, ", line ", line + 1, ": ", what));
  };
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back(name);
  }
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return absl::OkStatus();
    if (!root.IsMap()) return error(0, "must be a mapping of flags to values, for instance `http-port: 8080`");
    for (const auto& entry : root) {
      const std::string key = entry.first.as<std::string>();
      const std::string flag = FlagName(key);
      const int line = entry.first.Mark().line;
      if (std::find(known.begin(), known.end(), flag) == known.end()) {
        return error(line, StrCat("unknown setting \"", key, "\"", Suggestion(flag, known)));
      }
      if (!entry.second.IsScalar()) return error(line, StrCat("\"", key, "\" must be a single value"));
      setenv(EnvName(flag).c_str(), entry.second.as<std::string>().c_str(), /*replace=*/0);
    }
  } catch (const YAML::Exception& e) {
    return error(e.mark.line, e.msg);
  }
  return absl::OkStatus();
}

void AddControlPlaneFlags(CLI::App& app, Settings& s) {
  Flag(app, "settings", s.settings, "YAML file of flags and their values, for instance `http-port: 8080`");
  CLI::Option* config = Flag(app, "config-dir", s.config_dir, "Folder of the configuration: YAML and JSON, any layout");
  config->required()->group("Folders");
  Flag(app, "state-dir", s.state_dir, "Folder for the last good state and statuses [default: CONFIG_DIR/../.gloo]")
      ->group("Folders");
  Flag(app, "secrets-dir", s.secrets_dir, "Folder of secrets: NAME/KEY files, or NAME.yaml")->group("Folders");
  Flag(app, "artifacts-dir", s.artifacts_dir, "Folder of artifacts: NAME/KEY files, or NAME.yaml")->group("Folders");

  Flag(app, "bind-address", s.bind_address, "IP address that Envoy's listeners bind to")->group("Listeners");
  Flag(app, "http-port", s.http_port, "Port for plain HTTP; 0: any free one (`gloo up` only)")->group("Listeners");
  Flag(app, "https-port", s.https_port, "Port for HTTPS; 0: any free one (`gloo up` only)")->group("Listeners");

  Flag(app, "xds-address", s.xds_address, "IP address of the xDS server; loopback unless Envoys run elsewhere")
      ->group("Control plane");
  Flag(app, "xds-port", s.xds_port, "Port of the xDS server; 0: any free one")->group("Control plane");
  Flag(app, "admin-address", s.admin_address, "IP address of the admin endpoint")->group("Control plane");
  Flag(app, "admin-port", s.admin_port, "Port of the admin endpoint; 0: any free one")->group("Control plane");
  Flag(app, "log-level", s.log_level, "How much is logged")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->group("Control plane");
  Flag(app, "log-format", s.log_format, "Form of log lines")
      ->check(CLI::IsMember({"text", "json"}))
      ->group("Control plane");
  Flag(app, "ready-file", s.ready_file, "Written, as JSON with the ports, once traffic is served")
      ->group("Control plane");
}

void AddEnvoyFlags(CLI::App& app, Settings& s) {
  Flag(app, "envoy", s.envoy, "Envoy's binary [default: `envoy` on the PATH]")->group("Envoy");
  Flag(app, "envoy-admin-port", s.envoy_admin_port, "Port of Envoy's admin page, on loopback; 0: any free one")
      ->group("Envoy");
  Flag(app, "concurrency", s.concurrency, "Envoy's worker threads; 0: one a core")
      ->check(CLI::Range(0, 1024))
      ->group("Envoy");
  Flag(app, "node-id", s.node_id, "Envoy's node id: ROLE~ANYTHING")->group("Envoy");
  Flag(app, "filters-dir", s.filters_dir, "Folder of libgloo_filters.so [default: ../lib beside this program]")
      ->group("Envoy");
}

}  // namespace gloo::bootstrap
