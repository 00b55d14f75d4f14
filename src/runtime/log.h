// Log lines with fields: what the message says of objects, files and nodes, for programs too.
#pragma once

#include <spdlog/common.h>
#include <spdlog/formatter.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gloo::runtime {

// Name and value, for instance {"object", "Upstream default/petstore"}; empty texts and zeros are left out.
// Names in use: object, file, line, column, path, reason, node, role, type, resources.
using LogFields = std::vector<std::pair<std::string_view, std::variant<std::string, int64_t>>>;

// The message says all that the fields say, for people; the fields are seen in the JSON form only. Any thread.
void Log(spdlog::level::level_enum level, std::string_view message, const LogFields& fields = {});

// A line an entry: `TIME level: message`, or with `json` an object with time, level, message and the fields.
std::unique_ptr<spdlog::formatter> MakeLogFormatter(bool json);

}  // namespace gloo::runtime
