// The server's metrics.
#pragma once

#include <string>
#include <vector>

#include "runtime/metrics.h"
#include "xds/server_impl.h"

namespace gloo::xds {

struct ServerImpl::Counters {
  explicit Counters(runtime::Metrics& metrics)
      : delta_streams(Streams(metrics, "delta")),
        sotw_streams(Streams(metrics, "sotw")),
        acks(metrics.counter("gloo_xds_acks_total", "Responses that clients acknowledged.")),
        nacks(metrics.counter("gloo_xds_nacks_total", "Responses that clients refused.")),
        names_refused(metrics.counter("gloo_xds_server_names_refused_total",
                                      "Server names without a certificate: one wildcard had too many.")),
        clients_refused(metrics.counter("gloo_xds_clients_refused_total",
                                        "Streams of clients that may not be the role that they ask for.")),
        handshakes_failed(
            metrics.counter("gloo_xds_handshakes_failed_total", "TLS handshakes of clients that failed.")),
        bytes(metrics.counter("gloo_xds_bytes_total", "Bytes of responses.")),
        ack_seconds(metrics.histogram("gloo_xds_ack_seconds", "From a response to its acknowledgement.",
                                      runtime::LatencyBuckets())),
        change_to_ack_seconds(metrics.histogram(
            "gloo_change_to_ack_seconds",
            "From the arrival of a change to an Envoy's acknowledgement of the last resource that it made.",
            runtime::LatencyBuckets())) {
    for (int i = 0; i < snapshot::kTypeCount; ++i) {
      pushes.push_back(&metrics.counter("gloo_xds_pushes_total", "Responses sent.",
                                        {{"type", TypeLabel(static_cast<snapshot::Type>(i))}}));
    }
  }

  static runtime::Gauge& Streams(runtime::Metrics& metrics, const std::string& type) {
    return metrics.gauge("gloo_xds_streams", "Open discovery streams.", {{"type", type}});
  }

  void CountStream(bool delta, int step) {
    int& open = delta ? open_delta : open_sotw;
    open += step;
    (delta ? delta_streams : sotw_streams).Set(open);
  }

  runtime::Gauge& delta_streams;
  runtime::Gauge& sotw_streams;
  runtime::Counter& acks;
  runtime::Counter& nacks;
  runtime::Counter& names_refused;
  runtime::Counter& clients_refused;
  runtime::Counter& handshakes_failed;
  runtime::Counter& bytes;
  runtime::Histogram& ack_seconds;
  runtime::Histogram& change_to_ack_seconds;
  std::vector<runtime::Counter*> pushes;
  int open_delta = 0;
  int open_sotw = 0;
};

}  // namespace gloo::xds
