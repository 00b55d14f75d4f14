// Signatures by Ed25519 (RFC 8032), of ours because the module links nothing. What is secret decides no branch and no
// address. Some hundred microseconds for a signature: for who signs once a connection.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace gloo::filters {

using Sha512Digest = std::array<uint8_t, 64>;
// Of the parts one behind the other.
Sha512Digest Sha512(std::initializer_list<std::string_view> parts);

using Ed25519Key = std::array<uint8_t, 32>;
using Ed25519Signature = std::array<uint8_t, 64>;
// `seed`: 32 bytes, the private key.
Ed25519Key Ed25519Public(std::string_view seed);
Ed25519Signature Ed25519Sign(std::string_view seed, std::string_view message);

}  // namespace gloo::filters
