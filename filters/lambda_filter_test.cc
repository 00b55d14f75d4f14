#include "filters/lambda_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "filters/fake_envoy.h"

namespace gloo::filters {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LambdaFilterTest : public testing::Test {
 protected:
  LambdaFilterTest() : config("gloo.lambda", "") {}
  ~LambdaFilterTest() override { envoy_dynamic_module_on_http_filter_per_route_config_destroy(route); }

  // A stream on a route with these members of the configuration besides path and host.
  FakeStream& Begin(const std::string& more) {
    stream.reset();
    envoy_dynamic_module_on_http_filter_per_route_config_destroy(route);
    route = envoy_dynamic_module_on_http_filter_per_route_config_new(
        EnvoyText("gloo.lambda"), EnvoyText(R"({"path":"/invoke","host":"lambda.test")" + more + "}"));
    EXPECT_NE(route, nullptr);
    stream = std::make_unique<FakeStream>(&config, route);
    return *stream;
  }

  static HeaderList Post() {
    return {{":method", "PUT"},         {":path", "/a?b=c"},         {":authority", "shop.test"},
            {"content-type", "text/x"}, {"content-length", "2"},     {"authorization", "client's"},
            {"cookie", "a=1"},          {"x-amz-date", "client's"},  {"x-request-id", "id"},
            {"x-gloo-scope", "inner"},  {"accept-encoding", "gzip"}, {"x-amz-security-token", "client's"}};
  }

