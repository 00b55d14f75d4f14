// Upstream type `nats` and its functions: subjects that requests are published to.
#pragma once

#include "translator/registry.h"

namespace gloo::plugins {

void AddNats(translator::Registry& registry);

}  // namespace gloo::plugins
