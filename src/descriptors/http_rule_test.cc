#include "descriptors/http_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gloo::descriptors {
namespace {

using ::testing::ElementsAre;

std::string Shape(std::string_view path) {
  const auto parsed = ParseHttpTemplate(path);
  return parsed.ok() ? parsed->Shape() : std::string(parsed.status().message());
}

TEST(HttpTemplateTest, Reads) {
  EXPECT_EQ(Shape("/"), "");
  EXPECT_EQ(Shape("/**"), "/**");
  EXPECT_EQ(Shape("/v1/*/{a.b_c}:get"), "/v1/*/*:get");
  EXPECT_EQ(Shape("/v1/{name=shelves/*/books/**}/x"), "/v1/shelves/*/books/**/x");
  EXPECT_EQ(Shape("/a*b/c d%20"), "/a*b/c d%20");
  const auto parsed = ParseHttpTemplate("/{a.b}/{c=x/*}");
  EXPECT_THAT(parsed->variables, ElementsAre(ElementsAre("a", "b"), ElementsAre("c")));
}

TEST(HttpTemplateTest, RefusesWhatEnvoyRefuses) {
  EXPECT_EQ(Shape(""), "must start with \"/\"");
  EXPECT_EQ(Shape("v1"), "must start with \"/\"");
  EXPECT_EQ(Shape("/v1/"), "has an empty part at character 5");
  EXPECT_EQ(Shape("/a//b"), "has an empty part at character 4");
  EXPECT_EQ(Shape("/a:"), "has nothing after \":\"");
  EXPECT_EQ(Shape("/{a"), "has a \"{\" at character 2 that no \"}\" ends");
  EXPECT_EQ(Shape("/{}"), "has no name of a field at character 3");
  EXPECT_EQ(Shape("/{a={b}}"), "has a variable within a variable at character 5");
  EXPECT_EQ(Shape("/*a"), "has \"a\" at character 3, where \"/\", \":\" or the end is expected");
  EXPECT_EQ(Shape("/a}"), "has \"}\" at character 3, where \"/\", \":\" or the end is expected");
  EXPECT_EQ(Shape("/{a}b"), "has \"b\" at character 5, where \"/\", \":\" or the end is expected");
  EXPECT_EQ(Shape("/**/x/{y}"), "has a variable or \"*\" after \"**\"");
  EXPECT_EQ(Shape("/" + std::string(3000, 'a')), "is longer than 2048 characters");
}

TEST(HttpRuleTest, ThereAndBack) {
  const std::vector<Binding> bindings = {{"GET", "/a", "", ""},    {"PUT", "/b", "*", "x"},  {"POST", "/c", "y", ""},
                                         {"DELETE", "/d", "", ""}, {"PATCH", "/e", "*", ""}, {"HEAD", "/f", "", ""}};
  const google::api::HttpRule rule = RuleOf(bindings);
  EXPECT_EQ(rule.get(), "/a");
  EXPECT_EQ(rule.additional_bindings_size(), 5);
  EXPECT_EQ(rule.additional_bindings(4).custom().kind(), "HEAD");
  EXPECT_EQ(BindingsOf(rule), bindings);
  EXPECT_TRUE(BindingsOf({}).empty());
}

}  // namespace
}  // namespace gloo::descriptors
