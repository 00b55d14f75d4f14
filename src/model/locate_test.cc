#include <gtest/gtest.h>

#include <string>

#include "model/reader.h"
#include "model/reading_test.h"

namespace gloo::model {
namespace {

constexpr std::string_view kText = R"(apiVersion: gloo.solo.io/v1
kind: Role
metadata: {name: first}
spec: {}
---
apiVersion: gloo.solo.io/v1
kind: VirtualService
metadata:
  name: a
spec:
  routes:
  - request_matcher:
      path_prefix: /a
      headers:
        x-"b.c: gold
  - requestMatcher: {pathPrefix: /b}
    extensions:
      max_retries: 3
)";

std::string At(int document, std::string_view path) {
  const Located located = Locate(kText, document, path);
  return located.path + " " + std::to_string(located.line) + ":" + std::to_string(located.column);
}

TEST(Locate, FindsFieldsAsTheyWereTyped) {
  EXPECT_EQ(At(1, "spec.routes[0].requestMatcher.pathPrefix"), "spec.routes[0].request_matcher.path_prefix 13:7");
  EXPECT_EQ(At(1, "spec.routes[1].requestMatcher.pathPrefix"), "spec.routes[1].requestMatcher.pathPrefix 16:22");
  EXPECT_EQ(At(1, "spec.routes[1]"), "spec.routes[1] 16:5");
  EXPECT_EQ(At(1, "spec.routes[1].extensions.maxRetries"), "spec.routes[1].extensions.max_retries 18:7");
  EXPECT_EQ(At(1, "spec.routes[0].requestMatcher.headers[\"x-\\\"b.c\"]"),
            "spec.routes[0].request_matcher.headers[\"x-\\\"b.c\"] 15:9");
  EXPECT_EQ(At(0, "metadata.name"), "metadata.name 3:12");
}

TEST(Locate, FallsBackToWhatIsThere) {
  EXPECT_EQ(At(1, "spec.sslConfig.secretRef"), "spec.sslConfig.secretRef 10:1");
  EXPECT_EQ(At(1, "spec.routes[0].requestMatcher.headers[\"x-\\\"b.c\"].exact"),
            "spec.routes[0].request_matcher.headers[\"x-\\\"b.c\"].exact 15:9");
  EXPECT_EQ(At(1, "spec.routes[7].name"), "spec.routes[7].name 11:3");
  EXPECT_EQ(At(1, ""), " 6:1");
  EXPECT_EQ(At(1, "]].["), "]].[ 6:1");
  EXPECT_EQ(At(2, "spec"), "spec 0:0");
  EXPECT_EQ(Locate("a: [", 0, "a").line, 0);
}

TEST(Locate, KnowsAliasesOfFieldsThatWereRead) {
  const std::string text =
      "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: a}\nspec:\n  type: static\n  spec:\n    hosts:\n"
      "    - addr: 10.0.0.1\n      port: 80\n";
  ASSERT_NE(ReadOne(text), nullptr);
  const Located located = Locate(text, 0, "spec.spec.hosts[0].address");
  EXPECT_EQ(located.path, "spec.spec.hosts[0].addr");
  EXPECT_EQ(located.line, 8);
}

TEST(Locate, CountsItemsOfLists) {
  const std::string text = "kind: List\nitems:\n- kind: Role\n  spec: {}\n- kind: Role\n  spec: {}\n";
  EXPECT_EQ(Locator(text).Find(1, "spec").line, 6);
}

}  // namespace
}  // namespace gloo::model
