// Headers, statuses, configuration and counters; bodies are in transformation_body_test.cc.
#include "filters/transformation_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/fake_envoy.h"
#include "filters/fake_transformation.h"

namespace gloo::filters {
namespace {

using Counters = std::map<std::string, uint64_t>;

const HeaderList kGet = {{":method", "GET"}, {":path", "/a"}, {":authority", "h"}};
const HeaderList kPost = {{":method", "POST"}, {":path", "/a"}, {"content-length", "4"}};

TEST_F(TransformationTest, ARouteWithoutConfigurationPassesUntouched) {
  FakeStream stream(&config, nullptr);
  stream.Request(kPost, {"ab", "cd"}, /*trailers=*/true);
  stream.Response({{":status", "200"}}, {"x"});
  EXPECT_EQ(stream.request.headers, kPost);
  EXPECT_EQ(stream.request.body, "abcd");
  EXPECT_EQ(stream.request.header_statuses, HeadersStatuses{kContinue});
  EXPECT_EQ(stream.response.body, "x");
  EXPECT_EQ(config.counters, Counters{});
}

TEST_F(TransformationTest, HeadersOnlyStreams) {
  transformation.request = [](const tmpl::HeaderSource& headers, std::string_view body) {
    EXPECT_EQ(headers.Get(":path"), "/a");
    EXPECT_EQ(headers.Get("x-none"), std::nullopt);
    EXPECT_EQ(body, "");
    tmpl::Outcome outcome = Set(":path", "/b?q=1");
    outcome.set_headers.emplace_back("x-new", "");
    outcome.remove_headers = {"x-old", "content-length", ":authority"};
    return outcome;
  };
  auto stream = Stream();
  HeaderList headers = kPost;
  headers.emplace_back("x-old", "1");
  stream->Request(headers, {"ab", "cd"});
  EXPECT_EQ(HeaderOf(stream->request.headers, ":path"), "/b?q=1");
  EXPECT_EQ(HeaderOf(stream->request.headers, "x-new"), "");
  EXPECT_EQ(HeaderOf(stream->request.headers, "x-old"), "(none)");
  EXPECT_EQ(HeaderOf(stream->request.headers, "content-length"), "4") << "framing is not a template's business";
  EXPECT_EQ(stream->request.header_statuses, HeadersStatuses{kContinue});
  EXPECT_EQ(stream->request.body_statuses, (BodyStatuses{kBodyContinue, kBodyContinue}));
  EXPECT_EQ(stream->request.body, "abcd");
  stream->Response({{":status", "200"}, {"content-length", "1"}}, {"x"});
  EXPECT_EQ(stream->response.body, "x");
  EXPECT_EQ(config.counters, (Counters{{"gloo.transformation.requests", 1}}));
}

TEST_F(TransformationTest, AppendsHeadersAndWritesMetadata) {
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) {
    tmpl::Outcome outcome;
    outcome.append_headers = {{"via", "gloo"}, {"x-new", "1"}};
    outcome.metadata = {{"tenant", "toys"}};
    return outcome;
  };
  auto stream = Stream();
  stream->Request({{":method", "GET"}, {"via", "other"}});
  EXPECT_EQ(stream->request.headers,
            (HeaderList{{":method", "GET"}, {"via", "other"}, {"via", "gloo"}, {"x-new", "1"}}));
  EXPECT_EQ(stream->metadata, (std::map<std::string, std::string>{{"gloo.transformation tenant", "toys"}}));
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) {
    tmpl::Outcome outcome;
    outcome.append_headers = {{"x", "a\nb"}};
    return outcome;
  };
  auto broken = Stream();
  broken->Request(kGet);
  EXPECT_EQ(broken->reply->status, 400);
}

