#include "filters/domain_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace gloo::filters {
namespace {

std::shared_ptr<const DomainTable> Parse(std::string_view json) {
  std::string error;
  auto table = DomainTable::Parse(json, &error);
  EXPECT_NE(table, nullptr) << error;
  return table;
}

std::string ErrorOf(std::string_view json) {
  std::string error;
  EXPECT_EQ(DomainTable::Parse(json, &error), nullptr);
  return error;
}

TEST(DomainTableTest, LongestWildcardWins) {
  const auto table = Parse(R"({"table":"t","listeners":{
      "http":["*.example.com","*.b.example.com","*","a.example.com","*.B.org"],
      "https":["*.secure.com"]}})");
  EXPECT_EQ(table->id(), "t");
  const DomainTable::Listener* http = table->Find("http");
  ASSERT_NE(http, nullptr);
  EXPECT_EQ(http->Match("x.example.com"), "http|*.example.com");
  EXPECT_EQ(http->Match("y.x.example.com"), "http|*.example.com");
  EXPECT_EQ(http->Match("b.example.com"), "http|*.example.com");
  EXPECT_EQ(http->Match("x.b.example.com"), "http|*.b.example.com");
  EXPECT_EQ(http->Match("a.example.com"), "") << "exact";
  EXPECT_EQ(http->Match("x.a.example.com"), "http|*.example.com");
  EXPECT_EQ(http->Match("example.com"), "http|*") << "a wildcard covers at least one label";
  EXPECT_EQ(http->Match(".example.com"), "http|*");
  EXPECT_EQ(http->Match("xexample.com"), "http|*");
  EXPECT_EQ(http->Match("c.b.org"), "http|*.b.org") << "domains are lower-cased";
  EXPECT_EQ(http->Match(""), "http|*") << "no host, or one that is too long";
  const DomainTable::Listener* https = table->Find("https");
  EXPECT_EQ(https->Match("a.secure.com"), "https|*.secure.com");
  EXPECT_EQ(https->Match("example.com"), "");
  EXPECT_EQ(https->Match(""), "");
  EXPECT_EQ(table->Find("other"), nullptr);
}

TEST(DomainTableTest, NamesMistakes) {
  EXPECT_EQ(ErrorOf("[]"), "must be an object");
  EXPECT_EQ(ErrorOf("{}"), "table: must be a non-empty string");
  EXPECT_EQ(ErrorOf(R"({"table":""})"), "table: must be a non-empty string");
  EXPECT_EQ(ErrorOf(R"({"table":"t","listener":{}})"), "unknown field \"listener\"");
  EXPECT_EQ(ErrorOf(R"({"table":"t","listeners":[]})"), "listeners: must be an object");
  EXPECT_EQ(ErrorOf(R"({"table":"t","listeners":{"http":{}}})"), "listeners.http: must be an array");
  EXPECT_EQ(ErrorOf(R"({"table":"t","listeners":{"http":["a",""]}})"), "listeners.http[1]: must be a non-empty string");
  for (const char* domain : {"*.", "*a.com", "a.*", "*.*.com", "**"}) {
    EXPECT_EQ(ErrorOf(R"({"table":"t","listeners":{"http":[")" + std::string(domain) + R"("]}})"),
              "listeners.http[0]: a wildcard must be \"*\" or \"*.\" and a suffix");
  }
}

TEST(DomainTablesTest, LatestLivePublicationIsInForce) {
  const auto one = Parse(R"({"table":"p","listeners":{"http":["*"]}})");
  const auto two = Parse(R"({"table":"p","listeners":{"http":["*.b"]}})");
  DomainTables::Slot* slot = DomainTables::Find("p");
  EXPECT_EQ(DomainTables::Find("p"), slot);
  EXPECT_NE(DomainTables::Find("q"), slot);
  EXPECT_EQ(slot->Get(), nullptr);
  auto first = std::make_unique<DomainTables::Publication>(slot, one);
  EXPECT_EQ(slot->Get(), one.get());
  auto second = std::make_unique<DomainTables::Publication>(slot, two);
  EXPECT_EQ(slot->Get(), two.get());
  first.reset();
  EXPECT_EQ(slot->Get(), two.get());
  first = std::make_unique<DomainTables::Publication>(slot, one);
  EXPECT_EQ(slot->Get(), one.get());
  first.reset();
  EXPECT_EQ(slot->Get(), two.get()) << "back to what still lives";
  second.reset();
  EXPECT_EQ(slot->Get(), nullptr);
}

TEST(DomainTablesTest, EqualTablesAreOne) {
  const char* json = R"({"table":"e","listeners":{"http":["*.a","b"]}})";
  const auto one = Parse(json);
  const auto same = Parse(json);
  DomainTables::Slot* slot = DomainTables::Find("e");
  auto first = std::make_unique<DomainTables::Publication>(slot, one);
  auto second = std::make_unique<DomainTables::Publication>(slot, same);
  EXPECT_EQ(same.use_count(), 1) << "the second is not kept";
  EXPECT_EQ(slot->Get(), one.get());
  first.reset();
  EXPECT_EQ(slot->Get(), one.get());
  second.reset();
  EXPECT_EQ(slot->Get(), nullptr);
  EXPECT_EQ(one.use_count(), 1) << "nothing of a table is left behind";
}

TEST(DomainTablesTest, ReadersSeeWholeTablesWhileTheyAreReplaced) {
  DomainTables::Slot* slot = DomainTables::Find("race");
  const auto even = Parse(R"({"table":"race","listeners":{"http":["*.even"]}})");
  const auto odd = Parse(R"({"table":"race","listeners":{"http":["*.odd"]}})");
  auto current = std::make_unique<DomainTables::Publication>(slot, even);
  std::atomic<bool> stop = false;
  std::atomic<size_t> wrong = 0;
  std::atomic<size_t> reads = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const DomainTable::Listener* listener = slot->Get()->Find("http");
        const bool is_even = listener->Match("a.even") == "http|*.even";
        const bool is_odd = listener->Match("a.odd") == "http|*.odd";
        if (is_even == is_odd) ++wrong;
        ++reads;
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    // New before old, as Envoy does.
    auto next = std::make_unique<DomainTables::Publication>(slot, i % 2 == 0 ? odd : even);
    current = std::move(next);
  }
  while (reads < 100) std::this_thread::yield();
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace gloo::filters
