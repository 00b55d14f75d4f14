#include "translator/route_match.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <deque>
#include <optional>

namespace gloo::translator {
namespace {

using envoy::config::route::v3::RouteMatch;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Route Route(const std::string& text) {
  v1::Route route;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &route)) << text;
  return route;
}

RouteMatch One(const std::string& text) {
  Issues issues;
  auto matches = TranslateMatcher(Route(text), issues);
  EXPECT_TRUE(issues.empty());
  // Of an event the last is what the filter has found in the body.
  EXPECT_LE(matches.size(), 2u);
  return matches.empty() ? RouteMatch() : matches[0];
}

std::vector<std::string> Mistakes(const std::string& text, std::vector<RouteMatch>* kept = nullptr) {
  Issues issues;
  std::vector<RouteMatch> matches = TranslateMatcher(Route(text), issues);
  if (kept != nullptr) *kept = std::move(matches);
  std::vector<std::string> texts;
  for (const Issue& issue : issues.items()) texts.push_back(ToString(issue));
  return texts;
}

TEST(RouteMatchTest, NoMatcherIsEverything) { EXPECT_EQ(One("").prefix(), "/"); }

TEST(RouteMatchTest, PathsAreLetterForLetter) {
  EXPECT_EQ(One("request_matcher { path_prefix: '/a' }").prefix(), "/a");
  EXPECT_EQ(One("request_matcher { path_exact: '/a' }").path(), "/a");
  EXPECT_EQ(One("request_matcher { path_regex: '/a+' }").safe_regex().regex(), "/a+");
}

TEST(RouteMatchTest, OneVerbIsExactSeveralAreAnExpression) {
  EXPECT_EQ(One("request_matcher { verbs: 'GET' }").headers(0).string_match().exact(), "GET");
  RouteMatch match = One("request_matcher { verbs: 'GET' verbs: 'M-SEARCH' }");
  EXPECT_EQ(match.headers(0).name(), ":method");
  EXPECT_EQ(match.headers(0).string_match().safe_regex().regex(), "GET|M\\-SEARCH");
}

TEST(RouteMatchTest, AnEmptyValueIsPresence) {
  RouteMatch match =
      One("request_matcher { headers { key: 'X-A' value { exact: '' } } "
          "headers { key: 'x-b' value { present: false } } "
          "query_params { key: 'q' value { regex: '[0-9]' } } }");
  EXPECT_EQ(match.headers(0).name(), "x-a");
  EXPECT_TRUE(match.headers(0).present_match());
  EXPECT_TRUE(match.headers(1).present_match());
  EXPECT_TRUE(match.headers(1).invert_match());
  EXPECT_EQ(match.query_parameters(0).string_match().safe_regex().regex(), "[0-9]");
}

TEST(RouteMatchTest, AnEventIsTwoHeadersOrInTheBody) {
  Issues issues;
  auto matches = TranslateMatcher(Route("event_matcher { event_type { exact: 't' } }"), issues);
  ASSERT_EQ(matches.size(), 3u);
  EXPECT_EQ(matches[0].path(), "/events");
  EXPECT_EQ(matches[0].headers(0).string_match().exact(), "POST");
  EXPECT_EQ(matches[0].headers(1).name(), "ce-type");
  EXPECT_EQ(matches[1].headers(1).name(), "x-event-type");
}

TEST(RouteMatchTest, TheAttributesOfAnEventAreHeaders) {
  Issues issues;
  auto matches = TranslateMatcher(
      Route("event_matcher { event_type { prefix: 'com.' } source { suffix: '/x y' } subject { any: true } "
            "attributes { key: 'tenant' value { exact: 'a%' } } "
            "attributes { key: 'datacontenttype' value { exact: 'text/xml' } } path: '/in' }"),
      issues);
  EXPECT_TRUE(issues.empty());
  // Escaped, plainly, in the body.
  ASSERT_EQ(matches.size(), 3u);
  EXPECT_EQ(matches[1].headers(2).string_match().suffix(), "/x y");
  EXPECT_EQ(matches[1].headers(5).string_match().exact(), "a%");
  const RouteMatch& match = matches[0];
  EXPECT_EQ(match.path(), "/in");
  ASSERT_EQ(match.headers_size(), 6);
  EXPECT_EQ(match.headers(1).string_match().prefix(), "com.");
  EXPECT_EQ(match.headers(2).name(), "ce-source");
  EXPECT_EQ(match.headers(2).string_match().suffix(), "/x%20y");
  EXPECT_EQ(match.headers(3).name(), "ce-subject");
  EXPECT_TRUE(match.headers(3).present_match());
  EXPECT_EQ(match.headers(4).name(), "content-type");
  EXPECT_EQ(match.headers(5).name(), "ce-tenant");
  EXPECT_EQ(match.headers(5).string_match().exact(), "a%25");
}