TEST_F(TransformationTest, FailuresPassWhereTheRouteWantsThat) {
  transformation.passes = true;
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) { return Error(400, "no"); };
  transformation.response = [](const tmpl::HeaderSource&, std::string_view) { return Set("x", "a\nb"); };
  transformation.needs_request_body = transformation.needs_response_body = true;
  auto stream = Stream();
  stream->Request({{":method", "POST"}, {":path", "/a"}, {"content-length", "4"}, {"accept-encoding", "br"}},
                  {"ab", "cd"},
                  /*trailers=*/true);
  EXPECT_EQ(stream->request.headers, (HeaderList{{":method", "POST"}, {":path", "/a"}, {"content-length", "4"}}));
  EXPECT_EQ(stream->request.body, "abcd");
  stream->Response({{":status", "200"}}, {"x", "y"});
  EXPECT_EQ(stream->response.headers, (HeaderList{{":status", "200"}}));
  EXPECT_EQ(stream->response.body, "xy");
  EXPECT_FALSE(stream->reply.has_value());
  EXPECT_EQ(config.counters, (Counters{{"gloo.transformation.request_errors status=passed", 1},
                                       {"gloo.transformation.response_errors status=passed", 1}}));
}

TEST_F(TransformationTest, WhatCannotBeHeldPassesWhereTheRouteWantsThat) {
  transformation.passes = true;
  transformation.needs_request_body = transformation.needs_response_body = true;
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) { return Set("never", "run"); };
  transformation.response = transformation.request;
  transformation.limit = 3;
  auto stream = Stream();
  // Too large: found on the way, and said before.
  stream->Request({{":method", "POST"}}, {"ab", "cd", "ef"});
  EXPECT_EQ(stream->request.body, "abcdef");
  stream->Response({{":status", "200"}, {"content-length", "4"}}, {"ab", "cd"});
  EXPECT_EQ(stream->response.body, "abcd");
  auto encoded = Stream();
  encoded->Request({{":method", "POST"}, {"content-encoding", "gzip"}}, {"\x1f"});
  EXPECT_EQ(encoded->request.headers, (HeaderList{{":method", "POST"}, {"content-encoding", "gzip"}}));
  EXPECT_EQ(encoded->request.body, "\x1f");
  EXPECT_EQ(config.counters, (Counters{{"gloo.transformation.request_errors status=passed", 2},
                                       {"gloo.transformation.response_errors status=passed", 1}}));
}

TEST_F(TransformationTest, SeveralValuesReadAsOne) {
  transformation.request = [](const tmpl::HeaderSource& headers, std::string_view) {
    const auto a = headers.Get("x-a");
    const auto cookie = headers.Get("cookie");
    EXPECT_EQ(a, "1,2,3");
    EXPECT_EQ(cookie, "a=1; b=2");
    EXPECT_EQ(a, "1,2,3") << "the first view is still good";
    return tmpl::Outcome();
  };
  auto stream = Stream();
  stream->Request({{":method", "GET"}, {"x-a", "1"}, {"x-a", "2"}, {"x-a", "3"}, {"cookie", "a=1"}, {"cookie", "b=2"}});
  EXPECT_TRUE(stream->request.complete);
}

TEST_F(TransformationTest, TunnelsPassUntouched) {
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) { return Set("x", "y"); };
  transformation.response = transformation.request;
  for (const HeaderList& headers :
       {HeaderList{{":method", "CONNECT"}}, HeaderList{{":method", "GET"}, {"upgrade", "websocket"}}}) {
    auto stream = Stream();
    stream->Request(headers, {"a"});
    stream->Response({{":status", "200"}}, {"b"}, /*trailers=*/true);
    EXPECT_EQ(stream->request.headers, headers);
    EXPECT_EQ(stream->response.headers, (HeaderList{{":status", "200"}}));
    EXPECT_EQ(stream->response.body, "b");
  }
  EXPECT_EQ(config.counters, Counters{});
  auto stream = Stream();
  stream->Request({{":method", "POST"}, {"content-type", "application/grpc"}}, {"a"});
  EXPECT_EQ(HeaderOf(stream->request.headers, "x"), "y") << "a content type passes nothing by";
}

