// Upstream type `azure` and its functions: Azure Functions called by HTTP, with the keys of a secret.
#pragma once

#include "translator/registry.h"

namespace gloo::plugins {

void AddAzure(translator::Registry& registry);

}  // namespace gloo::plugins
