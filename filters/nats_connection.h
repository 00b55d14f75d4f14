// Which connections to NATS servers have been told who speaks. The bridge from HTTP to TCP does not know its
// connection; an HTTP filter of the cluster, which each request passes before, does.
#pragma once

#include <cstdint>
#include <string_view>

#include "filters/abi.h"
#include "filters/stream_filter.h"

namespace gloo::filters {

// The request header by which a bridge finds the filter of its request.
inline constexpr std::string_view kNatsConnectionHeader = "x-gloo-nats-connection";

class NatsConnectionFilter : public StreamFilter {
 public:
  explicit NatsConnectionFilter(abi::EnvoyFilterPtr envoy);
  ~NatsConnectionFilter() override;
  abi::HeadersStatus OnRequestHeaders(bool end_of_stream) override;

  // Envoy's number of the connection of the request with this header's value, never used twice; 0: there is none, or no
  // such filter. On the thread of the request.
  static uint64_t ConnectionOf(std::string_view header);

 private:
  const abi::EnvoyFilterPtr envoy_;
  const uint64_t id_;
};

// Of this thread, whose connections no other uses. Those that have been closed are forgotten in time.
bool IsNatsConnected(uint64_t connection);
void SetNatsConnected(uint64_t connection);
// The server has refused the credentials on it and is about to close it: a request that still gets it is refused too.
bool IsNatsRefused(uint64_t connection);
void SetNatsRefused(uint64_t connection);

}  // namespace gloo::filters
