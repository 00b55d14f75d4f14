#include "translator/filter_order.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace gloo::translator {
namespace {

TEST(FilterOrderTest, RowsFollowTheSlots) {
  size_t place = 0;
  for (const FilterOrderRow& row : kFilterOrder) EXPECT_EQ(static_cast<size_t>(row.slot), place++);
}

TEST(FilterOrderTest, ThePageShowsTheTable) {
  std::ifstream file("docs/filter-order.md");
  std::stringstream page;
  page << file.rdbuf();
  int place = 0;
  for (const FilterOrderRow& row : kFilterOrder) {
    std::string line = "| " + std::to_string(++place);
    line.append(" | `").append(row.filter).append("` | ").append(row.reason).append(" |\n");
    EXPECT_NE(page.str().find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace gloo::translator
