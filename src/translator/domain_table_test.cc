#include "translator/domain_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gloo::translator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

std::string Part(const std::string& domain, const std::string& listeners) {
  return "{\"table\":\"r\",\"part\":\"" + std::to_string(DomainPart(domain)) + "/128\",\"listeners\":{" + listeners +
         "}}";
}

std::vector<snapshot::ResourcePtr> Take(DomainTable& table) {
  Issues issues;
  auto changed = table.TakeChanged("r", issues);
  EXPECT_TRUE(issues.ok());
  return changed;
}

// The filter module computes the same numbers (filters/domain_table_test.cc).
TEST(DomainTableTest, PartsOfDomains) {
  EXPECT_EQ(DomainPart("*"), 125u);
  EXPECT_EQ(DomainPart("a.test"), 78u);
  EXPECT_EQ(DomainPart("*.test"), 33u);
  EXPECT_EQ(DomainPart("www.example.com"), 107u);
}

TEST(DomainTableTest, ListsNothingWithoutWildcards) {
  DomainTable table;
  EXPECT_THAT(Take(table), SizeIs(kDomainParts)) << "all of them at first";
  table.Add("http", "a.test");
  table.Remove("http", "a.test");
  table.Add("http", "a.test");
  EXPECT_THAT(Take(table), IsEmpty());
}

TEST(DomainTableTest, ListsAllDomainsOfAListenerWithAWildcard) {
  DomainTable table;
  Take(table);
  table.Add("http", "a.test");
  table.Add("https", "c.test");
  EXPECT_THAT(Take(table), IsEmpty());
  table.Add("http", "*.test");
  auto changed = Take(table);
  ASSERT_THAT(changed, SizeIs(2));
  EXPECT_THAT((std::vector<std::string>{changed[0]->body, changed[1]->body}),
              UnorderedElementsAre(HasSubstr(Part("*.test", R"("http":["*.test"])")),
                                   HasSubstr(Part("a.test", R"("http":["a.test"])"))));
  EXPECT_EQ(changed[0]->ref.name, DomainPartName(std::min(DomainPart("*.test"), DomainPart("a.test"))));
  // One domain more is one part.
  table.Add("http", "x.other");
  EXPECT_THAT(Take(table), ElementsAre(::testing::Pointee(::testing::Field(
                               &snapshot::Resource::body, HasSubstr(Part("x.other", R"("http":["x.other"])"))))));
  table.Add("https", "d.test");
  EXPECT_THAT(Take(table), IsEmpty()) << "that listener has no wildcard";
  table.Remove("http", "*.test");
  changed = Take(table);
  ASSERT_THAT(changed, SizeIs(3));
  for (const auto& part : changed) EXPECT_THAT(part->body, HasSubstr(R"("listeners":{}})"));
}

}  // namespace
}  // namespace gloo::translator
