#include "filters/headers.h"

#include <algorithm>

namespace gloo::filters {
namespace {

std::string_view Name(const abi::EnvoyHttpHeader& header) { return {header.key, header.key_size}; }
std::string_view Value(const abi::EnvoyHttpHeader& header) { return {header.value, header.value_size}; }

// What stands between the values of a header that is sent several times.
std::string_view Separator(std::string_view name) { return name == "cookie" ? "; " : ","; }

}  // namespace

Headers::Headers(abi::EnvoyFilterPtr envoy, abi::HeaderType type) {
  const size_t count = envoy_dynamic_module_callback_http_get_headers_size(envoy, type);
  if (count > few_.size()) many_.resize(count);
  abi::EnvoyHttpHeader* const headers = many_.empty() ? few_.data() : many_.data();
  if (count > 0 && envoy_dynamic_module_callback_http_get_headers(envoy, type, headers)) all_ = {headers, count};
}

std::optional<std::string_view> Headers::Get(std::string_view name) const {
  const auto named = [&](const abi::EnvoyHttpHeader& header) { return Name(header) == name; };
  const auto first = std::find_if(all_.begin(), all_.end(), named);
  if (first == all_.end()) return std::nullopt;
  auto next = std::find_if(first + 1, all_.end(), named);
  if (next == all_.end()) return Value(*first);
  std::string& joined = joined_.emplace_back(Value(*first));
  for (; next != all_.end(); next = std::find_if(next + 1, all_.end(), named)) {
    joined.append(Separator(name)).append(Value(*next));
  }
  return joined;
}

bool Headers::Has(std::string_view name) const {
  return std::any_of(all_.begin(), all_.end(),
                     [&](const abi::EnvoyHttpHeader& header) { return Name(header) == name; });
}

HeadersCopy::HeadersCopy(const Headers& headers) {
  for (const abi::EnvoyHttpHeader& header : headers.all()) {
    const auto it = Find(Name(header));
    if (it == headers_.end()) {
      headers_.emplace_back(Name(header), Value(header));
    } else {
      headers_[it - headers_.begin()].second.append(Separator(Name(header))).append(Value(header));
    }
  }
}

std::optional<std::string_view> HeadersCopy::Get(std::string_view name) const {
  const auto it = Find(name);
  if (it == headers_.end()) return std::nullopt;
  return it->second;
}

HeadersCopy::List::const_iterator HeadersCopy::Find(std::string_view name) const {
  return std::find_if(headers_.begin(), headers_.end(), [&](const auto& header) { return header.first == name; });
}

}  // namespace gloo::filters
