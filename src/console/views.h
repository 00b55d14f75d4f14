// The admin endpoint's answers, as JSON. Pure functions on copies, so that they run off the loop thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "controller/controller.h"
#include "snapshot/resource.h"
#include "xds/server.h"

namespace gloo::console {

// {"objects":[{"object":{...},"status":{...}}]}
std::string ObjectsJson(const std::vector<controller::ObjectView>& objects);

// {"functions":[{"upstream":"default/petstore","name":"addPet","type":"REST","routes":2}]}
std::string FunctionsJson(const std::vector<controller::ObjectView>& upstreams,
                          const std::vector<controller::ObjectView>& virtual_services);

std::string ClientsJson(const std::vector<controller::ClientView>& clients);

struct Info {
  std::string version;
  std::string config_dir;
  std::string state_dir;
  double uptime_seconds = 0;
  bool ready = false;
  std::vector<std::pair<std::string, std::vector<Issue>>> broken_places;
};
std::string InfoJson(const Info& info);

// By role, all resources. {"roles":{"ingress":{"clusters":[...], ...}}}; what Envoy marks sensitive is hidden.
std::string SnapshotJson(const std::map<std::string, std::vector<snapshot::ResourcePtr>>& roles);

}  // namespace gloo::console
