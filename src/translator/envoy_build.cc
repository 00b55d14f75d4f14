#include "translator/envoy_build.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/wrappers.pb.h>

#include <utility>

#include "envoy/extensions/filters/http/dynamic_modules/v3/dynamic_modules.pb.h"
#include "translator/checks/checks.h"
#include "translator/names.h"
#include "translator/text.h"

namespace gloo::translator {
namespace {

// DynamicModuleFilterPerRoute.filter_name.
constexpr int kPerRouteFilterName = 4;

google::protobuf::Any StringConfig(std::string_view config) {
  google::protobuf::StringValue value;
  value.set_value(std::string(config));
  return Pack(value);
}

void SetModule(envoy::extensions::dynamic_modules::v3::DynamicModuleConfig* module) {
  module->set_name(std::string(kModuleName));
  // Threads of the old configuration may still be inside when the last one that uses the module goes.
  module->set_do_not_close(true);
}

}  // namespace

std::string Serialize(const google::protobuf::Message& message) {
  std::string out;
  out.reserve(message.ByteSizeLong());
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializePartialToCodedStream(&coded);
  }
  return out;
}

google::protobuf::Any Pack(const google::protobuf::Message& message) {
  google::protobuf::Any any;
  any.set_type_url(Cat("type.googleapis.com/", message.GetDescriptor()->full_name()));
  any.set_value(Serialize(message));
  return any;
}

bool CheckForEnvoy(const google::protobuf::Message& message, std::string_view what, Issues& issues) {
  Issues found;
  checks::CheckMessage(message, found);
  for (const Issue& issue : found.items()) {
    issues.Error("", "RefusedByEnvoy", Cat("Envoy would refuse this ", what, ": ", issue.path, ": ", issue.message));
  }
  return found.ok();
}

snapshot::ResourcePtr MakeChecked(snapshot::Type type, std::string name, const google::protobuf::Message& message,
                                  std::string_view what, Issues& issues, std::vector<snapshot::ResourceRef> warms,
                                  std::vector<snapshot::ResourceRef> needs) {
  if (!CheckForEnvoy(message, what, issues)) return nullptr;
  return snapshot::MakeResource(type, std::move(name), Serialize(message), std::move(warms), std::move(needs));
}

envoy::config::core::v3::ConfigSource AdsSource() {
  envoy::config::core::v3::ConfigSource source;
  source.mutable_ads();
  source.set_resource_api_version(envoy::config::core::v3::V3);
  return source;
}

google::protobuf::Any ModuleFilter(std::string_view filter, std::string_view config) {
  envoy::extensions::filters::http::dynamic_modules::v3::DynamicModuleFilter message;
  SetModule(message.mutable_dynamic_module_config());
  message.set_filter_name(std::string(filter));
  if (!config.empty()) *message.mutable_filter_config() = StringConfig(config);
  return Pack(message);
}

google::protobuf::Any ModulePerRoute(std::string_view filter, std::string_view config) {
  envoy::extensions::filters::http::dynamic_modules::v3::DynamicModuleFilterPerRoute message;
  SetModule(message.mutable_dynamic_module_config());
  // Envoy 1.40 warns, route by route, of the name in its former field; the package of its protos has only that.
  message.GetReflection()->MutableUnknownFields(&message)->AddLengthDelimited(kPerRouteFilterName, std::string(filter));
  *message.mutable_filter_config() = StringConfig(config);
  return Pack(message);
}

}  // namespace gloo::translator
