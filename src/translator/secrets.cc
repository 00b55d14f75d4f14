#include "translator/secrets.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "translator/checks/certificates.h"
#include "translator/envoy_build.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

const std::string* FindKey(const model::NamedData& data, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    auto it = data.data.find(name);
    if (it != data.data.end()) return &it->second;
  }
  return nullptr;
}

}  // namespace

const std::string* CertificateChain(const model::NamedData& data) {
  return FindKey(data, {"tls.crt", "certificate_chain"});
}

const std::string* PrivateKey(const model::NamedData& data) { return FindKey(data, {"tls.key", "private_key"}); }

const std::string* CertificateAuthority(const model::NamedData& data) { return FindKey(data, {"ca.crt", "root_ca"}); }

namespace {

using envoy::extensions::transport_sockets::tls::v3::Secret;

std::optional<Secret> PairSecret(const model::NamedData& data) {
  const std::string* chain = CertificateChain(data);
  const std::string* key = PrivateKey(data);
  if (chain == nullptr || key == nullptr) return std::nullopt;
  Secret secret;
  secret.mutable_tls_certificate()->mutable_certificate_chain()->set_inline_bytes(*chain);
  secret.mutable_tls_certificate()->mutable_private_key()->set_inline_bytes(*key);
  return secret;
}

std::optional<Secret> AuthoritySecret(const model::NamedData& data) {
  const std::string* ca = CertificateAuthority(data);
  if (ca == nullptr) return std::nullopt;
  Secret secret;
  secret.mutable_validation_context()->mutable_trusted_ca()->set_inline_bytes(*ca);
  return secret;
}

snapshot::ResourcePtr Make(std::string name, std::optional<Secret> secret) {
  if (!secret) return nullptr;
  secret->set_name(name);
  return snapshot::MakeResource(snapshot::Type::kSecret, std::move(name), Serialize(*secret));
}

}  // namespace

namespace {

// A file that somebody wrote with an editor ends with a line feed.
std::string_view WithoutLineEnd(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// As AWS makes them; nothing else fits into a credentials file.
bool IsAwsText(std::string_view text) { return IsNameOf(text, 0, std::string_view::npos, "/+=_-"); }

std::string CheckAwsKeys(const model::NamedData& data) {
  const AwsKeys keys = ReadAwsKeys(data);
  if (!keys.access_key.empty() && keys.secret_key.empty()) return "it has access_key but no secret_key";
  if (keys.access_key.empty() && !keys.secret_key.empty()) return "it has secret_key but no access_key";
  if (keys.access_key.empty()) return "";
  for (const auto& [name, text] : {std::pair("access_key", keys.access_key), std::pair("secret_key", keys.secret_key),
                                   std::pair("session_token", keys.session_token)}) {
    if (!IsAwsText(text)) return Cat(name, " is no key of AWS: letters, digits and /+=_- alone");
  }
  return "";
}

}  // namespace

AwsKeys ReadAwsKeys(const model::NamedData& data) {
  const auto text = [&](std::initializer_list<const char*> names) {
    const std::string* found = FindKey(data, names);
    return found == nullptr ? std::string_view() : WithoutLineEnd(*found);
  };
  return {text({"access_key", "aws_access_key_id"}), text({"secret_key", "aws_secret_access_key"}),
          text({"session_token", "aws_session_token"})};
}

std::string CheckSecret(const model::NamedData& data) {
  const std::string* chain = CertificateChain(data);
  const std::string* key = PrivateKey(data);
  if (chain == nullptr && key != nullptr) return "it has tls.key but no tls.crt";
  if (chain != nullptr && key == nullptr) return "it has tls.crt but no tls.key";
  if (chain != nullptr) {
    absl::Status status = checks::CheckKeyPair(*chain, *key);
    if (!status.ok()) return std::string(status.message());
  }
  if (const std::string* ca = CertificateAuthority(data)) {
    absl::Status status = checks::CheckCaBundle(*ca);
    if (!status.ok()) return Cat("ca.crt: ", std::string(status.message()));
  }
  if (std::string error = CheckAwsKeys(data); !error.empty()) return error;
  Issues refused;
  for (const std::optional<Secret>& secret : {PairSecret(data), AuthoritySecret(data)}) {
    if (secret && !CheckForEnvoy(*secret, "secret", refused)) return refused.items().front().message;
  }
  return "";
}

snapshot::ResourcePtr PairResource(std::string name, const model::NamedData& data) {
  return Make(std::move(name), PairSecret(data));
}

snapshot::ResourcePtr AuthorityResource(std::string name, const model::NamedData& data) {
  return Make(std::move(name), AuthoritySecret(data));
}

snapshot::ResourcePtr TextResource(std::string name, const model::NamedData& data, std::string_view key,
                                   std::string_view prefix) {
  auto it = data.data.find(std::string(key));
  if (it == data.data.end()) return nullptr;
  const std::string_view value = WithoutLineEnd(it->second);
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c != 0x7f; });
  if (value.empty() || !plain) return nullptr;
  Secret secret;
  secret.mutable_generic_secret()->mutable_secret()->set_inline_string(Cat(prefix, value));
  return Make(std::move(name), std::move(secret));
}

}  // namespace gloo::translator
