#include "translator/event_match.h"

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
