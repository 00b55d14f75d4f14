#include "xds/grpc_log.h"

#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <string_view>

#include "absl/time/time.h"
#include "base/clock.h"

namespace gloo::xds {
namespace {

std::atomic<uint64_t> failed_handshakes{0};
// Anybody who reaches the port can make such lines.
constexpr int64_t kPauseSeconds = 10;
std::atomic<int64_t> last_line{-kPauseSeconds};

void Log(gpr_log_func_args* args) {
  const std::string_view message(args->message);
  const bool handshake = message.find("Handshake failed") != std::string_view::npos;
  if (handshake) ++failed_handshakes;
  if (args->severity != GPR_LOG_SEVERITY_ERROR) return;
  const int64_t now = absl::ToUnixSeconds(SteadyNow());
  int64_t last = last_line.load();
  if (now < last + kPauseSeconds || !last_line.compare_exchange_strong(last, now)) return;
  if (handshake) {
    spdlog::warn("xds: a TLS handshake failed: {}; {} so far", message, failed_handshakes.load());
  } else {
    spdlog::warn("xds: grpc: {}", message.substr(0, 300));
  }
}

}  // namespace

void RouteGrpcLog() { gpr_set_log_function(Log); }

uint64_t FailedHandshakes() { return failed_handshakes.load(); }

}  // namespace gloo::xds
