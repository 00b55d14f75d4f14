#include "translator/registry.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/container/flat_hash_map.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

[[noreturn]] void DoubleName(const char* what, std::string_view name) {
  std::fprintf(stderr, "two %s are called \"%.*s\"\n", what, static_cast<int>(name.size()), name.data());
  std::abort();
}

}  // namespace

struct Registry::Impl {
  std::vector<std::unique_ptr<UpstreamPlugin>> upstreams;
  std::vector<std::unique_ptr<FunctionPlugin>> functions;
  std::vector<std::unique_ptr<RoutePlugin>> routes;
  std::vector<std::unique_ptr<FilterPlugin>> filters;
  // Keys in lower case, aliases included.
  absl::flat_hash_map<std::string, const UpstreamPlugin*> upstream_by_type;
  absl::flat_hash_map<std::string, const FunctionPlugin*> function_by_type;
  absl::flat_hash_map<std::string, const RoutePlugin*> route_by_message;
  // Both spellings.
  absl::flat_hash_map<std::string, const google::protobuf::FieldDescriptor*> extensions;
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

void Registry::Add(std::unique_ptr<UpstreamPlugin> plugin) {
  std::vector<std::string_view> names = plugin->aliases();
  names.push_back(plugin->type());
  for (std::string_view name : names) {
    if (!impl_->upstream_by_type.emplace(Lower(name), plugin.get()).second) DoubleName("upstream plugins", name);
  }
  impl_->upstreams.push_back(std::move(plugin));
}

void Registry::Add(std::unique_ptr<FunctionPlugin> plugin) {
  if (!impl_->function_by_type.emplace(Lower(plugin->type()), plugin.get()).second) {
    DoubleName("function plugins", plugin->type());
  }
  impl_->functions.push_back(std::move(plugin));
}

void Registry::Add(std::unique_ptr<RoutePlugin> plugin) {
  const google::protobuf::Descriptor* message = plugin->extensions();
  if (!impl_->route_by_message.emplace(message->full_name(), plugin.get()).second) {
    DoubleName("route plugins", message->full_name());
  }
  for (int i = 0; i < message->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = message->field(i);
    if (!impl_->extensions.emplace(field->json_name(), field).second)
      DoubleName("route extensions", field->json_name());
    if (field->name() != field->json_name() && !impl_->extensions.emplace(field->name(), field).second) {
      DoubleName("route extensions", field->name());
    }
  }
  impl_->routes.push_back(std::move(plugin));
}

void Registry::Add(std::unique_ptr<FilterPlugin> plugin) {
  for (const FilterPlugin::Filter& filter : plugin->Filters()) {
    for (const auto& other : impl_->filters) {
      for (const FilterPlugin::Filter& there : other->Filters()) {
        if (there.name == filter.name) DoubleName("HTTP filters", filter.name);
      }
    }
  }
  impl_->filters.push_back(std::move(plugin));
}

const UpstreamPlugin* Registry::upstream(std::string_view type) const {
  auto it = impl_->upstream_by_type.find(Lower(type));
  return it == impl_->upstream_by_type.end() ? nullptr : it->second;
}

const FunctionPlugin* Registry::function(std::string_view type) const {
  auto it = impl_->function_by_type.find(Lower(type));
  return it == impl_->function_by_type.end() ? nullptr : it->second;
}

const RoutePlugin* Registry::route(std::string_view message) const {
  auto it = impl_->route_by_message.find(std::string(message));
  return it == impl_->route_by_message.end() ? nullptr : it->second;
}

const std::vector<std::unique_ptr<RoutePlugin>>& Registry::routes() const { return impl_->routes; }
const std::vector<std::unique_ptr<FilterPlugin>>& Registry::filters() const { return impl_->filters; }

const google::protobuf::Descriptor* Registry::FindMessage(v1::OpenPart part, std::string_view key) const {
  switch (part) {
    case v1::UPSTREAM_SPEC: {
      const UpstreamPlugin* plugin = upstream(key);
      return plugin ? plugin->spec() : nullptr;
    }
    case v1::SERVICE_PROPERTIES: {
      const FunctionPlugin* plugin = function(key);
      return plugin ? plugin->properties() : nullptr;
    }
    case v1::FUNCTION_SPEC: {
      const FunctionPlugin* plugin = function(key);
      return plugin ? plugin->function_spec() : nullptr;
    }
    default:
      return nullptr;
  }
}

const google::protobuf::FieldDescriptor* Registry::FindExtension(std::string_view key) const {
  auto it = impl_->extensions.find(std::string(key));
  return it == impl_->extensions.end() ? nullptr : it->second;
}

std::vector<std::string> Registry::Known(v1::OpenPart part) const {
  std::vector<std::string> names;
  switch (part) {
    case v1::UPSTREAM_SPEC:
      for (const auto& plugin : impl_->upstreams) names.emplace_back(plugin->type());
      break;
    case v1::SERVICE_PROPERTIES:
    case v1::FUNCTION_SPEC:
      for (const auto& plugin : impl_->functions) names.emplace_back(plugin->type());
      break;
    case v1::ROUTE_EXTENSIONS:
      for (const auto& plugin : impl_->routes) {
        for (int i = 0; i < plugin->extensions()->field_count(); ++i) {
          names.push_back(plugin->extensions()->field(i)->json_name());
        }
      }
      break;
    default:
      break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace gloo::translator
