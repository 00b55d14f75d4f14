#include "bootstrap/settings.h"

#include <yaml-cpp/yaml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "base/suggest.h"

namespace gloo::bootstrap {
namespace {

// "http-port" -> "GLOO_HTTP_PORT".
std::string EnvName(const std::string& flag) {
  return StrCat("GLOO_", absl::AsciiStrToUpper(absl::StrReplaceAll(flag, {{"-", "_"}})));
}

CLI::Validator Number(int low, int high) {
  return CLI::Validator(
      [=](const std::string& value) {
        int number = 0;
        if (absl::SimpleAtoi(value, &number) && number >= low && number <= high) return std::string();
        return StrCat("\"", value, "\" must be a number from ", low, " to ", high);
      },
      "");
}

CLI::Validator OneOf(const std::vector<std::string>& values) {
  return CLI::Validator(
      [=](const std::string& value) {
        if (std::find(values.begin(), values.end(), value) != values.end()) return std::string();
        return StrCat("\"", value, "\" must be one of ", absl::StrJoin(values, ", "));
      },
      "");
}

CLI::Validator NodeId() {
  return CLI::Validator(
      [](const std::string& value) {
        const size_t tilde = value.find('~');
        if (tilde != std::string::npos && tilde > 0 && tilde + 1 < value.size()) return std::string();
        return StrCat("\"", value, "\" must be ROLE~ANYTHING, for instance ingress~1");
      },
      "");
}

CLI::Validator HostAndPort() {
  return CLI::Validator(
      [](const std::string& value) {
        const size_t colon = value.rfind(':');
        int port = 0;
        if (colon != std::string::npos && colon > 0 && absl::SimpleAtoi(value.substr(colon + 1), &port) && port > 0 &&
            port <= 65535) {
          return std::string();
        }
        return StrCat("\"", value, "\" must be HOST:PORT, for instance gloo.internal:9977");
      },
      "");
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
  CLI::Option* option = app.add_option("--" + name, value, help)->envname(EnvName(name))->capture_default_str();
  if constexpr (std::is_integral_v<T>)
    option->check(Number(0, std::is_same_v<T, uint16_t> ? 65535 : std::is_same_v<T, uint32_t> ? 1'000'000 : 1024));
  return option;
}

// Flags of an Envoy's way to the control plane over TLS.
void AddXdsClientFlags(CLI::App& app, std::string& ca, std::string& cert, std::string& key, std::string& server_name) {
  Flag(app, "xds-ca", ca, "CA of the control plane's certificate, PEM: Envoy speaks TLS to it")->group("Envoy");
  Flag(app, "xds-client-cert", cert, "Certificate that Envoy shows to the control plane, PEM")->group("Envoy");
  Flag(app, "xds-client-key", key, "Its key, PEM")->group("Envoy");
  Flag(app, "xds-server-name", server_name, "Name in the control plane's certificate [default: its host]")
      ->group("Envoy");
}

// The part of `text` before the first `:` or blank: the flag that CLI11's words begin with.
std::string FirstWord(const std::string& text) { return text.substr(0, text.find_first_of(": ")); }

std::vector<std::string> FlagsOf(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
  }
  return out;
}

// Where the value of a flag came from, as the user knows it.
std::string SourceOf(const std::string& flag, int argc, char** argv, const SettingPlaces& places) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == flag || arg.starts_with(flag + "=")) return flag;
  }
  const std::string name = flag.substr(2);
  if (const auto place = places.find(name); place != places.end()) return place->second;
  return getenv(EnvName(name).c_str()) != nullptr ? EnvName(name) : flag;
}

