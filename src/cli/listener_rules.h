// What a listener does to a request before its route is chosen, as Envoy does it by the settings of the listener.
#pragma once

#include <string>
#include <string_view>

#include "cli/route_match.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"

namespace gloo::cli {

// An answer of the gateway itself; status 0: there is none, and the request goes on.
struct EarlyAnswer {
  int status = 0;
  std::string text;
};

// Refuses, redirects or changes the request: its path becomes what routes are compared with, and headers that mean this
// connection alone, or that clients may not set, go.
EarlyAnswer Admit(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager& manager,
    Request* request);

// Escaped characters that need it not are unescaped, those that need it are escaped, "\" is "/", dot segments are
// resolved; the query string stays as it is. False: no path that Envoy takes.
bool CanonicalPath(std::string* path);
// Several slashes in a row become one; the query string stays as it is.
void MergeSlashes(std::string* path);

}  // namespace gloo::cli
