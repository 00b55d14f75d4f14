// Responses as bytes. A resource is serialized once, by whoever makes it: here its bytes are only put into the
// message, large ones by reference.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include "xds/session.h"

namespace gloo::xds {

// A DeltaDiscoveryResponse.
grpc::ByteBuffer EncodeDelta(const Response& response);
// A DiscoveryResponse.
grpc::ByteBuffer EncodeSotw(const Response& response);

}  // namespace gloo::xds
