// Key-value data written as one YAML or JSON mapping of strings.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/issues.h"

namespace gloo::sources::file {

struct FlatFile {
  std::map<std::string, std::string> values;
  // Why it cannot be used; says places, never contents. Without a location's file.
  std::optional<Issue> issue;
};

// Scalars are taken as they are written (`port: 8080` is "8080"). Never throws.
FlatFile ReadFlat(const std::string& text, size_t max_value_bytes);

}  // namespace gloo::sources::file
