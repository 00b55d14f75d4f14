// Service types `openfaas`, `fission`, `fn` and `knative`: each is a REST function whose request is known.
#pragma once

#include "translator/registry.h"

namespace gloo::plugins {

void AddPresets(translator::Registry& registry);

}  // namespace gloo::plugins
