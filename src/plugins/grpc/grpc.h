// Functions of service type `gRPC`: methods, called by JSON, gRPC and gRPC-Web.
#pragma once

#include "translator/registry.h"

namespace gloo::plugins {

void AddGrpc(translator::Registry& registry);

}  // namespace gloo::plugins
