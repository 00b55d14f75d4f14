#include "snapshot/redact.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envoy/config/core/v3/base.pb.h"
#include "udpa/annotations/sensitive.pb.h"

namespace gloo::snapshot {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kRedacted[] = "[redacted]";

std::unique_ptr<Message> NewMessage(std::string_view type_url) {
  const std::string name(type_url.substr(type_url.rfind('/') + 1));
  const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  if (descriptor == nullptr) return nullptr;
  const Message* prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor);
  return std::unique_ptr<Message>(prototype->New());
}

void Hide(Message& message, bool below);

void HideText(Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  if (!field->is_repeated()) return reflection->SetString(&message, field, kRedacted);
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    reflection->SetRepeatedString(&message, field, i, kRedacted);
  }
}

void HidePacked(google::protobuf::Any& any) {
  const std::unique_ptr<Message> packed = NewMessage(any.type_url());
  if (packed == nullptr || !packed->ParseFromString(any.value())) return;
  Hide(*packed, false);
  any.set_value(packed->SerializePartialAsString());
}

// `below`: a field that is marked holds this message.
void Hide(Message& message, bool below) {
  if (auto* any = dynamic_cast<google::protobuf::Any*>(&message)) {
    if (below) return any->Clear();
    return HidePacked(*any);
  }
  if (auto* source = dynamic_cast<envoy::config::core::v3::DataSource*>(&message); source != nullptr && below) {
    return source->set_inline_string(kRedacted);
  }
  const Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool sensitive = below || field->options().GetExtension(udpa::annotations::sensitive);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      if (sensitive) HideText(message, field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!field->is_repeated()) {
        Hide(*reflection->MutableMessage(&message, field), sensitive);
        continue;
      }
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        Hide(*reflection->MutableRepeatedMessage(&message, field, i), sensitive);
      }
    }
  }
}

}  // namespace

std::unique_ptr<Message> Redacted(const Resource& resource) {
  std::unique_ptr<Message> message = NewMessage(TypeUrl(resource.ref.type));
  if (message == nullptr || !message->ParseFromString(resource.body)) return nullptr;
  Hide(*message, false);
  if (resource.ref.type == Type::kSecret) message->DiscardUnknownFields();
  return message;
}

}  // namespace gloo::snapshot
