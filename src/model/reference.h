// The configuration reference, from the protos and their comments.
#pragma once

#include <string>

#include "model/parts.h"

namespace gloo::model {

// Markdown: every kind, every message with its fields, and the parts of all plugins.
std::string ReferenceMarkdown(const PartSchemas& schemas);

}  // namespace gloo::model