TEST_F(TransformationTest, ErrorsAreAnsweredOnce) {
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) {
    return Error(400, "bad request: variable \"id\" is missing");
  };
  transformation.response = [](const tmpl::HeaderSource&, std::string_view) {
    ADD_FAILURE() << "our own answer is not transformed";
    return tmpl::Outcome();
  };
  auto stream = Stream();
  stream->Request(kGet);
  EXPECT_EQ(stream->reply,
            (FakeStream::Reply{400, "bad request: variable \"id\" is missing", "gloo_transformation_failed"}));
  EXPECT_FALSE(stream->request.complete);
  EXPECT_EQ(config.counters, (Counters{{"gloo.transformation.request_errors status=400", 1}}));
}

TEST_F(TransformationTest, AGrpcClientIsToldThatItFailed) {
  const std::vector<std::pair<int, std::string>> cases = {
      {400, "13"}, {413, "8"}, {415, "12"}, {502, "14"}, {500, "2"}};
  for (const auto& [status, grpc_status] : cases) {
    transformation.request = [status = status](const tmpl::HeaderSource&, std::string_view) {
      return Error(status, "no");
    };
    auto stream = Stream();
    stream->Request({{":method", "POST"}, {"content-type", "application/grpc"}});
    ASSERT_TRUE(stream->reply.has_value());
    EXPECT_EQ(stream->reply->headers, (HeaderList{{"grpc-status", grpc_status}}));
  }
  auto stream = Stream();
  stream->Request({{":method", "POST"}, {"content-type", "application/grpc-web"}});
  EXPECT_EQ(stream->reply->headers, HeaderList{});
}

TEST_F(TransformationTest, AnErrorOfAResponseReplacesIt) {
  transformation.response = [](const tmpl::HeaderSource&, std::string_view) { return Error(502, "no"); };
  auto stream = Stream();
  stream->Request(kGet);
  stream->Response({{":status", "200"}}, {"secret"});
  EXPECT_EQ(stream->reply, (FakeStream::Reply{502, "no", "gloo_transformation_failed"}));
  EXPECT_EQ(stream->response.body, "");
  EXPECT_EQ(config.counters, (Counters{{"gloo.transformation.response_errors status=502", 1}}));
}

TEST_F(TransformationTest, AnImpossibleStatusIs500) {
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) { return Error(7, "odd"); };
  auto stream = Stream();
  stream->Request(kGet);
  EXPECT_EQ(stream->reply->status, 500u);
}

TEST_F(TransformationTest, LocalRepliesOfOthersAreLeftAlone) {
  transformation.response = [](const tmpl::HeaderSource&, std::string_view) {
    ADD_FAILURE() << "a local reply is not transformed";
    return tmpl::Outcome();
  };
  auto stream = Stream();
  stream->Request(kGet);
  stream->LocalReply(503);
  EXPECT_EQ(stream->response.headers, (HeaderList{{":status", "503"}}));
}

TEST_F(TransformationTest, ALocalReplyWhileABodyIsHeld) {
  transformation.needs_request_body = true;
  transformation.request = Brackets();
  auto stream = Stream();
  envoy_dynamic_module_on_http_filter_request_headers(stream.get(), stream->module, false);
  stream->LocalReply(408);
  EXPECT_EQ(stream->response.headers, (HeaderList{{":status", "408"}}));
  stream->Destroy();
  EXPECT_EQ(config.counters, Counters{});
}

