#include "credentials/service_account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "credentials/test_key.h"

namespace gloo::credentials {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Wrong(const std::string& json) {
  return std::string(ReadServiceAccount(*SecretOf(json)).status().message());
}

TEST(ServiceAccountTest, IsReadAndSigns) {
  const absl::StatusOr<ServiceAccount> account = ReadServiceAccount(*SecretOf(KeyFile()));
  ASSERT_TRUE(account.ok()) << account.status();
  EXPECT_EQ(account->client_email, "caller@shop.test");
  const absl::StatusOr<std::string> form = GrantRequest(*account, "https://f.test", absl::UnixEpoch());
  ASSERT_TRUE(form.ok());
  EXPECT_THAT(*form, StartsWith("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="));
  EXPECT_THAT(*form, Not(HasSubstr("+")));
}

TEST(ServiceAccountTest, SaysWhichFieldIsWrong) {
  model::NamedData none;
  EXPECT_THAT(std::string(ReadServiceAccount(none).status().message()), HasSubstr("has no \"key.json\""));
  EXPECT_THAT(Wrong("x"), HasSubstr("is no JSON object"));
  EXPECT_THAT(Wrong("{}"), HasSubstr("\"type\" must be"));
  EXPECT_THAT(Wrong(R"({"type": "service_account"})"), HasSubstr("\"client_email\" is missing"));
  EXPECT_THAT(Wrong(R"({"type": "service_account", "client_email": "a", "token_uri": "http://far.test"})"),
              HasSubstr("\"token_uri\" must be"));
  EXPECT_THAT(Wrong(R"({"type": "service_account", "client_email": "a", "token_uri": "http://localhost.far.test"})"),
              HasSubstr("\"token_uri\" must be"));
  EXPECT_THAT(
      Wrong(R"({"type": "service_account", "client_email": "a", "token_uri": "https://t", "private_key": "?"})"),
      HasSubstr("\"private_key\" must be an RSA key"));
  EXPECT_THAT(Wrong(std::string(70000, ' ')), HasSubstr("too large"));
}

TEST(ServiceAccountTest, ReadsAnswers) {
  const absl::StatusOr<IdentityToken> token = ReadGrantResponse(AnswerOf(100));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->expires, absl::FromUnixSeconds(100));
  for (const char* wrong : {"", "[]", "{}", R"({"id_token": 1})", R"({"id_token": "a.b"})",
                            R"({"id_token": "a b.c.d"})", R"({"id_token": "a.e30.d"})", R"({"id_token": "a.?.d"})"}) {
    EXPECT_FALSE(ReadGrantResponse(wrong).ok()) << wrong;
  }
  EXPECT_FALSE(ReadGrantResponse(AnswerOf(-5)).ok());
}

}  // namespace
}  // namespace gloo::credentials
