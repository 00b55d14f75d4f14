#include "filters/ed25519.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <memory>
#include <string>
#include <vector>

namespace gloo::filters {
namespace {

template <typename Bytes>
std::string Hex(const Bytes& bytes) {
  std::string out;
  for (const auto byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out.push_back(kDigits[static_cast<uint8_t>(byte) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(byte) & 15]);
  }
  return out;
}

// Bytes that look random and are the same in each run.
std::string Bytes(size_t size, uint64_t* state) {
  std::string out;
  for (size_t i = 0; i < size; ++i) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    out.push_back(static_cast<char>(*state >> 56));
  }
  return out;
}

TEST(Ed25519Test, AsInItsStandard) {
  // RFC 8032, 7.1, the first test.
  const std::string seed(
      "\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03"
      "\x1c\xae\x7f\x60",
      32);
  EXPECT_EQ(Hex(Ed25519Public(seed)), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(Hex(Ed25519Sign(seed, "")),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f059"
            "5bbe246"
            "55141438e7a100b");
}

TEST(Ed25519Test, AsOpenSslHasItForManyKeysAndMessages) {
  uint64_t state = 2;
  std::vector<std::string> seeds{std::string(32, '\0'), std::string(32, '\xff')};
  for (int i = 0; i < 200; ++i) seeds.push_back(Bytes(32, &state));
  for (size_t i = 0; i < seeds.size(); ++i) {
    const std::string& seed = seeds[i];
    const std::string message = Bytes(i, &state);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, reinterpret_cast<const uint8_t*>(seed.data()), 32),
        EVP_PKEY_free);
    Ed25519Key expected_key;
    size_t size = expected_key.size();
    ASSERT_EQ(EVP_PKEY_get_raw_public_key(key.get(), expected_key.data(), &size), 1);
    ASSERT_EQ(Hex(Ed25519Public(seed)), Hex(expected_key)) << Hex(seed);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    ASSERT_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()), 1);
    Ed25519Signature expected;
    size = expected.size();
    ASSERT_EQ(EVP_DigestSign(context.get(), expected.data(), &size, reinterpret_cast<const uint8_t*>(message.data()),
                             message.size()),
              1);
    ASSERT_EQ(Hex(Ed25519Sign(seed, message)), Hex(expected)) << Hex(seed) << " " << Hex(message);
  }
}

}  // namespace
}  // namespace gloo::filters
