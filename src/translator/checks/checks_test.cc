#include "translator/checks/checks.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "translator/checks/rules.h"

namespace gloo::checks {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename T>
T Parse(const std::string& text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

std::vector<std::string> Check(const google::protobuf::Message& message) {
  Issues issues;
  CheckMessage(message, issues);
  std::vector<std::string> out;
  for (const Issue& issue : issues.items()) out.push_back(ToString(issue));
  return out;
}

using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::HeaderValue;
using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteConfiguration;

// A route as we write it.
const char kRoute[] = R"(
  name: "shop"
  match {
    safe_regex { regex: "/pets/[0-9]+" }
    headers { name: "x-tier" string_match { exact: "gold" } }
    headers { name: "x-id" string_match { safe_regex { regex: "[a-z]+" } } }
    query_parameters { name: "page" string_match { exact: "1" } }
  }
  route {
    cluster: "default/petstore"
    timeout { seconds: 15 }
    prefix_rewrite: "/api"
    retry_policy { retry_on: "5xx" num_retries { value: 2 } per_try_timeout { seconds: 1 } }
  }
  request_headers_to_add { header { key: "x-a" value: "100%% of %REQ(x-b?x-c):10%" } }
  response_headers_to_remove: "server"
)";

TEST(CheckMessageTest, GoodRouteConfiguration) {
  auto routes = Parse<RouteConfiguration>(R"(
    name: "default/shop"
    virtual_hosts { name: "shop" domains: "*" }
    request_headers_to_remove: "x-gloo-scope"
  )");
  *routes.mutable_virtual_hosts(0)->add_routes() = Parse<Route>(kRoute);
  EXPECT_THAT(Check(routes), IsEmpty());
}

TEST(CheckMessageTest, AllMistakesOfARouteAtOnce) {
  auto routes = Parse<RouteConfiguration>(R"(
    virtual_hosts {
      name: "shop"
      domains: "*"
      routes { match { safe_regex { regex: "/a(" } } route { cluster: "x" } }
      routes { match { prefix: "/" headers { name: "" } } route { cluster: "x" timeout { seconds: -1 } } }
      routes { match { } route { cluster: "" } }
      routes { match { path_separated_prefix: "/a/" } }
      routes {
        match { prefix: "/" }
        direct_response { status: 99 }
        request_headers_to_add { header { key: ":path" value: "50% off" } }
        request_headers_to_add { header { key: "a b" value: "x" } append_action: 7 }
        response_headers_to_remove: "Host"
      }
      routes {
        match { prefix: "/" }
        route { weighted_clusters { clusters { name: "a" weight { } } } idle_timeout { seconds: 1 nanos: -5 } }
      }
    }
    virtual_hosts { domains: "A.com" domains: "a.com" domains: "*" }
  )");
  EXPECT_THAT(
      Check(routes),
      ElementsAre(
          "error: virtual_hosts[1].domains[1]: domain \"a.com\" belongs to virtual host \"\" already (DuplicateDomain)",
          "error: virtual_hosts[1].domains[2]: domain \"*\" belongs to virtual host \"shop\" already (DuplicateDomain)",
          "error: virtual_hosts[0].routes[0].match.safe_regex.regex: invalid regular expression \"/a(\": missing ) "
          "(InvalidRegex)",
          "error: virtual_hosts[0].routes[1].match.headers[0].name: must not be empty (InvalidLength)",
          "error: virtual_hosts[0].routes[1].route.timeout: must not be negative, is -1s (InvalidDuration)",
          "error: virtual_hosts[0].routes[2].match: one of these must be set: prefix, path, safe_regex, "
          "connect_matcher, path_separated_prefix, path_match_policy (MissingField)",
          "error: virtual_hosts[0].routes[2].route.cluster: must not be empty (InvalidLength)",
          "error: virtual_hosts[0].routes[3]: one of these must be set: route, redirect, direct_response, "
          "filter_action, non_forwarding_action (MissingField)",
          "error: virtual_hosts[0].routes[3].match.path_separated_prefix: must match ^[^?#]+[^?#/]$, is \"/a/\" "
          "(InvalidValue)",
          "error: virtual_hosts[0].routes[4].direct_response.status: must be at least 200 and less than 600, is 99 "
          "(OutOfRange)",
          "error: virtual_hosts[0].routes[4].request_headers_to_add[0].header.key: header \":path\" cannot be set "
          "(ProtectedHeader)",
          "error: virtual_hosts[0].routes[4].request_headers_to_add[0].header.value: invalid header value \"50% off\": "
          "the % at position 2 begins no %COMMAND%; a percent sign is written %% (InvalidHeaderValue)",
          "error: virtual_hosts[0].routes[4].request_headers_to_add[1].append_action: must be a value of "
          "envoy.config.core.v3.HeaderValueOption.HeaderAppendAction, is 7 (InvalidValue)",
          "error: virtual_hosts[0].routes[4].response_headers_to_remove[0]: header \"Host\" cannot be removed "
          "(ProtectedHeader)",
          "error: virtual_hosts[0].routes[5].route.weighted_clusters: the sum of the weights must be greater than 0 "
          "(InvalidWeights)",
          "error: virtual_hosts[0].routes[5].route.idle_timeout: must not be negative, is -1.000000005s "
          "(InvalidDuration)",
          "error: virtual_hosts[1].name: must not be empty (InvalidLength)"));
}

TEST(CheckMessageTest, Cluster) {
  EXPECT_THAT(Check(Parse<Cluster>(R"(
    name: "default/a" type: STRICT_DNS connect_timeout { seconds: 5 }
    load_assignment { cluster_name: "default/a" endpoints { lb_endpoints { endpoint {
      address { socket_address { address: "a.example" port_value: 80 } } } } } }
  )")),
              IsEmpty());
  EXPECT_THAT(Check(Parse<Cluster>(R"(
    connect_timeout { }
    type: 77
    dns_refresh_rate { nanos: 1000000 }
    load_assignment { endpoints { lb_endpoints {
      endpoint { address { socket_address { address: "" port_value: 65536 } } }
      load_balancing_weight { value: 0 } } } }
  )")),
              ElementsAre("error: name: must not be empty (InvalidLength)",
                          "error: type: must be a value of envoy.config.cluster.v3.Cluster.DiscoveryType, is 77 "
                          "(InvalidValue)",
                          "error: connect_timeout: must be greater than 0s, is 0s (OutOfRange)",
                          "error: load_assignment.cluster_name: must not be empty (InvalidLength)",
                          "error: load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address"
                          ".address: must not be empty (InvalidLength)",
                          "error: load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address"
                          ".port_value: must be at most 65535, is 65536 (OutOfRange)",
                          "error: load_assignment.endpoints[0].lb_endpoints[0].load_balancing_weight: must be at "
                          "least 1, is 0 (OutOfRange)",
                          "error: dns_refresh_rate: must be greater than 0.001s, is 0.001s (OutOfRange)"));
}

TEST(CheckMessageTest, GoesIntoAnyAndNamesMapKeys) {
  envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager hcm;
  hcm.mutable_scoped_routes()->set_name("a");
  Listener listener;
  listener.set_name("http");
  listener.mutable_address()->mutable_socket_address()->set_address("127.0.0.1");
  listener.mutable_address()->mutable_socket_address()->set_port_value(80);
  auto* filter = listener.add_filter_chains()->add_filters();
  filter->set_name("hcm");
  filter->mutable_typed_config()->PackFrom(hcm);
  EXPECT_THAT(Check(listener),
              ElementsAre("error: filter_chains[0].filters[0].typed_config.stat_prefix: must not be empty "
                          "(InvalidLength)",
                          "error: filter_chains[0].filters[0].typed_config.scoped_routes: one of these must be set: "
                          "scoped_route_configurations_list, scoped_rds (MissingField)",
                          "error: filter_chains[0].filters[0].typed_config.scoped_routes.scope_key_builder: must be "
                          "set (MissingField)"));

  Cluster cluster = Parse<Cluster>(R"(name: "a")");
  envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext tls;
  tls.set_sni(std::string(256, 'a'));
  cluster.mutable_transport_socket()->set_name("tls");
  cluster.mutable_transport_socket()->mutable_typed_config()->PackFrom(tls);
  tls.set_sni(std::string(257, 'a'));
  auto& options = *cluster.mutable_typed_extension_protocol_options();
  options["b"].PackFrom(tls);
  options["a"].PackFrom(tls);
  EXPECT_THAT(
      Check(cluster),
      ElementsAre("error: typed_extension_protocol_options[\"a\"].sni: must have at most 255 bytes, has 257 "
                  "(InvalidLength)",
                  "error: typed_extension_protocol_options[\"b\"].sni: must have at most 255 bytes, has 257 "
                  "(InvalidLength)",
                  "error: transport_socket.typed_config.sni: must have at most 255 bytes, has 256 (InvalidLength)"));
}

TEST(CheckMessageTest, BytesThatAreNotTheMessageOfTheAny) {
  Cluster cluster = Parse<Cluster>(R"(name: "a")");
  auto& any = (*cluster.mutable_typed_extension_protocol_options())["x"];
  any.set_type_url("type.googleapis.com/envoy.config.cluster.v3.Cluster");
  any.set_value("\xff\xff");
  EXPECT_THAT(Check(cluster), ElementsAre("error: typed_extension_protocol_options[\"x\"]: the bytes are no "
                                          "envoy.config.cluster.v3.Cluster (InvalidAny)"));

  Cluster other = Parse<Cluster>(R"(name: "a")");
  (*other.mutable_typed_extension_protocol_options())["x"].set_type_url("type.googleapis.com/not.linked.In");
  EXPECT_THAT(Check(other), IsEmpty());
}

TEST(CheckMessageTest, HeaderNamesAndValuesOfRules) {
  EXPECT_THAT(Check(Parse<HeaderValue>(R"(key: "x\n" value: "a\r")")),
              ElementsAre("error: key: must be a header name, is \"x\\n\" (InvalidHeaderName)",
                          "error: value: must be a header value, without control characters, is \"a\\r\" "
                          "(InvalidHeaderValue)"));
  EXPECT_THAT(Check(Parse<RouteConfiguration>(R"(request_headers_to_remove: "a\n" virtual_hosts { name: "v"
              domains: "x" })")),
              ElementsAre("error: request_headers_to_remove[0]: must be a header name, is \"a\\n\" "
                          "(InvalidHeaderName)"));
}

TEST(CheckMessageTest, StopsAtTheDepthLimit) {
  Route route = Parse<Route>(R"(match { prefix: "/" } route { cluster: "x" })");
  // Matchers of headers do not nest; Any does.
  google::protobuf::Any any;
  Cluster inner = Parse<Cluster>(R"(name: "a")");
  for (int i = 0; i < 40; ++i) {
    any.PackFrom(inner);
    inner = Parse<Cluster>(R"(name: "a")");
    (*inner.mutable_typed_extension_protocol_options())["x"] = any;
  }
  const std::vector<std::string> found = Check(inner);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0], ::testing::EndsWith("nested more than 64 levels deep (TooDeep)"));
  EXPECT_THAT(Check(route), IsEmpty());
}

TEST(CheckMessageTest, StopsAtTheLimitOfIssues) {
  RouteConfiguration routes;
  for (int i = 0; i < 10'000; ++i) routes.add_virtual_hosts();
  Issues issues;
  CheckMessage(routes, issues);
  EXPECT_EQ(issues.items().size(), Issues::kMaxIssues);
  EXPECT_LT(issues.dropped(), 5u);
}

TEST(CheckMessageTest, PathsStandBelowTheCurrentOne) {
  Issues issues;
  IssuePath path(issues, "spec");
  CheckMessage(Parse<Cluster>(""), issues);
  ASSERT_EQ(issues.items().size(), 1u);
  EXPECT_EQ(ToString(issues.items()[0]), "error: spec.name: must not be empty (InvalidLength)");
  EXPECT_EQ(issues.path(), "spec");
}

// Figures are printed for people; the bound only catches a walk that has lost its plans.
TEST(CheckMessageTest, IsCheapPerRoute) {
  RouteConfiguration routes = Parse<RouteConfiguration>(R"(virtual_hosts { name: "shop" domains: "*" })");
  constexpr int kRoutes = 2000;
  for (int i = 0; i < kRoutes; ++i) {
    auto& route = *routes.mutable_virtual_hosts(0)->add_routes();
    route = Parse<Route>(kRoute);
    route.mutable_match()->clear_headers();
    route.mutable_match()->set_prefix(std::to_string(i));
  }
  EXPECT_THAT(Check(routes), IsEmpty());
  const auto begin = std::chrono::steady_clock::now();
  Issues issues;
  CheckMessage(routes, issues);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  std::cout << "us per route: " << took.count() / kRoutes << "\n";
  EXPECT_LT(took.count() / kRoutes, 500.0);
  EXPECT_TRUE(issues.empty());
}

TEST(RulesTest, Strings) {
  const auto apply = [](const std::string& rules, const std::string& value) {
    return ApplyString(Parse<validate::StringRules>(rules), nullptr, value).message;
  };
  EXPECT_EQ(apply("min_len: 2", "é"), "must have at least 2 characters, has 1");
  EXPECT_EQ(apply("min_len: 2", "éé"), "");
  EXPECT_EQ(apply("max_len: 1", "éé"), "must have at most 1 characters, has 2");
  EXPECT_EQ(apply("len: 3", "ab"), "must have 3 characters, has 2");
  EXPECT_EQ(apply("len_bytes: 3", "é"), "must have 3 bytes, has 2");
  EXPECT_EQ(apply("min_bytes: 3", "é"), "must have at least 3 bytes, has 2");
  EXPECT_EQ(apply("max_bytes: 1", "é"), "must have at most 1 bytes, has 2");
  EXPECT_EQ(apply("const: 'a'", "b"), "must be \"a\", is \"b\"");
  EXPECT_EQ(apply("prefix: 'a'", "b"), "must begin with \"a\", is \"b\"");
  EXPECT_EQ(apply("suffix: 'a'", "b"), "must end with \"a\", is \"b\"");
  EXPECT_EQ(apply("contains: 'a'", "b"), "must contain \"a\", is \"b\"");
  EXPECT_EQ(apply("not_contains: 'b'", "abc"), "must not contain \"b\", is \"abc\"");
  EXPECT_EQ(apply("in: 'a' in: 'b'", "c"), "must be one of \"a\", \"b\", is \"c\"");
  EXPECT_EQ(apply("not_in: 'a'", "a"), "must not be \"a\"");
  EXPECT_EQ(apply("min_len: 5 ignore_empty: true", ""), "");
  EXPECT_EQ(apply("uri: true", "http://a/b?c=%20"), "");
  EXPECT_EQ(apply("uri: true", "/b"), "must be a URI with a scheme, is \"/b\"");
  EXPECT_EQ(apply("uri_ref: true", "/b%2"), "must be a URI reference, is \"/b%2\"");
  EXPECT_EQ(apply("ip: true", "::1"), "");
  EXPECT_EQ(apply("ipv4: true", "::1"), "must be an IPv4 address, is \"::1\"");
  EXPECT_EQ(apply("ipv6: true", "1.2.3.4"), "must be an IPv6 address, is \"1.2.3.4\"");
  EXPECT_EQ(apply("address: true", "a-b.example"), "");
  EXPECT_EQ(apply("address: true", "-b.example"), "must be a host name or an IP address, is \"-b.example\"");
  EXPECT_EQ(apply("hostname: true", "a..b"), "must be a host name, is \"a..b\"");
  EXPECT_EQ(apply("email: true", "a@b.example"), "");
  EXPECT_EQ(apply("email: true", "a b@b"), "must be an e-mail address, is \"a b@b\"");
  EXPECT_EQ(apply("uuid: true", "12345678-1234-1234-1234-123456789abg"),
            "must be a UUID, is \"12345678-1234-1234-1234-123456789abg\"");
  EXPECT_EQ(apply("well_known_regex: HTTP_HEADER_NAME", ":a"), "");
  EXPECT_EQ(apply("well_known_regex: HTTP_HEADER_NAME", "a b"), "must be a header name, is \"a b\"");
  EXPECT_EQ(apply("well_known_regex: HTTP_HEADER_NAME strict: false", "a b"), "");
  EXPECT_EQ(apply("well_known_regex: HTTP_HEADER_VALUE", "\x01"),
            "must be a header value, without control characters, is \"\\001\"");
  EXPECT_EQ(apply("well_known_regex: HTTP_HEADER_VALUE strict: false", "\x01"), "");
}

TEST(RulesTest, BytesAndEnums) {
  const auto bytes = [](const std::string& rules, const std::string& value) {
    return ApplyBytes(Parse<validate::BytesRules>(rules), nullptr, value).message;
  };
  EXPECT_EQ(bytes("min_len: 1", ""), "must have at least 1 bytes, has 0");
  EXPECT_EQ(bytes("max_len: 1", "ab"), "must have at most 1 bytes, has 2");
  EXPECT_EQ(bytes("len: 1", "ab"), "must have 1 bytes, has 2");
  EXPECT_EQ(bytes("ip: true", "abc"), "must be the bytes of an IP address, has 3 bytes");
  EXPECT_EQ(bytes("ipv4: true", "abcd"), "");
  EXPECT_EQ(bytes("not_in: 'x'", "x"), "must not be \"x\"");

  const auto& type = *Cluster::DiscoveryType_descriptor();
  const auto enums = [&](const std::string& rules, int value) {
    return ApplyEnum(Parse<validate::EnumRules>(rules), type, value).message;
  };
  EXPECT_EQ(enums("not_in: 1", 1), "must not be STRICT_DNS");
  EXPECT_EQ(enums("in: 0 in: 3", 1), "must be one of STATIC, EDS, is STRICT_DNS");
  EXPECT_EQ(enums("const: 3", 3), "");
}

TEST(RulesTest, NumbersAndTimes) {
  const auto number = [](const std::string& rules, double value) {
    return ApplyDouble(Parse<validate::FieldRules>(rules), value).message;
  };
  EXPECT_EQ(number("double { gt: 0 lte: 1 }", 0), "must be greater than 0 and at most 1, is 0");
  EXPECT_EQ(number("double { gt: 0 lte: 1 }", 1), "");
  EXPECT_EQ(number("double { lt: 1 gt: 5 }", 3), "must be greater than 5 or less than 1, is 3");
  EXPECT_EQ(number("double { lt: 1 gt: 5 }", 6), "");
  EXPECT_EQ(number("float { in: 1 in: 2 }", 3), "must be one of 1, 2, is 3");
  EXPECT_EQ(number("double { not_in: 3 }", 3), "must not be 3");
  EXPECT_EQ(number("double { const: 4 }", 3), "must be 4, is 3");
  EXPECT_EQ(number("double { gt: 4 ignore_empty: true }", 0), "");
  EXPECT_EQ(ApplySigned(Parse<validate::FieldRules>("sint64 { gte: -1 }"), -2).message, "must be at least -1, is -2");
  EXPECT_EQ(ApplyUnsigned(Parse<validate::FieldRules>("fixed64 { lt: 4 }"), 4).message, "must be less than 4, is 4");
  EXPECT_EQ(ApplyBool(Parse<validate::BoolRules>("const: true"), false).message, "must be true");

  const auto duration = [](const std::string& rules, const std::string& value) {
    return ApplyDuration(Parse<validate::DurationRules>(rules), Parse<google::protobuf::Duration>(value)).message;
  };
  EXPECT_EQ(duration("lt { seconds: 2 } gte { nanos: 1000000 }", "seconds: 2"),
            "must be at least 0.001s and less than 2s, is 2s");
  EXPECT_EQ(duration("in { seconds: 2 }", "seconds: 3"), "must be one of 2s, is 3s");
  EXPECT_EQ(ApplyTimestamp(Parse<validate::TimestampRules>("gt { seconds: 2 }"),
                           Parse<google::protobuf::Timestamp>("seconds: 2"))
                .message,
            "must be greater than 2s, is 2s");
  EXPECT_EQ(ApplyAny(Parse<validate::AnyRules>("in: 'a' not_in: 'b'"), "b").message, "must be of type \"a\", is \"b\"");
  EXPECT_EQ(CheckDurationRange(Parse<google::protobuf::Duration>("seconds: 9223372036")).message,
            "must be less than 9223372036s, is 9223372036s");
}

TEST(TextTest, Regex) {
  EXPECT_EQ(CheckRegex("/a/[0-9]+").message(), "");
  EXPECT_EQ(CheckRegex("a(").message(), "invalid regular expression \"a(\": missing )");
  EXPECT_EQ(CheckRegex("a(?=b)").message(), "invalid regular expression \"a(?=b)\": invalid perl operator: (?=");
  EXPECT_EQ(CheckRegex("(abc){1000}").message(),
            "regular expression \"(abc){1000}\" is too large: it compiles to 5004 instructions, at most 1000 are "
            "taken");
}

TEST(TextTest, Headers) {
  EXPECT_EQ(CheckHeaderName("X-Tier").message(), "");
  EXPECT_EQ(CheckHeaderName(":method").message(), "");
  EXPECT_EQ(CheckHeaderName("").message(), "header name is empty");
  EXPECT_EQ(CheckHeaderName("a b").message(),
            "invalid header name \"a b\": only letters, digits and !#$%&'*+-.^_|~` are taken");
  EXPECT_EQ(CheckHeaderValue("a\tb é").message(), "");
  EXPECT_EQ(CheckHeaderValue("a\nb").message(), "invalid header value \"a\\nb\": it must not hold control characters");
  for (const char* good : {"", "a", "100%%", "%REQ(:path)%", "%REQ(a?b):10%%%", "%PROTOCOL% x"}) {
    EXPECT_EQ(CheckHeaderFormat(good).message(), "") << good;
  }
  for (const char* bad : {"%", "5% x", "%REQ(a", "%req(a)%", "%REQ(a):x%"}) {
    EXPECT_FALSE(CheckHeaderFormat(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace gloo::checks
