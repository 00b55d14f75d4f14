// Signatures by Ed25519 (RFC 8032). Some fifty microseconds each: for who signs once a connection.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gloo::filters {

using Ed25519Key = std::array<uint8_t, 32>;
using Ed25519Signature = std::array<uint8_t, 64>;
// `seed`: 32 bytes, the private key.
Ed25519Key Ed25519Public(std::string_view seed);
Ed25519Signature Ed25519Sign(std::string_view seed, std::string_view message);

}  // namespace gloo::filters
