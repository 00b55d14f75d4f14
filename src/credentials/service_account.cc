#include "credentials/service_account.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "base/strings.h"

namespace gloo::credentials {
namespace {

using google::protobuf::Struct;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

constexpr size_t kLargestKeyFile = 64 << 10;
constexpr size_t kLongestToken = 16 << 10;
constexpr int kFewestBits = 2048;
constexpr absl::Duration kGrantLives = absl::Hours(1);

std::string Base64Url(std::string_view bytes) {
  std::string out = absl::WebSafeBase64Escape(AbslView(bytes));
  while (!out.empty() && out.back() == '=') out.pop_back();
  return out;
}

std::optional<Struct> ParseJson(const std::string& text) {
  Struct out;
  if (!google::protobuf::util::JsonStringToMessage(text, &out).ok()) return std::nullopt;
  return out;
}

std::string Text(const Struct& object, const std::string& name) {
  const auto it = object.fields().find(name);
  return it == object.fields().end() ? std::string() : it->second.string_value();
}

std::string ToJson(const Struct& object) {
  std::string out;
  if (!google::protobuf::util::MessageToJsonString(object, &out).ok()) out.clear();
  return out;
}

// Null where it is no RSA key. A key with a password is none: nobody is there to give it.
KeyPtr ReadKey(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                      &BIO_free);
  const auto no_password = [](char*, int, int, void*) { return 0; };
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr), &EVP_PKEY_free);
  if (key != nullptr && (EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA || EVP_PKEY_bits(key.get()) < kFewestBits)) {
    key.reset();
  }
  return key;
}

// The grant may be read on the way otherwise.
bool IsSafe(std::string_view url) {
  if (url.starts_with("https://")) return true;
  constexpr std::string_view kPlain = "http://";
  if (!url.starts_with(kPlain)) return false;
  url.remove_prefix(kPlain.size());
  const std::string_view host = url.substr(0, std::min(url.find_first_of("/?#"), url.size()));
  const std::string_view name =
      host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
  return name == "localhost" || name == "127.0.0.1" || name == "[::1]";
}

absl::StatusOr<std::string> Sign(const std::string& pem, const std::string& text) {
  const KeyPtr key = ReadKey(pem);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  size_t size = 0;
  if (key == nullptr || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1) {
    return absl::InternalError("the grant cannot be signed");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, text.size()) !=
      1) {
    return absl::InternalError("the grant cannot be signed");
  }
  signature.resize(size);
  return signature;
}

}  // namespace

absl::StatusOr<ServiceAccount> ReadServiceAccount(const model::NamedData& secret) {
  const auto item = secret.data.find(kKeyItem);
  if (item == secret.data.end()) {
    return absl::InvalidArgumentError(
        StrCat("has no \"", kKeyItem, "\": put the service account key there, as it is downloaded"));
  }
  const auto wrong = [](std::string_view what) {
    return absl::InvalidArgumentError(StrCat("\"", kKeyItem, "\": ", what));
  };
  if (item->second.size() > kLargestKeyFile) return wrong("is too large for a service account key");
  const std::optional<Struct> object = ParseJson(item->second);
  if (!object) return wrong("is no JSON object");
  if (Text(*object, "type") != "service_account") return wrong("\"type\" must be \"service_account\"");
  ServiceAccount account{Text(*object, "client_email"), Text(*object, "private_key"), Text(*object, "private_key_id"),
                         Text(*object, "token_uri")};
  if (account.client_email.empty()) return wrong("\"client_email\" is missing");
  if (!IsSafe(account.token_uri)) return wrong("\"token_uri\" must be a URL of https");
  if (ReadKey(account.private_key) == nullptr) {
    return wrong(StrCat("\"private_key\" must be an RSA key in PEM of ", kFewestBits, " bits or more"));
  }
  return account;
}

absl::StatusOr<std::string> GrantRequest(const ServiceAccount& account, const std::string& audience, absl::Time now) {
  Struct header;
  (*header.mutable_fields())["alg"].set_string_value("RS256");
  (*header.mutable_fields())["typ"].set_string_value("JWT");
  if (!account.private_key_id.empty()) (*header.mutable_fields())["kid"].set_string_value(account.private_key_id);
  Struct claims;
  auto& fields = *claims.mutable_fields();
  fields["iss"].set_string_value(account.client_email);
  fields["aud"].set_string_value(account.token_uri);
  fields["target_audience"].set_string_value(audience);
  fields["iat"].set_number_value(static_cast<double>(absl::ToUnixSeconds(now)));
  fields["exp"].set_number_value(static_cast<double>(absl::ToUnixSeconds(now + kGrantLives)));
  const std::string text = StrCat(Base64Url(ToJson(header)), ".", Base64Url(ToJson(claims)));
  absl::StatusOr<std::string> signature = Sign(account.private_key, text);
  if (!signature.ok()) return signature.status();
  return StrCat("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=", text, ".",
                Base64Url(*signature));
}

absl::StatusOr<IdentityToken> ReadGrantResponse(const std::string& body) {
  const auto wrong = [](std::string_view what) { return absl::InvalidArgumentError(StrCat("its answer ", what)); };
  const std::optional<Struct> object = ParseJson(body);
  if (!object) return wrong("is no JSON object");
  IdentityToken token{Text(*object, "id_token"), absl::InfinitePast()};
  if (token.value.empty()) return wrong("has no \"id_token\"");
  const bool plain = std::all_of(token.value.begin(), token.value.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!plain || token.value.size() > kLongestToken) return wrong("has an \"id_token\" that cannot stand in a header");
  const size_t first = token.value.find('.');
  const size_t second = first == std::string::npos ? first : token.value.find('.', first + 1);
  std::string claims;
  if (second == std::string::npos ||
      !absl::WebSafeBase64Unescape(token.value.substr(first + 1, second - first - 1), &claims)) {
    return wrong("has an \"id_token\" that is no JWT");
  }
  const std::optional<Struct> read = ParseJson(claims);
  const auto expires = read ? read->fields().find("exp") : decltype(read->fields().end()){};
  // Beyond the year 9999 it is no time.
  if (!read || expires == read->fields().end() || !(expires->second.number_value() > 0) ||
      expires->second.number_value() > 253402300799.0) {
    return wrong("has an \"id_token\" without \"exp\"");
  }
  token.expires = absl::FromUnixSeconds(static_cast<int64_t>(expires->second.number_value()));
  return token;
}

}  // namespace gloo::credentials
