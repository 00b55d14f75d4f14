// The scope key: an early header mutation that writes `x-gloo-scope: LISTENER|DOMAIN`, by which Envoy chooses the
// scoped route configuration. Whatever a client sends in that header is dropped.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "filters/abi.h"
#include "filters/domain_table.h"

namespace gloo::filters {

inline constexpr std::string_view kScopeHeader = "x-gloo-scope";
// Names the credential that a cluster adds; functions alone write it.
inline constexpr std::string_view kCallHeader = "x-gloo-call";

// Immutable after Parse; Apply runs on every worker at once.
class ScopeKey {
 public:
  // {"table":"ingress","listener":"http"}. Null on a mistake, which `error` names.
  static std::unique_ptr<ScopeKey> Parse(std::string_view json, std::string* error);

  // Sets the header of one request.
  void Apply(abi::EnvoyEarlyContextPtr context) const;

 private:
  ScopeKey(std::string listener, const DomainTables::Slot* slot)
      : listener_(std::move(listener)), prefix_(listener_ + "|"), slot_(slot) {}

  const std::string listener_;
  const std::string prefix_;
  const DomainTables::Slot* const slot_;
};

}  // namespace gloo::filters
