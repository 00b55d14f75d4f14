// What gRPC itself has to say goes into our log, each thing once a while; refused handshakes are counted.
#pragma once

#include <cstdint>

namespace gloo::xds {

// For the whole process; idempotent.
void RouteGrpcLog();
// Handshakes that failed since the process started: a client without a certificate that is trusted, plain text.
uint64_t FailedHandshakes();

}  // namespace gloo::xds