TEST_F(TransformationTest, ValuesThatWouldBreakTheMessageAreRefused) {
  const std::vector<std::pair<std::pair<std::string, std::string>, std::string>> cases = {
      {{"x-a", "a\x1b[0m"}, "header \"x-a\" contains a control character"},
      {{"x-a", "a\x7f"}, "header \"x-a\" contains a control character"},
      {{"x-a", "a\r\nx-b: c"}, "header \"x-a\" contains a control character"},
      {{"x-a", std::string("a\0b", 3)}, "header \"x-a\" contains a control character"},
      {{":path", "/a b"}, "the path contains a space or a control character"},
      {{":path", "/a\nb"}, "the path contains a space or a control character"},
      {{":path", "a"}, "the path does not begin with a slash"},
      {{":path", ""}, "the path does not begin with a slash"},
      {{":method", "GE T"}, "the method is not a token"},
      {{":method", ""}, "the method is not a token"},
      {{":status", "20x"}, "the status is not a number from 200 to 599"},
      {{":status", "101"}, "the status is not a number from 200 to 599"}};
  for (const auto& [header, mistake] : cases) {
    const auto run = [&](const tmpl::HeaderSource&, std::string_view) { return Set(header.first, header.second); };
    transformation.request = run;
    auto stream = Stream();
    stream->Request(kGet);
    EXPECT_EQ(stream->reply, (FakeStream::Reply{400, "bad request: " + mistake, "gloo_transformation_bad_header"}));
    transformation.request = nullptr;
    transformation.response = run;
    stream = Stream();
    stream->Request(kGet);
    stream->Response({{":status", "200"}});
    EXPECT_EQ(stream->reply, (FakeStream::Reply{502, "bad response: " + mistake, "gloo_transformation_bad_header"}));
    transformation.response = nullptr;
  }
}

TEST_F(TransformationTest, ResponseHeadersAndStatus) {
  transformation.response = [](const tmpl::HeaderSource& headers, std::string_view) {
    EXPECT_EQ(headers.Get(":status"), "200");
    return Set(":status", "201");
  };
  auto stream = Stream();
  stream->Request(kGet);
  stream->Response({{":status", "200"}}, {"a", "b"}, /*trailers=*/true);
  EXPECT_EQ(HeaderOf(stream->response.headers, ":status"), "201");
  EXPECT_EQ(stream->response.body, "ab");
  EXPECT_EQ(stream->response.header_statuses, HeadersStatuses{kContinue});
  EXPECT_EQ(config.counters, (Counters{{"gloo.transformation.responses", 1}}));
}

TEST_F(TransformationTest, AResponseMayReadTheRequestAsTheClientSentIt) {
  transformation.reads_request = true;
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) { return Set(":path", "/changed"); };
  transformation.response = [](const tmpl::HeaderSource& request, std::string_view) {
    EXPECT_EQ(request.Get(":path"), "/a");
    EXPECT_EQ(request.Get("x-a"), "1,2");
    EXPECT_EQ(request.Get("cookie"), "a; b");
    EXPECT_EQ(request.Get("x-none"), std::nullopt);
    return Set("x", "y");
  };
  auto stream = Stream();
  stream->Request({{":method", "GET"}, {":path", "/a"}, {"x-a", "1"}, {"x-a", "2"}, {"cookie", "a"}, {"cookie", "b"}});
  stream->Response({{":status", "200"}});
  EXPECT_EQ(HeaderOf(stream->response.headers, "x"), "y");
}

TEST_F(TransformationTest, AStreamOutlivesItsRoute) {
  transformation.response = [](const tmpl::HeaderSource&, std::string_view) { return Set("x", "y"); };
  auto stream = Stream();
  stream->Request(kGet);
  route.reset();
  stream->Response({{":status", "200"}});
  EXPECT_EQ(HeaderOf(stream->response.headers, "x"), "y");
}

