// The unit of a Role: its listeners.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/issues.h"
#include "model/object.h"
#include "snapshot/resource.h"
#include "translator/registry.h"
#include "translator/translator.h"

namespace gloo::translator {

struct ListenerFace {
  std::string name;
  bool tls = false;
  bool operator==(const ListenerFace&) const = default;
};

struct RoleOutput {
  // What virtual services need to know, in the order written.
  std::vector<ListenerFace> listeners;
  // Routes are fetched with the first request for a domain.
  bool on_demand = false;
  std::vector<snapshot::ResourcePtr> resources;
};

// `spec` without listeners means those of the settings. Listeners that are wrong are left out.
RoleOutput TranslateRole(const Registry& registry, const Settings& settings, const std::string& role,
                         const v1::RoleSpec& spec, Issues& issues);

// Listeners on the ports of the settings that answer 500 with `reason`.
snapshot::Delta AnswerOnly(const Settings& settings, const std::string& reason);

}  // namespace gloo::translator
