#include "template/lambda.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "template/json.h"
#include "template/value.h"

namespace gloo::tmpl {
namespace {

LambdaRequest Request() {
  LambdaRequest request;
  request.method = "PUT";
  request.path = "/a%20b?x=1&x=2%2F3&y&=z";
  request.authority = "shop.test:8080";
  request.protocol = "HTTP/1.1";
  request.source_ip = "192.0.2.7:4711";
  request.time_ms = 1583348638390;
  request.headers = {{"content-type", "text/plain"}, {"x-a", "1"},           {"x-a", "2"},
                     {"cookie", "a=1; b=2"},         {"user-agent", "test"}, {"x-request-id", "id-1"},
                     {"connection", "close"},        {"content-length", "2"}};
  return request;
}

// The text of a place in the event, `a/b/0`.
std::string At(const std::string& event, const std::string& place) {
  Arena arena;
  Value value;
  JsonError error;
  if (!ReadJson(event, &arena, &value, &error)) return "no JSON: " + event;
  size_t begin = 0;
  while (begin <= place.size()) {
    const size_t end = std::min(place.find('/', begin), place.size());
    const Value* next = FindStep(value, place.substr(begin, end - begin));
    if (next == nullptr) return "(none)";
    value = *next;
    begin = end + 1;
  }
  std::string out;
  AppendJson(value, SIZE_MAX, &out);
  return out;
}

TEST(LambdaEvent, OfALoadBalancer) {
  const std::string event = MakeLambdaEvent(LambdaPayload::kAlb, Request(), "hi");
  EXPECT_EQ(At(event, "httpMethod"), R"("PUT")");
  EXPECT_EQ(At(event, "path"), R"("/a%20b")");
  EXPECT_EQ(At(event, "requestContext"), R"({"elb":{"targetGroupArn":""}})");
  EXPECT_EQ(At(event, "queryStringParameters"), R"({"":"z","x":"2%2F3","y":""})");
  EXPECT_EQ(At(event, "multiValueQueryStringParameters/x"), R"(["1","2%2F3"])");
  EXPECT_EQ(At(event, "headers"),
            R"({"content-type":"text/plain","cookie":"a=1; b=2","host":"shop.test:8080","user-agent":"test",)"
            R"("x-a":"2","x-request-id":"id-1"})");
  EXPECT_EQ(At(event, "multiValueHeaders/x-a"), R"(["1","2"])");
  EXPECT_EQ(At(event, "body"), R"("hi")");
  EXPECT_EQ(At(event, "isBase64Encoded"), "false");
  EXPECT_EQ(At(MakeLambdaEvent(LambdaPayload::kAlb, Request(), ""), "body"), R"("")");
}

TEST(LambdaEvent, OfARestApi) {
  const std::string event = MakeLambdaEvent(LambdaPayload::kApiGatewayV1, Request(), "hi");
  EXPECT_EQ(At(event, "version"), R"("1.0")");
  EXPECT_EQ(At(event, "resource"), R"("/a%20b")");
  EXPECT_EQ(At(event, "queryStringParameters/x"), R"("2/3")");
  EXPECT_EQ(At(event, "multiValueQueryStringParameters/x"), R"(["1","2/3"])");
  EXPECT_EQ(At(event, "headers/x-a"), R"("2")");
  EXPECT_EQ(At(event, "multiValueHeaders/x-a"), R"(["1","2"])");
  EXPECT_EQ(At(event, "requestContext/identity"), R"({"sourceIp":"192.0.2.7","userAgent":"test"})");
  EXPECT_EQ(At(event, "requestContext/requestTime"), R"("04/Mar/2020:19:03:58 +0000")");
  EXPECT_EQ(At(event, "requestContext/requestTimeEpoch"), "1583348638390");
  EXPECT_EQ(At(event, "requestContext/requestId"), R"("id-1")");
  EXPECT_EQ(At(event, "requestContext/domainPrefix"), R"("shop")");
  EXPECT_EQ(At(event, "pathParameters"), "null");
  LambdaRequest bare = Request();
  bare.path = "/";
  const std::string empty = MakeLambdaEvent(LambdaPayload::kApiGatewayV1, bare, "");
  EXPECT_EQ(At(empty, "queryStringParameters"), "null");
  EXPECT_EQ(At(empty, "body"), "null");
}

TEST(LambdaEvent, OfAnHttpApi) {
  const std::string event = MakeLambdaEvent(LambdaPayload::kApiGatewayV2, Request(), "hi");
  EXPECT_EQ(At(event, "version"), R"("2.0")");
  EXPECT_EQ(At(event, "rawPath"), R"("/a%20b")");
  EXPECT_EQ(At(event, "rawQueryString"), R"("x=1&x=2%2F3&y&=z")");
  EXPECT_EQ(At(event, "cookies"), R"(["a=1","b=2"])");
  EXPECT_EQ(At(event, "headers/cookie"), "(none)");
  EXPECT_EQ(At(event, "headers/x-a"), R"("1,2")");
  EXPECT_EQ(At(event, "queryStringParameters"), R"({"":"z","x":"1,2/3","y":""})");
  EXPECT_EQ(At(event, "requestContext/http"),
            R"({"method":"PUT","path":"/a%20b","protocol":"HTTP/1.1","sourceIp":"192.0.2.7","userAgent":"test"})");
  LambdaRequest bare = Request();
  bare.path = "/";
  bare.source_ip = "[2001:db8::1]:9";
  const std::string empty = MakeLambdaEvent(LambdaPayload::kApiGatewayV2, bare, "");
  EXPECT_EQ(At(empty, "queryStringParameters"), "(none)");
  EXPECT_EQ(At(empty, "body"), "(none)");
  EXPECT_EQ(At(empty, "requestContext/http/sourceIp"), R"("2001:db8::1")");
}

TEST(LambdaEvent, BodiesThatAreNoTextAreBase64) {
  const auto body = [](std::vector<std::pair<std::string_view, std::string_view>> headers, std::string_view body) {
    LambdaRequest request = Request();
    request.headers = std::move(headers);
    const std::string event = MakeLambdaEvent(LambdaPayload::kAlb, request, body);
    return At(event, "body") + " " + At(event, "isBase64Encoded");
  };
  EXPECT_EQ(body({{"content-type", "Application/JSON; charset=utf-8"}}, "{}"), R"("{}" false)");
  EXPECT_EQ(body({{"content-type", "application/vnd.shop+json"}}, "{}"), R"("{}" false)");
  EXPECT_EQ(body({}, "{}"), R"("e30=" true)");
  EXPECT_EQ(body({{"content-type", "image/png"}}, "{}"), R"("e30=" true)");
  EXPECT_EQ(body({{"content-type", "text/plain"}, {"content-encoding", "gzip"}}, "{}"), R"("e30=" true)");
  EXPECT_EQ(body({{"content-type", "text/plain"}}, "\xff"), R"("/w==" true)");
}

std::string Shown(const LambdaResponse& response) {
  if (!response.error.empty()) return response.error;
  std::string out = std::to_string(response.status);
  for (const auto& [name, value] : response.headers) out.append(" ").append(name).append("=").append(value);
  return out.append(" | ").append(response.body);
}

std::string Read(LambdaPayload payload, std::string_view json) { return Shown(ReadLambdaResponse(payload, json)); }

TEST(LambdaResponse, StatusHeadersAndBody) {
  EXPECT_EQ(Read(LambdaPayload::kAlb, R"({"statusCode":201,"headers":{"X-A":1,"B":true},"body":"hi"})"),
            "201 x-a=1 b=true content-type=application/octet-stream | hi");
  EXPECT_EQ(Read(LambdaPayload::kAlb, R"({"statusCode":"302","multiValueHeaders":{"Set-Cookie":["a=1","b=2"]},
                                          "headers":{"set-cookie":"a=1","location":"/x","content-length":"9"}})"),
            "302 set-cookie=a=1 set-cookie=b=2 location=/x content-type=application/octet-stream | ");
  EXPECT_EQ(Read(LambdaPayload::kApiGatewayV1, R"({"statusCode":200,"body":"aGk=","isBase64Encoded":true})"),
            "200 content-type=application/json | hi");
  EXPECT_EQ(Read(LambdaPayload::kApiGatewayV1, R"({"statusCode":200,"body":null,"headers":null})"),
            "200 content-type=application/json | ");
  EXPECT_EQ(Read(LambdaPayload::kApiGatewayV2, R"({"statusCode":200,"cookies":["a=1","b=2"],"body":"hi",
                                                  "headers":{"Content-Type":"text/html"}})"),
            "200 content-type=text/html set-cookie=a=1 set-cookie=b=2 | hi");
  EXPECT_EQ(Read(LambdaPayload::kApiGatewayV2, R"({"statusCode":200})"),
            "200 content-type=text/plain;charset=UTF-8 | ");
}

