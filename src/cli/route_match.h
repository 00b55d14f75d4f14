// Which route of an Envoy route configuration a request takes, decided as Envoy does, and why not the others.
// Knows the matchers that the translator writes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envoy/config/route/v3/route_components.pb.h"

namespace gloo::cli {

struct Request {
  std::string method = "GET";
  // As sent; tmpl::NormalizeHost() makes it what domains are compared with.
  std::string host;
  // With the query string.
  std::string path = "/";
  // Lower-case names, in the order sent.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // What the event filter has found.
  std::map<std::string, std::string> event;

  // The values of a header, joined by commas as Envoy does; pseudo headers included. Nullopt where it is not there.
  std::optional<std::string> Header(std::string_view name) const;
};

// Empty where the request matches; else the first thing that is not as the route wants it:
// `path "/a" does not start with "/b"`.
std::string WhyNot(const envoy::config::route::v3::RouteMatch& match, const Request& request);

}  // namespace gloo::cli
