// For the tests of plugins: secrets are there, but for the one called "missing".
#pragma once

#include <string>
#include <string_view>

#include "translator/plugin.h"

namespace gloo::translator {

class FakeInputs final : public Inputs {
 public:
  model::NamedDataPtr Secret(std::string_view, std::string_view, Issues&) override { return secret; }
  model::NamedDataPtr Artifact(std::string_view) override { return artifact; }
  std::string SecretResource(std::string_view name, SecretUse use, std::string_view field, Issues& issues) override {
    return Named(use == SecretUse::kKeyPair ? "cert:" : "ca:", name, field, issues);
  }
  std::string TextResource(std::string_view name, std::string_view key, std::string_view prefix, std::string_view field,
                           Issues& issues) override {
    return Named("text:" + std::string(prefix) + ":" + std::string(key) + ":", name, field, issues);
  }
  std::string SystemAuthorities(std::string_view field, Issues& issues) override {
    if (has_system) return "system";
    issues.Warning(field, "NoSystemCertificates", "none");
    return "";
  }

  std::string IdentityToken(std::string_view name, std::string_view audience, std::string_view field,
                            Issues& issues) override {
    if (!has_token) issues.Warning(field, "TokenPending", "none");
    return has_token ? "token:" + std::string(name) + ":" + std::string(audience) : "";
  }

  bool GoogleMetadata(std::string_view field, Issues& issues) override {
    if (!has_google_metadata) issues.Warning(field, "NoMetadataServer", "none");
    return has_google_metadata;
  }

  model::NamedDataPtr secret;
  model::NamedDataPtr artifact;
  bool has_system = true;
  bool has_token = true;
  bool has_google_metadata = true;

 private:
  static std::string Named(const std::string& use, std::string_view name, std::string_view field, Issues& issues) {
    if (name != "missing") return use + std::string(name);
    issues.Warning(field, "SecretNotFound", "missing");
    return "";
  }
};

}  // namespace gloo::translator
