// Upstream type `google` and its functions: Google Cloud functions and Cloud Run, with identity tokens.
#pragma once

#include "translator/registry.h"

namespace gloo::plugins {

void AddGoogle(translator::Registry& registry);

}  // namespace gloo::plugins
