// How the xDS port is secured, from what the user set.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "bootstrap/settings.h"
#include "xds/server.h"

namespace gloo::bootstrap {

// Fills in TLS and access rules. Fails, in words of flags, on what does not fit, on files that are no certificates, and
// on plain text on an address that is not loopback.
absl::Status SecureXds(const Settings& settings, xds::ServerOptions* options);

// What `gloo up` needs so that its own Envoy gets through.
absl::Status CheckOwnEnvoy(const Settings& settings);

// Files of an Envoy's side; they may be on another machine and are not read.
absl::Status CheckClientFiles(const std::string& ca, const std::string& cert, const std::string& key);

bool IsIpAddress(const std::string& text);
bool IsLoopback(const std::string& address);

}  // namespace gloo::bootstrap