TEST(RouteMatchTest, AttributesThatCannotMatchAreWrong) {
  auto with = [](const std::string& more) {
    return Mistakes("event_matcher { event_type { any: true } " + more + " }");
  };
  EXPECT_THAT(Mistakes("event_matcher { event_type { exact: '' } }"),
              ElementsAre("error: eventMatcher.eventType: must not be empty; any: true takes every value "
                          "(EmptyAttribute)"));
  EXPECT_THAT(with("source {}"),
              ElementsAre("error: eventMatcher.source: says nothing; write text, prefix, suffix or any: true "
                          "(EmptyAttribute)"));
  EXPECT_THAT(with("subject { any: false }"),
              ElementsAre("error: eventMatcher.subject.any: must be true; an attribute that does not matter is not "
                          "written (BadAttribute)"));
  EXPECT_THAT(
      with("attributes { key: 'Tenant' value { exact: 'a' } }"),
      ElementsAre("error: eventMatcher.attributes[\"Tenant\"]: \"Tenant\" is no attribute's name; small letters and "
                  "digits are (BadAttribute)"));
  EXPECT_THAT(with("attributes { key: 'type' value { exact: 'a' } }"),
              ElementsAre(HasSubstr("write eventMatcher.eventType (BadAttribute)")));
  EXPECT_THAT(with("attributes { key: 'data' value { exact: 'a' } }"), ElementsAre(HasSubstr("not an attribute")));
}

TEST(RouteMatchTest, SaysWhatIsWrong) {
  EXPECT_THAT(Mistakes("request_matcher { path_prefix: 'a' }"),
              ElementsAre("error: requestMatcher.pathPrefix: \"a\" must start with \"/\" (BadPath)"));
  EXPECT_THAT(Mistakes("request_matcher { path_exact: '/a?b' }"), ElementsAre(HasSubstr("use queryParams")));
  EXPECT_THAT(Mistakes("request_matcher { path_regex: '([' }"), ElementsAre(HasSubstr("requestMatcher.pathRegex: ")));
  EXPECT_THAT(Mistakes("request_matcher { verbs: 'get' }"),
              ElementsAre("error: requestMatcher.verbs[0]: \"get\" never matches: methods tell letter case; did you "
                          "mean \"GET\"? (BadVerb)"));
  EXPECT_THAT(Mistakes("request_matcher { verbs: 'G ET' }"), ElementsAre(HasSubstr("is no HTTP method")));
  EXPECT_THAT(Mistakes("request_matcher { headers { key: 'a b' value { exact: 'x' } } }"),
              ElementsAre(HasSubstr("error: requestMatcher.headers[\"a b\"]: ")));
  EXPECT_THAT(Mistakes("event_matcher {}"),
              ElementsAre("error: eventMatcher.eventType: an event needs a type (Required)"));
}

TEST(RouteMatchTest, AWrongConditionIsLeftOutAndTheRestKept) {
  std::vector<RouteMatch> kept;
  EXPECT_THAT(Mistakes("request_matcher { path_prefix: '/a' verbs: 'POST' headers { key: 'x-a' value { regex: '([' } } "
                       "headers { key: 'x-b' value { exact: '1' } } query_params { key: 'q' value { regex: '([' } } }",
                       &kept),
              ElementsAre(HasSubstr("headers[\"x-a\"]"), HasSubstr("queryParams[\"q\"]")));
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].prefix(), "/a");
  ASSERT_EQ(kept[0].headers_size(), 2);
  EXPECT_EQ(kept[0].headers(0).string_match().exact(), "POST");
  EXPECT_EQ(kept[0].headers(1).name(), "x-b");
  EXPECT_EQ(kept[0].query_parameters_size(), 0);
  // Of verbs that are partly wrong it is not known which are meant.
  Mistakes("request_matcher { path_prefix: '/a' verbs: 'GET' verbs: 'post' }", &kept);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].headers_size(), 0);
  Mistakes("request_matcher { path_regex: '([' verbs: 'GET' }", &kept);
  EXPECT_TRUE(kept.empty());
  Mistakes("event_matcher { event_type { exact: 't' } path: 'x' }", &kept);
  EXPECT_TRUE(kept.empty());
}

