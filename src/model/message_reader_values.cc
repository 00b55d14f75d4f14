// The values of fields: scalars, and the messages that are written in a form of their own.
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/strings.h"
#include "model/message_reader.h"
#include "model/scalars.h"

namespace gloo::model {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void MessageReader::ReadValue(const Node& node, const Frame& frame, const FieldSchema& schema, Message* message) {
  const FieldDescriptor* field = schema.field;
  const Reflection* reflection = message->GetReflection();
  const bool add = field->is_repeated();
  std::optional<Mistake> mistake;
  int64_t whole = 0;
  uint64_t unsigned_whole = 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      ReadMessageValue(node, frame, schema, message);
      return;
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text;
      mistake = field->type() == FieldDescriptor::TYPE_BYTES ? ParseBytes(node, &text) : ParseString(node, &text);
      if (mistake) break;
      add ? reflection->AddString(message, field, std::move(text))
          : reflection->SetString(message, field, std::move(text));
      break;
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      bool value = false;
      mistake = ParseBool(node, &value);
      if (mistake) break;
      add ? reflection->AddBool(message, field, value) : reflection->SetBool(message, field, value);
      break;
    }
    case FieldDescriptor::CPPTYPE_INT32:
      mistake = ParseInt(node, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max(), false, &whole);
      if (mistake) break;
      add ? reflection->AddInt32(message, field, whole) : reflection->SetInt32(message, field, whole);
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      mistake = ParseInt(node, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), true, &whole);
      if (mistake) break;
      add ? reflection->AddInt64(message, field, whole) : reflection->SetInt64(message, field, whole);
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      mistake = ParseUnsigned(node, std::numeric_limits<uint32_t>::max(), false, &unsigned_whole);
      if (mistake) break;
      add ? reflection->AddUInt32(message, field, unsigned_whole)
          : reflection->SetUInt32(message, field, unsigned_whole);
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      mistake = ParseUnsigned(node, std::numeric_limits<uint64_t>::max(), true, &unsigned_whole);
      if (mistake) break;
      add ? reflection->AddUInt64(message, field, unsigned_whole)
          : reflection->SetUInt64(message, field, unsigned_whole);
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      double value = 0;
      mistake = ParseDouble(node, &value);
      if (mistake) break;
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
        add ? reflection->AddDouble(message, field, value) : reflection->SetDouble(message, field, value);
      } else {
        const float narrow = static_cast<float>(value);
        add ? reflection->AddFloat(message, field, narrow) : reflection->SetFloat(message, field, narrow);
      }
      break;
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      int value = 0;
      mistake = ParseEnum(node, field->enum_type(), &value);
      if (mistake) break;
      add ? reflection->AddEnumValue(message, field, value) : reflection->SetEnumValue(message, field, value);
      break;
    }
  }
  if (mistake) Error(frame, node, mistake->reason, std::move(mistake->message));
}

void MessageReader::ReadMessageValue(const Node& node, const Frame& frame, const FieldSchema& schema,
                                     Message* message) {
  const Reflection* reflection = message->GetReflection();
  Message* value = schema.field->is_repeated() ? reflection->AddMessage(message, schema.field)
                                               : reflection->MutableMessage(message, schema.field);
  if (schema.well_known == WellKnown::kNone) {
    Read(node, frame, value);
  } else {
    ReadWellKnown(node, frame, schema.well_known, value);
  }
}

void MessageReader::ReadWellKnown(const Node& node, const Frame& frame, WellKnown type, Message* message) {
  std::optional<Mistake> mistake;
  switch (type) {
    case WellKnown::kDuration: {
      absl::Duration duration;
      mistake = ParseDuration(node, &duration);
      if (mistake) break;
      auto* out = google::protobuf::DynamicCastToGenerated<google::protobuf::Duration>(message);
      out->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
      out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
      break;
    }
    case WellKnown::kTimestamp: {
      absl::Time time;
      mistake = ParseTimestamp(node, &time);
      if (mistake) break;
      auto* out = google::protobuf::DynamicCastToGenerated<google::protobuf::Timestamp>(message);
      out->set_seconds(absl::ToUnixSeconds(time));
      out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(out->seconds()))));
      break;
    }
    case WellKnown::kWrapper:
      ReadValue(node, frame, SchemaOf(message->GetDescriptor()).fields[0], message);
      break;
    case WellKnown::kStruct:
      if (node.type != Node::Type::kMap) {
        Error(frame, node, "WrongType", StrCat("must be a mapping, not ", Describe(node)));
      } else {
        ReadStruct(node, frame, message);
      }
      break;
    case WellKnown::kListValue:
      if (node.type != Node::Type::kList) {
        Error(frame, node, "WrongType", StrCat("must be a list, not ", Describe(node)));
      } else {
        ReadList(node, frame, message);
      }
      break;
    case WellKnown::kValue: {
      auto* out = google::protobuf::DynamicCastToGenerated<google::protobuf::Value>(message);
      switch (node.type) {
        case Node::Type::kNull:
          out->set_null_value(google::protobuf::NULL_VALUE);
          break;
        case Node::Type::kMap:
          ReadStruct(node, frame, out->mutable_struct_value());
          break;
        case Node::Type::kList:
          ReadList(node, frame, out->mutable_list_value());
          break;
        case Node::Type::kScalar:
          if (node.plain && (node.text == "true" || node.text == "false")) {
            out->set_bool_value(node.text == "true");
          } else if (double number = 0; node.plain && IsNumber(node.text) && !ParseDouble(node, &number)) {
            out->set_number_value(number);
          } else {
            out->set_string_value(std::string(node.text));
          }
          break;
      }
      break;
    }
    case WellKnown::kAny:
    case WellKnown::kNone:
      Error(frame, node, "UnknownField", "cannot be written here");
      break;
  }
  if (mistake) Error(frame, node, mistake->reason, std::move(mistake->message));
}

void MessageReader::ReadStruct(const Node& node, const Frame& frame, Message* message) {
  auto* out = google::protobuf::DynamicCastToGenerated<google::protobuf::Struct>(message);
  std::unordered_map<std::string_view, const Entry*> seen;
  for (const Entry& entry : node.entries) {
    const Frame below{&frame, Frame::Kind::kField, entry.key, 0, entry.line, entry.column};
    if (auto [first, added] = seen.emplace(entry.key, &entry); !added) {
      Error(below, entry.line, entry.column, "DuplicateKey",
            StrCat("is written twice; the first is on line ", first->second->line));
      continue;
    }
    ReadWellKnown(*entry.value, below, WellKnown::kValue, &(*out->mutable_fields())[std::string(entry.key)]);
  }
}

void MessageReader::ReadList(const Node& node, const Frame& frame, Message* message) {
  auto* out = google::protobuf::DynamicCastToGenerated<google::protobuf::ListValue>(message);
  for (size_t i = 0; i < node.items.size(); ++i) {
    const Frame below{&frame, Frame::Kind::kItem, {}, i, node.items[i]->line, node.items[i]->column};
    ReadWellKnown(*node.items[i], below, WellKnown::kValue, out->add_values());
  }
}

}  // namespace gloo::model
