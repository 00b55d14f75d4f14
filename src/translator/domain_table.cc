#include "translator/domain_table.h"

#include <cstdint>
#include <utility>

#include "envoy/config/core/v3/extension.pb.h"
#include "translator/envoy_build.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

bool IsWildcard(const std::string& domain) { return domain.front() == '*'; }

}  // namespace

size_t DomainPart(std::string_view domain) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : domain) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash % kDomainParts;
}

std::string DomainPartName(size_t part) { return Cat(kDomainTable, ".", part); }

std::set<size_t> DomainTable::AllParts() {
  std::set<size_t> all;
  for (size_t part = 0; part < kDomainParts; ++part) all.insert(all.end(), part);
  return all;
}

void DomainTable::ShowOrHideExact(const Listener& listener) {
  for (size_t part = 0; part < kDomainParts; ++part) {
    if (!listener.parts[part].exact.empty()) changed_.insert(part);
  }
}

void DomainTable::Add(const std::string& listener, const std::string& domain) {
  Listener& entry = listeners_[listener];
  const size_t part = DomainPart(domain);
  const bool wildcard = IsWildcard(domain);
  auto& domains = wildcard ? entry.parts[part].wildcards : entry.parts[part].exact;
  if (!domains.insert(domain).second) return;
  ++entry.domains;
  if (wildcard && ++entry.wildcards == 1) ShowOrHideExact(entry);
  if (entry.wildcards > 0) changed_.insert(part);
}

void DomainTable::Remove(const std::string& listener, const std::string& domain) {
  auto it = listeners_.find(listener);
  if (it == listeners_.end()) return;
  Listener& entry = it->second;
  const size_t part = DomainPart(domain);
  const bool wildcard = IsWildcard(domain);
  auto& domains = wildcard ? entry.parts[part].wildcards : entry.parts[part].exact;
  if (domains.erase(domain) == 0) return;
  if (entry.wildcards > 0) changed_.insert(part);
  if (wildcard && --entry.wildcards == 0) ShowOrHideExact(entry);
  if (--entry.domains == 0) listeners_.erase(it);
}

std::vector<snapshot::ResourcePtr> DomainTable::TakeChanged(const std::string& role, Issues& issues) {
  std::vector<snapshot::ResourcePtr> made;
  for (const size_t part : std::exchange(changed_, {})) {
    if (snapshot::ResourcePtr resource = Make(role, part, issues)) made.push_back(std::move(resource));
  }
  return made;
}

snapshot::ResourcePtr DomainTable::Make(const std::string& role, size_t part, Issues& issues) const {
  std::string json = Cat("{\"table\":", JsonQuote(role), ",\"part\":\"", part, "/", kDomainParts, "\",\"listeners\":{");
  bool first_listener = true;
  for (const auto& [name, listener] : listeners_) {
    const Part& domains = listener.parts[part];
    if (listener.wildcards == 0 || (domains.wildcards.empty() && domains.exact.empty())) continue;
    if (!std::exchange(first_listener, false)) json += ',';
    json += JsonQuote(name) + ":[";
    bool first = true;
    for (const auto* list : {&domains.wildcards, &domains.exact}) {
      for (const std::string& domain : *list) {
        if (!std::exchange(first, false)) json += ',';
        json += JsonQuote(domain);
      }
    }
    json += ']';
  }
  json += "}}";
  envoy::config::core::v3::TypedExtensionConfig config;
  config.set_name(DomainPartName(part));
  *config.mutable_typed_config() = ModuleFilter(kDomainTable, json);
  return MakeChecked(snapshot::Type::kExtensionConfig, DomainPartName(part), config, "part of the table of domains",
                     issues);
}

}  // namespace gloo::translator