TEST(RouteMatchTest, AHeaderThatListenersRefuseIsAWarning) {
  std::vector<RouteMatch> kept;
  EXPECT_THAT(Mistakes("request_matcher { headers { key: 'X_Tier' value { exact: '1' } } }", &kept),
              ElementsAre(HasSubstr("warning: requestMatcher.headers[\"X_Tier\"]: requests that have a header")));
  EXPECT_EQ(kept.size(), 1u);
}

// Keeps what its coverage points to.
class Matches {
 public:
  void Add(const RouteMatch& match, size_t index) { coverage_.Add(kept_.emplace_back(Coverage::Of(match)), index); }
  std::optional<size_t> CoveredBy(const RouteMatch& match) const { return coverage_.CoveredBy(Coverage::Of(match)); }

 private:
  std::deque<Coverage::Taken> kept_;
  Coverage coverage_;
};

TEST(CoverageTest, ABroaderPrefixTakesAll) {
  Matches coverage;
  coverage.Add(One("request_matcher { path_prefix: '/a' verbs: 'GET' }"), 0);
  RouteMatch prefix = One("request_matcher { path_prefix: '/a/b' }");
  EXPECT_FALSE(coverage.CoveredBy(prefix).has_value());
  coverage.Add(One("request_matcher { path_prefix: '/a' }"), 1);
  EXPECT_EQ(coverage.CoveredBy(prefix), 1u);
  EXPECT_EQ(coverage.CoveredBy(One("request_matcher { path_exact: '/ab' verbs: 'PUT' }")), 1u);
  EXPECT_FALSE(coverage.CoveredBy(One("request_matcher { path_exact: '/b' }")).has_value());
  EXPECT_FALSE(coverage.CoveredBy(One("request_matcher { path_regex: '/a' }")).has_value());
  coverage.Add(One(""), 2);
  EXPECT_EQ(coverage.CoveredBy(One("request_matcher { path_regex: '/a' }")), 2u);
}

TEST(CoverageTest, TheSameMatchTwice) {
  Matches coverage;
  coverage.Add(One("request_matcher { path_prefix: '/a' verbs: 'GET' }"), 0);
  coverage.Add(One("request_matcher { path_exact: '/x' }"), 1);
  EXPECT_EQ(coverage.CoveredBy(One("request_matcher { path_prefix: '/a' verbs: 'GET' }")), 0u);
  EXPECT_EQ(coverage.CoveredBy(One("request_matcher { path_exact: '/x' verbs: 'GET' }")), 1u);
  EXPECT_FALSE(coverage.CoveredBy(One("request_matcher { path_prefix: '/x' }")).has_value());
}

TEST(CoverageTest, WhoeverAsksForLessTakesAll) {
  auto covered = [](const std::string& earlier, const std::string& later) {
    Matches coverage;
    coverage.Add(One("request_matcher { " + earlier + " }"), 0);
    return coverage.CoveredBy(One("request_matcher { " + later + " }")).has_value();
  };
  const std::string gold = "headers { key: 'x-tier' value { exact: 'gold' } }";
  const std::string query = "query_params { key: 'q' value { exact: '1' } }";
  EXPECT_TRUE(covered("path_prefix: '/a' " + gold, "path_prefix: '/a/b' " + gold + query));
  EXPECT_FALSE(covered("path_prefix: '/a' " + gold + query, "path_prefix: '/a/b' " + gold));
  EXPECT_TRUE(covered("path_prefix: '/a' verbs: 'GET' verbs: 'POST'", "path_exact: '/ab' verbs: 'POST'"));
  EXPECT_FALSE(covered("path_prefix: '/a' verbs: 'GET'", "path_exact: '/ab' verbs: 'POST'"));
  EXPECT_FALSE(covered("path_prefix: '/a' verbs: 'GET'", "path_exact: '/ab'"));
  EXPECT_TRUE(covered("path_regex: '/a+' verbs: 'GET' verbs: 'PUT'", "path_regex: '/a+' verbs: 'PUT' " + gold));
  EXPECT_FALSE(covered("headers { key: ':method' value { regex: 'A(X|GET|Y)' } }", "path_prefix: '/' verbs: 'GET'"));
  // A header of some value is there; one that is absent is not.
  EXPECT_TRUE(covered("headers { key: 'x-tier' value { present: true } }", "path_prefix: '/' " + gold));
  EXPECT_FALSE(covered("headers { key: 'x-tier' value { present: false } }", "path_prefix: '/' " + gold));
  EXPECT_TRUE(covered("query_params { key: 'q' value { present: true } }", "path_prefix: '/' " + query));
}

