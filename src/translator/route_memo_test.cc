#include "translator/route_memo.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace gloo::translator {
namespace {

RouteOutput Output(const std::string& route, const std::string& upstream) {
  RouteOutput output;
  output.routes = {{route, 0}};
  output.reads = std::make_shared<const RouteReads>(
      RouteReads{{{Fact::Kind::kUpstream, "default", upstream, ""}}, {"default/" + upstream}});
  return output;
}

TEST(RouteMemoTest, FindsByTheBytes) {
  RouteMemo memo;
  EXPECT_EQ(memo.Find("a"), nullptr);
  const RouteOutput* kept = memo.Keep("a", Output("A", "u"));
  EXPECT_EQ(memo.Find("a"), kept);
  EXPECT_EQ(kept->routes.at(0).bytes, "A");
  EXPECT_EQ(memo.Find("b"), nullptr);
}

TEST(RouteMemoTest, WhatIsReadAlikeIsSharedOnce) {
  RouteMemo memo;
  EXPECT_EQ(memo.Keep("a", Output("A", "u"))->reads, memo.Keep("b", Output("B", "u"))->reads);
  EXPECT_NE(memo.Find("a")->reads, memo.Keep("c", Output("C", "v"))->reads);
}

TEST(RouteMemoTest, AFactThatChangedDropsItsReadersAndNoOthers) {
  RouteMemo memo;
  memo.Keep("a", Output("A", "u"));
  memo.Keep("b", Output("B", "v"));
  memo.Forget({Fact::Kind::kUpstream, "default", "u", ""});
  memo.Forget({Fact::Kind::kUpstream, "default", "w", ""});
  EXPECT_EQ(memo.Find("a"), nullptr);
  EXPECT_NE(memo.Find("b"), nullptr);
  // What is kept after that is as good as any.
  memo.Keep("a", Output("A2", "u"));
  EXPECT_EQ(memo.Find("a")->routes.at(0).bytes, "A2");
}

TEST(RouteMemoTest, WhatNobodyAsksForGoes) {
  RouteMemo memo;
  memo.Keep("a", Output("A", "u"));
  memo.Keep("b", Output("B", "u"));
  memo.Sweep();
  EXPECT_NE(memo.Find("a"), nullptr);
  memo.Sweep();
  EXPECT_EQ(memo.Find("b"), nullptr);
  EXPECT_FALSE(memo.empty());
  memo.Sweep();
  memo.Sweep();
  EXPECT_TRUE(memo.empty());
}

}  // namespace
}  // namespace gloo::translator
