// Checks of TLS material, before Envoy sees it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace gloo::checks {

// What a certificate says of itself. Whether it has expired is for a caller that has a clock.
struct CertificateInfo {
  absl::Time not_before;
  absl::Time not_after;
  // DNS names of the subject alternative names, lower-case, as they stand there.
  std::vector<std::string> dns_names;
};

// Ok where Envoy takes the pair: the whole chain parses, the key is RSA of 2048 bits or more or ECDSA on P-256, P-384
// or P-521, is not encrypted and belongs to the first certificate. `info`, when given, is set from the first
// certificate if that parses. Messages never hold any of the key.
absl::Status CheckKeyPair(std::string_view cert_chain_pem, std::string_view private_key_pem,
                          CertificateInfo* info = nullptr);

// Ok where `pem` holds at least one certificate and all that it holds parse. `info`: that which expires first.
absl::Status CheckCaBundle(std::string_view pem, CertificateInfo* info = nullptr);

}  // namespace gloo::checks