// What is unknown in a command line, with what was likely meant.
absl::Status Unexpected(CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const CLI::App& verb = chosen.empty() ? app : *chosen[0];
  const std::string program = chosen.empty() ? "gloo" : StrCat("gloo ", verb.get_name());
  for (const std::string& word : app.remaining(/*recurse=*/true)) {
    if (word.starts_with("-")) {
      const std::string flag = word.substr(0, word.find('='));
      const std::string near = Nearest(flag, FlagsOf(verb));
      return absl::InvalidArgumentError(
          StrCat("unknown flag ", flag,
                 near.empty() ? StrCat("; see ", program, " --help") : StrCat("; did you mean ", near, "?")));
    }
    if (!chosen.empty()) {
      return absl::InvalidArgumentError(StrCat("\"", word, "\" belongs to no flag; see ", program, " --help"));
    }
    std::vector<std::string> verbs;
    for (const CLI::App* known : app.get_subcommands({})) verbs.push_back(known->get_name());
    return absl::InvalidArgumentError(StrCat("unknown verb \"", word, "\"", Suggestion(word, verbs)));
  }
  return absl::InvalidArgumentError(StrCat("cannot be understood; see ", program, " --help"));
}

}  // namespace

absl::Status ParseFlags(CLI::App& app, int argc, char** argv, const SettingPlaces& places) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    return Unexpected(app);
  } catch (const CLI::ArgumentMismatch& e) {
    return absl::InvalidArgumentError(StrCat(FirstWord(e.what()), " needs a value"));
  } catch (const CLI::ParseError& e) {
    // Help and version are no errors: CLI11 prints them.
    if (e.get_exit_code() == 0) throw;
    const std::string text = e.what();
    const std::string flag = FirstWord(text);
    if (!flag.starts_with("--")) return absl::InvalidArgumentError(text);
    return absl::InvalidArgumentError(StrCat(SourceOf(flag, argc, argv, places), text.substr(flag.size())));
  }
  return absl::OkStatus();
}

absl::Status LoadSettingsFile(const std::string& path, const CLI::App& app, SettingPlaces& places) {
  std::ifstream in(path);
  if (!in) return absl::NotFoundError(StrCat("cannot read the settings file ", path));
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const auto error = [&path](int line, const std::string& what) {
    return absl::InvalidArgumentError(StrCat("settings file ", path, ", line ", line + 1, ": ", what));
  };
  std::vector<std::string> known;
  for (const CLI::App* verb : app.get_subcommands({})) {
    for (const std::string& flag : FlagsOf(*verb)) {
      if (flag != "--help" && flag != "--settings") known.push_back(flag.substr(2));
    }
  }
  std::map<std::string, int> seen;
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
      if (const auto [at, fresh] = seen.emplace(flag, line); !fresh) {
        return error(line, StrCat("\"", key, "\" is set on line ", at->second + 1, " already"));
      }
      if (!entry.second.IsScalar()) return error(line, StrCat("\"", key, "\" must be a single value"));
      if (getenv(EnvName(flag).c_str()) != nullptr) continue;
      setenv(EnvName(flag).c_str(), entry.second.as<std::string>().c_str(), /*replace=*/0);
      places[flag] = StrCat("settings file ", path, ", line ", line + 1, ": ", key);
    }
  } catch (const YAML::Exception& e) {
    return error(e.mark.line, e.msg);
  }
  return absl::OkStatus();
}

