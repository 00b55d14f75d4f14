#include "translator/event_match.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace gloo::translator {
namespace {

v1::EventMatcher Matcher(const std::string& text) {
  v1::EventMatcher event;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &event)) << text;
  return event;
}

TEST(EventMatchTest, EqualEventsHaveOneId) {
  const EventMatch one = MakeEventMatch(Matcher("event_type { exact: 'a' } source { any: true }"));
  EXPECT_EQ(one.path, "/events");
  EXPECT_EQ(one.json,
            "{\"id\":\"" + one.id + "\",\"attributes\":{\"type\":{\"exact\":\"a\"},\"source\":{\"any\":\"\"}}}");
  EXPECT_EQ(one.id, MakeEventMatch(Matcher("event_type { exact: 'a' } source { any: true } path: '/b'")).id);
  EXPECT_NE(one.id, MakeEventMatch(Matcher("event_type { exact: 'a' } subject { any: true }")).id);
}

TEST(EventMatchTest, ARouteTakesWhatTheFilterFound) {
  Issues issues;
  const v1::EventMatcher event = Matcher("event_type { exact: 'a' }");
  const auto matches = TranslateEvent(event, issues);
  ASSERT_EQ(matches.size(), 3u);
  ASSERT_EQ(matches[2].dynamic_metadata_size(), 1);
  EXPECT_EQ(matches[2].dynamic_metadata(0).value().string_match().exact(), MakeEventMatch(event).id);
}

TEST(EventMatchTest, ValuesComeEscapedOrNot) {
  const auto values = [](const std::string& text) {
    Issues issues;
    std::vector<std::string> out;
    for (const auto& match : TranslateEvent(Matcher(text), issues)) {
      std::string headers;
      for (const auto& header : match.headers()) {
        if (header.name() == ":method") continue;
        const auto& value = header.string_match();
        headers += header.name() + "=" + value.exact() + value.prefix() + value.suffix() + ";";
      }
      out.push_back(headers);
    }
    EXPECT_TRUE(issues.ok());
    return out;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(values("event_type { exact: 'a' } subject { prefix: '50% \303\251' }"),
              ElementsAre("ce-type=a;ce-subject=50%25%20%C3%A9;", "ce-type=a;ce-subject=50% \303\251;", ""));
  EXPECT_THAT(values("event_type { suffix: ' b' }"),
              ElementsAre("ce-type=%20b;", "ce-type= b;", "x-event-type=%20b;", "x-event-type= b;", ""));
  // That of HTTP's own is never escaped.
  EXPECT_THAT(values("event_type { exact: 'a' } attributes { key: 'datacontenttype' value { exact: 'a/b; c=d' } }"),
              ElementsAre("ce-type=a;content-type=a/b; c=d;", ""));
}

TEST(EventMatchTest, AMistakeIsSaidOnce) {
  Issues issues;
  TranslateEvent(Matcher("event_type { exact: '' } subject { exact: 'a b' }"), issues);
  ASSERT_EQ(issues.items().size(), 1u);
  EXPECT_EQ(ToString(issues.items()[0]),
            "error: eventType: must not be empty; any: true takes every value (EmptyAttribute)");
}

TEST(EventMatchTest, TheEntranceReadsWhatHasNotBeenRead) {
  const EventMatch a = MakeEventMatch(Matcher("event_type { exact: 'a' }"));
  const EventMatch b = MakeEventMatch(Matcher("event_type { exact: 'b' }"));
  const auto routes = EventEntrance({&a, &b, &a});
  ASSERT_EQ(routes.size(), 2u);
  for (const auto& route : routes) {
    EXPECT_EQ(route.match().path(), "/events");
    EXPECT_TRUE(route.match().dynamic_metadata(0).invert());
    EXPECT_EQ(route.direct_response().status(), 400u);
  }
  EXPECT_EQ(routes[0].typed_per_filter_config_size(), 1);
}

}  // namespace
}  // namespace gloo::translator
