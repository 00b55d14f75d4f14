#include "plugins/builtin.h"

#include "plugins/aws/aws.h"
#include "plugins/azure/azure.h"
#include "plugins/google/google.h"
#include "plugins/grpc/grpc.h"
#include "plugins/nats/nats.h"
#include "plugins/rest/presets.h"
#include "plugins/rest/rest.h"
#include "plugins/route_basics/route_basics.h"
#include "plugins/static/static.h"

namespace gloo::plugins {

void AddBuiltins(translator::Registry& registry) {
  AddStatic(registry);
  AddRest(registry);
  AddPresets(registry);
  AddAws(registry);
  AddAzure(registry);
  AddGoogle(registry);
  AddGrpc(registry);
  AddNats(registry);
  AddRouteBasics(registry);
}

}  // namespace gloo::plugins
