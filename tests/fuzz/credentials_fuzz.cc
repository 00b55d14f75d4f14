// Any bytes as a service account key and as the answer of a token endpoint: never a crash; a token can stand in a
// header and has an end, and no error shows what it is about.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "absl/strings/str_replace.h"
#include "credentials/service_account.h"
#include "credentials/test_key.h"

namespace {

void Demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A key of its own: none is kept beside the seeds.
  static const std::string key = absl::StrReplaceAll(gloo::credentials::TestKey(), {{"\n", "\\n"}});
  const std::string text =
      absl::StrReplaceAll(std::string(reinterpret_cast<const char*>(data), size), {{"@KEY@", key.c_str()}});
  gloo::model::NamedData secret;
  secret.data.emplace(gloo::credentials::kKeyItem, text);
  const auto account = gloo::credentials::ReadServiceAccount(secret);
  if (account.ok()) {
    const auto request = gloo::credentials::GrantRequest(*account, "https://f.test", absl::FromUnixSeconds(1000));
    Demand(request.ok(), "a key that is good cannot sign");
    Demand(request->find_first_of(" \r\n") == std::string::npos, "a grant that is no form");
  } else {
    Demand(account.status().message().size() < 300, "an error that holds what it is about");
  }
  const auto token = gloo::credentials::ReadGrantResponse(text);
  if (token.ok()) {
    Demand(token->value.find_first_of(" \r\n") == std::string::npos, "a token that cannot stand in a header");
    Demand(token->expires > absl::UnixEpoch() && token->expires < absl::InfiniteFuture(), "a token without end");
  } else {
    Demand(token.status().message().size() < 300, "an error that holds what it is about");
  }
  return 0;
}