TEST(CoverageTest, ABroaderTextTakesAll) {
  auto covered = [](const std::string& earlier, const std::string& later) {
    Matches coverage;
    coverage.Add(One("event_matcher { event_type { " + earlier + " } source { any: true } }"), 0);
    return coverage.CoveredBy(One("event_matcher { event_type { " + later + " } source { exact: 's' } }")).has_value();
  };
  EXPECT_TRUE(covered("any: true", "exact: 'com.a'"));
  EXPECT_TRUE(covered("prefix: 'com.'", "exact: 'com.a'"));
  EXPECT_TRUE(covered("prefix: 'com.'", "prefix: 'com.a'"));
  EXPECT_TRUE(covered("suffix: '.a'", "exact: 'com.a'"));
  EXPECT_TRUE(covered("suffix: 'a'", "suffix: '.a'"));
  EXPECT_FALSE(covered("prefix: 'com.a'", "prefix: 'com.'"));
  EXPECT_FALSE(covered("prefix: 'com.'", "suffix: 'com.'"));
  EXPECT_FALSE(covered("suffix: '.a'", "prefix: '.a'"));
  EXPECT_FALSE(covered("exact: 'com.a'", "exact: 'com.b'"));
  EXPECT_FALSE(covered("exact: 'com.a'", "any: true"));
}

TEST(RouteMatchTest, APathThatNoRequestHasIsAWarning) {
  for (const char* path : {"/x//y", "/x/../y", "/x/./y", "/h%2fi", "/a b", "/h%5Ci", "/caf\xc3\xa9", "/a<b", "/{id}",
                           "/a%41", "/a%7Eb", "/x/%2e%2E/y", "/a%00", "/x///"}) {
    EXPECT_THAT(Mistakes(std::string("request_matcher { path_prefix: '") + path + "' }"),
                ElementsAre(HasSubstr("(PathNeverSeen)")))
        << path;
  }
  for (const char* path : {"/x/y", "/..a/b", "/a%20b", "/x/.well-known", "/x/...", "/a%7Bb%7D", "/a%zz", "/a%4", "/%",
                           "/x/..;/y", "/caf%c3%a9", "//", "/a:b@c!d$e&f'g(h)i*j+k,l;m=n"}) {
    EXPECT_THAT(Mistakes(std::string("request_matcher { path_exact: \"") + path + "\" }"), ElementsAre()) << path;
  }
  // Only as a whole: a longer path may begin so.
  EXPECT_THAT(Mistakes("request_matcher { path_exact: '/x/.' }"), ElementsAre(HasSubstr("(PathNeverSeen)")));
  EXPECT_THAT(Mistakes("event_matcher { event_type { exact: 't' } path: '/x/..' }"),
              ElementsAre(HasSubstr("(PathNeverSeen)")));
  EXPECT_THAT(Mistakes("request_matcher { path_prefix: '/x/.' }"), ElementsAre());
  EXPECT_THAT(
      Mistakes("request_matcher { path_prefix: '/{id}' }"),
      ElementsAre("warning: requestMatcher.pathPrefix: \"/{id}\" never matches: \"{\" is made %7B before routes "
                  "are tried; write %7B (PathNeverSeen)"));
  EXPECT_THAT(
      Mistakes("request_matcher { path_prefix: '/%61' }"),
      ElementsAre("warning: requestMatcher.pathPrefix: \"/%61\" never matches: %61 is made \"a\" before routes are "
                  "tried; write it so (PathNeverSeen)"));
}

}  // namespace
}  // namespace gloo::translator
