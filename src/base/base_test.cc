#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/issues.h"
#include "base/strings.h"
#include "base/suggest.h"
#include "base/url.h"
#include "base/utf8.h"

namespace gloo {
namespace {

TEST(Issues, PathsFollowTheScopes) {
  Issues issues("spec");
  {
    IssuePath route(issues, "routes", 3);
    IssuePath matcher(issues, "requestMatcher");
    issues.Error("pathPrefix", "InvalidPath", "must start with \"/\"");
    IssuePath header(issues, "headers", "x-\"a");
    issues.Warning("", "UnusedHeader", "is never read");
  }
  issues.Error("domains", "DomainTaken", "is taken");
  ASSERT_EQ(issues.items().size(), 3u);
  EXPECT_EQ(issues.items()[0].path, "spec.routes[3].requestMatcher.pathPrefix");
  EXPECT_EQ(issues.items()[1].path, "spec.routes[3].requestMatcher.headers[\"x-\\\"a\"]");
  EXPECT_EQ(issues.items()[2].path, "spec.domains");
  EXPECT_EQ(issues.errors(), 2u);
  EXPECT_EQ(ToString(issues.items()[0]),
            "error: spec.routes[3].requestMatcher.pathPrefix: must start with \"/\" (InvalidPath)");
}

TEST(Issues, KeepsAtMostTheLimitAndCountsTheRest) {
  Issues issues;
  for (size_t i = 0; i < Issues::kMaxIssues + 5; ++i) issues.Error("f", "R", "m");
  EXPECT_EQ(issues.items().size(), Issues::kMaxIssues);
  EXPECT_EQ(issues.dropped(), 5u);
  EXPECT_EQ(issues.errors(), Issues::kMaxIssues + 5);
}

TEST(Suggest, FindsTheNearMiss) {
  const std::vector<std::string> names = {"pathExact", "pathPrefix", "pathRegex", "headers"};
  EXPECT_EQ(Nearest("pathPrefx", names), "pathPrefix");
  EXPECT_EQ(Nearest("PATHREGEX", names), "pathRegex");
  EXPECT_EQ(Nearest("ehaders", names), "headers");
  EXPECT_EQ(Nearest("colour", names), "");
  EXPECT_EQ(Suggestion("pathPrefx", names), "; did you mean \"pathPrefix\"?");
  EXPECT_EQ(Suggestion("colour", {"a", "b"}), "; known: a, b");
}

TEST(Utf8, BytesThatAreNoTextAreReplaced) {
  EXPECT_EQ(ToUtf8("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(ToUtf8("caf\xe9.yaml"), "caf\xef\xbf\xbd.yaml");
  EXPECT_EQ(ToUtf8("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
  // Cut off, overlong, a surrogate, above the last character.
  for (const char* text : {"\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    const std::string bad = text;
    EXPECT_EQ(Utf8Length(bad, 0), 0u) << testing::PrintToString(bad);
    EXPECT_EQ(ToUtf8(bad).size(), 3 * bad.size());
  }
}

TEST(Utf8, JsonQuoteEscapes) {
  EXPECT_EQ(JsonQuote("a\"\\\n\x01"), "\"a\\\"\\\\\\u000a\\u0001\"");
  EXPECT_EQ(JsonQuote("\xe9"), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(JsonQuote(std::string_view("\0", 1)), "\"\\u0000\"");
}

TEST(Hash, TellsFieldsApart) {
  EXPECT_EQ(ContentHash("a").size(), 32u);
  EXPECT_EQ(ContentHash("a"), ContentHash("a"));
  EXPECT_NE(ContentHash({"ab", "c"}), ContentHash({"a", "bc"}));
}

TEST(UrlTest, TakesApartWhatIsAUrl) {
  const auto parts = [](std::string_view text) {
    const std::optional<Url> url = ParseUrl(text);
    return url ? StrCat(url->tls ? "s " : "- ", url->host, " ", url->port, " ", url->target) : std::string("none");
  };
  EXPECT_EQ(parts("http://a.test"), "- a.test 80 ");
  EXPECT_EQ(parts("https://a.test/x?y=1#z"), "s a.test 443 /x?y=1");
  EXPECT_EQ(parts("https://A.test:8443?q"), "s A.test 8443 ?q");
  EXPECT_EQ(parts("http://[::1]:9/"), "- ::1 9 /");
  EXPECT_EQ(parts("http://[::1]"), "- ::1 80 ");
  for (const char* none : {"", "a.test", "ftp://a.test", "http://", "http://:80", "http://a:0", "http://a:65536",
                           "http://a:", "http://a:8x", "http://u@a.test", "http://a b", "http://a\r\nb", "http:///x"}) {
    EXPECT_EQ(parts(none), "none") << none;
  }
}

TEST(UrlTest, AuthorityNamesThePortWhereItIsNotTheSchemesOwn) {
  EXPECT_EQ(ParseUrl("https://a.test:443/x")->origin(), "https://a.test");
  EXPECT_EQ(ParseUrl("https://a.test:80")->authority(), "a.test:80");
  EXPECT_EQ(ParseUrl("http://[::1]:8080")->origin(), "http://[::1]:8080");
}

}  // namespace
}  // namespace gloo
