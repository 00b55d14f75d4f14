#include "xds/csds.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "snapshot/redact.h"

namespace gloo::xds {
namespace {

using envoy::admin::v3::ClientResourceStatus;
using envoy::service::status::v3::ClientConfig;
using envoy::service::status::v3::ClientStatusRequest;
using envoy::service::status::v3::ConfigStatus;
using snapshot::ResourcePtr;
using snapshot::Type;

void DescribeEntry(Type type, const std::string& name, const Entry& entry, bool contents,
                   ClientConfig::GenericXdsConfig* out) {
  out->set_type_url(std::string(snapshot::TypeUrl(type)));
  out->set_name(name);
  const ResourcePtr& form = entry.acked != nullptr ? entry.acked : entry.sent;
  if (form != nullptr) {
    out->set_version_info(form->version);
    if (contents && !form->body.empty()) {
      if (const auto message = snapshot::Redacted(*form)) {
        out->mutable_xds_config()->set_type_url(out->type_url());
        out->mutable_xds_config()->set_value(message->SerializeAsString());
      }
    }
  }
  if (entry.refusal != nullptr && (entry.lag != nullptr || entry.acked == nullptr)) {
    out->set_config_status(ConfigStatus::ERROR);
    out->set_client_status(ClientResourceStatus::NACKED);
    out->mutable_error_state()->set_details(entry.refusal->message);
    out->mutable_error_state()->set_version_info(entry.refusal->version);
  } else if (entry.lag == nullptr && entry.acked != nullptr) {
    out->set_config_status(ConfigStatus::SYNCED);
    out->set_client_status(ClientResourceStatus::ACKED);
  } else if (entry.lag == nullptr) {
    out->set_config_status(ConfigStatus::NOT_SENT);
    out->set_client_status(ClientResourceStatus::DOES_NOT_EXIST);
  } else {
    out->set_config_status(entry.sent != nullptr ? ConfigStatus::STALE : ConfigStatus::NOT_SENT);
    out->set_client_status(entry.acked != nullptr ? ClientResourceStatus::ACKED : ClientResourceStatus::REQUESTED);
  }
}

absl::Status MatchesId(const envoy::type::matcher::v3::StringMatcher& matcher, std::string id, bool* out) {
  const auto fold = [&](std::string s) { return matcher.ignore_case() ? absl::AsciiStrToLower(s) : s; };
  id = fold(std::move(id));
  switch (matcher.match_pattern_case()) {
    case envoy::type::matcher::v3::StringMatcher::kExact:
      *out = id == fold(matcher.exact());
      return absl::OkStatus();
    case envoy::type::matcher::v3::StringMatcher::kPrefix:
      *out = absl::StartsWith(id, fold(matcher.prefix()));
      return absl::OkStatus();
    case envoy::type::matcher::v3::StringMatcher::kSuffix:
      *out = absl::EndsWith(id, fold(matcher.suffix()));
      return absl::OkStatus();
    case envoy::type::matcher::v3::StringMatcher::kContains:
      *out = absl::StrContains(id, fold(matcher.contains()));
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError("node_id: only exact, prefix, suffix and contains are matched");
  }
}

}  // namespace

void Describe(const Session& session, bool contents, ClientConfig* out) {
  for (int i = 0; i < snapshot::kTypeCount; ++i) {
    const Type type = static_cast<Type>(i);
    for (const auto& [name, entry] : session.subscription(type).entries) {
      DescribeEntry(type, name, entry, contents, out->add_generic_xds_configs());
    }
  }
}

absl::Status Matches(const ClientStatusRequest& request, const std::string& node_id, bool* out) {
  *out = request.node_matchers().empty();
  for (const auto& matcher : request.node_matchers()) {
    if (!matcher.node_metadatas().empty()) {
      return absl::InvalidArgumentError("node_metadatas: not matched here; use node_id");
    }
    bool matches = !matcher.has_node_id();
    if (matcher.has_node_id()) {
      if (absl::Status status = MatchesId(matcher.node_id(), node_id, &matches); !status.ok()) return status;
    }
    *out |= matches;
  }
  return absl::OkStatus();
}

}  // namespace gloo::xds
