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
  DomainTables::Slot* slot = DomainTables::Find("t");
  const DomainTables::Publication whole(slot, Parse(R"({"table":"t","listeners":{
      "http":["*.example.com","*.b.example.com","*","a.example.com","*.B.org"],
      "https":["*.secure.com"]}})"));
  const auto match = [&](std::string_view host, std::string_view listener = "http") {
    return slot->Get()->Match(listener, host);
  };
  EXPECT_EQ(match("x.example.com"), "http|*.example.com");
  EXPECT_EQ(match("y.x.example.com"), "http|*.example.com");
  EXPECT_EQ(match("b.example.com"), "http|*.example.com");
  EXPECT_EQ(match("x.b.example.com"), "http|*.b.example.com");
  EXPECT_EQ(match("a.example.com"), "") << "exact";
  EXPECT_EQ(match("x.a.example.com"), "http|*.example.com");
  EXPECT_EQ(match("example.com"), "http|*") << "a wildcard covers at least one label";
  EXPECT_EQ(match(".example.com"), "http|*");
  EXPECT_EQ(match("xexample.com"), "http|*");
  EXPECT_EQ(match("c.b.org"), "http|*.b.org") << "domains are lower-cased";
  EXPECT_EQ(match(""), "http|*") << "no host, or one that is too long";
  EXPECT_EQ(match("", "https"), "");
  EXPECT_EQ(match("a.secure.com", "https"), "https|*.secure.com");
  EXPECT_EQ(match("example.com", "https"), "");
  EXPECT_EQ(match("example.com", "other"), "");
}

// The control plane computes the same numbers (src/translator/domain_table_test.cc).
TEST(DomainTableTest, PartsOfDomains) {
  EXPECT_EQ(DomainTable::PartOf("*", 128), 125u);
  EXPECT_EQ(DomainTable::PartOf("a.test", 128), 78u);
  EXPECT_EQ(DomainTable::PartOfSuffix(".test", 128), 33u);
  EXPECT_EQ(DomainTable::PartOf("www.example.com", 128), 107u);
}

TEST(DomainTableTest, PartsAnswerTogether) {
  constexpr size_t kParts = 8;
  const std::vector<std::string> domains = {"*", "*.example.com", "*.b.example.com", "a.example.com", "plain.org"};
  std::vector<std::string> lists(kParts);
  for (const std::string& domain : domains) {
    std::string& list = lists[DomainTable::PartOf(domain, kParts)];
    list += (list.empty() ? "\"" : ",\"") + domain + "\"";
  }
  EXPECT_EQ(DomainTable::PartOf("*.example.com", kParts), DomainTable::PartOfSuffix(".example.com", kParts));
  DomainTables::Slot* slot = DomainTables::Find("parts");
  std::vector<std::unique_ptr<DomainTables::Publication>> live;
  for (size_t i = 0; i < kParts; ++i) {
    live.push_back(
        std::make_unique<DomainTables::Publication>(slot, Parse(R"({"table":"parts","part":")" + std::to_string(i) +
                                                                "/8\",\"listeners\":{\"http\":[" + lists[i] + "]}}")));
  }
  EXPECT_EQ(slot->Get()->Match("http", "a.example.com"), "");
  EXPECT_EQ(slot->Get()->Match("http", "plain.org"), "");
  EXPECT_EQ(slot->Get()->Match("http", "x.example.com"), "http|*.example.com");
  EXPECT_EQ(slot->Get()->Match("http", "y.b.example.com"), "http|*.b.example.com");
  EXPECT_EQ(slot->Get()->Match("http", "other.org"), "http|*");
  // One part goes: only its domains.
  live[DomainTable::PartOf("*.example.com", kParts)].reset();
  EXPECT_NE(slot->Get()->Match("http", "x.example.com"), "http|*.example.com");
  EXPECT_EQ(slot->Get()->Match("http", "plain.org"),
            DomainTable::PartOf("plain.org", kParts) == DomainTable::PartOf("*.example.com", kParts) ? "http|*" : "");
}

TEST(DomainTableTest, NamesMistakes) {
  EXPECT_EQ(ErrorOf("[]"), "must be an object");
  EXPECT_EQ(ErrorOf("{}"), "table: must be a non-empty string");
  EXPECT_EQ(ErrorOf(R"({"table":""})"), "table: must be a non-empty string");
  EXPECT_EQ(ErrorOf(R"({"table":"t","listener":{}})"), "unknown field \"listener\"");
  EXPECT_EQ(ErrorOf(R"({"table":"t","listeners":[]})"), "listeners: must be an object");
  EXPECT_EQ(ErrorOf(R"({"table":"t","listeners":{"http":{}}})"), "listeners.http: must be an array");
  EXPECT_EQ(ErrorOf(R"({"table":"t","listeners":{"http":["a",""]}})"), "listeners.http[1]: must be a non-empty string");
  for (const char* part : {"3", "3/3", "/", "a/b", "1/99999", "-1/4", ""}) {
    EXPECT_EQ(ErrorOf(R"({"table":"t","part":")" + std::string(part) + R"("})"),
              "part: must be \"NUMBER/COUNT\", for instance \"3/128\"");
  }
  for (const char* domain : {"*.", "*a.com", "a.*", "*.*.com", "**"}) {
    EXPECT_EQ(ErrorOf(R"({"table":"t","listeners":{"http":[")" + std::string(domain) + R"("]}})"),
              "listeners.http[0]: a wildcard must be \"*\" or \"*.\" and a suffix");
  }
}

