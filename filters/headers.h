// The headers of one message, for the filter and for the templates.
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filters/abi.h"
#include "template/transformation.h"

namespace gloo::filters {

// As they are when this is made, all of them asked for in one call: that costs Envoy less than two questions for one
// each. Good until a header is set or the hook returns. A header with several values reads as one, joined by commas.
class Headers : public tmpl::HeaderSource {
 public:
  Headers(abi::EnvoyFilterPtr envoy, abi::HeaderType type);
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;

  std::optional<std::string_view> Get(std::string_view name) const override;
  bool Has(std::string_view name) const;
  std::span<const abi::EnvoyHttpHeader> all() const { return all_; }

 private:
  // More than most requests have; more of them cost an allocation.
  std::array<abi::EnvoyHttpHeader, 48> few_;
  std::vector<abi::EnvoyHttpHeader> many_;
  std::span<const abi::EnvoyHttpHeader> all_;
  mutable std::list<std::string> joined_;  // a list: its elements stay where they are, and none costs nothing
};

// A copy that lasts: the request's headers as the client sent them, for the templates of the response.
class HeadersCopy : public tmpl::HeaderSource {
 public:
  explicit HeadersCopy(const Headers& headers);

  std::optional<std::string_view> Get(std::string_view name) const override;

 private:
  using List = std::vector<std::pair<std::string, std::string>>;
  List::const_iterator Find(std::string_view name) const;

  List headers_;
};

}  // namespace gloo::filters
