#include "filters/ed25519.h"

#include <sodium.h>

namespace gloo::filters {
namespace {

const uint8_t* Bytes(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

// Of a seed; what is secret in it goes with it.
struct KeyPair {
  explicit KeyPair(std::string_view seed) { crypto_sign_seed_keypair(open.data(), secret.data(), Bytes(seed)); }
  ~KeyPair() { sodium_memzero(secret.data(), secret.size()); }
  KeyPair(const KeyPair&) = delete;
  KeyPair& operator=(const KeyPair&) = delete;

  Ed25519Key open;
  std::array<uint8_t, crypto_sign_SECRETKEYBYTES> secret;
};

}  // namespace

Ed25519Key Ed25519Public(std::string_view seed) { return KeyPair(seed).open; }

Ed25519Signature Ed25519Sign(std::string_view seed, std::string_view message) {
  const KeyPair pair(seed);
  Ed25519Signature signature;
  crypto_sign_detached(signature.data(), nullptr, Bytes(message), message.size(), pair.secret.data());
  return signature;
}

}  // namespace gloo::filters
