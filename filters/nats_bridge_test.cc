#include "filters/nats_bridge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/fake_bridge.h"

namespace gloo::filters {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr char kConfig[] = R"({"auth":"none","inbox":"_INBOX","max_payload":"1000","tls":false})";
constexpr char kInfo[] = "INFO {\"max_payload\":1000}\r\n";
constexpr char kConnect[] =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"name\":\"gloo\",\"lang\":\"c++\","
    "\"version\":\"1\",\"protocol\":0,\"headers\":true,\"no_responders\":true}\r\n";

HeaderList Call(const std::string& call, const std::string& subject = "a.b", HeaderList more = {}) {
  HeaderList headers{{":method", "POST"}, {":path", "/"}, {"x-gloo-call", call}, {"x-gloo-nats-subject", subject}};
  headers.insert(headers.end(), more.begin(), more.end());
  return headers;
}

class NatsBridgeTest : public ::testing::Test {
 protected:
  void Expect(uint32_t status, const std::string& body) {
    ASSERT_TRUE(bridge_.response.has_value());
    EXPECT_EQ(bridge_.response->status, status);
    EXPECT_EQ(bridge_.response->body, body);
    EXPECT_EQ(HeaderOf(bridge_.response->headers, "content-length"), std::to_string(body.size()));
    EXPECT_FALSE(bridge_.half_closed);
  }
  // The subscription of the request that was sent.
  std::string Subscription() {
    const size_t at = bridge_.sent.find("UNSUB ") + 6;
    return bridge_.sent.substr(at, bridge_.sent.find(' ', at) - at);
  }

