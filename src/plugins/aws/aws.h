// Upstream type `aws` and its functions: AWS Lambda.
#pragma once

#include "translator/registry.h"

namespace gloo::plugins {

void AddAws(translator::Registry& registry);

}  // namespace gloo::plugins
