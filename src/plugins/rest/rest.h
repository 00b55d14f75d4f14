// Service type `REST`: functions that are HTTP requests made by templates, and responses changed by templates.
#pragma once

#include "translator/registry.h"

namespace gloo::plugins {

void AddRest(translator::Registry& registry);

}  // namespace gloo::plugins