TEST(LambdaResponse, AnAnswerWithoutAStatusIsTheBodyInFormatTwo) {
  EXPECT_EQ(Read(LambdaPayload::kApiGatewayV2, R"({"n":1})"), R"(200 content-type=application/json | {"n":1})");
  EXPECT_EQ(Read(LambdaPayload::kApiGatewayV2, R"("hi\n")"), "200 content-type=application/json | hi\n");
  EXPECT_EQ(Read(LambdaPayload::kApiGatewayV1, R"({"n":1})"), "\"statusCode\" is missing");
}

TEST(LambdaResponse, SaysWhatIsWrong) {
  const auto read = [](std::string_view json) { return Read(LambdaPayload::kApiGatewayV2, json); };
  EXPECT_EQ(read("{"), "the answer is no JSON: byte 1: the object does not end");
  EXPECT_EQ(Read(LambdaPayload::kAlb, "7"), "the answer must be an object, not a number");
  EXPECT_EQ(read(R"({"statusCode":199})"), "\"statusCode\" must be a number from 200 to 599");
  EXPECT_EQ(read(R"({"statusCode":20.5})"), "\"statusCode\" must be a number from 200 to 599");
  EXPECT_EQ(read(R"({"statusCode":200,"headers":[]})"), "\"headers\" must be an object, not an array");
  EXPECT_EQ(read(R"({"statusCode":200,"headers":{"a b":"1"}})"), "headers[\"a b\"] is no name of a header");
  EXPECT_EQ(read(R"({"statusCode":200,"headers":{":status":"1"}})"), "headers[\":status\"] is no name of a header");
  EXPECT_EQ(read(R"({"statusCode":200,"headers":{"a":"x\r\ny: z"}})"), "headers[\"a\"] contains a control character");
  EXPECT_EQ(read(R"({"statusCode":200,"headers":{"a":{}}})"), "headers[\"a\"] must be a text, not an object");
  EXPECT_EQ(read(R"({"statusCode":200,"cookies":"a"})"), "\"cookies\" must be a list, not a string");
  EXPECT_EQ(read(R"({"statusCode":200,"cookies":["a\n"]})"), "cookies[0] must be a text without control characters");
  EXPECT_EQ(read(R"({"statusCode":200,"body":{}})"), "\"body\" must be a text, not an object");
  EXPECT_EQ(read(R"({"statusCode":200,"body":"!","isBase64Encoded":true})"),
            "\"body\" is not base64, as \"isBase64Encoded\" says");
  EXPECT_EQ(read(R"({"statusCode":200,"isBase64Encoded":1})"),
            "\"isBase64Encoded\" must be true or false, not a number");
  EXPECT_EQ(Read(LambdaPayload::kAlb, R"({"statusCode":200,"multiValueHeaders":{"a":"1"}})"),
            "multiValueHeaders[\"a\"] must be a list, not a string");
}

TEST(LambdaConfig, RoundTrip) {
  LambdaConfig config;
  config.path = "/2015-03-31/functions/f/invocations?Qualifier=v1";
  config.host = "lambda.eu-west-1.amazonaws.com";
  for (const bool async : {false, true}) {
    config.async = async;
    config.payload = async ? LambdaPayload::kApiGatewayV2 : LambdaPayload::kRaw;
    config.max_body_bytes = async ? 100 : kMostLambdaBytes;
    LambdaConfig back;
    std::string error;
    ASSERT_TRUE(FromJson(ToJson(config), &back, &error)) << error;
    EXPECT_EQ(back, config);
  }
  LambdaConfig back;
  std::string error;
  EXPECT_FALSE(FromJson("{}", &back, &error));
  EXPECT_EQ(error, "there must be a path and a host");
  EXPECT_FALSE(FromJson(R"({"pat":1})", &back, &error));
  EXPECT_EQ(error, "field [\"pat\"] is not known");
  EXPECT_FALSE(FromJson(R"({"path":1})", &back, &error));
  EXPECT_EQ(error, "field [\"path\"] is of a wrong type");
}

}  // namespace
}  // namespace gloo::tmpl
