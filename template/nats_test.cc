#include "template/nats.h"

#include <gtest/gtest.h>

namespace gloo::tmpl {
namespace {

TEST(NatsTest, ACallIsTextAndBack) {
  const NatsCall plain;
  EXPECT_EQ(ToText(plain), "nats publish");
  const NatsCall all{NatsMode::kRequest, true, {"Nats-Msg-Id", "Priority"}, {"x-tenant"}};
  EXPECT_EQ(ToText(all), "nats request system h=Nats-Msg-Id,Priority f=x-tenant");
  for (const NatsCall& call : {plain, all, NatsCall{NatsMode::kJetStream, false, {}, {"a", "b"}}}) {
    NatsCall read;
    ASSERT_TRUE(FromText(ToText(call), &read));
    EXPECT_EQ(read, call);
  }
}

TEST(NatsTest, WhatIsNoCallIsNone) {
  NatsCall call;
  for (const char* text : {"", "nats", "nats ", "nats fly", "hello", "nats publish what", "nats publish h=a b",
                           "nats publish h=a:b", "nats publish h=a,,b", " nats publish"}) {
    EXPECT_FALSE(FromText(text, &call)) << text;
  }
  std::string many = "nats publish h=a";
  for (size_t i = 1; i < kMostNatsHeaders; ++i) many += ",a";
  EXPECT_TRUE(FromText(many, &call));
  EXPECT_FALSE(FromText(many + ",a", &call));
}

TEST(NatsTest, Subjects) {
  for (const char* good : {"a", "a.b", "orders.eu-1.Paid", "$JS.API.INFO", "a.\xc3\xa4", "a/b?c"}) {
    EXPECT_EQ(NatsSubjectMistake(good), "") << good;
  }
  EXPECT_EQ(NatsSubjectMistake(""), "is empty");
  for (const char* hollow : {".", "a.", ".a", "a..b"}) EXPECT_EQ(NatsSubjectMistake(hollow), "has an empty part");
  for (const char* blank : {"a b", "a\tb", "a\r\nPUB x 0", "a\n", " a", "a\x7f"}) {
    EXPECT_EQ(NatsSubjectMistake(blank), "has a space or a control character") << blank;
  }
  EXPECT_EQ(NatsSubjectMistake(std::string_view("a\0b", 3)), "has a space or a control character");
  for (const char* wild : {"*", "a.*", "a.>", ">", "a.b*"}) {
    EXPECT_EQ(NatsSubjectMistake(wild), "has a wildcard, which messages are not sent to") << wild;
  }
  EXPECT_EQ(NatsSubjectMistake(std::string(1024, 'a')), "");
  EXPECT_EQ(NatsSubjectMistake(std::string(1025, 'a')), "has more than 1024 bytes");
}

TEST(NatsTest, SystemSubjects) {
  for (const char* theirs : {"$SYS.x", "$JS.API.STREAM.DELETE.x", "_INBOX.a", "_INBOX"}) {
    EXPECT_TRUE(IsNatsSystemSubject(theirs)) << theirs;
  }
  for (const char* ours : {"a.$SYS", "_INBOXES.a", "orders"}) EXPECT_FALSE(IsNatsSystemSubject(ours)) << ours;
}

}  // namespace
}  // namespace gloo::tmpl
