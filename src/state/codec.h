// Secrets and artifacts as bytes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace gloo::state {

std::string EncodeData(const std::map<std::string, std::string>& data);
std::optional<std::map<std::string, std::string>> DecodeData(std::string_view bytes);

}  // namespace gloo::state
