// Secrets as the translator keeps them, and the SDS resources made of them.
#pragma once

#include <string>
#include <string_view>

#include "model/object.h"
#include "snapshot/resource.h"
#include "translator/plugin.h"

namespace gloo::translator {

struct SecretState {
  model::NamedDataPtr current;
  // The last one that CheckSecret() took.
  model::NamedDataPtr last_good;
  // What is wrong with `current`; empty where nothing is.
  std::string error;

  // What is in force: `current` where it is good, else `last_good`; null where there is none.
  const model::NamedData* in_force() const { return last_good.get(); }
};

// Keys of a TLS pair; the names of the first Gloo are taken too. Null where there is none.
const std::string* CertificateChain(const model::NamedData& data);
const std::string* PrivateKey(const model::NamedData& data);
const std::string* CertificateAuthority(const model::NamedData& data);

// A key of AWS. Empty texts where there is none; the names of its own credentials file are taken too.
struct AwsKeys {
  std::string_view access_key;
  std::string_view secret_key;
  std::string_view session_token;
};
// Views into `data`.
AwsKeys ReadAwsKeys(const model::NamedData& data);

// Empty where the pair, the CA and the key of AWS, if there are any, are good.
std::string CheckSecret(const model::NamedData& data);

// Of data that CheckSecret() took. Null where it has no key pair (or no CA).
snapshot::ResourcePtr PairResource(std::string name, const model::NamedData& data);
snapshot::ResourcePtr AuthorityResource(std::string name, const model::NamedData& data);
// Null where it has no such key, or the value cannot stand in a header.
snapshot::ResourcePtr TextResource(std::string name, const model::NamedData& data, std::string_view key,
                                   std::string_view prefix);

}  // namespace gloo::translator