TEST(NatsCallTest, ATimeoutIs408AndEachAnswerCounts) {
  FakeFilterConfig config("gloo.transformation", "");
  const auto route = [](std::string call) {
    std::string error;
    auto parsed = TransformationRouteConfig::Parse(
        R"({"request": {"headers": [{"name": "x-gloo-nats-subject", "value": "a"}, {"name": "x-gloo-call", "value": ")" +
            call + R"("}]}})",
        &error);
    EXPECT_EQ(error, "");
    return parsed;
  };
  const auto answer = [&config](const TransformationRouteConfig* of, uint32_t status, std::string_view details) {
    FakeStream stream(&config, of);
    stream.Request({{":method", "POST"}, {":path", "/"}});
    stream.LocalReply(status, details);
    return HeaderOf(stream.response.headers, ":status");
  };
  const auto nats = route("nats publish");
  const auto other = route("hello");
  EXPECT_EQ(answer(nats.get(), 504, "response_timeout"), "408");
  EXPECT_EQ(answer(nats.get(), 504, "upstream_per_try_timeout"), "408");
  EXPECT_EQ(answer(nats.get(), 503, "upstream_reset_before_response_started{connection_termination}"), "503");
  EXPECT_EQ(answer(other.get(), 504, "response_timeout"), "504");
  FakeStream stream(&config, nats.get());
  stream.Request({{":method", "POST"}, {":path", "/"}});
  stream.Response({{":status", "202"}});
  EXPECT_EQ(config.counters["gloo.nats.calls status=408"], 2u);
  EXPECT_EQ(config.counters["gloo.nats.calls status=503"], 1u);
  EXPECT_EQ(config.counters["gloo.nats.calls status=202"], 1u);
  EXPECT_EQ(config.counters["gloo.nats.calls status=504"], 0u);
}

TEST(TransformationConfigTest, CountersThatEnvoyRefusesAreNotCounted) {
  FakeFilterConfig config("gloo.transformation", "", /*refuse_counters=*/true);
  FakeTransformation transformation;
  transformation.request = [](const tmpl::HeaderSource&, std::string_view) {
    tmpl::Outcome outcome;
    outcome.set_headers.emplace_back("x", "y");
    return outcome;
  };
  TransformationRouteConfig route(std::make_shared<FakeTransformation>(transformation));
  FakeStream stream(&config, &route);
  stream.Request(kGet);
  EXPECT_EQ(HeaderOf(stream.request.headers, "x"), "y");
  EXPECT_EQ(config.counters, Counters{});
}

TEST(TransformationConfigTest, RouteConfigurations) {
  const auto error_of = [](const tmpl::TransformationConfig& config) {
    TakeLog();
    const std::string json = tmpl::ToJson(config);
    abi::ModuleRouteConfigPtr route =
        envoy_dynamic_module_on_http_filter_per_route_config_new(EnvoyText("gloo.transformation"), EnvoyText(json));
    if (route != nullptr) {
      envoy_dynamic_module_on_http_filter_per_route_config_destroy(route);
      return std::string("(none)");
    }
    const std::vector<std::string> log = TakeLog();
    return log.size() == 1 ? log[0] : "no message";
  };
  tmpl::TransformationConfig config;
  config.request.emplace();
  config.request->path = "/x/{{ id }}";
  EXPECT_EQ(error_of(config), "(none)");
  config.request->headers = {{"x a", "b"}};
  EXPECT_THAT(error_of(config), testing::StartsWith("gloo.transformation: request.headers[\"x a\"]: "));
  config.request->headers = {{"x-a", "{{ nothing( }}"}};
  config.request->body = "{% if %}";
  EXPECT_THAT(error_of(config),
              testing::AllOf(testing::HasSubstr("request.headers[\"x-a\"]: "), testing::HasSubstr("; request.body: ")))
      << "all mistakes at once";
  config.request->headers.clear();
  config.request->body.reset();
  config.request->path = "{{ id ";
  EXPECT_THAT(error_of(config), testing::StartsWith("gloo.transformation: request.path: "));

  EXPECT_EQ(envoy_dynamic_module_on_http_filter_per_route_config_new(EnvoyText("gloo.transformation"), EnvoyText("{")),
            nullptr);
  EXPECT_THAT(TakeLog(), testing::ElementsAre(testing::StartsWith("gloo.transformation: ")));
  EXPECT_EQ(envoy_dynamic_module_on_http_filter_per_route_config_new(EnvoyText("gloo.domains"), EnvoyText("{}")),
            nullptr);
  EXPECT_THAT(TakeLog(), testing::ElementsAre("gloo.domains: unknown per-route configuration; this module has "
                                              "gloo.events, gloo.lambda and gloo.transformation"));
}

}  // namespace
}  // namespace gloo::filters
