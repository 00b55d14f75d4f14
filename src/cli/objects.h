// The objects that users ask for: from a control plane, or from files and a state directory where none answers.
#pragma once

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/verb.h"
#include "model/object.h"

namespace gloo::cli {

struct Listing {
  // In the shape of the admin endpoint: {"object":{...},"created":"...","hash":"...","status":{...}}, sorted by
  // namespace and name.
  std::vector<boost::json::value> items;
  // Where they come from when no control plane answered: to be said to the user. Else empty.
  std::string note;
};

// Unavailable: no control plane answers, and neither --config-dir nor --state-dir says where to look instead.
absl::StatusOr<Listing> ListObjects(const Context& context, model::Kind kind);

// {"upstream":"default/x","name":"f","type":"REST","routes":2}.
absl::StatusOr<Listing> ListFunctions(const Context& context);

// "upstreams", "upstream", "us" (in any letter case): the kind that a user names. Nullopt where it is none.
std::optional<model::Kind> ParseKind(std::string_view word);

// "upstream", "virtualservice", "role".
std::string KindWord(model::Kind kind);

}  // namespace gloo::cli