  FakeFilterConfig config;
  abi::ModuleRouteConfigPtr route = nullptr;
  std::unique_ptr<FakeStream> stream;
};

const std::string kV2 = R"(,"payload":"apiGatewayV2")";
const HeaderList kOk = {{":status", "200"},
                        {"content-type", "application/json"},
                        {"content-length", "9"},
                        {"x-amzn-requestid", "r1"},
                        {"x-amz-executed-version", "$LATEST"}};

void ExpectInvoke(const HeaderList& headers, const std::string& type) {
  EXPECT_EQ(HeaderOf(headers, ":method"), "POST");
  EXPECT_EQ(HeaderOf(headers, ":path"), "/invoke");
  EXPECT_EQ(HeaderOf(headers, ":authority"), "lambda.test");
  EXPECT_EQ(HeaderOf(headers, "content-type"), "application/json");
  EXPECT_EQ(HeaderOf(headers, "x-amz-invocation-type"), type);
  EXPECT_EQ(HeaderOf(headers, "x-request-id"), "id");
  for (const char* name : {"authorization", "cookie", "x-amz-date", "x-amz-security-token", "accept-encoding"}) {
    EXPECT_EQ(HeaderOf(headers, name), "(none)") << name;
  }
}

TEST_F(LambdaFilterTest, ARawBodyStreamsBothWays) {
  FakeStream& seen = Begin("");
  seen.Request(Post(), {"h", "i"});
  ExpectInvoke(seen.request.headers, "RequestResponse");
  EXPECT_EQ(seen.request.body, "hi");
  EXPECT_EQ(HeaderOf(seen.request.headers, "content-length"), "2");
  seen.Response(kOk, {"an", "swer"});
  EXPECT_EQ(seen.response.body, "answer");
  EXPECT_EQ(HeaderOf(seen.response.headers, ":status"), "200");
  EXPECT_EQ(HeaderOf(seen.response.headers, "x-amz-executed-version"), "$LATEST");
  EXPECT_EQ(config.counters["gloo.lambda.calls invocation=sync"], 1u);
}

TEST_F(LambdaFilterTest, AnEventIsMadeOfTheWholeRequest) {
  for (const bool trailers : {false, true}) {
    FakeStream& seen = Begin(kV2);
    seen.Request(Post(), {"h", "i"}, trailers);
    ExpectInvoke(seen.request.headers, "RequestResponse");
    EXPECT_TRUE(seen.request.complete);
    EXPECT_THAT(seen.request.body, HasSubstr(R"("rawPath":"/a")"));
    EXPECT_THAT(seen.request.body, HasSubstr(R"("authorization":"client's")"));
    EXPECT_THAT(seen.request.body, HasSubstr(R"("sourceIp":"192.0.2.7")"));
    EXPECT_THAT(seen.request.body, HasSubstr(R"("body":"hi")"));
    EXPECT_THAT(seen.request.body, Not(HasSubstr("x-gloo-scope")));
    EXPECT_EQ(HeaderOf(seen.request.headers, "content-length"),
              trailers ? "(none)" : std::to_string(seen.request.body.size()));
  }
  FakeStream& bare = Begin(kV2);
  bare.Request(Post());
  EXPECT_THAT(bare.request.body, HasSubstr(R"("isBase64Encoded":false})"));
}

TEST_F(LambdaFilterTest, AnAnswerBecomesTheResponse) {
  for (const bool trailers : {false, true}) {
    FakeStream& seen = Begin(kV2);
    seen.Request(Post());
    seen.Response(kOk, {R"({"statusCode":201,"cookies":["a=1","b=2"],)", R"("headers":{"X-A":"1"},"body":"hi"})"},
                  trailers);
    EXPECT_EQ(seen.response.body, "hi");
    EXPECT_TRUE(seen.response.complete);
    EXPECT_EQ(HeaderOf(seen.response.headers, ":status"), "201");
    EXPECT_EQ(HeaderOf(seen.response.headers, "set-cookie"), "a=1|b=2");
    EXPECT_EQ(HeaderOf(seen.response.headers, "x-a"), "1");
    EXPECT_EQ(HeaderOf(seen.response.headers, "content-type"), "text/plain;charset=UTF-8");
    EXPECT_EQ(HeaderOf(seen.response.headers, "content-length"), trailers ? "(none)" : "2");
    EXPECT_EQ(HeaderOf(seen.response.headers, "x-amzn-requestid"), "r1");
    EXPECT_EQ(HeaderOf(seen.response.headers, "x-amz-executed-version"), "(none)");
  }
}

TEST_F(LambdaFilterTest, BodilessResponses) {
  FakeStream& none = Begin(kV2);
  none.Request(Post());
  none.Response(kOk, {R"({"statusCode":204,"body":"hi"})"});
  EXPECT_EQ(none.response.body, "");
  EXPECT_EQ(HeaderOf(none.response.headers, "content-length"), "(none)");
  HeaderList head = Post();
  head[0].second = "HEAD";
  for (const std::string& payload : {kV2, std::string()}) {
    FakeStream& seen = Begin(payload);
    seen.Request(head);
    seen.Response(kOk, {R"({"statusCode":200,"body":"hi"})"});
    EXPECT_EQ(seen.response.body, "");
    EXPECT_EQ(HeaderOf(seen.response.headers, "content-length"), payload.empty() ? "9" : "2");
  }
}

TEST_F(LambdaFilterTest, ErrorsOfTheFunction) {
  HeaderList failed = kOk;
  failed.emplace_back("x-amz-function-error", "Unhandled");
  FakeStream& raw = Begin("");
  raw.Request(Post());
  raw.Response(failed, {R"({"errorMessage":"x"})"});
  EXPECT_EQ(HeaderOf(raw.response.headers, ":status"), "502");
  EXPECT_EQ(HeaderOf(raw.response.headers, "x-gloo-function-error"), "Unhandled");
  EXPECT_EQ(raw.response.body, R"({"errorMessage":"x"})");
  FakeStream& event = Begin(kV2);
  event.Request(Post());
  event.Response(failed, {R"({"errorMessage":"secret",)", R"("stackTrace":[]})"});
  EXPECT_EQ(HeaderOf(event.response.headers, ":status"), "502");
  EXPECT_EQ(HeaderOf(event.response.headers, "x-gloo-function-error"), "Unhandled");
  EXPECT_EQ(event.response.body, R"({"message":"the function failed"})");
  EXPECT_EQ(HeaderOf(event.response.headers, "content-length"), std::to_string(event.response.body.size()));
  EXPECT_EQ(config.counters["gloo.lambda.errors reason=function"], 2u);
}

TEST_F(LambdaFilterTest, ErrorsOfLambda) {
  const auto answer = [&](const std::string& payload, const std::string& status, const std::string& type,
                          bool bare = false) {
    FakeStream& seen = Begin(payload);
    seen.Request(Post());
    const HeaderList headers = {{":status", status}, {"x-amzn-errortype", type}};
    if (bare) {
      seen.Response(headers);
    } else {
      seen.Response(headers, {R"({"Message":"arn:aws:iam::1:user/x is not authorized"})"});
    }
    EXPECT_TRUE(seen.response.complete);
    EXPECT_THAT(seen.response.body, Not(HasSubstr("arn:")));
    return HeaderOf(seen.response.headers, ":status") + " " + HeaderOf(seen.response.headers, "x-gloo-function-error") +
           " " + seen.response.body;
  };
  const std::string refused = R"( {"message":"the function could not be called"})";
  EXPECT_EQ(answer("", "403", "AccessDeniedException:http://x"), "502 AccessDeniedException" + refused);
  EXPECT_EQ(answer(kV2, "404", "ResourceNotFoundException"), "502 ResourceNotFoundException" + refused);
  EXPECT_EQ(answer(kV2, "500", "", true), "502 Unknown" + refused);
  EXPECT_EQ(answer("", "429", "TooManyRequestsException"),
            R"(429 TooManyRequestsException {"message":"the function is called too often"})");
  EXPECT_EQ(answer("", "413", "RequestTooLargeException"),
            R"(413 RequestTooLargeException {"message":"the request is too large for the function"})");
  EXPECT_EQ(answer("", "400", "InvalidRequestContentException"),
            R"(400 InvalidRequestContentException {"message":"the body must be JSON"})");
  EXPECT_EQ(answer(kV2, "400", "InvalidRequestContentException"), "502 InvalidRequestContentException" + refused);
  EXPECT_EQ(config.counters["gloo.lambda.errors reason=refused"], 5u);
  EXPECT_EQ(config.counters["gloo.lambda.errors reason=throttled"], 1u);
}

TEST_F(LambdaFilterTest, AnAnswerThatCannotBeUnderstood) {
  FakeStream& seen = Begin(R"(,"payload":"alb")");
  seen.Request(Post());
  TakeLog();
  seen.Response(kOk, {"{}"});
  EXPECT_EQ(HeaderOf(seen.response.headers, ":status"), "502");
  EXPECT_EQ(HeaderOf(seen.response.headers, "x-gloo-function-error"), "MalformedResponse");
  EXPECT_EQ(seen.response.body, R"({"message":"the answer of the function cannot be understood"})");
  EXPECT_EQ(TakeLog(), std::vector<std::string>{"gloo.lambda: /invoke: \"statusCode\" is missing"});
  FakeStream& large = Begin(R"(,"payload":"alb")");
  large.Request(Post());
  large.Response(kOk, {std::string(5 << 20, 'x'), std::string(5 << 20, 'x'), "x"});
  EXPECT_EQ(HeaderOf(large.response.headers, ":status"), "502");
  EXPECT_EQ(large.response.body, R"({"message":"the answer of the function is too large"})");
  EXPECT_EQ(config.counters["gloo.lambda.errors reason=malformed"], 2u);
}

TEST_F(LambdaFilterTest, AsynchronousCallsAreNotWaitedFor) {
  FakeStream& seen = Begin(kV2 + R"(,"async":true)");
  seen.Request(Post(), {"hi"});
  ExpectInvoke(seen.request.headers, "Event");
  seen.Response({{":status", "202"}});
  EXPECT_EQ(HeaderOf(seen.response.headers, ":status"), "202");
  EXPECT_EQ(seen.response.body, "");
  EXPECT_EQ(config.counters["gloo.lambda.calls invocation=async"], 1u);
}

TEST_F(LambdaFilterTest, BodiesThatAreTooLarge) {
  HeaderList long_body = Post();
  long_body[4].second = "11";
  for (const std::string& payload : {kV2, std::string()}) {
    FakeStream& seen = Begin(payload + R"(,"max_body_bytes":10)");
    seen.Request(long_body, {"12345678901"});
    ASSERT_TRUE(seen.reply.has_value());
    EXPECT_EQ(seen.reply->status, 413u);
    EXPECT_EQ(seen.reply->details, "gloo_lambda_too_large");
  }
  HeaderList chunked = Post();
  chunked.erase(chunked.begin() + 4);
  for (const std::string& payload : {kV2, std::string()}) {
    FakeStream& seen = Begin(payload + R"(,"max_body_bytes":10)");
    seen.Request(chunked, {"123456", "78901"});
    ASSERT_TRUE(seen.reply.has_value());
    EXPECT_EQ(seen.reply->status, 413u);
  }
  EXPECT_EQ(config.counters["gloo.lambda.errors reason=too_large"], 4u);
}

TEST_F(LambdaFilterTest, AnswersOfOthersAreLeftAlone) {
  FakeStream& seen = Begin(kV2);
  seen.Request(Post());
  seen.LocalReply(503);
  EXPECT_EQ(HeaderOf(seen.response.headers, ":status"), "503");
  EXPECT_EQ(HeaderOf(seen.response.headers, "x-gloo-function-error"), "(none)");
}

TEST_F(LambdaFilterTest, ConfigurationsThatAreWrong) {
  TakeLog();
  EXPECT_EQ(envoy_dynamic_module_on_http_filter_per_route_config_new(EnvoyText("gloo.lambda"), EnvoyText("{}")),
            nullptr);
  EXPECT_EQ(TakeLog(), std::vector<std::string>{"gloo.lambda: there must be a path and a host"});
}

}  // namespace
}  // namespace gloo::filters
