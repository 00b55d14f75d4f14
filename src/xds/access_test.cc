#include "xds/access.h"

#include <gtest/gtest.h>

namespace gloo::xds {
namespace {

AccessRule Rule(const std::string& text) {
  absl::StatusOr<AccessRule> rule = ParseAccessRule(text);
  EXPECT_TRUE(rule.ok()) << rule.status();
  return rule.ok() ? *rule : AccessRule{};
}

TEST(Access, RulesAreIdentityAndRole) {
  EXPECT_EQ(Rule("a=b=edge").identity, "a=b");
  EXPECT_EQ(Rule("a=b=edge").role, "edge");
  for (const char* wrong : {"", "edge", "=edge", "a="}) {
    EXPECT_EQ(ParseAccessRule(wrong).status().message(), std::string("\"") + wrong + "\" is not IDENTITY=ROLE");
  }
  EXPECT_EQ(ParseAccessRule("*.a.*=edge").status().message(), "\"*.a.*\" holds more than one \"*\"");
}

TEST(Access, AnyIdentityThatARuleNamesWillDo) {
  const std::vector<AccessRule> rules = {Rule("one.test=edge"), Rule("*.in.test=ingress"),
                                         Rule("spiffe://a/*/envoy=*")};
  EXPECT_TRUE(MayBe(rules, {"other", "one.test"}, "edge"));
  EXPECT_FALSE(MayBe(rules, {"one.test"}, "ingress"));
  EXPECT_TRUE(MayBe(rules, {"x.in.test"}, "ingress"));
  EXPECT_FALSE(MayBe(rules, {"in.test", ".in.test"}, "ingress"));
  EXPECT_TRUE(MayBe(rules, {"spiffe://a/ns/envoy"}, "anything"));
  EXPECT_FALSE(MayBe(rules, {"spiffe://a/envoy"}, "anything"));
  EXPECT_FALSE(MayBe(rules, {}, "edge"));
  EXPECT_TRUE(MayBe({}, {}, "edge"));
}

}  // namespace
}  // namespace gloo::xds
