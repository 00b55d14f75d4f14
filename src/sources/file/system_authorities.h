// The certificate authorities that the system trusts.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace gloo::sources::file {

// The bundle (PEM) at `path`; with none given that of the system, wherever the usual systems keep it, or nothing where
// there is none. Fails where `path` is given and cannot be read.
absl::StatusOr<std::string> ReadSystemAuthorities(const std::string& path);

}  // namespace gloo::sources::file
