#include "filters/nats_connection.h"

#include <set>
#include <string>
#include <unordered_map>

namespace gloo::filters {
namespace {

// Far more than a thread has at a time; numbers grow, so the lowest are those of connections that are gone.
constexpr size_t kMostConnections = 16 << 10;

thread_local uint64_t last_id = 0;
thread_local std::unordered_map<uint64_t, abi::EnvoyFilterPtr> filters;
thread_local std::set<uint64_t> connected;
thread_local std::set<uint64_t> refused;

void Insert(uint64_t connection, std::set<uint64_t>* into) {
  if (connection == 0) return;
  into->insert(connection);
  if (into->size() > kMostConnections) into->erase(into->begin());
}

}  // namespace

NatsConnectionFilter::NatsConnectionFilter(abi::EnvoyFilterPtr envoy) : envoy_(envoy), id_(++last_id) {
  filters.emplace(id_, envoy_);
}

NatsConnectionFilter::~NatsConnectionFilter() { filters.erase(id_); }

abi::HeadersStatus NatsConnectionFilter::OnRequestHeaders(bool) {
  envoy_dynamic_module_callback_http_set_header(envoy_, abi::HeaderType::kRequest, kNatsConnectionHeader,
                                                std::to_string(id_));
  return abi::HeadersStatus::kContinue;
}

uint64_t NatsConnectionFilter::ConnectionOf(std::string_view header) {
  uint64_t id = 0;
  if (header.empty() || header.size() > 19) return 0;
  for (const char c : header) {
    if (c < '0' || c > '9') return 0;
    id = id * 10 + static_cast<uint64_t>(c - '0');
  }
  const auto it = filters.find(id);
  return it == filters.end() ? 0 : envoy_dynamic_module_callback_http_get_upstream_connection_id(it->second);
}

bool IsNatsConnected(uint64_t connection) { return connection != 0 && connected.contains(connection); }

void SetNatsConnected(uint64_t connection) { Insert(connection, &connected); }

bool IsNatsRefused(uint64_t connection) { return connection != 0 && refused.contains(connection); }

void SetNatsRefused(uint64_t connection) { Insert(connection, &refused); }

}  // namespace gloo::filters
