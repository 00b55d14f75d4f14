#include "template/nkey.h"

#include <gtest/gtest.h>

namespace gloo::tmpl {
namespace {

// Made by Python's cryptography, base64 and binascii of the bytes 0 to 31.
constexpr char kSeed[] = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";

TEST(NkeyTest, ASeedOfAUser) {
  std::string seed;
  ASSERT_TRUE(ReadUserSeed(kSeed, &seed));
  ASSERT_EQ(seed.size(), 32u);
  for (size_t i = 0; i < seed.size(); ++i) EXPECT_EQ(seed[i], static_cast<char>(i));
}

TEST(NkeyTest, WhatIsNoSeedOfAUser) {
  std::string seed;
  std::string one_letter = kSeed;
  one_letter[20] = one_letter[20] == 'A' ? 'B' : 'A';
  for (const std::string& text :
       {std::string(), std::string("SU"), one_letter, std::string(kSeed) + "A", std::string(kSeed).substr(1),
        // Of an account; the name of a user.
        std::string("SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI"),
        std::string("UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK"),
        std::string("suaaaaicamcakbqhbaequcymbuha6earcijrifiwc4mbsgq3dqor4h776y"), std::string(1000, 'A'),
        std::string(kSeed) + "\n"}) {
    EXPECT_FALSE(ReadUserSeed(text, &seed)) << text;
  }
}

TEST(NkeyTest, TheNameOfAUser) {
  const std::string key =
      "\x03\xa1\x07\xbf\xf3\xce\x10\xbe\x1d\x70\xdd\x18\xe7\x4b\xc0\x99\x67\xe4\xd6\x30\x9b\xa5\x0d\x5f\x1d\xdc\x86\x64"
      "\x12\x55\x31\xb8";
  EXPECT_EQ(UserKeyText(key), "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK");
}

}  // namespace
}  // namespace gloo::tmpl
