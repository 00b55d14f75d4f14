#include "model/test_schemas.h"

#include "src/model/testdata/test_plugin.pb.h"

namespace gloo::model {

const google::protobuf::Descriptor* TestSchemas::FindMessage(v1::OpenPart part, std::string_view key) const {
  if (part == v1::UPSTREAM_SPEC) {
    if (key == "static" || key == "service") return test::StaticSpec::descriptor();
    if (key == "everything") return test::EverythingSpec::descriptor();
    if (key == "nats") return test::StaticSpec::descriptor();
  }
  if (part == v1::SERVICE_PROPERTIES && key == "nats") return test::NatsProperties::descriptor();
  if (part == v1::FUNCTION_SPEC) {
    if (key == "REST") return test::RestFunction::descriptor();
    if (key == "nats") return test::NatsFunction::descriptor();
  }
  return nullptr;
}

const google::protobuf::FieldDescriptor* TestSchemas::FindExtension(std::string_view key) const {
  for (const auto* message : {test::BaseExtensions::descriptor(), test::CorsExtensions::descriptor()}) {
    for (int i = 0; i < message->field_count(); ++i) {
      if (message->field(i)->name() == key || message->field(i)->json_name() == key) return message->field(i);
    }
  }
  return nullptr;
}

std::vector<std::string> TestSchemas::Known(v1::OpenPart part) const {
  switch (part) {
    case v1::UPSTREAM_SPEC:
      return {"everything", "nats", "static"};
    case v1::SERVICE_PROPERTIES:
      return {"nats"};
    case v1::FUNCTION_SPEC:
      return {"REST", "nats"};
    case v1::ROUTE_EXTENSIONS:
      return {"autoHostRewrite", "cors", "hostRewrite", "maxRetries", "timeout"};
    default:
      return {};
  }
}

const TestSchemas& TestSchemas::Get() {
  static const TestSchemas schemas;
  return schemas;
}

}  // namespace gloo::model
