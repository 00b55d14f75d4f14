#include "filters/scope_key.h"

#include <algorithm>
#include <array>

#include "filters/json.h"
#include "template/host.h"

namespace gloo::filters {
namespace {

constexpr size_t kMaxListener = 64;

}  // namespace

std::unique_ptr<ScopeKey> ScopeKey::Parse(std::string_view json, std::string* error) {
  Json root;
  if (!ParseJson(json, &root, error)) return nullptr;
  const Json* table = root.Find("table");
  const Json* listener = root.Find("listener");
  if (table == nullptr || table->kind != Json::Kind::kString || table->string.empty()) {
    *error = "table: must be a non-empty string";
  } else if (listener == nullptr || listener->kind != Json::Kind::kString || listener->string.empty() ||
             listener->string.size() > kMaxListener) {
    *error = "listener: must be a string of 1 to " + std::to_string(kMaxListener) + " bytes";
  } else if (root.object.size() != 2) {
    *error = "must have the fields \"table\" and \"listener\" only";
  } else {
    return std::unique_ptr<ScopeKey>(new ScopeKey(listener->string, DomainTables::Find(table->string)));
  }
  return nullptr;
}

void ScopeKey::Apply(abi::EnvoyEarlyContextPtr context) const {
  abi::EnvoyBuffer authority;
  if (!envoy_dynamic_module_callback_early_header_mutation_get_header_value(context, std::string_view(":authority"),
                                                                            &authority, 0, nullptr)) {
    authority = {};
  }
  std::array<char, tmpl::kMaxHost> host_buffer;
  const std::string_view host = tmpl::NormalizeHost(authority.view(), &host_buffer);
  const DomainParts* parts = slot_->Get();
  std::string_view key = parts == nullptr ? std::string_view() : parts->Match(listener_, host);
  std::array<char, kMaxListener + 1 + tmpl::kMaxHost> key_buffer;
  if (key.empty()) {
    char* const end =
        std::copy(host.begin(), host.end(), std::copy(prefix_.begin(), prefix_.end(), key_buffer.begin()));
    key = std::string_view(key_buffer.data(), end - key_buffer.data());
  }
  envoy_dynamic_module_callback_early_header_mutation_set_header(context, kScopeHeader, key);
  abi::EnvoyBuffer call;
  if (envoy_dynamic_module_callback_early_header_mutation_get_header_value(context, kCallHeader, &call, 0, nullptr)) {
    // Envoy has no way to remove a header here; an empty one names no credential.
    envoy_dynamic_module_callback_early_header_mutation_set_header(context, kCallHeader, std::string_view(""));
  }
}

}  // namespace gloo::filters
