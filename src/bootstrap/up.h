// `gloo up`: the control plane and one Envoy, run together; and `gloo serve`: the control plane alone.
#pragma once

#include "absl/status/status.h"
#include "bootstrap/settings.h"

namespace gloo::bootstrap {

// Both return after SIGINT, SIGTERM or SIGHUP (OK), or when a part fails for good.
absl::Status Up(Settings settings);
absl::Status Serve(Settings settings);

}  // namespace gloo::bootstrap