void AddControlPlaneFlags(CLI::App& app, Settings& s) {
  Flag(app, "settings", s.settings, "YAML file of flags and their values, for instance `http-port: 8080`");
  Flag(app, "config-dir", s.config_dir, "Folder of the configuration: YAML and JSON, any layout (needed)")
      ->group("Folders");
  Flag(app, "state-dir", s.state_dir, "Folder for the last good state and statuses [default: CONFIG_DIR/../.gloo]")
      ->group("Folders");
  Flag(app, "secrets-dir", s.secrets_dir, "Folder of secrets: NAME/KEY files, or NAME.yaml")->group("Folders");
  Flag(app, "artifacts-dir", s.artifacts_dir, "Folder of artifacts: NAME/KEY files, or NAME.yaml")->group("Folders");

  Flag(app, "system-ca-file", s.system_ca_file,
       "Certificate authorities (PEM) that upstreams trust which name none; read at start [default: the system's]")
      ->group("Folders");

  Flag(app, "google-metadata-server", s.google_metadata_server,
       "HOST[:PORT] of Google's metadata server, seen from Envoy: metadata.google.internal on Google Cloud [default: "
       "none]")
      ->group("Control plane");

  Flag(app, "bind-address", s.bind_address, "IP address that Envoy's listeners bind to")->group("Listeners");
  Flag(app, "http-port", s.http_port, "Port for plain HTTP; 0: any free one (`gloo up` only)")->group("Listeners");
  Flag(app, "https-port", s.https_port, "Port for HTTPS; 0: any free one (`gloo up` only)")->group("Listeners");

  Flag(app, "xds-address", s.xds_address, "IP address of the xDS server; loopback unless Envoys run elsewhere")
      ->group("Control plane");
  Flag(app, "xds-port", s.xds_port, "Port of the xDS server; 0: any free one")->group("Control plane");
  Flag(app, "xds-tls-cert", s.xds_tls_cert, "Certificate chain of the xDS server, PEM; read again when it changes")
      ->group("Control plane");
  Flag(app, "xds-tls-key", s.xds_tls_key, "Its key, PEM")->group("Control plane");
  Flag(app, "xds-client-ca", s.xds_client_ca, "CA that signs the certificates of Envoys; each then needs one")
      ->group("Control plane");
  Flag(app, "xds-allow", s.xds_allow, "IDENTITY=ROLE, repeatable: whose certificate may be which role; * is any text")
      ->delimiter(',')
      ->group("Control plane");
  app.add_flag("--xds-insecure", s.xds_insecure, "Serve plain text, keys included, on an address that is not loopback")
      ->envname(EnvName("xds-insecure"))
      ->group("Control plane");
  Flag(app, "xds-max-server-names", s.xds_max_server_names,
       "How many server names of one wildcard certificate an Envoy may hold")
      ->group("Control plane");
  Flag(app, "admin-address", s.admin_address, "IP address of the admin endpoint")->group("Control plane");
  Flag(app, "admin-port", s.admin_port, "Port of the admin endpoint; 0: any free one")->group("Control plane");
  Flag(app, "log-level", s.log_level, "How much is logged")
      ->check(OneOf({"debug", "info", "warn", "error"}))
      ->group("Control plane");
  Flag(app, "log-format", s.log_format, "Form of log lines")->check(OneOf({"text", "json"}))->group("Control plane");
  Flag(app, "ready-file", s.ready_file, "Written, as JSON with the ports, once traffic is served")
      ->group("Control plane");
}

void AddEnvoyFlags(CLI::App& app, Settings& s) {
  AddXdsClientFlags(app, s.xds_ca, s.xds_client_cert, s.xds_client_key, s.xds_server_name);
  Flag(app, "envoy", s.envoy, "Envoy's binary [default: `envoy` on the PATH]")->group("Envoy");
  Flag(app, "envoy-admin-port", s.envoy_admin_port, "Port of Envoy's admin page, on loopback; 0: any free one")
      ->group("Envoy");
  Flag(app, "concurrency", s.concurrency, "Envoy's worker threads; 0: one a core")->group("Envoy");
  Flag(app, "node-id", s.node_id, "Envoy's node id: ROLE~ANYTHING")->check(NodeId())->group("Envoy");
  Flag(app, "filters-dir", s.filters_dir, "Folder of libgloo_filters.so [default: ../lib beside this program]")
      ->group("Envoy");
}

void AddBootstrapFlags(CLI::App& app, BootstrapSettings& s) {
  Flag(app, "settings", s.settings, "YAML file of flags and their values, for instance `node-id: ingress~2`");
  Flag(app, "node-id", s.node_id, "ROLE~ANYTHING, unique for each Envoy")->check(NodeId());
  Flag(app, "xds", s.xds, "HOST:PORT of the control plane; repeatable, for replicas")
      ->delimiter(',')
      ->check(HostAndPort());
  AddXdsClientFlags(app, s.ca, s.client_cert, s.client_key, s.server_name);
  Flag(app, "envoy-admin-address", s.admin_address, "IP address of Envoy's admin page");
  Flag(app, "envoy-admin-port", s.admin_port, "Port of Envoy's admin page");
}

}  // namespace gloo::bootstrap
