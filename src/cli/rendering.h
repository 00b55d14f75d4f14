// What the gateway sends on for a request that a route has taken: by the templates' own code, then as Envoy's route
// says.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/route_match.h"
#include "envoy/config/route/v3/route_components.pb.h"

namespace gloo::cli {

struct Rendered {
  // 0: the request is sent on. Else the gateway itself answers so.
  int status = 0;
  std::string answer;
  // Pseudo headers left out; sorted by name.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string method;
  // As the upstream gets it; `unrewritten_path`: before the route's rewrite.
  std::string path;
  std::string unrewritten_path;
  std::string body;
  // What the upstream is asked in its own language; empty: the request, as it is.
  std::string calls;
  // The answer of the upstream is transformed too.
  bool transforms_answer = false;
  // Fields of the body that the templates need.
  std::vector<std::string> needed_fields;
};

// What the event filter does with a request for which `route` was found: `read`, that the route is to be chosen anew;
// else `error`, why the answer is 400, or nothing.
struct EventReading {
  bool read = false;
  std::string error;
};
absl::StatusOr<EventReading> ReadEvent(const envoy::config::route::v3::Route& route, Request* request);

// The method of gRPC that a rendered request calls.
struct GrpcCall {
  // "/pkg.Service/Method"; empty: no rule takes the request, which is answered 404.
  std::string method;
  // "GET /v1/books/{id}"; empty for a request that is gRPC already.
  std::string rule;
};
// Nothing where the destination is not called so.
absl::StatusOr<std::optional<GrpcCall>> FindGrpcCall(
    const envoy::config::route::v3::Route& route, const envoy::config::route::v3::WeightedCluster::ClusterWeight* part,
    const Rendered& rendered);

// `part` is the destination of a weighted route, or null. Fails where the configuration of the transformation cannot
// be read, which is a mistake of ours.
absl::StatusOr<Rendered> Render(const envoy::config::route::v3::Route& route,
                                const envoy::config::route::v3::WeightedCluster::ClusterWeight* part,
                                const Request& request);

}  // namespace gloo::cli
