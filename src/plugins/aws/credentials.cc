#include "plugins/aws/credentials.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "base/suggest.h"
#include "plugins/aws/lambda.h"
#include "translator/secrets.h"
#include "translator/text.h"

namespace gloo::plugins {
namespace {

namespace aws = envoy::extensions::common::aws::v3;
using translator::Cat;
using translator::JsonQuote;

const std::vector<std::string>& Sources() {
  static const auto* const sources =
      new std::vector<std::string>{"any", "environment", "profile", "webIdentity", "container", "instance"};
  return *sources;
}

bool SetKeys(const AwsSpec& spec, translator::Inputs& inputs, aws::AwsCredentialProvider* out, Issues& issues) {
  const model::NamedDataPtr secret = inputs.Secret(spec.secret_ref(), "secretRef", issues);
  if (secret == nullptr) {
    issues.Warning(
        "secretRef", "SecretNotFound",
        Cat("there is no secret ", JsonQuote(spec.secret_ref()), " that is good; no function can be called"));
    return false;
  }
  const translator::AwsKeys keys = translator::ReadAwsKeys(*secret);
  if (keys.access_key.empty()) {
    issues.Warning("secretRef", "KeyNotFound",
                   Cat("secret ", JsonQuote(spec.secret_ref()),
                       " has no \"access_key\" and \"secret_key\"; no function can be called"));
    return false;
  }
  // As a file, which chains of sources take too; Envoy's dumps leave it out.
  std::string file =
      Cat("[gloo]\naws_access_key_id=", keys.access_key, "\naws_secret_access_key=", keys.secret_key, "\n");
  if (!keys.session_token.empty()) file += Cat("aws_session_token=", keys.session_token, "\n");
  out->mutable_credentials_file_provider()->mutable_credentials_data_source()->set_inline_string(std::move(file));
  out->mutable_credentials_file_provider()->set_profile("gloo");
  out->set_custom_credential_provider_chain(true);
  return true;
}

bool CheckRole(const AwsRole& role, Issues& issues) {
  const size_t errors_before = issues.errors();
  if (!IsRoleArn(role.arn())) {
    issues.Error("arn", role.arn().empty() ? "Required" : "BadArn",
                 Cat(JsonQuote(role.arn()), " is no ARN of a role; they are as arn:aws:iam::123456789012:role/NAME"));
  }
  if (!role.session_name().empty() && !translator::IsNameOf(role.session_name(), 2, 64, "_=,.@-")) {
    issues.Error("sessionName", "BadName",
                 Cat(JsonQuote(role.session_name()), " must be 2 to 64 letters, digits and characters of _=,.@-"));
  }
  return issues.errors() == errors_before;
}

// The token is for a role, which is assumed by it.
void SetWebIdentity(const AwsRole& role, aws::AwsCredentialProvider* out, Issues& issues) {
  IssuePath path(issues, "role");
  if (!role.external_id().empty() || role.has_session_duration()) {
    issues.Error("", "Contradiction", "has externalId or sessionDuration, which a web identity does not take");
  }
  if (!CheckRole(role, issues)) return;
  out->mutable_assume_role_with_web_identity_provider()->set_role_arn(role.arn());
  out->mutable_assume_role_with_web_identity_provider()->set_role_session_name(role.session_name());
}

void SetSource(const AwsSpec& spec, aws::AwsCredentialProvider* out, Issues& issues) {
  const std::string source = translator::Lower(spec.credentials());
  if (source.empty() || source == "any") {
    if (!spec.profile().empty()) out->mutable_credentials_file_provider()->set_profile(spec.profile());
    return;
  }
  out->set_custom_credential_provider_chain(true);
  if (source == "environment") {
    out->mutable_environment_credential_provider();
  } else if (source == "profile") {
    out->mutable_credentials_file_provider()->set_profile(spec.profile());
  } else if (source == "webidentity") {
    SetWebIdentity(spec.role(), out, issues);
  } else if (source == "container") {
    out->mutable_container_credential_provider();
  } else if (source == "instance") {
    out->mutable_instance_profile_credential_provider();
  } else {
    issues.Error("credentials", "UnknownSource",
                 Cat("no source ", JsonQuote(spec.credentials()),
                     " of credentials is known; write any, environment, "
                     "profile, webIdentity, container or instance",
                     Suggestion(spec.credentials(), Sources())));
  }
  if (!spec.profile().empty() && source != "profile") {
    issues.Error("profile", "Contradiction", "counts where credentials is profile or any; leave one of them out");
  }
}

void SetRole(const AwsRole& role, aws::AwsCredentialProvider* out, Issues& issues) {
  CheckRole(role, issues);
  if (!role.external_id().empty() && !translator::IsNameOf(role.external_id(), 2, 1224, "_+=,.@:/-")) {
    issues.Error("externalId", "BadName", "must be 2 to 1224 letters, digits and characters of _+=,.@:/-");
  }
  aws::AssumeRoleCredentialProvider assume;
  assume.set_role_arn(role.arn());
  assume.set_role_session_name(role.session_name());
  assume.set_external_id(role.external_id());
  if (role.has_session_duration()) {
    const int64_t seconds = role.session_duration().seconds();
    if (seconds < 900 || seconds > 12 * 3600) {
      issues.Error("sessionDuration", "BadDuration", "must be 15m to 12h");
    }
    *assume.mutable_session_duration() = role.session_duration();
  }
  if (out->ByteSizeLong() > 0) assume.mutable_credential_provider()->Swap(out);
  out->Clear();
  *out->mutable_assume_role_credential_provider() = std::move(assume);
  out->set_custom_credential_provider_chain(true);
}

}  // namespace

bool SetAwsCredentials(const AwsSpec& spec, translator::Inputs& inputs, aws::AwsCredentialProvider* out,
                       Issues& issues) {
  const size_t errors_before = issues.errors();
  bool ready = true;
  if (spec.secret_ref().empty()) {
    SetSource(spec, out, issues);
  } else if (!spec.credentials().empty() || !spec.profile().empty()) {
    issues.Error(spec.credentials().empty() ? "profile" : "credentials", "Contradiction",
                 "there is a secretRef too; write one of them");
  } else {
    ready = SetKeys(spec, inputs, out, issues);
  }
  if (spec.has_role() && translator::Lower(spec.credentials()) != "webidentity") {
    IssuePath path(issues, "role");
    SetRole(spec.role(), out, issues);
  }
  return ready && issues.errors() == errors_before;
}

}  // namespace gloo::plugins
