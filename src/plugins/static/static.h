// Upstream type `static`, alias `service`: hosts that are written down, as IP addresses or DNS names.
#pragma once

#include "translator/registry.h"

namespace gloo::plugins {

void AddStatic(translator::Registry& registry);

}  // namespace gloo::plugins
