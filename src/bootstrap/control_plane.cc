#include "bootstrap/control_plane.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "base/url.h"
#include "bootstrap/xds_security.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "plugins/builtin.h"
#include "sources/file/system_authorities.h"
#include "translator/checks/certificates.h"
#include "translator/names.h"
#include "translator/upstream_build.h"

namespace gloo::bootstrap {

namespace {

// What somebody names must be good; what the system happens to have is checked when an upstream needs it.
absl::StatusOr<std::string> ReadAuthorities(const std::string& path) {
  absl::StatusOr<std::string> text = sources::file::ReadSystemAuthorities(path);
  absl::Status status = text.status();
  if (status.ok() && !path.empty()) status = checks::CheckCaBundle(*text);
  if (status.ok()) return text;
  return absl::InvalidArgumentError(StrCat("--system-ca-file ", path, ": ", std::string(status.message())));
}

struct MetadataServer {
  std::string host;
  uint32_t port = 80;
};

absl::StatusOr<MetadataServer> ReadMetadataServer(const std::string& written) {
  if (written.empty()) return MetadataServer();
  const std::optional<Url> url = ParseUrl(StrCat("http://", written));
  std::string domain;
  std::string error;
  if (!url || !url->target.empty() ||
      (translator::HostIp(url->host).empty() &&
       (!translator::NormalizeDomain(url->host, &domain, &error) || domain.front() == '*'))) {
    return absl::InvalidArgumentError(
        StrCat("--google-metadata-server ", written, ": write HOST or HOST:PORT, such as metadata.google.internal"));
  }
  return MetadataServer{url->host, url->port};
}

std::vector<RoleListener> ListenersOf(const snapshot::Snapshot* snapshot) {
  std::vector<RoleListener> out;
  if (snapshot == nullptr) return out;
  for (const auto& [name, resource] : snapshot->resources(snapshot::Type::kListener)) {
    envoy::config::listener::v3::Listener listener;
    // The table of domains travels in a listener that serves nobody.
    if (name == translator::kDomainTable || !listener.ParseFromString(resource->body)) continue;
    const auto& address = listener.address().socket_address();
    out.push_back({name, address.address(), static_cast<uint16_t>(address.port_value()),
                   listener.filter_chains_size() > 0 && listener.filter_chains(0).has_transport_socket()});
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return std::tie(a.tls, a.port) < std::tie(b.tls, b.port); });
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ControlPlane>> ControlPlane::Start(const Settings& settings,
                                                                  std::unique_ptr<state::Store> store) {
  std::unique_ptr<ControlPlane> plane(new ControlPlane());
  plane->store_ = std::move(store);
  GLOO_RETURN_IF_ERROR(plane->Init(settings));
  return plane;
}

absl::Status ControlPlane::Init(const Settings& s) {
  metrics_ = runtime::Metrics::Create();
  metrics_->gauge("gloo_info", "The version of this control plane.", {{"version", kVersion}}).Set(1);
  loop_ = runtime::Loop::Create();
  plugins::AddBuiltins(registry_);
  GLOO_ASSIGN_OR_RETURN(std::string authorities, ReadAuthorities(s.system_ca_file));
  GLOO_ASSIGN_OR_RETURN(const MetadataServer google, ReadMetadataServer(s.google_metadata_server));
  translator_ = std::make_unique<translator::Translator>(
      registry_, translator::Settings{.bind_address = s.bind_address,
                                      .http_port = s.http_port,
                                      .https_port = s.https_port,
                                      .system_authorities = std::move(authorities),
                                      .google_metadata_host = google.host,
                                      .google_metadata_port = google.port});
  xds::ServerOptions options{
      .address = StrCat(s.xds_address.find(':') == std::string::npos ? s.xds_address : StrCat("[", s.xds_address, "]"),
                        ":", s.xds_port),
      .unknown_role = [this](const std::string& role) { return translator_->UnknownRole(role); },
      .max_names_of_wildcard = s.xds_max_server_names};
  GLOO_RETURN_IF_ERROR(SecureXds(s, &options));
  server_ = xds::Server::Create(*loop_, *metrics_, std::move(options));

  files_ = std::make_unique<sources::FileSource>(sources::FileSource::Options{.config_dir = s.config_dir,
                                                                              .secrets_dir = s.secrets_dir,
                                                                              .artifacts_dir = s.artifacts_dir,
                                                                              .schemas = &registry_,
                                                                              .metrics = metrics_.get()},
                                                 to_controller_);
  reporter_ = std::make_unique<reporter::Reporter>(store_.get(), files_.get(), Clock::Real(), *metrics_);
  controller_ = std::make_unique<controller::Controller>(
      *loop_, *metrics_, *translator_, *server_, *reporter_, store_.get(),
      controller::Options{.sources = {"file"},
                          .want_tokens = [this](const model::TokensWanted& wanted) { credentials_->Want(wanted); }});
  exchange_ = std::make_unique<credentials::HttpExchange>(*loop_);
  credentials_ = std::make_unique<credentials::Engine>(
      *loop_, *metrics_, *exchange_,
      [this](const model::TokenKey& key, std::optional<model::Token> token) {
        controller_->PutToken(key, std::move(token));
      },
      credentials::Engine::Options());
  to_controller_.target = controller_.get();
  WatchState(s.state_dir + "/state.db");
  console_ = console::Console::Create(*loop_, *metrics_, *controller_, *server_,
                                      {.address = s.admin_address,
                                       .port = s.admin_port,
                                       .version = kVersion,
                                       .config_dir = s.config_dir,
                                       .state_dir = s.state_dir});
  // First of all that the loop does, and while Envoy starts and the files are read.
  loop_->Post([this] { controller_->Start(); });
  GLOO_RETURN_IF_ERROR(server_->Start());
  xds_port_ = server_->port();
  GLOO_RETURN_IF_ERROR(console_->Start());
  thread_ = std::thread([this] { loop_->Run(); });
  return files_->Start();
}

// Nobody is left who could call what is destroyed: first who asks the loop, then the loop, then the reporter (which
// asks the file source), then the file source (which calls the controller).
ControlPlane::~ControlPlane() {
  console_.reset();
  if (thread_.joinable()) {
    OnLoop([this] { server_->Shutdown(); });
    loop_->Stop();
    thread_.join();
  }
  credentials_.reset();
  exchange_.reset();
  reporter_.reset();
  files_.reset();
  if (store_ != nullptr) store_->SetWriteListener(nullptr);
  controller_.reset();
}

// To people the state directory is one more place where something is wrong.
void ControlPlane::WatchState(const std::string& file) {
  store_->SetWriteListener([this, file](const absl::Status& status) {
    sources::PlaceEvent place{.place = file};
    if (!status.ok()) {
      place.issues.push_back({.severity = Severity::kWarning,
                              .reason = "StateNotWritten",
                              .message = StrCat("cannot be written: ", std::string(status.message()),
                                                "; all goes on, but a restart will know an older last good state"),
                              .location = {.file = file}});
    }
    controller_->Push({.source = "state", .places = {std::move(place)}});
  });
}

void ControlPlane::OnLoop(absl::AnyInvocable<void()> fn) {
  absl::Notification done;
  loop_->Post([&] {
    fn();
    done.Notify();
  });
  done.WaitForNotification();
}

ControlPlane::Progress ControlPlane::progress(const std::string& node_id) {
  Progress out;
  OnLoop([&] {
    out.serving = controller_->serving();
    out.objects = controller_->object_count();
    for (const xds::Client& client : server_->clients()) {
      if (client.node_id == node_id && client.settled) out.node_settled = true;
    }
    if (out.node_settled) out.listeners = ListenersOf(server_->snapshot(node_id.substr(0, node_id.find('~'))));
  });
  return out;
}

}  // namespace gloo::bootstrap
