// The built-in plugins: the one place that names them.
#pragma once

#include "translator/registry.h"

namespace gloo::plugins {

void AddBuiltins(translator::Registry& registry);

}  // namespace gloo::plugins
