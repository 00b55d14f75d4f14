// Which proto message an open part of an object (a plugin's part) is decoded into.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <vector>

#include "api/v1/options.pb.h"

namespace gloo::model {

// Implemented by the plugin registry; the model knows no plugin. Thread safe, constant after construction.
class PartSchemas {
 public:
  virtual ~PartSchemas() = default;

  // For UPSTREAM_SPEC (key: the upstream's type), SERVICE_PROPERTIES and FUNCTION_SPEC (key: the service type, else
  // the upstream's type): the message, or null where the key is unknown.
  virtual const google::protobuf::Descriptor* FindMessage(v1::OpenPart part, std::string_view key) const = 0;

  // For ROUTE_EXTENSIONS: the field that an extension's key (lowerCamelCase or snake_case) names. Its containing
  // message is what is stored in Route.extensions, one Any a message.
  virtual const google::protobuf::FieldDescriptor* FindExtension(std::string_view key) const = 0;

  // All keys of a part, sorted, aliases left out: for suggestions, the schema and the reference.
  virtual std::vector<std::string> Known(v1::OpenPart part) const = 0;
};

}  // namespace gloo::model
