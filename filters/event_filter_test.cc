#include "filters/event_filter.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "filters/fake_envoy.h"

namespace gloo::filters {
namespace {

const std::string kMatches =
    R"({"matches":[{"id":"A","attributes":{"type":{"exact":"a"}}},{"id":"B","attributes":{"type":{"prefix":"b"}}}]})";

std::string Event(const std::string& type, const std::string& more = "") {
  return R"({"specversion":"1.0","id":"1","source":"/s","type":")" + type + "\"" + more + "}";
}

HeaderList Post(const std::string& content_type) {
  return {{":method", "POST"}, {":path", "/events"}, {"content-type", content_type}};
}

class EventFilterTest : public testing::Test {
 protected:
  EventFilterTest() : config("gloo.events", "") {}
  ~EventFilterTest() override { envoy_dynamic_module_on_http_filter_per_route_config_destroy(route); }

  FakeStream& Send(const std::string& settings, const HeaderList& headers, const std::vector<std::string>& chunks = {},
                   bool trailers = false) {
    stream.reset();
    envoy_dynamic_module_on_http_filter_per_route_config_destroy(route);
    route = envoy_dynamic_module_on_http_filter_per_route_config_new(EnvoyText("gloo.events"), EnvoyText(settings));
    EXPECT_NE(route, nullptr);
    stream = std::make_unique<FakeStream>(&config, route);
    stream->Request(headers, chunks, trailers);
    return *stream;
  }

  FakeFilterConfig config;
  abi::ModuleRouteConfigPtr route = nullptr;
  std::unique_ptr<FakeStream> stream;
};

TEST_F(EventFilterTest, AStructuredEventIsReadAndPassedOn) {
  HeaderList headers = Post("application/cloudevents+json; charset=utf-8");
  headers.emplace_back("ce-type", "b");
  headers.emplace_back("ce-evil", "b");
  headers.emplace_back("x-event-type", "b");
  const std::string body = Event("a", R"(,"data":{"n":1})");
  for (const bool trailers : {false, true}) {
    FakeStream& seen = Send(kMatches, headers, {body.substr(0, 9), body.substr(9)}, trailers);
    EXPECT_EQ(seen.request.body, body);
    EXPECT_TRUE(seen.request.complete);
    EXPECT_EQ(seen.routes_cleared, 1);
    EXPECT_EQ(seen.metadata,
              (std::map<std::string, std::string>{{"gloo.events mode", "structured"}, {"gloo.events match", "A"}}));
    EXPECT_EQ(HeaderOf(seen.request.headers, "ce-type"), "(none)");
    EXPECT_EQ(HeaderOf(seen.request.headers, "ce-evil"), "(none)");
    EXPECT_EQ(HeaderOf(seen.request.headers, "x-event-type"), "(none)");
  }
  EXPECT_EQ(config.counters["gloo.events.received mode=structured"], 2u);
}

TEST_F(EventFilterTest, ABatchGoesToOneRoute) {
  const HeaderList headers = Post("application/cloudevents-batch+json");
  FakeStream& same = Send(kMatches, headers, {"[" + Event("b1") + "," + Event("b2") + "]"});
  EXPECT_EQ(same.metadata["gloo.events match"], "B");
  FakeStream& other = Send(kMatches, headers, {"[" + Event("b1") + "," + Event("a") + "]"});
  ASSERT_TRUE(other.reply.has_value());
  EXPECT_EQ(other.reply->status, 400u);
  EXPECT_EQ(other.reply->details, "gloo_events_malformed");
  EXPECT_EQ(other.reply->body,
            "bad request: event 1 of the batch, of type \"a\", goes to another route than event 0, of type \"b1\"; a "
            "batch goes to one route");
  EXPECT_EQ(config.counters["gloo.events.refused mode=batched"], 1u);
}

TEST_F(EventFilterTest, WhatCannotBeReadIsRefused) {
  const auto status = [&](HeaderList headers, const std::vector<std::string>& chunks) {
    FakeStream& seen = Send(kMatches, headers, chunks);
    return seen.reply.has_value() ? seen.reply->status : 0;
  };
  EXPECT_EQ(status(Post("application/cloudevents+avro"), {"x"}), 415u);
  HeaderList encoded = Post("application/cloudevents+json");
  encoded.emplace_back("content-encoding", "gzip");
  EXPECT_EQ(status(encoded, {"x"}), 415u);
  EXPECT_EQ(status(Post("application/cloudevents+json"), {}), 400u);
  EXPECT_EQ(status(Post("application/cloudevents+json"), {std::string((1 << 20) + 1, ' ')}), 413u);
  EXPECT_EQ(status(Post("application/cloudevents+json"), {"{}"}), 400u);
}

TEST_F(EventFilterTest, HeadersOfAnEventAreChecked) {
  const std::string settings = R"({"matches":[]})";
  HeaderList good = Post("text/plain");
  for (const auto& [name, value] :
       HeaderList{{"ce-specversion", "1.0"}, {"ce-id", "1"}, {"ce-source", "/s"}, {"ce-type", "a"}}) {
    good.emplace_back(name, value);
  }
  EXPECT_EQ(Send(settings, good, {"x"}).request.body, "x");
  EXPECT_EQ(stream->routes_cleared, 0);
  HeaderList old = Post("text/plain");
  old.emplace_back("x-event-type", "a");
  EXPECT_EQ(Send(settings, old, {"x"}).request.body, "x");
  good.pop_back();
  ASSERT_TRUE(Send(settings, good, {"x"}).reply.has_value());
  EXPECT_EQ(stream->reply->body, "bad request: the event: attribute \"type\" is missing");
}

}  // namespace
}  // namespace gloo::filters
