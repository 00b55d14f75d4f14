#include "model/writer.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "base/strings.h"
#include "model/message_schema.h"
#include "model/value.h"

namespace gloo::model {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DynamicCastToGenerated;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::string_view kHidden = "<hidden>";

Value MessageValue(const Message& message);

template <typename Number>
std::string NumberText(Number number) {
  char buffer[40];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  return error == std::errc() ? std::string(buffer, end) : "0";
}

// The message inside of an Any; null where its type is not one of this program.
std::unique_ptr<Message> Unpack(const Message& any_message) {
  const auto* any = DynamicCastToGenerated<google::protobuf::Any>(&any_message);
  const std::string& url = any->type_url();
  const Descriptor* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(url.substr(url.rfind('/') + 1));
  const Message* prototype = type ? google::protobuf::MessageFactory::generated_factory()->GetPrototype(type) : nullptr;
  if (prototype == nullptr) return nullptr;
  std::unique_ptr<Message> message(prototype->New());
  if (!message->ParsePartialFromString(any->value())) return nullptr;
  return message;
}

Value StructValue(const google::protobuf::Value& value) {
  using google::protobuf::Value;
  using Out = gloo::model::Value;
  switch (value.kind_case()) {
    case Value::kBoolValue:
      return Out::Bool(value.bool_value());
    case Value::kNumberValue:
      return Out::Literal(NumberText(value.number_value()));
    case Value::kStringValue:
      return Out::Text(value.string_value());
    case Value::kStructValue: {
      std::map<std::string, const Value*> sorted;
      for (const auto& [key, field] : value.struct_value().fields()) sorted.emplace(key, &field);
      Out out = Out::Map();
      for (const auto& [key, field] : sorted) out.Set(key, StructValue(*field));
      return out;
    }
    case Value::kListValue: {
      Out out = Out::List();
      for (const Value& item : value.list_value().values()) out.items.push_back(StructValue(item));
      return out;
    }
    case Value::kNullValue:
    case Value::KIND_NOT_SET:
      break;
  }
  return Out();
}

Value WellKnownValue(const Message& message, WellKnown type) {
  switch (type) {
    case WellKnown::kDuration: {
      const auto* duration = DynamicCastToGenerated<google::protobuf::Duration>(&message);
      const absl::Duration value = absl::Seconds(duration->seconds()) + absl::Nanoseconds(duration->nanos());
      return Value::Literal(value == absl::ZeroDuration() ? "0s" : absl::FormatDuration(value), true);
    }
    case WellKnown::kTimestamp: {
      const auto* time = DynamicCastToGenerated<google::protobuf::Timestamp>(&message);
      return Value::Text(absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ",
                                          absl::FromUnixSeconds(time->seconds()) + absl::Nanoseconds(time->nanos()),
                                          absl::UTCTimeZone()));
    }
    case WellKnown::kStruct: {
      google::protobuf::Value value;
      value.mutable_struct_value()->CopyFrom(message);
      return StructValue(value);
    }
    case WellKnown::kListValue: {
      google::protobuf::Value value;
      value.mutable_list_value()->CopyFrom(message);
      return StructValue(value);
    }
    case WellKnown::kValue:
      return StructValue(*DynamicCastToGenerated<google::protobuf::Value>(&message));
    case WellKnown::kAny: {
      const std::unique_ptr<Message> inner = Unpack(message);
      return inner ? MessageValue(*inner) : Value::Map();
    }
    case WellKnown::kWrapper:
    case WellKnown::kNone:
      break;
  }
  return MessageValue(message);
}

