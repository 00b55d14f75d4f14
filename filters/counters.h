// Counters of a filter: defined while its configuration is made, without a label or with one.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "filters/abi.h"

namespace gloo::filters {

// An id of Envoy's; unset where Envoy refused to define the counter, which then counts nothing.
using Counter = std::optional<size_t>;

Counter DefineCounter(abi::EnvoyFilterConfigPtr config, std::string_view name, std::string_view label = "");

void Count(abi::EnvoyFilterPtr filter, const Counter& counter);
// `value` is that of the label.
void Count(abi::EnvoyFilterPtr filter, const Counter& counter, std::string_view value);

}  // namespace gloo::filters
