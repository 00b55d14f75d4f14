#include "translator/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "translator/text.h"

namespace gloo::translator {
namespace {

using ::testing::ElementsAre;

std::string Domain(const std::string& written) {
  std::string domain;
  std::string error;
  return NormalizeDomain(written, &domain, &error) ? domain : "error: " + error;
}

TEST(NamesTest, DomainsAreAsHostsAreMatched) {
  EXPECT_EQ(Domain("Example.COM."), "example.com");
  EXPECT_EQ(Domain("*"), "*");
  EXPECT_EQ(Domain("*.A.b"), "*.a.b");
  EXPECT_EQ(Domain("localhost"), "localhost");
  EXPECT_EQ(Domain("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(Domain("[::1]"), "[::1]");
  EXPECT_EQ(Domain("a_b.test"), "a_b.test");
}

TEST(NamesTest, DomainsSayWhatIsWrong) {
  EXPECT_EQ(Domain(""), "error: a domain must not be empty; \"*\" means every host");
  EXPECT_EQ(Domain("a.*.test"),
            "error: \"a.*.test\" has a wildcard inside; only \"*.example.com\" and \"*\" are possible");
  EXPECT_EQ(Domain("a.test:80"),
            "error: \"a.test:80\" has a port; a domain matches whatever the port is, write it without");
  EXPECT_EQ(Domain("a..test"), "error: \"a..test\" has a label of 0 characters; 1 to 63 are possible");
  EXPECT_EQ(Domain("a/b"), "error: \"a/b\" holds \"/\", which no host name has");
  EXPECT_EQ(Domain("b\xc3\xbc.test"),
            "error: \"b\xc3\xbc.test\" holds a letter beyond ASCII; write its punycode form (\"xn--...\")");
  EXPECT_EQ(Domain(std::string(300, 'a')), "error: a domain may have 253 characters, this one has 300");
}

TEST(NamesTest, WildcardsFromTheLongest) {
  auto wildcards = [](std::string_view domain) {
    std::vector<std::string> all;
    VisitWildcards(domain, [&all](const std::string& wildcard) {
      all.push_back(wildcard);
      return false;
    });
    return all;
  };
  EXPECT_THAT(wildcards("a.b.c"), ElementsAre("*.b.c", "*.c", "*"));
  EXPECT_THAT(wildcards("*.b.c"), ElementsAre("*.c", "*"));
  EXPECT_THAT(wildcards("a"), ElementsAre("*"));
  EXPECT_THAT(wildcards("*"), ElementsAre());
}

TEST(NamesTest, References) {
  EXPECT_EQ(Resolve("ns", "a"), (model::DataKey{"ns", "a"}));
  EXPECT_EQ(Resolve("ns", "other/a"), (model::DataKey{"other", "a"}));
}

TEST(NamesTest, HeaderNames) {
  Issues issues;
  EXPECT_EQ(HeaderName("X-A", HeaderUse::kMatch, "", issues), "x-a");
  EXPECT_EQ(HeaderName("Host", HeaderUse::kMatch, "", issues), ":authority");
  EXPECT_EQ(HeaderName(":path", HeaderUse::kMatch, "", issues), ":path");
  EXPECT_TRUE(issues.empty());
  EXPECT_EQ(HeaderName("x-gloo-scope", HeaderUse::kMatch, "", issues), "");
  EXPECT_EQ(HeaderName("", HeaderUse::kChange, "", issues), "");
  EXPECT_EQ(issues.errors(), 2u);
  EXPECT_EQ(EscapeHeaderValue("50% of %REQ(x)%"), "50%% of %%REQ(x)%%");
}

}  // namespace
}  // namespace gloo::translator
