#include "filters/nats_protocol.h"

#include <gtest/gtest.h>

namespace gloo::filters {
namespace {

using Kind = NatsEvent::Kind;

std::vector<NatsEvent> Read(NatsParser* parser, const std::string& text, size_t piece) {
  std::vector<NatsEvent> events;
  for (size_t i = 0; i < text.size(); i += piece) {
    parser->Append(std::string_view(text).substr(i, piece));
    NatsEvent event;
    while (parser->Next(&event)) events.push_back(event);
  }
  return events;
}

std::string FailureOf(const std::string& text, size_t max_message = 1000) {
  std::string first;
  for (const size_t piece : {text.size(), size_t{1}}) {
    NatsParser parser(max_message);
    Read(&parser, text, piece);
    if (piece == 1) {
      EXPECT_EQ(parser.failure(), first) << "in pieces of one byte";
    }
    first = parser.failure();
  }
  return first;
}

TEST(NatsProtocolTest, ReadsWhatAServerSendsInPiecesOfAnySize) {
  const std::string text =
      "INFO {\"server_id\":\"x\"} \r\nPING\r\nPONG\r\n+OK\r\n-ERR 'Authorization Violation'\r\n-ERR bare\r\n"
      "MSG a.b 7 5\r\nab\r\nc\r\nMSG a.b 8 reply.to 0\r\n\r\n"
      "HMSG a.b 9 30 32\r\nNATS/1.0\r\nA: x y \r\nb:z\r\nC:\r\n\r\nhi\r\nHMSG a 10 r 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"
      "HMSG a 11 32 32\r\nNATS/1.0 408 Request Timeout\r\n\r\n\r\n";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    NatsParser parser(1000);
    const std::vector<NatsEvent> events = Read(&parser, text, piece);
    ASSERT_EQ(parser.failure(), "") << piece;
    ASSERT_EQ(events.size(), 11u) << piece;
    EXPECT_EQ(events[0].kind, Kind::kInfo);
    EXPECT_EQ(events[0].text, "{\"server_id\":\"x\"}");
    EXPECT_EQ(events[1].kind, Kind::kPing);
    EXPECT_EQ(events[2].kind, Kind::kPong);
    EXPECT_EQ(events[3].kind, Kind::kOk);
    EXPECT_EQ(events[4].kind, Kind::kError);
    EXPECT_EQ(events[4].text, "Authorization Violation");
    EXPECT_EQ(events[5].text, "bare");
    EXPECT_EQ(events[6].kind, Kind::kMessage);
    EXPECT_EQ(events[6].subscription, "7");
    EXPECT_EQ(events[6].text, "ab\r\nc");
    EXPECT_EQ(events[7].subscription, "8");
    EXPECT_EQ(events[7].text, "");
    EXPECT_EQ(events[8].subscription, "9");
    EXPECT_EQ(events[8].text, "hi");
    EXPECT_EQ(events[8].status, 0);
    EXPECT_EQ(events[8].headers, (NatsHeaderList{{"A", "x y"}, {"b", "z"}, {"C", ""}}));
    EXPECT_EQ(events[9].status, 503);
    EXPECT_EQ(events[9].subscription, "10");
    EXPECT_EQ(events[10].status, 408);
  }
}

TEST(NatsProtocolTest, RefusesWhatIsNoNats) {
  EXPECT_EQ(FailureOf("HTTP/1.1 400 Bad Request\r\n"), "it does not speak NATS");
  EXPECT_EQ(FailureOf("\r\n"), "it does not speak NATS");
  EXPECT_EQ(FailureOf("MSG a 1\r\n"), "a message's line is malformed");
  EXPECT_EQ(FailureOf("MSG a 1 b c d e 5\r\n"), "a message's line is malformed");
  EXPECT_EQ(FailureOf("MSG a 1 -5\r\n"), "a message's line is malformed");
  EXPECT_EQ(FailureOf("MSG a 1 99999999999999999999\r\n"), "a message's line is malformed");
  EXPECT_EQ(FailureOf("HMSG a 1 9 5\r\n"), "a message's line is malformed");
  EXPECT_EQ(FailureOf("HMSG a 1 5\r\n"), "a message's line is malformed");
  EXPECT_EQ(FailureOf("MSG a 1 2\r\nabcd"), "a message is not followed by a line break");
  EXPECT_EQ(FailureOf("MSG a 1 1000\r\n"), "");
  EXPECT_EQ(FailureOf("MSG a 1 1001\r\n"), "a message is too large");
  EXPECT_EQ(FailureOf("HMSG a 1 4 4\r\nNOPE\r\n"), "a message has malformed headers");
  EXPECT_EQ(FailureOf("HMSG a 1 10 10\r\nNATS/1.0\r\n\r\n"), "a message has malformed headers");
  EXPECT_EQ(FailureOf("HMSG a 1 17 17\r\nNATS/1.0\r\nabc\r\n\r\n\r\n"), "a message has malformed headers");
  EXPECT_EQ(FailureOf("HMSG a 1 14 14\r\nNATS/1.0 x\r\n\r\n\r\n"), "a message has malformed headers");
}

TEST(NatsProtocolTest, HoldsNoLineWithoutEnd) {
  EXPECT_EQ(FailureOf("INFO " + std::string(60'000, 'x') + "\r\n"), "");
  EXPECT_EQ(FailureOf("INFO " + std::string(70'000, 'x')), "a line is too long");
  EXPECT_EQ(FailureOf("INFO " + std::string(70'000, 'x') + "\r\n"), "a line is too long");
}

TEST(NatsProtocolTest, AfterAFailureNothingIsRead) {
  NatsParser parser(10);
  EXPECT_TRUE(Read(&parser, "nonsense\r\nPING\r\n", 100).empty());
  EXPECT_TRUE(Read(&parser, "PING\r\n", 100).empty());
}

TEST(NatsProtocolTest, Writes) {
  std::string out;
  AppendNatsConnect({}, &out);
  EXPECT_EQ(out,
            "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"name\":\"gloo\",\"lang\":\"c++\","
            "\"version\":\"1\",\"protocol\":0,\"headers\":true,\"no_responders\":true}\r\n");
  out.clear();
  AppendNatsConnect({.user = "a\"\n\\", .password = "p\xc3\xa4", .token = ""}, &out);
  EXPECT_NE(out.find(",\"user\":\"a\\\"\\n\\\\\",\"pass\":\"p\xc3\xa4\"}\r\n"), std::string::npos) << out;
  out.clear();
  AppendNatsConnect({.user = "", .password = "", .token = "t"}, &out);
  EXPECT_NE(out.find(",\"auth_token\":\"t\"}\r\n"), std::string::npos) << out;
  out.clear();
  AppendNatsPublish({"a.b", "", "", "hi"}, &out);
  EXPECT_EQ(out, "PUB a.b 2\r\nhi\r\n");
  out.clear();
  const std::string block = NatsHeaderBlock({{"A", "1"}, {"b", ""}});
  EXPECT_EQ(block, "NATS/1.0\r\nA: 1\r\nb: \r\n\r\n");
  EXPECT_EQ(NatsHeaderBlock({}), "");
  AppendNatsPublish({"a.b", "r", block, "hi"}, &out);
  EXPECT_EQ(out, "HPUB a.b r 23 25\r\n" + block + "hi\r\n");
  out.clear();
  AppendNatsSubscribeOnce("r", "4", &out);
  EXPECT_EQ(out, "SUB r 4\r\nUNSUB 4 1\r\n");
}

}  // namespace
}  // namespace gloo::filters
