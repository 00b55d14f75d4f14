// Client status discovery: what each client was sent and what it said to it.
#pragma once

#include "absl/status/status.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/service/status/v3/csds.pb.h"
#include "xds/session.h"

namespace gloo::xds {

// Everything of a session; key material is replaced by "[redacted]".
void Describe(const Session& session, bool contents, envoy::service::status::v3::ClientConfig* out);

// Whether one of the matchers (none: everything) takes the node. Matchers of node metadata, and patterns other than
// exact, prefix, suffix and contains, are refused.
absl::Status Matches(const envoy::service::status::v3::ClientStatusRequest& request, const std::string& node_id,
                     bool* out);

}  // namespace gloo::xds
