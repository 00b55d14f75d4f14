#include "translator/checks/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace gloo::checks {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* p) const {
    Free(p);
  }
};
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

// OpenSSL's errors are a queue of the thread; nothing of ours may stay in it.
struct ClearErrors {
  ~ClearErrors() { ERR_clear_error(); }
};

BioPtr MemoryBio(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(std::min<size_t>(text.size(), 64 << 20))));
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm tm{};
  if (ASN1_TIME_to_tm(time, &tm) != 1) return absl::InfiniteFuture();
  return absl::FromCivil(
      absl::CivilSecond(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec),
      absl::UTCTimeZone());
}

CertificateInfo Describe(X509* certificate) {
  CertificateInfo info;
  info.not_before = ToTime(X509_get0_notBefore(certificate));
  info.not_after = ToTime(X509_get0_notAfter(certificate));
  NamesPtr names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                          ASN1_STRING_length(name->d.dNSName));
    info.dns_names.push_back(absl::AsciiStrToLower(std::string(text)));
  }
  return info;
}

// All certificates of `pem`; blocks of other kinds are passed over, as Envoy does.
absl::Status ReadCertificates(std::string_view pem, const char* what, std::vector<X509Ptr>* out) {
  BioPtr bio = MemoryBio(pem);
  while (true) {
    X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    out->push_back(std::move(certificate));
  }
  // The end of the text shows itself as "no start line"; everything else is a block that does not parse.
  if (unsigned long error = ERR_peek_last_error();
      ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": certificate number ", out->size() + 1, " is damaged: it does not parse"));
  }
  if (out->empty()) {
    if (pem.find("PRIVATE KEY-----") != std::string_view::npos) {
      return absl::InvalidArgumentError(absl::StrCat(what, " holds a private key and no certificate"));
    }
    return absl::InvalidArgumentError(
        absl::StrCat(what, " holds no certificate; PEM text with -----BEGIN CERTIFICATE----- is needed"));
  }
  return absl::OkStatus();
}

int RefusePassword(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::Status CheckKeyKind(EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      if (EVP_PKEY_get_bits(key) < 2048) {
        return absl::InvalidArgumentError(absl::StrCat("the key is RSA with ", EVP_PKEY_get_bits(key),
                                                       " bits; Envoy takes RSA with 2048 bits or more"));
      }
      return absl::OkStatus();
    case EVP_PKEY_EC: {
      char group[80] = "";
      EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr);
      const int nid = OBJ_txt2nid(group);
      if (nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1) return absl::OkStatus();
      return absl::InvalidArgumentError(
          absl::StrCat("the key is ECDSA on ", group, "; Envoy takes P-256, P-384 and P-521"));
    }
    default: {
      const char* name = EVP_PKEY_get0_type_name(key);
      return absl::InvalidArgumentError(
          absl::StrCat("the key is of type ", name == nullptr ? "unknown" : name, "; Envoy takes RSA and ECDSA keys"));
    }
  }
}

}  // namespace

absl::Status CheckKeyPair(std::string_view cert_chain_pem, std::string_view private_key_pem, CertificateInfo* info) {
  ClearErrors clear;
  ERR_clear_error();
  std::vector<X509Ptr> chain;
  absl::Status status = ReadCertificates(cert_chain_pem, "the certificate chain", &chain);
  if (info != nullptr && !chain.empty()) *info = Describe(chain.front().get());
  if (!status.ok()) return status;

  ERR_clear_error();
  bool asked = false;
  BioPtr bio = MemoryBio(private_key_pem);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, RefusePassword, &asked));
  if (asked) return absl::InvalidArgumentError("the private key is encrypted; an unencrypted one is needed");
  if (!key) {
    return absl::InvalidArgumentError(
        private_key_pem.find("PRIVATE KEY-----") != std::string_view::npos
            ? "the private key is damaged: it does not parse"
            : "there is no private key; PEM text with -----BEGIN PRIVATE KEY----- is needed");
  }
  if (absl::Status kind = CheckKeyKind(key.get()); !kind.ok()) return kind;
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    return absl::InvalidArgumentError("the private key does not belong to the first certificate of the chain");
  }
  return absl::OkStatus();
}

absl::Status CheckCaBundle(std::string_view pem, CertificateInfo* info) {
  ClearErrors clear;
  ERR_clear_error();
  std::vector<X509Ptr> certificates;
  absl::Status status = ReadCertificates(pem, "the CA bundle", &certificates);
  if (info != nullptr) {
    std::optional<CertificateInfo> first;
    for (const X509Ptr& certificate : certificates) {
      CertificateInfo described = Describe(certificate.get());
      if (!first || described.not_after < first->not_after) first = std::move(described);
    }
    if (first) *info = *std::move(first);
  }
  return status;
}

}  // namespace gloo::checks