// One value of a field; `index` below 0 for a singular field.
Value FieldValue(const Message& message, const FieldSchema& schema, int index) {
  const FieldDescriptor* field = schema.field;
  const Reflection* reflection = message.GetReflection();
  if (schema.secret) return Value::Text(std::string(kHidden));
#define GLOO_GET(Type) \
  (index < 0 ? reflection->Get##Type(message, field) : reflection->GetRepeated##Type(message, field, index))
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Value::Bool(GLOO_GET(Bool));
    case FieldDescriptor::CPPTYPE_INT32:
      return Value::Literal(NumberText(GLOO_GET(Int32)));
    case FieldDescriptor::CPPTYPE_INT64:
      return Value::Literal(NumberText(GLOO_GET(Int64)));
    case FieldDescriptor::CPPTYPE_UINT32:
      return Value::Literal(NumberText(GLOO_GET(UInt32)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return Value::Literal(NumberText(GLOO_GET(UInt64)));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Value::Literal(NumberText(GLOO_GET(Float)));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Value::Literal(NumberText(GLOO_GET(Double)));
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = GLOO_GET(EnumValue);
      const auto* value = field->enum_type()->FindValueByNumber(number);
      return value ? Value::Text(EnumName(value)) : Value::Literal(NumberText(number));
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text = GLOO_GET(String);
      return Value::Text(field->type() == FieldDescriptor::TYPE_BYTES ? absl::Base64Escape(text) : std::move(text));
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const Message& value = GLOO_GET(Message);
      if (schema.well_known == WellKnown::kWrapper) {
        return FieldValue(value, SchemaOf(value.GetDescriptor()).fields[0], -1);
      }
      return WellKnownValue(value, schema.well_known);
    }
  }
#undef GLOO_GET
  return Value();
}

// Keys as they are written; sorted, as a map has no order.
Value MapFieldValue(const Message& message, const FieldSchema& schema) {
  const Reflection* reflection = message.GetReflection();
  const Descriptor* entry = schema.field->message_type();
  const MessageSchema& entry_schema = SchemaOf(entry);
  const FieldSchema& key = entry_schema.fields[entry->map_key()->index()];
  const FieldSchema& value = entry_schema.fields[entry->map_value()->index()];
  std::map<std::string, Value> sorted;
  for (int i = 0; i < reflection->FieldSize(message, schema.field); ++i) {
    const Message& item = reflection->GetRepeatedMessage(message, schema.field, i);
    sorted.emplace(FieldValue(item, key, -1).text,
                   schema.secret ? Value::Text(std::string(kHidden)) : FieldValue(item, value, -1));
  }
  Value out = Value::Map();
  for (auto& [name, item] : sorted) out.Set(name, std::move(item));
  return out;
}

Value ExtensionsValue(const Message& message, const FieldSchema& schema) {
  const Reflection* reflection = message.GetReflection();
  Value out = Value::Map();
  for (int i = 0; i < reflection->FieldSize(message, schema.field); ++i) {
    const std::unique_ptr<Message> inner = Unpack(reflection->GetRepeatedMessage(message, schema.field, i));
    if (inner == nullptr) continue;
    Value fields = MessageValue(*inner);
    for (auto& [key, value] : fields.fields) out.Set(key, std::move(value));
  }
  return out;
}

// A status says its states even where they are the first of their enum.
bool AlwaysShown(const FieldSchema& schema) {
  return schema.field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM && !schema.field->is_repeated() &&
         schema.field->file() == v1::Status::descriptor()->file();
}

Value FieldsValue(const Message& message) {
  const Reflection* reflection = message.GetReflection();
  Value out = Value::Map();
  for (const FieldSchema& schema : SchemaOf(message.GetDescriptor()).fields) {
    const FieldDescriptor* field = schema.field;
    if (!field->is_repeated()) {
      if (reflection->HasField(message, field) || AlwaysShown(schema))
        out.Set(schema.name, FieldValue(message, schema, -1));
      continue;
    }
    const int size = reflection->FieldSize(message, field);
    if (size == 0) continue;
    if (schema.part == v1::ROUTE_EXTENSIONS) {
      out.Set(schema.name, ExtensionsValue(message, schema));
    } else if (field->is_map()) {
      out.Set(schema.name, MapFieldValue(message, schema));
    } else {
      Value list = Value::List();
      for (int i = 0; i < size; ++i) list.items.push_back(FieldValue(message, schema, i));
      out.Set(schema.name, std::move(list));
    }
  }
  return out;
}

Value MessageValue(const Message& message) {
  Value out = FieldsValue(message);
  // A message of its short form alone is written in it.
  const FieldSchema* scalar = SchemaOf(message.GetDescriptor()).scalar;
  if (scalar != nullptr && out.fields.size() == 1 && out.fields[0].first == scalar->name) {
    return std::move(out.fields[0].second);
  }
  return out;
}

Value ObjectValue(const Object& object, const v1::Status* status) {
  Value fields = MessageValue(*object.body.message());
  Value metadata = MessageValue(object.metadata());
  // What the store counts is truer than what was written.
  if (object.generation != 0) {
    Value generation = Value::Literal(NumberText(object.generation));
    if (Value* written = metadata.Find("generation")) {
      *written = std::move(generation);
    } else {
      metadata.Set("generation", std::move(generation));
    }
  }
  Value* spec = fields.Find("spec");
  Value out = Value::Map();
  out.Set("apiVersion", Value::Text(std::string(kApiVersion)));
  out.Set("kind", Value::Text(std::string(KindName(object.key.kind))));
  out.Set("metadata", std::move(metadata));
  out.Set("spec", spec ? std::move(*spec) : Value::Map());
  if (status != nullptr) out.Set("status", MessageValue(*status));
  return out;
}

}  // namespace

std::string ToYaml(const Object& object, const v1::Status* status) { return WriteYaml(ObjectValue(object, status)); }

std::string ToJson(const Object& object, const v1::Status* status) { return WriteJson(ObjectValue(object, status)); }

std::string ToJson(const v1::Status& status) { return WriteJson(MessageValue(status)); }

}  // namespace gloo::model
