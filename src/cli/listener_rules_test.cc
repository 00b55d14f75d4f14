#include "cli/listener_rules.h"

#include <gtest/gtest.h>

namespace gloo::cli {
namespace {

using HttpConnectionManager = envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

HttpConnectionManager AsServed() {
  HttpConnectionManager manager;
  manager.mutable_normalize_path()->set_value(true);
  manager.set_merge_slashes(true);
  manager.set_path_with_escaped_slashes_action(HttpConnectionManager::UNESCAPE_AND_REDIRECT);
  manager.mutable_common_http_protocol_options()->set_headers_with_underscores_action(
      envoy::config::core::v3::HttpProtocolOptions::REJECT_REQUEST);
  return manager;
}

// "PATH" where the request goes on, else "STATUS TEXT".
std::string Answer(const HttpConnectionManager& manager, Request request) {
  const EarlyAnswer early = Admit(manager, &request);
  return early.status == 0 ? request.path : std::to_string(early.status) + " " + early.text;
}
std::string PathOf(const std::string& path) { return Answer(AsServed(), Request{.path = path}); }

// As Envoy 1.40 was seen to do it.
TEST(ListenerRules, PathsAreMadeCanonical) {
  EXPECT_EQ(PathOf("/a//b/./c/../d?x=//../"), "/a/b/d?x=//../");
  EXPECT_EQ(PathOf("/"), "/");
  EXPECT_EQ(PathOf("/a/"), "/a/");
  EXPECT_EQ(PathOf("/a/.."), "/");
  EXPECT_EQ(PathOf("/a/%2e"), "/a/");
  EXPECT_EQ(PathOf("/../a"), "/a");
  EXPECT_EQ(PathOf("/a\\..\\b"), "/b");
  EXPECT_EQ(PathOf("/%61%7E%2D%3B"), "/a~-%3B");
  EXPECT_EQ(PathOf("/{a}|^`\"<>"), "/%7Ba%7D%7C%5E%60%22%3C%3E");
  EXPECT_EQ(PathOf("/a%zz%"), "/a%zz%");
  EXPECT_EQ(PathOf("/a%252Fb"), "/a%252Fb");
  EXPECT_EQ(PathOf("///"), "//");
}

TEST(ListenerRules, EscapedSlashesAreRedirected) {
  EXPECT_EQ(PathOf("/a%2Fb%5c?q=%2F"), "307 redirected to /a/b/?q=%2F, the path without escaped slashes");
  HttpConnectionManager manager = AsServed();
  manager.set_path_with_escaped_slashes_action(HttpConnectionManager::KEEP_UNCHANGED);
  EXPECT_EQ(Answer(manager, {.path = "/a%2Fb"}), "/a%2Fb");
  manager.set_path_with_escaped_slashes_action(HttpConnectionManager::UNESCAPE_AND_FORWARD);
  EXPECT_EQ(Answer(manager, {.path = "/a%2Fb"}), "/a/b");
  manager.set_path_with_escaped_slashes_action(HttpConnectionManager::REJECT_REQUEST);
  EXPECT_EQ(Answer(manager, {.path = "/a%2Fb"}), "400 the path has an escaped slash");
}

TEST(ListenerRules, WhatNoPathMayHaveIsRefused) {
  EXPECT_EQ(PathOf("/a#b"), "400 the path has a \"#\", which clients keep to themselves");
  EXPECT_EQ(PathOf("/a b"), "400 the path has a character that must be written as %XX");
  EXPECT_EQ(PathOf("/\xc3\xa9"), "400 the path has a character that must be written as %XX");
  EXPECT_EQ(PathOf("/%00"), "400 the path has a character %00");
}

TEST(ListenerRules, HeadersThatNoClientSetsGo) {
  Request request{
      .headers = {
          {"x-gloo-scope", "http|other.test"}, {"x-envoy-retry-on", "5xx"}, {"x-a", "1"}, {"connection", "close"}}};
  EXPECT_EQ(Admit(AsServed(), &request).status, 0);
  ASSERT_EQ(request.headers.size(), 1u);
  EXPECT_EQ(request.headers[0].first, "x-a");
}

TEST(ListenerRules, UnderscoresFollowTheSetting) {
  const Request request{.headers = {{"x_y", "1"}}};
  EXPECT_EQ(Answer(AsServed(), request), "400 the header x_y has an underscore in its name, which no request may have");
  HttpConnectionManager manager = AsServed();
  manager.mutable_common_http_protocol_options()->clear_headers_with_underscores_action();
  Request kept = request;
  EXPECT_EQ(Admit(manager, &kept).status, 0);
  EXPECT_EQ(kept.headers.size(), 1u);
}

}  // namespace
}  // namespace gloo::cli
