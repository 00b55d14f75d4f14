// Tokens that the control plane fetches for functions: what is asked for, and what was got.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "model/object.h"

namespace gloo::model {

// A token for an audience, by the service account key of a secret.
struct TokenKey {
  DataKey secret;
  std::string audience;

  auto operator<=>(const TokenKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const TokenKey& k) {
    return H::combine(std::move(h), k.secret, k.audience);
  }
};

// All that are wanted, with the secrets as they are.
using TokensWanted = std::map<TokenKey, NamedDataPtr>;

struct Token {
  // Empty: there is none.
  std::string value;
  // What is wrong, for the status; empty where nothing is. There may be a token that is still good.
  std::string reason;
  std::string message;

  bool operator==(const Token&) const = default;
};

}  // namespace gloo::model
