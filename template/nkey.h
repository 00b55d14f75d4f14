// The texts that NATS writes its keys as: base 32 of what kind of key it is, 32 bytes and a checksum. Shared, so that a
// malformed one is seen when the configuration is read.
#pragma once

#include <string>
#include <string_view>

namespace gloo::tmpl {

// Reads the seed of a user ("SUA..."): the 32 bytes of its private key. False: it is none.
bool ReadUserSeed(std::string_view text, std::string* seed);

// The name of the user with this public key ("UA...").
std::string UserKeyText(std::string_view public_key);

}  // namespace gloo::tmpl
