#include "cli/route_match.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

namespace gloo::cli {
namespace {

using envoy::config::route::v3::RouteMatch;

std::string Why(const std::string& match, const Request& request) {
  RouteMatch message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(match, &message)) << match;
  return WhyNot(message, request);
}

Request At(const std::string& path) {
  Request request;
  request.host = "shop.example";
  request.path = path;
  return request;
}

TEST(RouteMatchTest, Paths) {
  EXPECT_EQ(Why(R"(prefix: "/a")", At("/ab?x=1")), "");
  EXPECT_EQ(Why(R"(prefix: "/a")", At("/b")), R"(path "/b" does not start with "/a")");
  EXPECT_EQ(Why(R"(prefix: "/A" case_sensitive { value: false })", At("/ab")), "");
  EXPECT_EQ(Why(R"(path: "/a")", At("/a?x=1")), "");
  EXPECT_EQ(Why(R"(path: "/a")", At("/a/")), R"(path "/a/" is not "/a")");
  EXPECT_EQ(Why(R"(safe_regex { regex: "/a/[0-9]+" })", At("/a/12?b")), "");
  EXPECT_EQ(Why(R"(safe_regex { regex: "/a/[0-9]+" })", At("/a/12/b")),
            R"(path "/a/12/b" does not match the expression "/a/[0-9]+")");
  EXPECT_EQ(Why(R"(path_separated_prefix: "/a")", At("/a/b")), "");
  EXPECT_EQ(Why(R"(path_separated_prefix: "/a")", At("/ab")), R"(path "/ab" is neither "/a" nor below it)");
  EXPECT_EQ(Why("connect_matcher { }", At("/")), R"(path "/" is matched in a way that only Envoy can judge)");
}

TEST(RouteMatchTest, Headers) {
  Request request = At("/");
  request.method = "POST";
  request.headers = {{"x-tier", "gold"}, {"x-list", "a"}, {"x-list", "b"}};
  const auto why = [&](const std::string& header) { return Why("prefix: '/' headers { " + header + " }", request); };
  EXPECT_EQ(why("name: ':method' string_match { safe_regex { regex: 'GET|POST' } }"), "");
  EXPECT_EQ(why("name: ':method' string_match { exact: 'GET' }"), R"(method "POST" is not "GET")");
  EXPECT_EQ(why("name: ':authority' string_match { exact: 'a' }"), R"(host "shop.example" is not "a")");
  EXPECT_EQ(why("name: 'x-tier' string_match { exact: 'gold' }"), "");
  EXPECT_EQ(why("name: 'x-tier' string_match { exact: 'tin' }"), R"(header "x-tier" "gold" is not "tin")");
  EXPECT_EQ(why("name: 'x-tier' string_match { exact: 'GOLD' ignore_case: true }"), "");
  EXPECT_EQ(why("name: 'x-tier' string_match { prefix: 'go' }"), "");
  EXPECT_EQ(why("name: 'x-tier' string_match { suffix: 'go' }"), R"(header "x-tier" "gold" does not end with "go")");
  EXPECT_EQ(why("name: 'x-tier' string_match { contains: 'OL' ignore_case: true }"), "");
  EXPECT_EQ(why("name: 'x-tier' string_match { safe_regex { regex: 'gol' } }"),
            R"(header "x-tier" "gold" does not match the expression "gol")");
  EXPECT_EQ(why("name: 'x-tier' string_match { exact: 'gold' } invert_match: true"),
            R"(header "x-tier" "gold" must not match)");
  EXPECT_EQ(why("name: 'x-list' string_match { exact: 'a,b' }"), "");
  EXPECT_EQ(why("name: 'x-none' string_match { exact: '' }"), R"(header "x-none" is missing)");
  EXPECT_EQ(why("name: 'x-none' string_match { exact: '' } treat_missing_header_as_empty: true"), "");
  EXPECT_EQ(why("name: 'x-none' present_match: true"), R"(header "x-none" is missing)");
  EXPECT_EQ(why("name: 'x-none' present_match: true invert_match: true"), "");
  EXPECT_EQ(why("name: 'x-tier' present_match: true invert_match: true"), R"(header "x-tier" is there)");
  EXPECT_EQ(why("name: 'x-tier' range_match { start: 1 end: 2 }"),
            R"(header "x-tier" is matched in a way that only Envoy can judge)");
}

TEST(RouteMatchTest, QueryParameters) {
  const auto why = [&](const std::string& query) {
    return Why("prefix: '/' query_parameters { " + query + " }", At("/a?x=1&flag&x=2&e=%20#f=1"));
  };
  EXPECT_EQ(why("name: 'x' string_match { exact: '1' }"), "");
  EXPECT_EQ(why("name: 'x' string_match { exact: '2' }"), R"(query parameter "x" "1" is not "2")");
  EXPECT_EQ(why("name: 'flag' present_match: true"), "");
  EXPECT_EQ(why("name: 'e' string_match { exact: '%20' }"), "");
  EXPECT_EQ(why("name: 'f' present_match: true"), R"(query parameter "f" is missing)");
}

}  // namespace
}  // namespace gloo::cli
