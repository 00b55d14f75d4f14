#include "translator/checks/certificates.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace gloo::checks {
namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;

std::string Text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, size);
  BIO_free(bio);
  return out;
}

KeyPtr Ec(const char* group) { return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", group)); }
KeyPtr Rsa(size_t bits) { return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits)); }
KeyPtr Ed25519() { return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

std::string PrivatePem(const KeyPtr& key, const char* password = nullptr) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key.get(), password == nullptr ? nullptr : EVP_aes_128_cbc(), password,
                                password == nullptr ? 0 : 4, nullptr, nullptr);
  return Text(bio);
}

// Self-signed, good until `until` (seconds since the epoch).
std::string CertificatePem(const KeyPtr& key, int64_t until = 4'000'000'000) {
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  ASN1_TIME_set(X509_getm_notBefore(certificate), 1'000'000'000);
  ASN1_TIME_set(X509_getm_notAfter(certificate), until);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  X509_set_pubkey(certificate, key.get());
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:Shop.example,DNS:*.b.example,IP:127.0.0.1");
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  const bool own_digest = EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519;
  X509_sign(certificate, key.get(), own_digest ? nullptr : EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  X509_free(certificate);
  return Text(bio);
}

TEST(CertificatesTest, GoodPairs) {
  for (const KeyPtr& key : {Ec("P-256"), Ec("P-384"), Ec("P-521"), Rsa(2048)}) {
    CertificateInfo info;
    const absl::Status status = CheckKeyPair(CertificatePem(key), PrivatePem(key), &info);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(info.not_before, absl::FromUnixSeconds(1'000'000'000));
    EXPECT_EQ(info.not_after, absl::FromUnixSeconds(4'000'000'000));
    EXPECT_EQ(info.dns_names, (std::vector<std::string>{"shop.example", "*.b.example"}));
  }
}

TEST(CertificatesTest, AChainIsReadWhole) {
  const KeyPtr key = Ec("P-256");
  const KeyPtr other = Ec("P-256");
  const std::string leaf = CertificatePem(key);
  const std::string issuer = CertificatePem(other);
  EXPECT_TRUE(CheckKeyPair("comment\n" + leaf + issuer, PrivatePem(key)).ok());
  EXPECT_EQ(CheckKeyPair(issuer + leaf, PrivatePem(key)).message(),
            "the private key does not belong to the first certificate of the chain");
  std::string damaged = issuer;
  damaged.replace(100, 4, "####");
  EXPECT_EQ(CheckKeyPair(leaf + damaged, PrivatePem(key)).message(),
            "the certificate chain: certificate number 2 is damaged: it does not parse");
}

TEST(CertificatesTest, WrongPairs) {
  const KeyPtr key = Ec("P-256");
  const std::string certificate = CertificatePem(key);
  const std::string text = PrivatePem(key);
  EXPECT_EQ(CheckKeyPair("", text).message(),
            "the certificate chain holds no certificate; PEM text with -----BEGIN CERTIFICATE----- is needed");
  EXPECT_EQ(CheckKeyPair(text, certificate).message(), "the certificate chain holds a private key and no certificate");
  EXPECT_EQ(CheckKeyPair(certificate, "").message(),
            "there is no private key; PEM text with -----BEGIN PRIVATE KEY----- is needed");
  EXPECT_EQ(CheckKeyPair(certificate, text.substr(0, 80) + "\n-----END PRIVATE KEY-----\n").message(),
            "the private key is damaged: it does not parse");
  EXPECT_EQ(CheckKeyPair(certificate, PrivatePem(key, "pass")).message(),
            "the private key is encrypted; an unencrypted one is needed");
  EXPECT_EQ(CheckKeyPair(certificate, PrivatePem(Ec("P-256"))).message(),
            "the private key does not belong to the first certificate of the chain");
}

TEST(CertificatesTest, KeysThatEnvoyRefuses) {
  const KeyPtr small = Rsa(1024);
  EXPECT_EQ(CheckKeyPair(CertificatePem(small), PrivatePem(small)).message(),
            "the key is RSA with 1024 bits; Envoy takes RSA with 2048 bits or more");
  const KeyPtr curve = Ec("secp256k1");
  EXPECT_EQ(CheckKeyPair(CertificatePem(curve), PrivatePem(curve)).message(),
            "the key is ECDSA on secp256k1; Envoy takes P-256, P-384 and P-521");
  const KeyPtr edwards = Ed25519();
  EXPECT_EQ(CheckKeyPair(CertificatePem(edwards), PrivatePem(edwards)).message(),
            "the key is of type ED25519; Envoy takes RSA and ECDSA keys");
}

TEST(CertificatesTest, CaBundle) {
  const KeyPtr key = Ec("P-256");
  CertificateInfo info;
  EXPECT_TRUE(CheckCaBundle(CertificatePem(key, 4'000'000'000) + CertificatePem(key, 1'100'000'000), &info).ok());
  EXPECT_EQ(info.not_after, absl::FromUnixSeconds(1'100'000'000));
  EXPECT_EQ(CheckCaBundle("x").message(),
            "the CA bundle holds no certificate; PEM text with -----BEGIN CERTIFICATE----- is needed");
}

}  // namespace
}  // namespace gloo::checks
