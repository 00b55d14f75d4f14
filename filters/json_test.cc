#include "filters/json.h"

#include <gtest/gtest.h>

namespace gloo::filters {
namespace {

std::string ErrorOf(std::string_view text) {
  Json value;
  std::string error;
  return ParseJson(text, &value, &error) ? "(none)" : error;
}

TEST(JsonTest, ReadsAllKinds) {
  Json value;
  std::string error;
  ASSERT_TRUE(ParseJson(R"( {"a": "x\n\"\u00e9\ud83d\ude00", "b": [true, false, null], "c": {}} )", &value, &error))
      << error;
  EXPECT_EQ(value.Find("a")->string, "x\n\"\xC3\xA9\xF0\x9F\x98\x80");
  ASSERT_EQ(value.Find("b")->array.size(), 3u);
  EXPECT_TRUE(value.Find("b")->array[0].boolean);
  EXPECT_FALSE(value.Find("b")->array[1].boolean);
  EXPECT_EQ(value.Find("b")->array[2].kind, Json::Kind::kNull);
  EXPECT_EQ(value.Find("c")->kind, Json::Kind::kObject);
  EXPECT_EQ(value.Find("d"), nullptr);
}

TEST(JsonTest, NamesMistakes) {
  EXPECT_EQ(ErrorOf(""), "unexpected end at byte 0");
  EXPECT_EQ(ErrorOf("{"), "expected a string at byte 1");
  EXPECT_EQ(ErrorOf("{\"a\" 1}"), "expected a colon at byte 5");
  EXPECT_EQ(ErrorOf("{\"a\":\"b\""), "expected a comma or a closing brace at byte 8");
  EXPECT_EQ(ErrorOf("[\"a\""), "expected a comma or a closing bracket at byte 4");
  EXPECT_EQ(ErrorOf("[12]"), "must be an object, an array, a string or a bool at byte 1");
  EXPECT_EQ(ErrorOf("{} x"), "text after the value at byte 3");
  EXPECT_EQ(ErrorOf("\"abc"), "string without an end at byte 4");
  EXPECT_EQ(ErrorOf("\"\\"), "string without an end at byte 2");
  EXPECT_EQ(ErrorOf("\"\\x\""), "unknown escape at byte 3");
  EXPECT_EQ(ErrorOf("\"\\u12\""), "unknown escape at byte 3");
  EXPECT_EQ(ErrorOf("\"\\ud800\""), "half of a surrogate pair at byte 7");
  EXPECT_EQ(ErrorOf("\"\\udc00\""), "half of a surrogate pair at byte 7");
  EXPECT_EQ(ErrorOf("\"a\nb\""), "control character in a string at byte 3");
  EXPECT_EQ(ErrorOf("{\"a\":true,\"a\":true}"), "duplicate key \"a\" at byte 13");
  EXPECT_EQ(ErrorOf(std::string(100, '[')), "nested too deeply at byte 9");
}

TEST(JsonTest, NoPrefixOfADocumentIsADocument) {
  const std::string text = R"({"table":"ingress","listeners":{"http":["*.example.com","\u00e9"],"https":[]}})";
  for (size_t size = 0; size < text.size(); ++size) {
    Json value;
    std::string error;
    EXPECT_FALSE(ParseJson(std::string_view(text).substr(0, size), &value, &error)) << size;
    EXPECT_FALSE(error.empty());
  }
  EXPECT_EQ(ErrorOf(text), "(none)");
}

}  // namespace
}  // namespace gloo::filters
