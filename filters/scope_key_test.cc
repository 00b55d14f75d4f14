// The early header mutation and the table of domains through the hooks.
#include "filters/scope_key.h"

#include <gtest/gtest.h>

#include <memory>

#include "filters/fake_envoy.h"

namespace gloo::filters {
namespace {

class ScopeKeyTest : public testing::Test {
 protected:
  ~ScopeKeyTest() override { envoy_dynamic_module_on_early_header_mutation_config_destroy(scope_); }

  void Configure(std::string_view json) {
    scope_ =
        envoy_dynamic_module_on_early_header_mutation_config_new(nullptr, EnvoyText("gloo.scope"), EnvoyText(json));
    ASSERT_NE(scope_, nullptr);
  }

  std::string KeyOf(HeaderList headers) {
    FakeEarlyContext context{std::move(headers)};
    EXPECT_TRUE(envoy_dynamic_module_on_early_header_mutation_mutate(scope_, &context));
    return HeaderOf(context.headers, "x-gloo-scope");
  }

  abi::ModuleEarlyConfigPtr scope_ = nullptr;
};

TEST_F(ScopeKeyTest, WithoutATable) {
  Configure(R"({"table":"none","listener":"http"})");
  EXPECT_EQ(KeyOf({{":authority", "Example.COM.:80"}}), "http|example.com");
  EXPECT_EQ(KeyOf({{":authority", ""}}), "http|");
  EXPECT_EQ(KeyOf({}), "http|");
  EXPECT_EQ(KeyOf({{":authority", std::string(1000, '.')}}), "http|");
}

TEST_F(ScopeKeyTest, ReplacesWhatTheClientSent) {
  Configure(R"({"table":"none","listener":"http"})");
  EXPECT_EQ(KeyOf({{":authority", "a.com"}, {"x-gloo-scope", "http|b.com"}, {"x-gloo-scope", "https|c.com"}}),
            "http|a.com");
}

TEST_F(ScopeKeyTest, EmptiesTheCallThatTheClientSent) {
  Configure(R"({"table":"none","listener":"http"})");
  FakeEarlyContext context{{{":authority", "a.com"}, {"x-gloo-call", "one"}, {"x-gloo-call", "two"}}};
  EXPECT_TRUE(envoy_dynamic_module_on_early_header_mutation_mutate(scope_, &context));
  EXPECT_EQ(HeaderOf(context.headers, "x-gloo-call"), "");
  for (const auto& [name, value] : context.headers) EXPECT_FALSE(name == "x-gloo-call" && !value.empty()) << value;
  FakeEarlyContext without{{{":authority", "a.com"}}};
  EXPECT_TRUE(envoy_dynamic_module_on_early_header_mutation_mutate(scope_, &without));
  EXPECT_EQ(without.headers.size(), 2u);
}

TEST_F(ScopeKeyTest, FollowsTheTable) {
  Configure(R"({"table":"follow","listener":"http"})");
  auto domains = std::make_unique<FakeFilterConfig>("gloo.domains",
                                                    R"({"table":"follow","listeners":{"http":["*.com","*","a.com"]}})");
  ASSERT_NE(domains->module, nullptr);
  EXPECT_EQ(KeyOf({{":authority", "A.com:80"}}), "http|a.com");
  EXPECT_EQ(KeyOf({{":authority", "b.com"}}), "http|*.com");
  EXPECT_EQ(KeyOf({{":authority", "x.org"}}), "http|*");
  EXPECT_EQ(KeyOf({}), "http|*");
  EXPECT_EQ(KeyOf({{":authority", std::string(1000, 'a') + ".com"}}), "http|*") << "too long for a name";
  // As Envoy does it: the next one is made, all workers take it, the one before is destroyed.
  const auto replace = [&domains](std::string_view json) {
    auto next = std::make_unique<FakeFilterConfig>("gloo.domains", json);
    domains = std::move(next);
  };
  replace(R"({"table":"follow","listeners":{"http":["*.b.com"]}})");
  EXPECT_EQ(KeyOf({{":authority", "b.com"}}), "http|b.com");
  EXPECT_EQ(KeyOf({{":authority", "a.b.com"}}), "http|*.b.com");
  replace(R"({"table":"follow","listeners":{"https":["*"]}})");
  EXPECT_EQ(KeyOf({{":authority", "a.b.com"}}), "http|a.b.com");
  domains = nullptr;
  EXPECT_EQ(KeyOf({{":authority", "b.com"}}), "http|b.com");
}

TEST(ScopeKeyConfigTest, RefusesMistakes) {
  const auto error_of = [](std::string_view name, std::string_view json) {
    TakeLog();
    EXPECT_EQ(envoy_dynamic_module_on_early_header_mutation_config_new(nullptr, EnvoyText(name), EnvoyText(json)),
              nullptr);
    return TakeLog();
  };
  using Log = std::vector<std::string>;
  EXPECT_EQ(error_of("gloo.scop", "{}"), Log{"gloo.scop: unknown early header mutation; this module has gloo.scope"});
  EXPECT_EQ(error_of("gloo.scope", "ingress http"),
            Log{"gloo.scope: must be an object, an array, a string or a bool at byte 0"});
  EXPECT_EQ(error_of("gloo.scope", R"({"listener":"http"})"), Log{"gloo.scope: table: must be a non-empty string"});
  EXPECT_EQ(error_of("gloo.scope", R"({"table":"t","listener":""})"),
            Log{"gloo.scope: listener: must be a string of 1 to 64 bytes"});
  EXPECT_EQ(error_of("gloo.scope", R"({"table":"t","listener":"http","port":"1"})"),
            Log{"gloo.scope: must have the fields \"table\" and \"listener\" only"});
}

TEST(DomainsFilterTest, RefusesMistakesAndCostsAStreamNothing) {
  TakeLog();
  FakeFilterConfig bad("gloo.domains", "{");
  EXPECT_EQ(bad.module, nullptr);
  EXPECT_EQ(TakeLog(), std::vector<std::string>{"gloo.domains: expected a string at byte 1"});
  FakeFilterConfig unknown("gloo.other", "{}");
  EXPECT_EQ(unknown.module, nullptr);
  EXPECT_EQ(TakeLog(), std::vector<std::string>{"gloo.other: unknown filter; this module has gloo.domains, "
                                                "gloo.events, gloo.lambda, gloo.nats and gloo.transformation"});

  FakeFilterConfig domains("gloo.domains", R"({"table":"stream"})");
  FakeStream one(&domains, nullptr);
  FakeStream two(&domains, nullptr);
  EXPECT_EQ(one.module, two.module) << "streams share one object";
  one.Request({{":path", "/"}}, {"a", "b"}, /*trailers=*/true);
  one.Response({{":status", "200"}}, {"c"}, /*trailers=*/true);
  EXPECT_EQ(one.request.body, "ab");
  EXPECT_EQ(one.response.body, "c");
  two.LocalReply(503);
}

TEST(ProgramTest, NamesItsAbi) { EXPECT_STREQ(envoy_dynamic_module_on_program_init(), "v0.2.0"); }

}  // namespace
}  // namespace gloo::filters
