// JSON values as the admin endpoint sends them, and their printed forms.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gloo::cli {

absl::StatusOr<boost::json::value> ParseJson(std::string_view text);

// Indented by two spaces, keys in their order, a line break at the end.
std::string PrettyJson(const boost::json::value& value);
// Block style, keys in their order; texts that YAML would read as something else are quoted.
std::string PrettyYaml(const boost::json::value& value);

// The text, number or boolean at a path of keys, as text; empty where there is none.
std::string TextAt(const boost::json::value& value, std::initializer_list<std::string_view> path);
// The value there, or null.
const boost::json::value* ValueAt(const boost::json::value& value, std::initializer_list<std::string_view> path);
// The array there; an empty one where there is none.
const boost::json::array& ArrayAt(const boost::json::value& value, std::initializer_list<std::string_view> path);

}  // namespace gloo::cli
