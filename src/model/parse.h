// Text to Tree: chooses among the parsers.
#pragma once

#include <string_view>

#include "model/node.h"
#include "model/tree_builder.h"

namespace gloo::model {

// Fills `tree` from YAML or JSON (JSON is tried first where the text begins as JSON does). `text` must outlive the
// tree. Never throws. What is not UTF-8 or holds control characters is refused.
void ParseText(std::string_view text, std::string_view file, const ParseLimits& limits, Tree* tree);

// The parsers behind it; false: see Tree::failure.
// JSON, one value or several after one another.
bool ParseJson(std::string_view text, TreeBuilder* builder);
// All of YAML, by yaml-cpp.
bool ParseYaml(std::string_view text, TreeBuilder* builder);
// The YAML that people write in configuration, ten times faster. False without a failure: something is in the text
// that only ParseYaml knows, or a mistake, which ParseYaml explains.
bool ParseCommonYaml(std::string_view text, TreeBuilder* builder);

}  // namespace gloo::model
