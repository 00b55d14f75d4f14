// For the tests of this folder: a key made for them, secrets and answers.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "model/object.h"

namespace gloo::credentials {

inline const std::string& TestKey() {
  static const auto* const pem = [] {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_RSA_gen(2048), &EVP_PKEY_free);
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &data);
    return std::make_unique<std::string>(data, static_cast<size_t>(size)).release();
  }();
  return *pem;
}

inline std::string KeyFile() {
  return StrCat(R"({"type": "service_account", "client_email": "caller@shop.test", "private_key_id": "one", )",
                R"("token_uri": "https://token.test/", "private_key": ")",
                absl::StrReplaceAll(TestKey(), {{"\n", "\\n"}}), "\"}");
}

inline model::NamedDataPtr SecretOf(const std::string& json) {
  model::NamedData data;
  data.data.emplace("key.json", json);
  return std::make_shared<const model::NamedData>(std::move(data));
}

inline std::string AnswerOf(int64_t expires) {
  return StrCat(R"({"id_token": "e30.)", absl::WebSafeBase64Escape(absl::StrCat("{\"exp\": ", expires, "}")),
                ".c2ln\"}");
}

}  // namespace gloo::credentials
