#include "translator/domain_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gloo::translator {
namespace {

using ::testing::HasSubstr;

TEST(DomainTableTest, IsEmptyWithoutWildcards) {
  DomainTable table;
  std::string before = table.Make("r", {"http"})->version;
  table.Add("http", "a.test");
  EXPECT_FALSE(table.changed());
  EXPECT_EQ(table.Make("r", {"http"})->version, before);
}

TEST(DomainTableTest, ListsWhatAWildcardOfTheSameListenerCovers) {
  DomainTable table;
  table.Add("http", "a.test");
  table.Add("http", "b.other");
  table.Add("https", "c.test");
  table.Add("http", "*.test");
  EXPECT_TRUE(table.changed());
  EXPECT_THAT(table.Make("r", {"https", "http"})->body,
              HasSubstr(R"({"table":"r","listeners":{"http":["*.test","a.test"],"https":[]}})"));
  table.Add("http", "x.b.test");
  EXPECT_TRUE(table.changed());
  EXPECT_THAT(table.Make("r", {"http"})->body, HasSubstr(R"(["*.test","a.test","x.b.test"])"));
  table.Add("http", "z.other");
  EXPECT_FALSE(table.changed());
  table.Remove("http", "*.test");
  EXPECT_TRUE(table.changed());
  EXPECT_THAT(table.Make("r", {"http"})->body, HasSubstr(R"("http":[])"));
}

}  // namespace
}  // namespace gloo::translator
