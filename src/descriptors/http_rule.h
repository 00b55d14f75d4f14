// Rules of google.api.http: which HTTP requests call a method.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/api/http.pb.h"

namespace gloo::descriptors {

class DescriptorSet;

// One pattern of a rule.
struct Binding {
  // "GET", or what `custom` says.
  std::string verb;
  // `/v1/{name=shelves/*}/books:list`.
  std::string path;
  // The field that the body is; "*": all that the path does not give; empty: there is none.
  std::string body;
  std::string response_body;

  bool operator==(const Binding&) const = default;
};

// The pattern of a rule and its additional ones.
std::vector<Binding> BindingsOf(const google::api::HttpRule& rule);
google::api::HttpRule RuleOf(const std::vector<Binding>& bindings);

struct HttpTemplate {
  // Variables are replaced by their patterns.
  std::vector<std::string> segments;
  std::string verb;
  // Names of fields.
  std::vector<std::vector<std::string>> variables;

  // Requests that two templates of the same shape take are the same.
  std::string Shape() const;
  // Whether it takes a path, which has no query string.
  bool Takes(std::string_view path) const;
  // Of two templates that take a path, Envoy uses the more specific one: literals go before "*", that before "**".
  bool MoreSpecificThan(const HttpTemplate& other) const;
};

// As Envoy reads it; refuses what Envoy refuses.
absl::StatusOr<HttpTemplate> ParseHttpTemplate(std::string_view path);

// Checks path, variables and body against the method's request message and response message; empty: all is well.
std::string CheckBinding(const DescriptorSet& set, const std::string& request, const std::string& response,
                         const Binding& binding);

}  // namespace gloo::descriptors
