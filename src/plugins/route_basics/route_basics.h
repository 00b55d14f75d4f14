// Route extensions that every route can have: timeout, retries, header changes, the host.
#pragma once

#include "translator/registry.h"

namespace gloo::plugins {

void AddRouteBasics(translator::Registry& registry);

}  // namespace gloo::plugins
