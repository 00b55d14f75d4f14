// Names of Envoy's resources, and what a user may write for a domain, a header or a reference.
#pragma once

#include <string>
#include <string_view>

#include "base/issues.h"
#include "model/object.h"

namespace gloo::translator {

inline constexpr std::string_view kScopeHeader = "x-gloo-scope";
// Names the credential that the cluster adds to a request. Written by functions alone: a client's own is emptied before
// the route is chosen, and users can neither match nor set it.
inline constexpr std::string_view kCallHeader = "x-gloo-call";
// The cluster of Google's metadata server, in every role; no upstream can be called so.
inline constexpr std::string_view kGoogleMetadata = "gloo.google-metadata";
inline constexpr std::string_view kModuleName = "gloo_filters";
inline constexpr std::string_view kScopeMutation = "gloo.scope";
inline constexpr std::string_view kDomainTable = "gloo.domains";
inline constexpr std::string_view kEvents = "gloo.events";
inline constexpr std::string_view kLambda = "gloo.lambda";
inline constexpr std::string_view kTransformation = "gloo.transformation";
inline constexpr std::string_view kDefaultRole = "ingress";

// "namespace/name": clusters, their endpoints and route configurations are called so.
std::string ResourceName(std::string_view ns, std::string_view name);

// A secret that a cluster asks for. Clients cannot make Envoy ask for it: it is longer than any server name (SNI) may
// be, and those are what the certificates of listeners are asked for by.
std::string UpstreamSecretName(std::string_view use, const model::DataKey& key);

// "LISTENER|DOMAIN".
std::string ScopeName(std::string_view listener, std::string_view domain);

// `name` may be "namespace/name"; else it is in `ns`.
model::DataKey Resolve(std::string_view ns, std::string_view name);

// A domain as it is matched: lower case, no trailing dot. On failure `error` says what is wrong.
bool NormalizeDomain(std::string_view written, std::string* domain, std::string* error);

// "a.b.c": "*.b.c", "*.c", "*" in this order; calls `visit` until it returns true. True if one did.
template <typename Visit>
bool VisitWildcards(std::string_view domain, Visit visit) {
  size_t from = domain.substr(0, 2) == "*." ? 2 : 0;
  for (size_t dot = domain.find('.', from); dot != std::string_view::npos; dot = domain.find('.', dot + 1)) {
    std::string wildcard("*");
    wildcard.append(domain.substr(dot));
    if (visit(wildcard)) return true;
  }
  return domain != "*" && visit(std::string("*"));
}

// An IP address in its one spelling (`0::1` is `::1`); empty where the text is none.
std::string CanonicalIp(const std::string& written);

// Checks the name of a header that a user reads, sets or removes; the result is lower-case, `host` is `:authority`.
// Empty after adding an error at `field`. What only Gloo may touch is refused.
enum class HeaderUse { kMatch, kChange };
std::string HeaderName(std::string_view written, HeaderUse use, std::string_view field, Issues& issues);

// Plain text as Envoy's header format takes it: a percent sign is doubled.
std::string EscapeHeaderValue(std::string_view text);

}  // namespace gloo::translator
