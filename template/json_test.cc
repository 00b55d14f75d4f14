// The JSON reader and writer, and values.
#include "template/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "template/codec.h"
#include "template/test_support.h"

namespace gloo::tmpl {
namespace {

std::string Read(std::string_view text) {
  Arena arena;
  Value value;
  JsonError error;
  if (!ReadJson(text, &arena, &value, &error)) return std::string(error.message) + " @" + std::to_string(error.offset);
  std::string out;
  EXPECT_TRUE(AppendJson(value, SIZE_MAX, &out));
  return out;
}

TEST(Json, ReadsAndWrites) {
  for (const char* same :
       {"null", "true", "false", "0", "-0", "1.10", "1E5", "-1.5e-7", "123456789012345678901234567890", "\"\"", "\"a\"",
        "[]", "{}", "[1,[2,[3]]]", "{\"a\":{\"b\":[null]}}", "\"\xc3\xa9\xf0\x9f\x98\x80\"",
        "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\""}) {
    EXPECT_EQ(Read(same), same);
  }
  EXPECT_EQ(Read(" \n\r\t[ 1 , 2 ] "), "[1,2]");
  EXPECT_EQ(Read("\"\\u0041\\/\\u00e9\\u20ac\\ud83d\\ude00\""), "\"A/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
  EXPECT_EQ(Read("\"\\u0000\""), "\"\\u0000\"");
  EXPECT_EQ(Read("{\"a\":1,\"b\":2,\"a\":3}"), "{\"a\":3,\"b\":2}");
  EXPECT_EQ(Read("{\"\\u0061\":1,\"a\":2}"), "{\"a\":2}");
  EXPECT_EQ(Read("\"0123456789abcdef\\n0123456789\""), "\"0123456789abcdef\\n0123456789\"");
}

std::string Repeated(std::string_view part, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += part;
  return out;
}

TEST(Json, StopsReadingWhenTheMemoryIsUsedUp) {
  constexpr size_t kMemory = 100'000;
  for (const std::string& text :
       {"[" + Repeated("0,", 50'000) + "0]", "{\"a\":[" + Repeated("[],", 50'000) + "0]}",
        "[" + Repeated("{\"a\":1},", 50'000) + "0]", "{" + Repeated("\"\":0,", 50'000) + "\"\":0}",
        "[" + Repeated("\"\\n\",", 50'000) + "0]", "[" + Repeated("[0],", 50'000) + "0]"}) {
    Arena arena;
    Value value;
    JsonError error;
    EXPECT_FALSE(ReadJson(text, &arena, &value, &error, kMemory));
    EXPECT_TRUE(error.too_large);
    EXPECT_STREQ(error.message, "takes too much memory");
    EXPECT_LE(arena.used(), kMemory);
    EXPECT_TRUE(ReadJson(text, &arena, &value, &error, 50 * text.size()));
  }
  Arena arena;
  Value value;
  JsonError error;
  EXPECT_TRUE(ReadJson("[" + Repeated("0,", 1000) + "0]", &arena, &value, &error, kMemory));
  EXPECT_FALSE(ReadJson("[0,", &arena, &value, &error, kMemory));
  EXPECT_FALSE(error.too_large);
}

TEST(Json, IsLookedAtWithoutReading) {
  for (const char* good : {"1", " [1,{\"a\":\"\\n\\u00e9\",\"a\":[]}] ", "\"\"", "null"})
    EXPECT_TRUE(IsJson(good)) << good;
  for (const char* bad : {"", "[1", "{\"a\"}", "\"\\q\"", "1,2", "\"\\udc00\"", "\"\x80\""})
    EXPECT_FALSE(IsJson(bad)) << bad;
  EXPECT_TRUE(IsJson(std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']')));
  EXPECT_FALSE(IsJson(std::string(kMaxJsonDepth + 1, '[') + std::string(kMaxJsonDepth + 1, ']')));
}

TEST(Json, Refuses) {
  struct Case {
    std::string text;
    const char* error;
  } cases[] = {
      {"", "no value @0"},
      {"  ", "no value @2"},
      {"nul", "expected a value @0"},
      {"True", "expected a value @0"},
      {"NaN", "expected a value @0"},
      {"01", "expected a value @0"},
      {"-", "expected a value @0"},
      {"1.", "expected a value @0"},
      {".5", "expected a value @0"},
      {"+1", "expected a value @0"},
      {"1e", "expected a value @0"},
      {"1 2", "more text after the value @2"},
      {"{} x", "more text after the value @3"},
      {"[1,]", "expected a value @3"},
      {"[1 2]", "expected \",\" or \"]\" @3"},
      {"[1", "the array does not end @2"},
      {"[", "the array does not end @1"},
      {"[1,", "the array does not end @3"},
      {"{", "the object does not end @1"},
      {"{\"a\":1", "the object does not end @6"},
      {"{\"a\":1,", "the object does not end @7"},
      {"{a:1}", "expected a key in double quotes @1"},
      {"{\"a\":1,}", "expected a key in double quotes @7"},
      {"{\"a\" 1}", "expected \":\" after the key @5"},
      {"{\"a\":}", "expected a value @5"},
      {"{\"a\":", "expected a value @5"},
      {"{\"a\":1 \"b\"}", "expected \",\" or \"}\" @7"},
      {"\"abc", "the string does not end @4"},
      {"\"abc\\", "the string does not end @5"},
      {"\"a\nb\"", "control character in a string @2"},
      {"\"a\\x\"", "unknown escape @2"},
      {"\"\\u12g4\"", "\\u needs four hexadecimal digits @1"},
      {"\"\\ud800\"", "unpaired surrogate @1"},
      {"\"\\ud800\\u0041\"", "unpaired surrogate @1"},
      {"\"a\\udc00\"", "unpaired surrogate @2"},
      {"\"\xff\"", "invalid UTF-8 @1"},
      {"\"\xc0\x80\"", "invalid UTF-8 @1"},
      {"\"\xed\xa0\x80\"", "invalid UTF-8 @1"},
      {"\"\xf4\x90\x80\x80\"", "invalid UTF-8 @1"},
      {"\"abcdefgh\xe2\x82\"", "invalid UTF-8 @9"},
      {"'a'", "expected a value @0"},
      {"/* c */ 1", "expected a value @0"},
  };
  for (const Case& c : cases) EXPECT_EQ(Read(c.text), c.error) << c.text;
}

TEST(Json, DepthIsLimited) {
  std::string deep(kMaxJsonDepth, '[');
  EXPECT_EQ(Read(deep + std::string(kMaxJsonDepth, ']')), deep + std::string(kMaxJsonDepth, ']'));
  EXPECT_EQ(Read(deep + "["), "nested too deep @128");
  EXPECT_EQ(Read(std::string(1'000'000, '[')), "nested too deep @128");
  std::string objects;
  for (int i = 0; i < 200; ++i) objects += "{\"a\":";
  EXPECT_EQ(Read(objects), "nested too deep @640");
}

TEST(Json, LargeObjectsAreIndexed) {
  for (int distinct : {7, 8, 9, 16, 17, 1000}) {
    std::string text = "{";
    for (int i = 0; i < distinct * 2; ++i) {
      if (i > 0) text += ",";
      text += "\"key" + std::to_string(i % distinct) + "\":" + std::to_string(i);
    }
    text += "}";
    Arena arena;
    Value value;
    JsonError error;
    ASSERT_TRUE(ReadJson(text, &arena, &value, &error));
    ASSERT_EQ(value.size, static_cast<uint32_t>(distinct));
    for (int i = 0; i < distinct; ++i) {
      const Value* found = FindMember(value, "key" + std::to_string(i));
      ASSERT_NE(found, nullptr) << i;
      EXPECT_EQ(found->view(), std::to_string(i + distinct));
    }
    EXPECT_EQ(FindMember(value, "key"), nullptr);
    EXPECT_EQ(FindMember(value, "key" + std::to_string(distinct)), nullptr);
  }
}

TEST(Json, EscapesInvalidUtf8) {
  std::string out;
  AppendJsonEscaped(std::string_view("a\xff\xc3\xa9\xe2\x82\0b", 8), &out);
  EXPECT_EQ(out, "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\\u0000b");
}

TEST(Json, WriterStopsAtTheLimit) {
  Arena arena;
  Value value;
  JsonError error;
  ASSERT_TRUE(ReadJson("[\"aaaaaaaaaa\",\"bbbbbbbbbb\",\"cccccccccc\"]", &arena, &value, &error));
  std::string out;
  EXPECT_FALSE(AppendJson(value, 20, &out));
  EXPECT_LT(out.size(), 40u);
}

TEST(Json, SmallTextsAllocateOnlyInTheInlineBlock) {
  InlineArena<4096> arena;
  Value value;
  JsonError error;
  ASSERT_TRUE(ReadJson("{\"id\": 7, \"name\": \"x\", \"tags\": [1, 2, 3]}", &arena, &value, &error));
  EXPECT_LT(arena.used(), 512u);
}

TEST(Values, NumbersBeyondTheirTypes) {
  auto numeric = [](std::string_view text) {
    bool integral = false;
    EXPECT_EQ(JsonNumberLength(text, &integral), text.size());
    return ToNumeric(Value::Number(text, integral));
  };
  EXPECT_TRUE(numeric("9223372036854775807").is_int);
  EXPECT_EQ(numeric("-9223372036854775808").integer, INT64_MIN);
  EXPECT_FALSE(numeric("9223372036854775808").is_int);
  EXPECT_EQ(numeric("9223372036854775808").real, 9223372036854775808.0);
  EXPECT_EQ(numeric("1e999").real, HUGE_VAL);
  EXPECT_EQ(numeric("-1e999").real, -HUGE_VAL);
  EXPECT_EQ(numeric("1e-999").real, 0);
}

TEST(Codec, UrlAndSuggestions) {
  std::string out;
  AppendUrlDecoded("a+b%20c%", true, &out);
  EXPECT_EQ(out, "a b c%");
  constexpr std::string_view kKnown[] = {"header", "length", "if"};
  EXPECT_EQ(Suggest("hedaer", kKnown), "header");
  EXPECT_EQ(Suggest("LENGHT", kKnown), "length");
  EXPECT_EQ(Suggest("fi", kKnown), "if");
  EXPECT_EQ(Suggest("xy", kKnown), "");
  EXPECT_EQ(Suggest("something", kKnown), "");
}

}  // namespace
}  // namespace gloo::tmpl
