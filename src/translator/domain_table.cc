#include "translator/domain_table.h"

#include <algorithm>
#include <utility>

#include "envoy/config/core/v3/extension.pb.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

bool IsWildcard(const std::string& domain) { return domain.front() == '*'; }

}  // namespace

bool DomainTable::Covered(const Listener& listener, const std::string& domain) {
  if (listener.wildcards.empty()) return false;
  return VisitWildcards(domain, [&](const std::string& wildcard) { return listener.wildcards.count(wildcard) > 0; });
}

void DomainTable::Recover(Listener& listener) {
  listener.covered.clear();
  for (const std::string& domain : listener.exact) {
    if (Covered(listener, domain)) listener.covered.insert(listener.covered.end(), domain);
  }
}

void DomainTable::Add(const std::string& listener, const std::string& domain) {
  Listener& entry = listeners_[listener];
  if (IsWildcard(domain)) {
    entry.wildcards.insert(domain);
    Recover(entry);
    changed_ = true;
    return;
  }
  entry.exact.insert(domain);
  if (!Covered(entry, domain)) return;
  entry.covered.insert(domain);
  changed_ = true;
}

void DomainTable::Remove(const std::string& listener, const std::string& domain) {
  auto it = listeners_.find(listener);
  if (it == listeners_.end()) return;
  Listener& entry = it->second;
  if (IsWildcard(domain)) {
    entry.wildcards.erase(domain);
    Recover(entry);
    changed_ = true;
  } else {
    entry.exact.erase(domain);
    if (entry.covered.erase(domain) > 0) changed_ = true;
  }
  if (entry.exact.empty() && entry.wildcards.empty()) listeners_.erase(it);
}

snapshot::ResourcePtr DomainTable::Make(const std::string& role, const std::vector<std::string>& listeners) {
  changed_ = false;
  std::vector<std::string> names = listeners;
  std::sort(names.begin(), names.end());
  std::string json = Cat("{\"table\":", JsonQuote(role), ",\"listeners\":{");
  bool first_listener = true;
  for (const std::string& name : names) {
    if (!first_listener) json += ',';
    first_listener = false;
    json += JsonQuote(name) + ":[";
    auto it = listeners_.find(name);
    if (it != listeners_.end()) {
      bool first = true;
      for (const auto* domains : {&it->second.wildcards, &it->second.covered}) {
        for (const std::string& domain : *domains) {
          if (!first) json += ',';
          first = false;
          json += JsonQuote(domain);
        }
      }
    }
    json += ']';
  }
  json += "}}";
  envoy::config::core::v3::TypedExtensionConfig config;
  config.set_name(std::string(kDomainTable));
  *config.mutable_typed_config() = ModuleFilter(kDomainTable, json);
  return snapshot::MakeResource(snapshot::Type::kExtensionConfig, std::string(kDomainTable), Serialize(config));
}

}  // namespace gloo::translator
