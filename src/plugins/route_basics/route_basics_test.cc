#include "plugins/route_basics/route_basics.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "src/plugins/route_basics/route_basics.pb.h"

namespace gloo::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Applied {
  envoy::config::route::v3::Route route;
  std::vector<std::string> issues;
};

Applied Apply(const std::string& text) {
  translator::Registry registry;
  AddRouteBasics(registry);
  RouteBasics basics;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &basics)) << text;
  Applied out;
  translator::FilterConfigs filters;
  Issues issues;
  registry.route(RouteBasics::descriptor()->full_name())->Apply(basics, v1::Route(), &out.route, &filters, issues);
  EXPECT_TRUE(filters.empty());
  for (const Issue& issue : issues.items()) out.issues.push_back(ToString(issue));
  return out;
}

TEST(RouteBasicsTest, KeysAreFoundInBothSpellings) {
  translator::Registry registry;
  AddRouteBasics(registry);
  ASSERT_NE(registry.FindExtension("addRequestHeaders"), nullptr);
  EXPECT_EQ(registry.FindExtension("addRequestHeaders"), registry.FindExtension("add_request_headers"));
  EXPECT_EQ(registry.FindExtension("unknown"), nullptr);
}

TEST(RouteBasicsTest, TimeoutAndRetries) {
  auto action = Apply("timeout { seconds: 3 } max_retries: 2").route.route();
  EXPECT_EQ(action.timeout().seconds(), 3);
  EXPECT_EQ(action.retry_policy().retry_on(), "5xx");
  EXPECT_EQ(action.retry_policy().num_retries().value(), 2u);
  action = Apply("retries { attempts: 1 per_try_timeout { seconds: 1 } retry_on: 'reset' retry_on: 'unavailable' }")
               .route.route();
  EXPECT_EQ(action.retry_policy().retry_on(), "reset,unavailable");
  EXPECT_EQ(action.retry_policy().per_try_timeout().seconds(), 1);
  EXPECT_FALSE(Apply("max_retries: 0").route.route().has_retry_policy());
}

TEST(RouteBasicsTest, HeaderValuesArePlainText) {
  auto route = Apply(
                   "add_request_headers { key: 'X-Share' value: '100%' } "
                   "add_response_headers { key: 'x-b' value: 'c' append: true } "
                   "remove_request_headers: 'X-Secret' host_rewrite: 'b.test:80'")
                   .route;
  EXPECT_EQ(route.request_headers_to_add(0).header().key(), "x-share");
  EXPECT_EQ(route.request_headers_to_add(0).header().value(), "100%%");
  EXPECT_EQ(route.request_headers_to_add(0).append_action(),
            envoy::config::core::v3::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
  EXPECT_EQ(route.response_headers_to_add(0).append_action(),
            envoy::config::core::v3::HeaderValueOption::APPEND_IF_EXISTS_OR_ADD);
  EXPECT_THAT(route.request_headers_to_remove(), ElementsAre("x-secret"));
  EXPECT_EQ(route.route().host_rewrite_literal(), "b.test:80");
}

TEST(RouteBasicsTest, SaysWhatIsWrong) {
  EXPECT_THAT(Apply("timeout { seconds: -1 }").issues,
              ElementsAre("error: timeout: must not be negative; 0s means no limit (BadDuration)"));
  EXPECT_THAT(Apply("max_retries: 1 retries { attempts: 1 }").issues,
              ElementsAre("error: maxRetries: there is retries too; write one of them (Contradiction)"));
  EXPECT_THAT(Apply("retries { attempts: 1 retry_on: '5x' }").issues,
              ElementsAre("error: retries.retryOn[0]: \"5x\" is no condition; did you mean \"5xx\"? "
                          "(UnknownRetryCondition)"));
  EXPECT_THAT(Apply("add_request_headers { key: ':path' value: '/x' }").issues,
              ElementsAre("error: addRequestHeaders[0].key: \":path\" cannot be changed as a header; see prefixRewrite "
                          "(ProtectedHeader)"));
  EXPECT_THAT(Apply("remove_request_headers: 'Host'").issues, ElementsAre(HasSubstr("(ProtectedHeader)")));
  EXPECT_THAT(Apply("remove_request_headers: 'X-Gloo-Scope'").issues, ElementsAre(HasSubstr("(ProtectedHeader)")));
  EXPECT_THAT(Apply("add_response_headers { key: 'a b' value: 'x' }").issues,
              ElementsAre(HasSubstr("addResponseHeaders[0].key: \"a b\" is no header name")));
  EXPECT_THAT(Apply("add_response_headers { key: 'a' value: 'x\\ny' }").issues,
              ElementsAre(HasSubstr("BadHeaderValue")));
  EXPECT_THAT(Apply("host_rewrite: 'a b'").issues, ElementsAre(HasSubstr("(BadHost)")));
}

}  // namespace
}  // namespace gloo::plugins
