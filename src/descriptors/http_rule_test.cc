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

TEST(HttpTemplateTest, TakesPathsAsEnvoyDoes) {
  const auto takes = [](const char* path, const char* request) { return ParseHttpTemplate(path)->Takes(request); };
  EXPECT_TRUE(takes("/v1/books/{id}", "/v1/books/3"));
  EXPECT_FALSE(takes("/v1/books/{id}", "/v1/books"));
  EXPECT_FALSE(takes("/v1/books/{id}", "/v1/books/3/4"));
  EXPECT_TRUE(takes("/{name=shelves/*}/x", "/shelves/9/x"));
  EXPECT_TRUE(takes("/**", "/"));
  EXPECT_TRUE(takes("/**", "/a/b"));
  EXPECT_TRUE(takes("/a/**/z", "/a/z"));
  EXPECT_TRUE(takes("/a/**/z", "/a/b/c/z"));
  EXPECT_FALSE(takes("/a/**/z", "/a/b"));
  EXPECT_TRUE(takes("/a/*:go", "/a/b:go"));
  EXPECT_FALSE(takes("/a/*:go", "/a/b"));
  EXPECT_FALSE(takes("/**", "a"));
}

TEST(HttpTemplateTest, LiteralsGoBeforeWildcards) {
  const auto before = [](const char* a, const char* b) {
    return ParseHttpTemplate(a)->MoreSpecificThan(*ParseHttpTemplate(b));
  };
  EXPECT_TRUE(before("/a/b", "/a/*"));
  EXPECT_TRUE(before("/a/*", "/a/**"));
  EXPECT_TRUE(before("/a/*/c", "/**"));
  EXPECT_FALSE(before("/**", "/a"));
}

}  // namespace
}  // namespace gloo::descriptors
