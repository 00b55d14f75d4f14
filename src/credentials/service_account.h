// Google's service account keys, and the grant by which one is exchanged for an identity token (RFC 7523, with
// `target_audience`).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/object.h"

namespace gloo::credentials {

// The item of the secret that holds the key, as it is downloaded.
inline constexpr char kKeyItem[] = "key.json";

struct ServiceAccount {
  std::string client_email;
  std::string private_key;  // PEM
  std::string private_key_id;
  std::string token_uri;
};

// Errors name the secret's item and the field, and never what they hold.
absl::StatusOr<ServiceAccount> ReadServiceAccount(const model::NamedData& secret);

// The body of the request to `token_uri`.
absl::StatusOr<std::string> GrantRequest(const ServiceAccount& account, const std::string& audience, absl::Time now);

struct IdentityToken {
  std::string value;
  absl::Time expires;
};

// Of the answer of `token_uri`. The signature is the function's to verify.
absl::StatusOr<IdentityToken> ReadGrantResponse(const std::string& body);

}  // namespace gloo::credentials
