// Objects and data as bytes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/object.h"

namespace gloo::state {

std::string EncodeBody(const model::Object& object);
// False where the bytes are not a message of the object's kind (object.key is set before).
bool DecodeBody(std::string_view bytes, model::Object& object);

std::string EncodeData(const std::map<std::string, std::string>& data);
std::optional<std::map<std::string, std::string>> DecodeData(std::string_view bytes);

}  // namespace gloo::state
