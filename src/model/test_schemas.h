// Plugins for the tests and the fuzz target of the model.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/parts.h"

namespace gloo::model {

// Upstream types: static (alias service), everything, nats. Function types: REST, nats. Service type with
// properties: nats. Route extensions: timeout, maxRetries, hostRewrite, autoHostRewrite; cors.
class TestSchemas final : public PartSchemas {
 public:
  const google::protobuf::Descriptor* FindMessage(v1::OpenPart part, std::string_view key) const override;
  const google::protobuf::FieldDescriptor* FindExtension(std::string_view key) const override;
  std::vector<std::string> Known(v1::OpenPart part) const override;

  static const TestSchemas& Get();
};

}  // namespace gloo::model
