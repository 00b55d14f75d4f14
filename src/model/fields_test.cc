// Every type of field: what is taken, and the words for what is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"
#include "model/reading_test.h"
#include "src/model/testdata/test_plugin.pb.h"

namespace gloo::model {
namespace {

using test::EverythingSpec;
using ::testing::ElementsAre;

EverythingSpec Read(std::string_view fields) {
  EverythingSpec spec;
  const ObjectPtr object = ReadOne(Everything(fields));
  EXPECT_TRUE(object != nullptr && object->upstream().spec().UnpackTo(&spec));
  return spec;
}

// The one mistake of a field, without its place and path.
std::string Mistake(const std::string& field) {
  const std::vector<std::string> issues = IssuesOf(Everything(field));
  EXPECT_EQ(issues.size(), 1u) << field;
  if (issues.empty()) return "";
  const std::string mark = "error: spec.spec." + field.substr(0, field.find(':')) + ": ";
  const size_t at = issues[0].find(mark);
  EXPECT_NE(at, std::string::npos) << issues[0];
  return at == std::string::npos ? issues[0] : issues[0].substr(at + mark.size());
}

TEST(Fields, WholeNumbers) {
  EXPECT_EQ(Read("small: -2147483648").small(), INT32_MIN);
  EXPECT_EQ(Read("large: 9223372036854775807").large(), INT64_MAX);
  EXPECT_EQ(Read("large: \"-5\"").large(), -5);
  EXPECT_EQ(Read("count: 4294967295").count(), UINT32_MAX);
  EXPECT_EQ(Read("total: 18446744073709551615").total(), UINT64_MAX);
  EXPECT_EQ(Mistake("small: 2147483648"),
            "must be a whole number from -2147483648 to 2147483647, not 2147483648 (OutOfRange)");
  EXPECT_EQ(Mistake("count: -1"), "must be a whole number from 0 to 4294967295, not -1 (OutOfRange)");
  EXPECT_EQ(Mistake("count: 99999999999999999999999"),
            "must be a whole number from 0 to 4294967295, not 99999999999999999999999 (OutOfRange)");
  EXPECT_EQ(Mistake("count: \"80\""),
            "must be a whole number from 0 to 4294967295, not text; write 80 without quotes (WrongType)");
  EXPECT_EQ(Mistake("count: 080"),
            "must be a whole number from 0 to 4294967295, not \"080\"; write 80 (or quote text) (WrongType)");
  EXPECT_EQ(Mistake("count: 0x50"), "must be a whole number from 0 to 4294967295, not \"0x50\" (WrongType)");
  EXPECT_EQ(Mistake("count: 1.0"), "must be a whole number from 0 to 4294967295, not \"1.0\" (WrongType)");
  EXPECT_EQ(Mistake("count: [1]"), "must be a whole number from 0 to 4294967295, not a list (WrongType)");
}

TEST(Fields, Numbers) {
  EXPECT_EQ(Read("ratio: 1.5e3").ratio(), 1500);
  EXPECT_EQ(Read("share: 0.25").share(), 0.25f);
  EXPECT_EQ(Read("ratio: 7").ratio(), 7);
  EXPECT_EQ(Mistake("ratio: .inf"), "must be a number, not \".inf\" (WrongType)");
  EXPECT_EQ(Mistake("ratio: 1e999"), "must be a number, not 1e999 (OutOfRange)");
  EXPECT_EQ(Mistake("ratio: \"1\""), "must be a number, not text; write 1 without quotes (WrongType)");
}

TEST(Fields, Durations) {
  const auto wait = [](std::string_view text) { return Read("wait: " + std::string(text)).wait(); };
  EXPECT_EQ(wait("5s").seconds(), 5);
  EXPECT_EQ(wait("250ms").nanos(), 250'000'000);
  EXPECT_EQ(wait("1m30s").seconds(), 90);
  EXPECT_EQ(wait("1h").seconds(), 3600);
  EXPECT_EQ(wait("1.5s").nanos(), 500'000'000);
  EXPECT_EQ(wait("\"3us\"").nanos(), 3000);
  EXPECT_EQ(wait("0s").seconds(), 0);
  EXPECT_EQ(Mistake("wait: 5"),
            "must be a duration such as 5s, 250ms or 1m30s, not a bare number; write 5s (InvalidDuration)");
  EXPECT_EQ(Mistake("wait: 5 seconds"),
            "must be a duration such as 5s, 250ms or 1m30s, not \"5 seconds\" (InvalidDuration)");
  EXPECT_EQ(Mistake("wait: -5s"), "must be a duration such as 5s, 250ms or 1m30s, not \"-5s\" (InvalidDuration)");
  EXPECT_EQ(Mistake("wait: 1d"), "must be a duration such as 5s, 250ms or 1m30s, not \"1d\" (InvalidDuration)");
  EXPECT_EQ(Mistake("wait: inf"), "must be a duration such as 5s, 250ms or 1m30s, not \"inf\" (InvalidDuration)");
  EXPECT_EQ(Mistake("wait: 999999999999h"),
            "must be a duration of at most 10000 years, not \"999999999999h\" (OutOfRange)");
  EXPECT_EQ(Mistake("wait: {seconds: 5}"), "must be a duration such as 5s, 250ms or 1m30s, not a mapping (WrongType)");
}

TEST(Fields, Times) {
  EXPECT_EQ(Read("since: 2026-01-31T12:00:00.5+01:00").since().seconds(), 1769857200);
  EXPECT_EQ(Read("since: 2026-01-31T12:00:00.5Z").since().nanos(), 500'000'000);
  EXPECT_EQ(Mistake("since: 2026-01-31"),
            "must be a time such as 2026-01-31T12:00:00Z, not \"2026-01-31\" (InvalidTime)");
  EXPECT_EQ(Mistake("since: infinite-future"),
            "must be a time such as 2026-01-31T12:00:00Z, not \"infinite-future\" (InvalidTime)");
  // What 64 bits of nanoseconds can hold: ages are compared.
  EXPECT_EQ(Read("since: 1678-01-01T00:00:00Z").since().seconds(), -9'214'560'000);
  EXPECT_EQ(Read("since: 2261-12-31T23:59:59Z").since().seconds(), 9'214'646'399);
  for (std::string_view time : {"1677-12-31T23:59:59Z", "2262-01-01T00:00:00Z", "2500-01-01T00:00:00Z"}) {
    EXPECT_EQ(Mistake(StrCat("since: ", time)),
              StrCat("must be a time in the years 1678 to 2261, not \"", time, "\" (OutOfRange)"));
  }
}

TEST(Fields, Enums) {
  for (std::string_view text : {"LEAST_REQUEST", "LeastRequest", "least_request", "leastrequest", "least-request"}) {
    EXPECT_EQ(Read("policy: " + std::string(text)).policy(), EverythingSpec::LEAST_REQUEST);
  }
  EXPECT_EQ(Mistake("policy: RoundRobbin"),
            "unknown value \"RoundRobbin\"; did you mean \"RoundRobin\"? (UnknownValue)");
  EXPECT_EQ(Mistake("policy: 1"), "unknown value \"1\"; known: RoundRobin, LeastRequest (UnknownValue)");
  EXPECT_EQ(Mistake("policy: [a]"), "must be a name such as RoundRobin, not a list (WrongType)");
}

TEST(Fields, Bytes) {
  EXPECT_EQ(Read("blob: aGk=").blob(), "hi");
  EXPECT_EQ(Mistake("blob: '%'"), "must be base64 text (InvalidBase64)");
}

TEST(Fields, Text) {
  EXPECT_EQ(Read("text: |\n  a\n   b\n\n  c\n").text(), "a\n b\n\nc\n");
  EXPECT_EQ(Read("text: >-\n  a\n  b\n").text(), "a b");
  EXPECT_EQ(Read("text: \"\\u00e4\\n\\x41\"").text(), "\xc3\xa4\nA");
  EXPECT_EQ(Read("text: \"\xc3\xa9\\N\\_\\L\\P\\xa0\\u0085\"").text(),
            "\xc3\xa9\xc2\x85\xc2\xa0\xe2\x80\xa8\xe2\x80\xa9\xc2\xa0\xc2\x85");
  EXPECT_EQ(Read("text: a\n  b").text(), "a b");
  EXPECT_EQ(Mistake("text: {a: b}"), "must be text, not a mapping (WrongType)");
}

TEST(Fields, Wrappers) {
  EXPECT_EQ(Read("maybe: 0").has_maybe(), true);
  EXPECT_EQ(Read("maybe: 7").maybe().value(), 7u);
  EXPECT_TRUE(Read("maybeFlag: true").maybe_flag().value());
  EXPECT_EQ(Mistake("maybe: x"), "must be a whole number from 0 to 4294967295, not \"x\" (WrongType)");
}

TEST(Fields, FreeData) {
  const EverythingSpec spec =
      Read("free: {a: 1.5, b: yes, c: [true, null, \"1\"], d: {e: 012}}\nanyValue: -3\nanyList: [x]");
  const auto& fields = spec.free().fields();
  EXPECT_EQ(fields.at("a").number_value(), 1.5);
  EXPECT_EQ(fields.at("b").string_value(), "yes");
  EXPECT_TRUE(fields.at("c").list_value().values(0).bool_value());
  EXPECT_EQ(fields.at("c").list_value().values(1).kind_case(), google::protobuf::Value::kNullValue);
  EXPECT_EQ(fields.at("c").list_value().values(2).string_value(), "1");
  EXPECT_EQ(fields.at("d").struct_value().fields().at("e").string_value(), "012");
  EXPECT_EQ(spec.any_value().number_value(), -3);
  EXPECT_EQ(spec.any_list().values(0).string_value(), "x");
  EXPECT_EQ(Mistake("free: 5"), "must be a mapping, not \"5\" (WrongType)");
  EXPECT_EQ(Mistake("anyList: 5"), "must be a list, not \"5\" (WrongType)");
  EXPECT_THAT(IssuesOf(Everything("free: {a: 1, a: 2}")),
              ElementsAre("7:18: error: spec.spec.free.a: is written twice; the first is on line 7 (DuplicateKey)"));
}

TEST(Fields, ListsAndMaps) {
  const EverythingSpec spec = Read(
      "words: [a, 5, true]\nnumbers: [1, 2]\npolicies: [RoundRobin]\nnames: {a: b, 1: 2}\nflags: {1: true}\n"
      "nested:\n  x:\n    nested: {y: {text: deep}}");
  EXPECT_THAT(spec.words(), ElementsAre("a", "5", "true"));
  EXPECT_THAT(spec.numbers(), ElementsAre(1, 2));
  EXPECT_EQ(spec.names().at("1"), "2");
  EXPECT_TRUE(spec.flags().at(1));
  EXPECT_EQ(spec.nested().at("x").nested().at("y").text(), "deep");
  EXPECT_EQ(Mistake("words: a"), "must be a list, not \"a\"; write [a] (WrongType)");
  EXPECT_EQ(Mistake("words: {a: b}"), "must be a list, not a mapping (WrongType)");
  EXPECT_EQ(Mistake("names: [a]"), "must be a mapping, not a list (WrongType)");
  EXPECT_THAT(IssuesOf(Everything("flags: {x: true}\nnumbers: [1, x]")),
              ElementsAre("7:13: error: spec.spec.flags[\"x\"]: must be a whole number from -2147483648 to 2147483647, "
                          "not \"x\" (WrongType)",
                          "8:18: error: spec.spec.numbers[1]: must be a whole number from -2147483648 to 2147483647, "
                          "not \"x\" (WrongType)"));
}

}  // namespace
}  // namespace gloo::model