TEST(DomainTablesTest, TheOldestLivePublicationIsInForce) {
  const auto one = Parse(R"({"table":"p","listeners":{"http":["*"]}})");
  const auto two = Parse(R"({"table":"p","listeners":{"http":["*.b"]}})");
  DomainTables::Slot* slot = DomainTables::Find("p");
  const auto key = [&] { return slot->Get()->Match("http", "a.b"); };
  EXPECT_EQ(DomainTables::Find("p"), slot);
  EXPECT_NE(DomainTables::Find("q"), slot);
  EXPECT_EQ(slot->Get(), nullptr);
  auto first = std::make_unique<DomainTables::Publication>(slot, one);
  EXPECT_EQ(key(), "http|*");
  auto second = std::make_unique<DomainTables::Publication>(slot, two);
  EXPECT_EQ(key(), "http|*") << "a worker may not have the new one";
  first.reset();
  EXPECT_EQ(key(), "http|*.b") << "all have it";
  first = std::make_unique<DomainTables::Publication>(slot, one);
  first.reset();
  EXPECT_EQ(key(), "http|*.b") << "a new one that came to nothing changes nothing";
  second.reset();
  EXPECT_EQ(slot->Get(), nullptr);
}

// One part of a table: its only domain, or nothing.
std::unique_ptr<DomainTables::Publication> Publish(DomainTables::Slot* slot, const std::string& id, size_t part,
                                                   const std::string& domain) {
  return std::make_unique<DomainTables::Publication>(
      slot, Parse(R"({"table":")" + id + R"(","part":")" + std::to_string(part) + R"(/8","listeners":{"http":[)" +
                  (domain.empty() ? "" : '"' + domain + '"') + "]}}"));
}

TEST(DomainTablesTest, PartsThatChangeTogetherComeIntoForceTogether) {
  DomainTables::Slot* slot = DomainTables::Find("together");
  const auto key = [&] { return slot->Get()->Match("http", "a.test"); };
  const size_t narrow = DomainTable::PartOf("*.test", 8);
  const size_t wide = DomainTable::PartOf("*", 8);
  ASSERT_NE(narrow, wide);
  auto narrow_live = Publish(slot, "together", narrow, "*.test");
  auto wide_live = Publish(slot, "together", wide, "");
  EXPECT_EQ(key(), "http|*.test");
  auto narrow_next = Publish(slot, "together", narrow, "");
  auto wide_next = Publish(slot, "together", wide, "*");
  EXPECT_EQ(key(), "http|*.test");
  narrow_live.reset();
  EXPECT_EQ(key(), "http|*.test") << "nothing would match";
  wide_live.reset();
  EXPECT_EQ(key(), "http|*");
}

TEST(DomainTablesTest, ChangesWithoutEndComeIntoForceAllTheSame) {
  DomainTables::Slot* slot = DomainTables::Find("endless");
  const size_t part = DomainTable::PartOf("*.test", 8);
  std::vector<std::unique_ptr<DomainTables::Publication>> stuck;
  // One part never ends changing.
  stuck.push_back(Publish(slot, "endless", (part + 1) % 8, ""));
  stuck.push_back(Publish(slot, "endless", (part + 1) % 8, "stuck.test"));
  auto live = Publish(slot, "endless", part, "");
  for (int i = 0; i < 100; ++i) live = Publish(slot, "endless", part, i % 2 == 0 ? "*.test" : "*.b.test");
  live = Publish(slot, "endless", part, "*.test");
  bool in_force = false;
  for (int i = 0; i < 100 && !in_force; ++i) {
    auto other = Publish(slot, "endless", (part + 2) % 8, "");
    in_force = slot->Get() != nullptr && slot->Get()->Match("http", "a.test") == "http|*.test";
  }
  EXPECT_TRUE(in_force);
}

TEST(DomainTablesTest, EqualTablesAreOne) {
  const char* json = R"({"table":"e","listeners":{"http":["*.a","b"]}})";
  const auto one = Parse(json);
  const auto same = Parse(json);
  DomainTables::Slot* slot = DomainTables::Find("e");
  const auto key = [&] { return slot->Get()->Match("http", "x.a"); };
  auto first = std::make_unique<DomainTables::Publication>(slot, one);
  auto second = std::make_unique<DomainTables::Publication>(slot, same);
  EXPECT_EQ(same.use_count(), 1) << "the second is not kept";
  EXPECT_EQ(key(), "http|*.a");
  first.reset();
  EXPECT_EQ(key(), "http|*.a");
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
        const DomainParts* parts = slot->Get();
        const bool is_even = parts->Match("http", "a.even") == "http|*.even";
        const bool is_odd = parts->Match("http", "a.odd") == "http|*.odd";
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
