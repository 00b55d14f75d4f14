#include "bootstrap/settings.h"

#include <yaml-cpp/yaml.h>

#include <CLI/CLI.hpp>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "absl/strings/str_replace.h"

namespace gloo::bootstrap {
namespace {

// "httpPort" and "http_port" are other ways to write "http-port".
std::string FlagName(const std::string& key) {
  std::string out;
  for (char c : key) {
    if (absl::ascii_isupper(c)) out += '-';
    out += c == '_' ? '-' : absl::ascii_tolower(c);
  }
  return out;
}

// The settings file: a YAML mapping from flag names to values.
class YamlSettings final : public CLI::Config {
 public:
  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return ""; }

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::string text(std::istreambuf_iterator<char>(input), {});
    std::vector<CLI::ConfigItem> items;
    try {
      const YAML::Node root = YAML::Load(text);
      if (root.IsNull()) return items;
      if (!root.IsMap()) throw CLI::ConfigError("the settings file must be a mapping, for instance `http-port: 8080`");
      for (const auto& entry : root) {
        CLI::ConfigItem item;
        item.name = FlagName(entry.first.as<std::string>());
        if (!entry.second.IsScalar()) {
          throw CLI::ConfigError(StrCat("settings file, line ", entry.second.Mark().line + 1, ": ", item.name,
                                              " must be a single value"));
        }
        item.inputs.push_back(entry.second.as<std::string>());
        items.push_back(std::move(item));
      }
    } catch (const YAML::Exception& e) {
      throw CLI::ConfigError(StrCat("settings file, line ", e.mark.line + 1, ": ", e.msg));
    }
    return items;
  }
};

template <typename T>
CLI::Option* Flag(CLI::App& app, const std::string& name, T& value, const std::string& help) {
  const std::string env = StrCat("GLOO_", absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}})));
  return app.add_option("--" + name, value, help)->envname(env)->capture_default_str();
}

}  // namespace

void AddControlPlaneFlags(CLI::App& app, Settings& s) {
  app.set_config("--settings", "", "Read settings from this YAML file (flag names without dashes in front)")
      ->envname("GLOO_SETTINGS");
  app.config_formatter(std::make_shared<YamlSettings>());
  app.allow_config_extras(CLI::config_extras_mode::error);

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
  Flag(app, "log-format", s.log_format, "Form of log lines")->check(CLI::IsMember({"text", "json"}))->group("Control plane");
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
