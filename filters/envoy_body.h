// Taking bodies out of Envoy's buffers.
#pragma once

#include <cstddef>
#include <string>

#include "filters/abi.h"

namespace gloo::filters {

// Bytes of what has come; it stays there.
size_t ReceivedSize(abi::EnvoyFilterPtr envoy, abi::BodyType type);

// Moves what has come out of Envoy's buffer. False, with nothing taken, when `body` would pass `limit`.
bool TakeReceived(abi::EnvoyFilterPtr envoy, abi::BodyType type, size_t limit, std::string* body);

}  // namespace gloo::filters
