#include "filters/counters.h"

namespace gloo::filters {

using abi::ModuleBuffer;

Counter DefineCounter(abi::EnvoyFilterConfigPtr config, std::string_view name, std::string_view label) {
  ModuleBuffer label_name(label);
  size_t id = 0;
  const auto result = envoy_dynamic_module_callback_http_filter_config_define_counter(
      config, name, label.empty() ? nullptr : &label_name, label.empty() ? 0 : 1, &id);
  return result == abi::MetricsResult::kSuccess ? Counter(id) : std::nullopt;
}

void Count(abi::EnvoyFilterPtr filter, const Counter& counter) {
  if (counter.has_value()) {
    envoy_dynamic_module_callback_http_filter_increment_counter(filter, *counter, nullptr, 0, 1);
  }
}

void Count(abi::EnvoyFilterPtr filter, const Counter& counter, std::string_view value) {
  if (!counter.has_value()) return;
  ModuleBuffer label(value);
  envoy_dynamic_module_callback_http_filter_increment_counter(filter, *counter, &label, 1, 1);
}

}  // namespace gloo::filters
