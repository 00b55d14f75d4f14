// Which clients may be which role, by the identity in their certificate.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gloo::xds {

// "IDENTITY=ROLE". `*` stands for any text, once in each part ("*.edge.example.com=edge", "spiffe://a/*=ingress").
struct AccessRule {
  std::string identity;
  std::string role;
};
// The last `=` divides: identities may hold one, role names do not.
absl::StatusOr<AccessRule> ParseAccessRule(std::string_view text);

// True without rules: then every client that was let in may be every role.
bool MayBe(const std::vector<AccessRule>& rules, const std::vector<std::string>& identities, std::string_view role);

}  // namespace gloo::xds
