#include "console/console.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"
#include "console/views.h"

namespace gloo::console {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

constexpr std::chrono::seconds kLoopPatience(5);
constexpr std::chrono::seconds kIdle(60);

// The value of one query parameter; the parameters that we take need no unescaping.
std::string Parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    if (part.starts_with(name) && part.substr(name.size()).starts_with('='))
      return std::string(part.substr(name.size() + 1));
  }
  return "";
}

class ConsoleImpl final : public Console {
 public:
  ConsoleImpl(runtime::Loop& loop, runtime::Metrics& metrics, controller::Controller& controller, xds::Server& server,
              Options options)
      : loop_(loop),
        metrics_(metrics),
        controller_(controller),
        server_(server),
        options_(std::move(options)),
        started_(SteadyNow()),
        acceptor_(io_) {}

  ~ConsoleImpl() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Start() override {
    beast::error_code error;
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) {
      return absl::InvalidArgumentError(StrCat("admin address \"", options_.address, "\" is no IP address"));
    }
    const tcp::endpoint endpoint(address, options_.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(StrCat("cannot listen on ", options_.address, ":", options_.port,
                                           " for the admin endpoint: ", error.message(),
                                           "; choose another port with --admin-port"));
    }
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(io_, Accept(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  asio::awaitable<void> Accept() {
    for (;;) {
      beast::error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted) co_return;
      if (!error) asio::co_spawn(io_, Serve(beast::tcp_stream(std::move(socket))), asio::detached);
    }
  }

  asio::awaitable<void> Serve(beast::tcp_stream stream) {
    beast::flat_buffer buffer(16 << 10);
    beast::error_code error;
    for (;;) {
      stream.expires_after(kIdle);
      Request request;
      co_await http::async_read(stream, buffer, request, asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      Response response = Answer(request);
      response.version(request.version());
      response.set(http::field::server, "gloo");
      response.set(http::field::cache_control, "no-store");
      response.keep_alive(request.keep_alive());
      if (request.method() == http::verb::head) {
        response.content_length(response.body().size());
        response.body().clear();
      } else {
        response.prepare_payload();
      }
      co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
      if (error || !response.keep_alive()) co_return;
    }
  }

  // Runs `fn` on the loop thread; nullopt when the loop does not come to it.
  template <typename Fn>
  auto OnLoop(Fn fn) -> std::optional<decltype(fn())> {
    auto result = std::make_shared<std::promise<decltype(fn())>>();
    auto future = result->get_future();
    loop_.Post([result, fn = std::move(fn)]() mutable { result->set_value(fn()); });
    if (future.wait_for(kLoopPatience) != std::future_status::ready) return std::nullopt;
    return future.get();
  }

  static Response Text(http::status status, std::string body, const char* type = "text/plain; charset=utf-8") {
    Response response;
    response.result(status);
    response.set(http::field::content_type, type);
    response.body() = std::move(body);
    return response;
  }

  static Response Json(std::optional<std::string> body) {
    if (!body) return Text(http::status::service_unavailable, "the control plane is busy; try again\n");
    return Text(http::status::ok, std::move(*body), "application/json");
  }

  Response Answer(const Request& request) {
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      Response response = Text(http::status::method_not_allowed, "only GET is served here\n");
      response.set(http::field::allow, "GET, HEAD");
      return response;
    }
    const std::string target(request.target());
    const std::string path = target.substr(0, target.find('?'));
    const std::string query = path.size() < target.size() ? target.substr(path.size() + 1) : "";
    if (path == "/healthz") return Text(http::status::ok, "ok\n");
    if (path == "/readyz") return Ready();
    if (path == "/metrics") return Text(http::status::ok, metrics_.Text(), "text/plain; version=0.0.4; charset=utf-8");
    if (path == "/snapshot") return Snapshot(Parameter(query, "role"));
    if (path == "/api/v1/objects") return Objects(Parameter(query, "kind"));
    if (path == "/api/v1/functions") return Functions();
    if (path == "/api/v1/clients") return Clients();
    if (path == "/api/v1/info") return ShowInfo();
    return Text(http::status::not_found,
                "no such page; there are: /healthz /readyz /metrics /snapshot /api/v1/objects?kind=KIND "
                "/api/v1/functions /api/v1/clients /api/v1/info\n");
  }

  Response Ready() {
    const auto synced = OnLoop([this] { return controller_.synced(); });
    if (synced == true) return Text(http::status::ok, "ready\n");
    return Text(http::status::service_unavailable,
                synced ? "waiting for the configuration to be read once\n" : "the control plane is busy\n");
  }

  Response Snapshot(const std::string& role) {
    using Roles = std::map<std::string, std::vector<snapshot::ResourcePtr>>;
    std::optional<Roles> roles = OnLoop([this, role] {
      Roles out;
      for (const std::string& name : server_.roles()) {
        if (!role.empty() && name != role) continue;
        std::vector<snapshot::ResourcePtr>& resources = out[name];
        const snapshot::Snapshot* snapshot = server_.snapshot(name);
        for (int i = 0; i < snapshot::kTypeCount; ++i) {
          for (const auto& entry : snapshot->resources(static_cast<snapshot::Type>(i))) {
            resources.push_back(entry.second);
          }
        }
      }
      return out;
    });
    if (!roles) return Json(std::nullopt);
    if (!role.empty() && roles->empty()) {
      return Text(http::status::not_found, StrCat("no role \"", role, "\" is served\n"));
    }
    return Json(SnapshotJson(*roles));
  }

  std::optional<std::vector<controller::ObjectView>> ObjectsOf(model::Kind kind) {
    return OnLoop([this, kind] { return controller_.Objects(kind); });
  }

  Response Objects(const std::string& kind) {
    for (model::Kind candidate : model::kKinds) {
      if (kind != model::KindName(candidate)) continue;
      const auto objects = ObjectsOf(candidate);
      return Json(objects ? std::optional(ObjectsJson(*objects)) : std::nullopt);
    }
    return Text(http::status::bad_request,
                StrCat("no kind \"", kind, "\": give kind=Upstream, VirtualService or Role\n"));
  }

  Response Functions() {
    const auto upstreams = ObjectsOf(model::Kind::kUpstream);
    const auto services = ObjectsOf(model::Kind::kVirtualService);
    if (!upstreams || !services) return Json(std::nullopt);
    return Json(FunctionsJson(*upstreams, *services));
  }

  Response Clients() {
    const auto clients = OnLoop([this] { return controller_.Clients(); });
    return Json(clients ? std::optional(ClientsJson(*clients)) : std::nullopt);
  }

  Response ShowInfo() {
    auto info =
        OnLoop([this] { return Info{.ready = controller_.synced(), .broken_places = controller_.BrokenPlaces()}; });
    if (!info) return Json(std::nullopt);
    info->version = options_.version;
    info->config_dir = options_.config_dir;
    info->state_dir = options_.state_dir;
    info->uptime_seconds = absl::ToDoubleSeconds(SteadyNow() - started_);
    return Json(InfoJson(*info));
  }

  runtime::Loop& loop_;
  runtime::Metrics& metrics_;
  controller::Controller& controller_;
  xds::Server& server_;
  const Options options_;
  const absl::Time started_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Console> Console::Create(runtime::Loop& loop, runtime::Metrics& metrics,
                                         controller::Controller& controller, xds::Server& server, Options options) {
  return std::make_unique<ConsoleImpl>(loop, metrics, controller, server, std::move(options));
}

}  // namespace gloo::console
