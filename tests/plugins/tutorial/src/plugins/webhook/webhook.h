// Upstream type `webhook` and its functions: hooks of a host, called with a token of a secret.
#pragma once

#include "translator/registry.h"

namespace gloo::plugins {

void AddWebhook(translator::Registry& registry);

}  // namespace gloo::plugins
