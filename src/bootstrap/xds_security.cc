#include "bootstrap/xds_security.h"

#include <arpa/inet.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "translator/checks/certificates.h"

namespace gloo::bootstrap {
namespace {

absl::StatusOr<std::string> Read(const std::string& flag, const std::string& path) {
  std::ifstream in(path);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in.good() && text.empty()) return absl::NotFoundError(StrCat(flag, " ", path, ": cannot be read"));
  return text;
}

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

}  // namespace

bool IsIpAddress(const std::string& text) {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(AF_INET, text.c_str(), buffer) == 1 || inet_pton(AF_INET6, text.c_str(), buffer) == 1;
}

bool IsLoopback(const std::string& address) {
  in_addr four;
  if (inet_pton(AF_INET, address.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  in6_addr six;
  return inet_pton(AF_INET6, address.c_str(), &six) == 1 && std::memcmp(&six, &in6addr_loopback, sizeof(six)) == 0;
}

absl::Status SecureXds(const Settings& s, xds::ServerOptions* options) {
  if (s.xds_tls_cert.empty() != s.xds_tls_key.empty()) {
    return Wrong("--xds-tls-cert and --xds-tls-key go together: one of them is missing");
  }
  if (s.xds_tls_cert.empty()) {
    if (!s.xds_client_ca.empty()) return Wrong("--xds-client-ca needs --xds-tls-cert and --xds-tls-key");
    if (!s.xds_allow.empty()) return Wrong("--xds-allow needs --xds-client-ca: without it clients have no identity");
    if (!IsLoopback(s.xds_address) && !s.xds_insecure) {
      return Wrong(StrCat("--xds-address ", s.xds_address,
                          " is not loopback: give --xds-tls-cert and --xds-tls-key, or --xds-insecure to serve keys in "
                          "plain text"));
    }
    return absl::OkStatus();
  }
  GLOO_ASSIGN_OR_RETURN(const std::string cert, Read("--xds-tls-cert", s.xds_tls_cert));
  GLOO_ASSIGN_OR_RETURN(const std::string key, Read("--xds-tls-key", s.xds_tls_key));
  if (absl::Status status = checks::CheckKeyPair(cert, key); !status.ok()) {
    return Wrong(StrCat("--xds-tls-cert ", s.xds_tls_cert, ", --xds-tls-key ", s.xds_tls_key, ": ",
                        std::string(status.message())));
  }
  options->tls = {.cert = s.xds_tls_cert, .key = s.xds_tls_key, .client_ca = s.xds_client_ca};
  if (s.xds_client_ca.empty()) {
    if (!s.xds_allow.empty()) return Wrong("--xds-allow needs --xds-client-ca: without it clients have no identity");
    return absl::OkStatus();
  }
  GLOO_ASSIGN_OR_RETURN(const std::string ca, Read("--xds-client-ca", s.xds_client_ca));
  if (absl::Status status = checks::CheckCaBundle(ca); !status.ok()) {
    return Wrong(StrCat("--xds-client-ca ", s.xds_client_ca, ": ", std::string(status.message())));
  }
  for (const std::string& text : s.xds_allow) {
    absl::StatusOr<xds::AccessRule> rule = xds::ParseAccessRule(text);
    if (!rule.ok()) return Wrong(StrCat("--xds-allow: ", std::string(rule.status().message())));
    options->access.push_back(*std::move(rule));
  }
  return absl::OkStatus();
}

absl::Status CheckOwnEnvoy(const Settings& s) {
  if (s.xds_tls_cert.empty()) {
    if (!s.xds_ca.empty()) return Wrong("--xds-ca needs --xds-tls-cert: the control plane speaks plain text");
  } else {
    if (s.xds_ca.empty()) {
      return Wrong("gloo up with --xds-tls-cert needs --xds-ca, by which its Envoy knows the control plane");
    }
    if (!s.xds_client_ca.empty() && s.xds_client_cert.empty()) {
      return Wrong("gloo up with --xds-client-ca needs --xds-client-cert and --xds-client-key, for its Envoy");
    }
  }
  return CheckClientFiles(s.xds_ca, s.xds_client_cert, s.xds_client_key);
}

absl::Status CheckClientFiles(const std::string& ca, const std::string& cert, const std::string& key) {
  if (cert.empty() != key.empty()) {
    return Wrong("--xds-client-cert and --xds-client-key go together: one of them is missing");
  }
  if (!cert.empty() && ca.empty()) return Wrong("--xds-client-cert needs --xds-ca");
  return absl::OkStatus();
}

}  // namespace gloo::bootstrap