  FakeBridgeConfig config_{kConfig};
  FakeBridge bridge_{config_};
};

TEST_F(NatsBridgeTest, PublishesAndWaitsUntilTheServerHasIt) {
  bridge_.Headers(Call("nats publish"));
  EXPECT_EQ(bridge_.TakeSent(), kConnect);
  bridge_.Body({"he", "ll"}, false);
  bridge_.Body({"o"});
  EXPECT_EQ(bridge_.TakeSent(), "PUB a.b 5\r\nhello\r\nPING\r\n");
  bridge_.Server({kInfo, "+OK\r\n"});
  EXPECT_FALSE(bridge_.response.has_value());
  bridge_.Server({"PO"});
  bridge_.Server({"NG\r\n"});
  Expect(202, "");
}

TEST_F(NatsBridgeTest, ARequestWithoutBodyAndOneWithTrailers) {
  bridge_.Headers(Call("nats publish"), true);
  EXPECT_THAT(bridge_.TakeSent(), HasSubstr("\r\nPUB a.b 0\r\n\r\nPING\r\n"));
  FakeBridge other(config_);
  other.Headers(Call("nats publish"));
  other.Body({"x"}, false);
  other.TakeSent();
  other.Trailers();
  EXPECT_EQ(other.TakeSent(), "PUB a.b 1\r\nx\r\nPING\r\n");
}

TEST_F(NatsBridgeTest, RequestAndReply) {
  bridge_.Headers(Call("nats request"));
  bridge_.TakeSent();
  bridge_.Body({"hi"});
  EXPECT_THAT(bridge_.sent, MatchesRegex("SUB _INBOX\\.[0-9a-f]+ [0-9]+\r\nUNSUB [0-9]+ 1\r\n"
                                         "PUB a\\.b _INBOX\\.[0-9a-f]+ 2\r\nhi\r\n"));
  const std::string id = Subscription();
  const std::string block =
      "NATS/1.0\r\nContent-Type: text/x\r\nX-A: 1\r\nConnection: close\r\nContent-Length: 5\r\n"
      "x-envoy-immediate-health-check-fail: 1\r\nb\xc3\xa4: 1\r\n\r\n";
  bridge_.Server({"MSG other 99999999 2\r\nno\r\n"});
  EXPECT_FALSE(bridge_.response.has_value());
  bridge_.Server({"HMSG _INBOX.x " + id + " " + std::to_string(block.size()) + " " + std::to_string(block.size() + 5) +
                  "\r\n" + block + "reply\r\n"});
  Expect(200, "reply");
  EXPECT_EQ(bridge_.response->headers, (HeaderList{{"content-type", "text/x"}, {"x-a", "1"}, {"content-length", "5"}}));
}

TEST_F(NatsBridgeTest, NobodyAnswers) {
  bridge_.Headers(Call("nats request"), true);
  const std::string id = Subscription();
  bridge_.TakeSent();
  bridge_.Server({"HMSG _INBOX.x " + id + " 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"});
  Expect(503, "nobody answers requests on the subject");
  EXPECT_EQ(bridge_.sent, "UNSUB " + id + "\r\n");
}

TEST_F(NatsBridgeTest, AnErrorOfAService) {
  bridge_.Headers(Call("nats request"), true);
  const std::string block = "NATS/1.0\r\nNats-Service-Error-Code: 409\r\nNats-Service-Error: taken\r\n\r\n";
  bridge_.Server({"HMSG i " + Subscription() + " " + std::to_string(block.size()) + " " + std::to_string(block.size()) +
                  "\r\n" + block + "\r\n"});
  Expect(409, "");
  EXPECT_EQ(HeaderOf(bridge_.response->headers, "nats-service-error"), "taken");
}

struct Acknowledgement {
  const char* text;
  uint32_t status;
  const char* body;  // null: the text
};

TEST_F(NatsBridgeTest, Acknowledgements) {
  const Acknowledgement all[] = {
      {R"({"stream":"S","seq":4})", 200, nullptr},
      {R"({"stream":"S","seq":4,"duplicate":true})", 200, nullptr},
      {R"({"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 1"},"stream":"S"})", 400, nullptr},
      {R"({"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"}})", 503, nullptr},
      {R"({"error":{"code":"x"}})", 503, nullptr},
      {R"({"error":{}})", 503, nullptr},
      {R"({"error":{"code":-3}})", 503, nullptr},
      {R"({"error":{"code":999}})", 503, nullptr},
      {R"({"seq":4})", 502, "bad response: what answers is no stream"},
      {"hello", 502, "bad response: what answers is no stream"},
      {"[]", 502, "bad response: what answers is no stream"},
      {"", 502, "bad response: what answers is no stream"},
  };
  for (const Acknowledgement& ack : all) {
    FakeBridge bridge(config_);
    bridge.Headers(Call("nats jetstream"), true);
    const size_t at = bridge.sent.find("UNSUB ") + 6;
    const std::string id = bridge.sent.substr(at, bridge.sent.find(' ', at) - at);
    const std::string text = ack.text;
    bridge.Server({"MSG i " + id + " " + std::to_string(text.size()) + "\r\n" + text + "\r\n"});
    ASSERT_TRUE(bridge.response.has_value()) << text;
    EXPECT_EQ(bridge.response->status, ack.status) << text;
    EXPECT_EQ(bridge.response->body, ack.body == nullptr ? text : ack.body);
    EXPECT_EQ(HeaderOf(bridge.response->headers, "content-type"),
              ack.body == nullptr ? "application/json" : "text/plain");
  }
  bridge_.Headers(Call("nats jetstream"), true);
  bridge_.Server({"HMSG i " + Subscription() + " 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"});
  Expect(503, "no stream takes messages of the subject");
}

TEST_F(NatsBridgeTest, AnswersPingsAtAnyTime) {
  bridge_.Headers(Call("nats request"));
  bridge_.TakeSent();
  bridge_.Server({"PING\r\n"});
  EXPECT_EQ(bridge_.TakeSent(), "PONG\r\n");
  bridge_.Body({""});
  bridge_.TakeSent();
  bridge_.Server({"PING\r\nPONG\r\nPING\r\n"});
  EXPECT_EQ(bridge_.TakeSent(), "PONG\r\nPONG\r\n");
  EXPECT_FALSE(bridge_.response.has_value());
}

TEST_F(NatsBridgeTest, HeadersOfTheMessage) {
  bridge_.Headers(Call("nats publish h=Nats-Msg-Id,Content-Type,Empty f=x-tenant", "a",
                       {{"x-gloo-nats-h0", "7"},
                        {"x-gloo-nats-h1", "text/y"},
                        {"x-gloo-nats-h9", "forged"},
                        {"content-type", "text/x"},
                        {"content-encoding", "gzip"},
                        {"ce-id", "1"},
                        {"x-event-type", "t"},
                        {"x-tenant", "eu"},
                        {"authorization", "secret"},
                        {"cookie", "secret"},
                        {"x-gloo-nats-password", "secret"}}),
                  true);
  const std::string block =
      "NATS/1.0\r\nNats-Msg-Id: 7\r\nContent-Type: text/y\r\ncontent-encoding: gzip\r\nce-id: 1\r\n"
      "x-event-type: t\r\nx-tenant: eu\r\n\r\n";
  const std::string size = std::to_string(block.size());
  EXPECT_THAT(bridge_.sent, HasSubstr("HPUB a " + size + " " + size + "\r\n" + block + "\r\nPING\r\n"));
  EXPECT_THAT(bridge_.sent, Not(HasSubstr("secret")));
  EXPECT_THAT(bridge_.sent, Not(HasSubstr("forged")));
}

TEST(NatsBridgeConfigTest, CredentialsAreThoseOfTheUpstreamAlone) {
  const HeaderList forged{{"x-gloo-nats-user", "u"}, {"x-gloo-nats-password", "p\"w"}, {"x-gloo-nats-token", "t"}};
  const auto sent = [&](const std::string& auth) {
    FakeBridgeConfig config(R"({"auth":")" + auth + R"(","inbox":"_INBOX","max_payload":"1000","tls":false})");
    FakeBridge bridge(config);
    bridge.Headers(Call("nats publish", "a", forged), true);
    return bridge.TakeSent();
  };
  EXPECT_THAT(sent("user"), HasSubstr(R"(,"user":"u","pass":"p\"w"})"));
  EXPECT_THAT(sent("user"), Not(HasSubstr("auth_token")));
  EXPECT_THAT(sent("token"), HasSubstr(R"(,"auth_token":"t"})"));
  EXPECT_THAT(sent("token"), Not(HasSubstr("\"user\"")));
  EXPECT_THAT(sent("none"), Not(HasSubstr("\"user\"")));
  EXPECT_THAT(sent("none"), Not(HasSubstr("auth_token")));
}

TEST_F(NatsBridgeTest, AConnectionIsToldOnceWhoSpeaks) {
  FakeFilterConfig filter("gloo.nats", "");
  const auto sent = [&](uint64_t connection, const HeaderList& forged = {}) {
    FakeStream stream(&filter, nullptr);
    HeaderList headers = Call("nats publish", "a.b", forged);
    stream.Request(headers);
    EXPECT_TRUE(stream.request.complete);
    // It is known when the bridge is asked, not when the filter runs.
    stream.upstream_connection = connection;
    FakeBridge bridge(config_);
    bridge.Headers(stream.request.headers, true);
    return bridge.TakeSent();
  };
  const std::string publish = "PUB a.b 0\r\n\r\nPING\r\n";
  EXPECT_EQ(sent(7), kConnect + publish);
  EXPECT_EQ(sent(8), kConnect + publish);
  EXPECT_EQ(sent(7), publish);
  EXPECT_EQ(sent(8, {{"x-gloo-nats-connection", "1"}}), publish);
  EXPECT_EQ(sent(9, {{"x-gloo-nats-connection", "1"}}), kConnect + publish);
  {
    FakeStream stream(&filter, nullptr);
    stream.Request(Call("nats publish"));
    stream.upstream_connection = 10;
    FakeBridge refused(config_);
    refused.Headers(stream.request.headers, true);
    refused.Server({"-ERR 'Authorization Violation'\r\n"});
    EXPECT_EQ(refused.response.value().status, 502u);
    // The server has not closed it yet.
    FakeBridge next(config_);
    next.Headers(stream.request.headers, true);
    EXPECT_EQ(next.response.value().body, "the NATS server refuses the upstream's credentials");
    EXPECT_EQ(next.sent, "");
  }
  // None is known.
  EXPECT_EQ(sent(0), kConnect + publish);
  EXPECT_EQ(sent(0), kConnect + publish);
  // Without the filter a client's header says nothing, and each connection is new.
  for (const char* value : {"1", "7", "", "x", "99999999999999999999"}) {
    FakeBridge bridge(config_);
    bridge.Headers(Call("nats publish", "a.b", {{"x-gloo-nats-connection", value}}), true);
    EXPECT_EQ(bridge.TakeSent(), kConnect + publish);
  }
  // Old ones are forgotten, those in use are not.
  for (uint64_t connection = 100; connection < 100 + (16 << 10); ++connection) sent(connection);
  EXPECT_EQ(sent(7), kConnect + publish);
  EXPECT_EQ(sent(100 + (16 << 10) - 1), publish);
}

constexpr char kSeed[] = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";

// By the key of the bytes 0 to 31, of the text "nonce"; made by Python's cryptography.
constexpr char kSigned[] =
    "\"sig\":\"-HTq4d6DDHVNb8MsTRAZtSIa0vXA_yuZblwTA7JT5wYzmKBxJ2wpYfjHh7hcptZlidbVw_6ZLyubjm_yDk-OCQ\"";

TEST(NatsBridgeConfigTest, WithCredentialsTheServerIsHeardFirst) {
  FakeBridgeConfig config(R"({"auth":"token","inbox":"_INBOX","max_payload":"1000","tls":false})");
  const HeaderList token{{"x-gloo-nats-token", "t"}};
  FakeBridge bridge(config);
  bridge.Headers(Call("nats request", "a", token));
  EXPECT_THAT(bridge.TakeSent(), HasSubstr("}\r\nPING\r\n"));
  bridge.Body({"x"});
  EXPECT_EQ(bridge.TakeSent(), "");
  bridge.Server({"INFO {}\r\nPONG\r\n"});
  EXPECT_THAT(bridge.TakeSent(), HasSubstr("PUB a _INBOX."));
  FakeBridge wrong(config);
  wrong.Headers(Call("nats publish", "a", token), true);
  wrong.Server({"INFO {}\r\n-ERR 'Authorization Violation'\r\n"});
  EXPECT_EQ(wrong.response.value().status, 502u);
  // Nothing is answered before the PONG that the next request would take for its own.
  FakeBridge large(config);
  large.Headers(Call("nats publish", "a", token));
  large.Body({std::string(1001, 'x')});
  EXPECT_FALSE(large.response.has_value());
  large.Server({"PONG\r\n"});
  EXPECT_EQ(large.response.value().status, 413u);
  FakeBridge odd(config);
  odd.Headers(Call("nats publish", "a", token), true);
  odd.Server({"-ERR 'Something New'\r\n"});
  EXPECT_FALSE(odd.response.has_value());
  odd.Server({"PONG\r\n"});
  EXPECT_EQ(odd.response.value().status, 503u);
  EXPECT_THAT(odd.sent, Not(HasSubstr("PUB")));
}

TEST(NatsBridgeConfigTest, TheServersLimitIsLearned) {
  FakeBridgeConfig config(kConfig);
  for (const char* info :
       {"INFO {\"max_payload\":100}\r\n", "INFO {\"max_payload\":-1}\r\n", "INFO {\"max_payload\":5000}\r\n"}) {
    const bool smaller = std::string_view(info).find("100") != std::string_view::npos;
    FakeBridge first(config);
    first.Headers(Call("nats publish"), true);
    first.Server({info});
    FakeBridge second(config);
    second.Headers(Call("nats publish"));
    second.Body({std::string(101, 'x')});
    EXPECT_EQ(second.response.has_value(), smaller) << info;
    if (smaller) {
      EXPECT_EQ(second.response->body, "payload too large: the body has more than 100 bytes");
    }
  }
}

TEST(NatsBridgeConfigTest, TheServersNonceIsSigned) {
  FakeBridgeConfig config(R"({"auth":"nkey","inbox":"_INBOX","max_payload":"1000","tls":false})");
  FakeBridge bridge(config);
  bridge.Headers(Call("nats publish", "a", {{"x-gloo-nats-seed", kSeed}, {"x-gloo-nats-jwt", "mine"}}));
  bridge.Body({"x"});
  EXPECT_EQ(bridge.sent, "");
  bridge.Server({"INFO {\"nonce\":\"nonce\"}\r\n"});
  EXPECT_THAT(bridge.sent, HasSubstr("\"nkey\":\"UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK\""));
  EXPECT_THAT(bridge.sent, HasSubstr(kSigned));
  EXPECT_THAT(bridge.sent, HasSubstr("}\r\nPING\r\n"));
  EXPECT_THAT(bridge.sent, Not(HasSubstr("jwt")));
  EXPECT_THAT(bridge.TakeSent(), AllOf(Not(HasSubstr(kSeed)), Not(HasSubstr("PUB"))));
  bridge.Server({"PONG\r\n"});
  EXPECT_EQ(bridge.TakeSent(), "PUB a 1\r\nx\r\nPING\r\n");
  EXPECT_FALSE(bridge.response.has_value());
  bridge.Server({"PONG\r\n"});
  EXPECT_EQ(bridge.response.value().status, 202u);
}

TEST(NatsBridgeConfigTest, AJwtAndTheNonceSigned) {
  FakeBridgeConfig config(R"({"auth":"jwt","inbox":"_INBOX","max_payload":"1000","tls":false})");
  FakeBridge bridge(config);
  bridge.Headers(Call("nats publish", "a", {{"x-gloo-nats-seed", kSeed}, {"x-gloo-nats-jwt", "a.b.c"}}));
  // Before the body has come.
  bridge.Server({"INFO {\"nonce\":\"nonce\"}\r\n"});
  EXPECT_THAT(bridge.TakeSent(), AllOf(HasSubstr("\"jwt\":\"a.b.c\""), HasSubstr(kSigned), Not(HasSubstr("PUB"))));
  bridge.Server({"PONG\r\n"});
  EXPECT_EQ(bridge.TakeSent(), "");
  bridge.Body({"x"});
  EXPECT_EQ(bridge.TakeSent(), "PUB a 1\r\nx\r\nPING\r\n");
  // A call that is refused leaves a connection that is good for others.
  FakeBridge refused(config);
  refused.Headers(Call("nats publish", "a b", {{"x-gloo-nats-seed", kSeed}, {"x-gloo-nats-jwt", "a.b.c"}}));
  refused.Body({"x"});
  EXPECT_FALSE(refused.response.has_value());
  refused.Server({"INFO {\"nonce\":\"nonce\"}\r\n"});
  EXPECT_FALSE(refused.response.has_value());
  refused.Server({"PONG\r\n"});
  EXPECT_EQ(refused.response.value().status, 400u);
  EXPECT_THAT(refused.sent, AllOf(HasSubstr(kSigned), Not(HasSubstr("PUB"))));
}

TEST(NatsBridgeConfigTest, ErrorsWhileTheFirstWordsAreAwaited) {
  FakeBridgeConfig config(R"({"auth":"jwt","inbox":"_INBOX","max_payload":"1000","tls":false})");
  FakeBridge tls(config);
  tls.Headers(Call("nats publish"), true);
  tls.Server({"INFO {\"tls_required\":true}\r\n"});
  EXPECT_EQ(tls.response.value().status, 502u);
  EXPECT_EQ(tls.sent, "");
  FakeBridge full(config);
  full.Headers(Call("nats publish"), true);
  full.Server({"-ERR 'maximum connections exceeded'\r\n"});
  EXPECT_EQ(full.response.value().status, 503u);
  // A seed that is none signs nothing: the server refuses it.
  FakeBridge unsigned_(config);
  unsigned_.Headers(Call("nats publish", "a", {{"x-gloo-nats-seed", "SUx"}}), true);
  unsigned_.Server({"INFO {\"nonce\":\"nonce\"}\r\n-ERR 'Authorization Violation'\r\n"});
  EXPECT_EQ(unsigned_.response.value().status, 502u);
  EXPECT_THAT(unsigned_.sent, Not(HasSubstr("sig")));
}

TEST_F(NatsBridgeTest, WithoutACallNoMessageIsSent) {
  bridge_.Headers({{"x-gloo-call", ""}, {"x-gloo-nats-subject", "a"}}, true);
  Expect(500, "an upstream of type nats is reached through functions only");
  EXPECT_EQ(bridge_.sent, kConnect);
}

TEST_F(NatsBridgeTest, SubjectsThatAreNone) {
  const std::pair<const char*, const char*> all[] = {
      {"", "bad request: the subject is empty"},
      {"a b", "bad request: the subject has a space or a control character"},
      {"a\r\nPUB x 0\r\n", "bad request: the subject has a space or a control character"},
      {"a.*", "bad request: the subject has a wildcard, which messages are not sent to"},
      {"$SYS.REQ.x", "bad request: the subject belongs to the NATS server"},
      {"_INBOX.x", "bad request: the subject belongs to the NATS server"},
  };
  for (const auto& [subject, text] : all) {
    FakeBridge bridge(config_);
    bridge.Headers(Call("nats publish", subject), true);
    ASSERT_TRUE(bridge.response.has_value()) << subject;
    EXPECT_EQ(bridge.response->status, 400u);
    EXPECT_EQ(bridge.response->body, text);
    EXPECT_EQ(bridge.sent, kConnect);
  }
  bridge_.Headers(Call("nats request system", "$JS.API.INFO"), true);
  EXPECT_THAT(bridge_.sent, HasSubstr("PUB $JS.API.INFO _INBOX."));
}

TEST_F(NatsBridgeTest, NoHeaderBringsACommandIn) {
  for (const char* value : {"x\r\nPUB y 0", "x\n", "x\r", "x\x01"}) {
    FakeBridge written(config_);
    written.Headers(Call("nats publish h=A", "a", {{"x-gloo-nats-h0", value}}), true);
    ASSERT_TRUE(written.response.has_value());
    EXPECT_EQ(written.response->body, "bad request: header \"A\" holds a control character");
    FakeBridge sent(config_);
    sent.Headers(Call("nats publish", "a", {{"content-type", value}}), true);
    EXPECT_EQ(sent.response.value().status, 400u);
    EXPECT_EQ(sent.response->body, "bad request: a header of the client holds a control character");
    EXPECT_EQ(sent.sent, kConnect);
    EXPECT_EQ(written.sent, kConnect);
  }
}

TEST_F(NatsBridgeTest, LargeMessages) {
  bridge_.Headers(Call("nats publish", "a", {{"content-length", "1001"}}));
  Expect(413, "payload too large: the body has more than 1000 bytes");
  EXPECT_EQ(bridge_.sent, kConnect);
  FakeBridge chunked(config_);
  chunked.Headers(Call("nats publish"));
  chunked.Body({std::string(600, 'x')}, false);
  EXPECT_FALSE(chunked.response.has_value());
  chunked.Body({std::string(401, 'x')});
  EXPECT_EQ(chunked.response.value().status, 413u);
  EXPECT_THAT(chunked.sent, Not(HasSubstr("PUB")));
  FakeBridge most(config_);
  most.Headers(Call("nats publish"));
  most.Body({std::string(1000, 'x')});
  EXPECT_FALSE(most.response.has_value());
  // Headers count too.
  FakeBridge headers(config_);
  headers.Headers(Call("nats publish", "a", {{"content-type", std::string(990, 'x')}}));
  EXPECT_EQ(headers.response.value().status, 413u);
}

struct Said {
  const char* words;
  uint32_t status;
  const char* text;
};
constexpr Said kSaid[] = {
    {"Authorization Violation", 502, "the NATS server refuses the upstream's credentials"},
    {"Authentication Timeout", 502, "the NATS server refuses the upstream's credentials"},
    {"User Authentication Expired", 502, "the NATS server refuses the upstream's credentials"},
    {"Maximum Payload Violation", 413, "the message is larger than the NATS server takes"},
    {"Secure Connection - TLS Required", 502, "the NATS server demands TLS, which the upstream does not speak"},
    {"maximum connections exceeded", 503, "the NATS server has too many connections"},
    {"Unknown Protocol Operation", 502, "the NATS server does not understand the request"},
};

TEST_F(NatsBridgeTest, WhatTheServerSaysBeforeItCloses) {
  for (const char* mode : {"nats publish", "nats request", "nats jetstream"}) {
    for (const Said& said : kSaid) {
      FakeBridge bridge(config_);
      bridge.Headers(Call(mode), true);
      bridge.Server({kInfo + std::string("-ERR '") + said.words + "'\r\n"});
      ASSERT_TRUE(bridge.response.has_value()) << said.words;
      EXPECT_EQ(bridge.response->status, said.status) << said.words;
      EXPECT_EQ(bridge.response->body, said.text);
    }
  }
}

TEST_F(NatsBridgeTest, WhatAServerSaysThatGoesOnIsAnsweredWithTheLastPong) {
  bridge_.Headers(Call("nats publish"), true);
  bridge_.Server({"-ERR 'Permissions Violation for Publish to \"a.secret\"'\r\n"});
  EXPECT_FALSE(bridge_.response.has_value());
  bridge_.Server({"PONG\r\n"});
  Expect(502, "the NATS server does not permit the upstream's user to publish to the subject");
  FakeBridge unknown(config_);
  unknown.Headers(Call("nats publish"), true);
  unknown.Server({"-ERR 'Something New'\r\nPONG\r\n"});
  EXPECT_EQ(unknown.response.value().status, 503u);
  EXPECT_EQ(unknown.response->body, "the NATS server cannot serve the request now");
}

TEST_F(NatsBridgeTest, ARequestThatIsNotPermittedLeavesNoSubscription) {
  bridge_.Headers(Call("nats request"), true);
  const std::string id = Subscription();
  bridge_.TakeSent();
  bridge_.Server({"-ERR 'Permissions Violation for Subscription to \"_INBOX.x\"'\r\n"});
  Expect(502, "the NATS server does not permit the upstream's user to subscribe to its inbox");
  EXPECT_EQ(bridge_.sent, "UNSUB " + id + "\r\n");
}

TEST_F(NatsBridgeTest, AServerThatDemandsTls) {
  constexpr char kDemands[] = "INFO {\"tls_required\":true}\r\n";
  bridge_.Headers(Call("nats publish"), true);
  bridge_.Server({"INFO {\"tls_required\":false}\r\nINFO {\"tls_required\":1}\r\nINFO nonsense\r\n"});
  EXPECT_FALSE(bridge_.response.has_value());
  bridge_.Server({kDemands});
  Expect(502, "the NATS server demands TLS, which the upstream does not speak");
  FakeBridgeConfig tls(R"({"auth":"none","inbox":"_INBOX","max_payload":"1000","tls":true})");
  FakeBridge spoken(tls);
  spoken.Headers(Call("nats publish"), true);
  spoken.Server({kDemands, "PONG\r\n"});
  EXPECT_EQ(spoken.response.value().status, 202u);
}

TEST_F(NatsBridgeTest, AnErrorBeforeTheBodyHasCome) {
  bridge_.Headers(Call("nats publish"));
  bridge_.Server({"-ERR 'Authorization Violation'\r\n"});
  Expect(502, "the NATS server refuses the upstream's credentials");
}

TEST_F(NatsBridgeTest, AServerOfAnotherProtocol) {
  bridge_.Headers(Call("nats publish"), true);
  bridge_.Server({"HTTP/1.1 400 Bad Request\r\n\r\n"});
  // The connection must not be used again: it is closed first.
  EXPECT_FALSE(bridge_.response.has_value());
  EXPECT_TRUE(bridge_.half_closed);
  bridge_.Server({"more"}, true);
  ASSERT_TRUE(bridge_.response.has_value());
  EXPECT_EQ(bridge_.response->status, 502u);
  EXPECT_EQ(bridge_.response->body, "bad response of the NATS server: it does not speak NATS");
}

TEST_F(NatsBridgeTest, AServerThatCloses) {
  bridge_.Headers(Call("nats request"), true);
  bridge_.Server({"PING\r\n"}, true);
  Expect(503, "the NATS server closed the connection");
}

TEST(NatsBridgeConfigTest, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> all[] = {
      {"", "gloo.nats: "},
      {R"({"auth":"x","inbox":"a","max_payload":"1","tls":false})",
       "gloo.nats: auth: must be one of \"none\", \"user\", \"token\", \"nkey\" and \"jwt\""},
      {R"({"auth":"none","inbox":"a","max_payload":"1"})", "gloo.nats: tls: must be true or false"},
      {R"({"auth":"none","inbox":"a","max_payload":"1","tls":"no"})", "gloo.nats: tls: must be true or false"},
      {R"({"auth":"none","inbox":"a b","max_payload":"1","tls":false})",
       "gloo.nats: inbox: has a space or a control character"},
      {R"({"auth":"none","inbox":"a","max_payload":"0","tls":false})",
       "gloo.nats: max_payload: must be a number of bytes from 1 to 67108864, as a string"},
      {R"({"auth":"none","inbox":"a","max_payload":"67108865","tls":false})",
       "gloo.nats: max_payload: must be a number of bytes from 1 to 67108864, as a string"},
      {R"({"auth":"none","inbox":"a","max_payload":"1","tls":false,"x":"y"})",
       "gloo.nats: must have the fields \"auth\", \"inbox\", \"max_payload\" and \"tls\" only"},
  };
  for (const auto& [text, error] : all) {
    TakeLog();
    EXPECT_EQ(FakeBridgeConfig(text).module, nullptr) << text;
    EXPECT_THAT(TakeLog(), ElementsAre(HasSubstr(error)));
  }
  EXPECT_EQ(FakeBridgeConfig(kConfig, "gloo.other").module, nullptr);
  EXPECT_THAT(TakeLog(), ElementsAre(HasSubstr("gloo.other: unknown bridge; this module has gloo.nats")));
}

}  // namespace
}  // namespace gloo::filters
