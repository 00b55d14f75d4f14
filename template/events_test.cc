#include "template/events.h"

#include <gtest/gtest.h>

#include <string>

namespace gloo::tmpl {
namespace {

std::string Event(const std::string& more) {
  return R"({"id":"1","source":"/s","specversion":"1.0","type":"t")" + more + "}";
}

std::string ErrorOf(const std::string& body, EventMode mode = EventMode::kStructured) {
  return ReadEvents(mode, body, {}).error;
}

TEST(Events, AreKnownByTheirContentType) {
  EXPECT_EQ(EventModeOf("application/cloudevents+json"), EventMode::kStructured);
  EXPECT_EQ(EventModeOf("Application/CloudEvents+JSON; charset=UTF-8"), EventMode::kStructured);
  EXPECT_EQ(EventModeOf("application/cloudevents-batch+json"), EventMode::kBatched);
  EXPECT_EQ(EventModeOf("application/cloudevents+xml"), EventMode::kUnknown);
  EXPECT_EQ(EventModeOf("application/json"), EventMode::kNone);
  EXPECT_EQ(EventModeOf(""), EventMode::kNone);
}

TEST(Events, MayHaveAnyAttributesAndData) {
  EXPECT_EQ(ErrorOf(Event(R"(,"subject":"a b","n":-7,"flag":true,"gone":null,"data":{"deep":[1]},"u":"\u00e9\"%")")),
            "");
  EXPECT_EQ(ErrorOf(Event(R"(,"data_base64":"AAE=")")), "");
}

TEST(Events, SayWhichAttributeIsWrong) {
  EXPECT_EQ(ErrorOf(R"({"id":"1","specversion":"1.0","type":"t"})"), "the event: attribute \"source\" is missing");
  EXPECT_EQ(ErrorOf(R"({"id":"","source":"/s","specversion":"1.0","type":"t"})"),
            "the event: attribute \"id\" is empty");
  EXPECT_EQ(ErrorOf(R"({"id":"1","source":"/s","specversion":"0.3","type":"t"})"),
            "the event: attribute \"specversion\" is \"0.3\"; \"1.0\" is read");
  EXPECT_EQ(ErrorOf(R"({"id":1,"source":"/s","specversion":"1.0","type":"t"})"),
            "the event: attribute \"id\" is a number; it must be a string");
  EXPECT_EQ(ErrorOf(Event(R"(,"Tenant":"x")")),
            "the event: attribute \"Tenant\" has a bad name; small letters and digits are right");
  EXPECT_EQ(ErrorOf(Event(R"(,"x":{})")),
            "the event: attribute \"x\" is an object; it must be a string, a boolean or an integer");
  EXPECT_EQ(ErrorOf(Event(R"(,"x":1.5)")), "the event: attribute \"x\" is a number that is no integer of 32 bits");
  EXPECT_EQ(ErrorOf(Event(R"(,"x":"a\nb")")), "the event: attribute \"x\" has a control character");
  EXPECT_EQ(ErrorOf(Event(R"(,"time":"yesterday")")),
            "the event: attribute \"time\" is no time; 2026-01-02T03:04:05Z is one");
  EXPECT_EQ(ErrorOf(Event(R"(,"time":"2026-01-02T03:04:05.123+01:00")")), "");
  EXPECT_EQ(ErrorOf(Event(R"(,"data":1,"data_base64":"")")),
            "the event: has both data and data_base64; one of them is right");
  EXPECT_EQ(ErrorOf(Event(R"(,"data_base64":"a")")), "the event: data_base64 must be a string in base64");
  EXPECT_EQ(ErrorOf("[]"), "the event: an event must be an object, not an array");
  EXPECT_EQ(ErrorOf("{"), "the event is no JSON: byte 1: the object does not end");
}

TEST(Events, AreBounded) {
  std::string many;
  for (int i = 0; i < 61; ++i) many += ",\"x" + std::to_string(i) + "\":1";
  EXPECT_EQ(ErrorOf(Event(many)), "the event: has more than 64 attributes");
  EXPECT_EQ(ErrorOf(Event(",\"x\":\"" + std::string(8193, 'a') + "\"")),
            "the event: attribute \"x\" is longer than 8192 bytes");
  std::string batch = "[1";
  for (int i = 0; i < 1024; ++i) batch += ",1";
  EXPECT_EQ(ErrorOf(batch + "]", EventMode::kBatched), "the batch has more than 1024 events");
  EXPECT_EQ(ErrorOf("[]", EventMode::kBatched), "the batch has no event");
  EXPECT_EQ(ErrorOf("{}", EventMode::kBatched), "a batch must be a list of events, not an object");
  EXPECT_EQ(ErrorOf("[" + Event("") + ",{}]", EventMode::kBatched),
            "event 1 of the batch: attribute \"id\" is missing");
}

TEST(Events, TheFirstMatcherTakesThem) {
  EventsConfig config;
  std::string error;
  ASSERT_TRUE(FromJson(R"({"matches":[
      {"id":"1","attributes":{"type":{"exact":"u"}}},
      {"id":"2","attributes":{"type":{"prefix":"t"},"source":{"suffix":"s"},"subject":{"any":""}}},
      {"id":"3","attributes":{"type":{"any":""}}}]})",
                       &config, &error))
      << error;
  const auto match = [&](const std::string& more) {
    return ReadEvents(EventMode::kStructured, Event(more), config).match;
  };
  EXPECT_EQ(match(R"(,"subject":"x")"), "2");
  EXPECT_EQ(match(""), "3");
  EXPECT_FALSE(FromJson(R"({"matches":[{}]})", &config, &error));
  EXPECT_EQ(error, "matches[0] must have an id and attributes");
  EXPECT_FALSE(FromJson("[]", &config, &error));
  EXPECT_FALSE(FromJson("[", &config, &error));
}

TEST(Events, InHeadersAreChecked) {
  using List = std::vector<std::pair<std::string_view, std::string_view>>;
  const List good = {{"id", "1"}, {"source", "/s"}, {"specversion", "1.0"}, {"type", "t"}, {"x", ""}};
  EXPECT_EQ(CheckEventHeaders(good), "");
  EXPECT_EQ(CheckEventHeaders(List(good.begin() + 1, good.end())), "attribute \"id\" is missing");
  List twice = good;
  twice.emplace_back("type", "u");
  EXPECT_EQ(CheckEventHeaders(twice), "attribute \"type\" is there twice");
  EXPECT_EQ(CheckEventHeaders({{"a-b", "1"}}), "header \"ce-a-b\" names no attribute");
}

}  // namespace
}  // namespace gloo::tmpl
