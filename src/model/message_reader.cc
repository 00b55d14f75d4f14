#include "model/message_reader.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "api/v1/metadata.pb.h"
#include "api/v1/status.pb.h"
#include "base/strings.h"
#include "base/suggest.h"
#include "model/scalars.h"

namespace gloo::model {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

// Kubernetes' own fields of metadata: its business, not ours.
bool IgnoredInMetadata(std::string_view key) {
  constexpr std::string_view kIgnored[] = {
      "uid",         "managedFields",     "finalizers",   "ownerReferences",
      "selfLink",    "deletionTimestamp", "generateName", "deletionGracePeriodSeconds",
      "clusterName",
  };
  for (std::string_view name : kIgnored) {
    if (key == name) return true;
  }
  return false;
}

// "upstream type", "service type": what chooses a part.
std::string_view PartName(v1::OpenPart part) { return part == v1::UPSTREAM_SPEC ? "upstream type" : "service type"; }

}  // namespace

struct MessageReader::Fields {
  // By FieldSchema::index.
  absl::InlinedVector<const Entry*, 16> written;
  absl::InlinedVector<std::pair<const OneofDescriptor*, const Entry*>, 2> oneofs;
};

std::string Frame::Path() const {
  if (kind == Kind::kRoot) return "";
  std::string path = parent->Path();
  switch (kind) {
    case Kind::kRoot:
      break;
    case Kind::kField:
      AppendField(&path, key);
      break;
    case Kind::kMapKey:
      AppendMapKey(&path, key);
      break;
    case Kind::kItem:
      AppendIndex(&path, index);
      break;
  }
  return path;
}

std::string SerializeDeterministically(const Message& message) {
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializePartialToCodedStream(&coded);
  }
  return out;
}

void MessageReader::Error(const Frame& frame, int line, int column, std::string_view reason, std::string message) {
  issues_->Add({Severity::kError, std::string(reason), frame.Path(), std::move(message),
                Location{std::string(file_), line, column}});
}

void MessageReader::Error(const Frame& frame, const Node& node, std::string_view reason, std::string message) {
  // The place of "nothing" is that of what follows it: its key is nearer to what is meant.
  const bool at_key = node.type == Node::Type::kNull;
  Error(frame, at_key ? frame.line : node.line, at_key ? frame.column : node.column, reason, std::move(message));
}

void MessageReader::UnknownKey(const Frame& frame, std::string_view what, std::string_view reason,
                               const std::vector<std::string>& known) {
  Error(frame, frame.line, frame.column, reason,
        StrCat("unknown ", what, " ", Quoted(frame.key), Suggestion(frame.key, known)));
}

bool MessageReader::Note(const Frame& frame, const FieldSchema& field, const Entry& entry, Fields* seen) {
  if (const Entry* first = seen->written[field.index]) {
    if (first->key == entry.key) {
      Error(frame, entry.line, entry.column, "DuplicateKey",
            StrCat("is written twice; the first is on line ", first->line));
    } else {
      Error(frame, entry.line, entry.column, "DuplicateField",
            StrCat(Quoted(entry.key), " and ", Quoted(first->key), " (line ", first->line,
                   ") are the same field; write one of them"));
    }
    return false;
  }
  seen->written[field.index] = &entry;
  const OneofDescriptor* oneof = field.field->real_containing_oneof();
  if (oneof == nullptr || entry.value->type == Node::Type::kNull) return true;
  for (const auto& [other, first] : seen->oneofs) {
    if (other != oneof) continue;
    Error(frame, entry.line, entry.column, "ExclusiveFields",
          StrCat(Quoted(entry.key), " and ", Quoted(first->key), " (line ", first->line,
                 ") exclude each other; write one of them"));
    return false;
  }
  seen->oneofs.push_back({oneof, &entry});
  return true;
}

void MessageReader::Read(const Node& node, const Frame& frame, Message* message) {
  const MessageSchema& schema = SchemaOf(message->GetDescriptor());
  if (node.type != Node::Type::kMap) {
    if (node.type == Node::Type::kScalar && schema.scalar != nullptr) {
      ReadValue(node, frame, *schema.scalar, message);
      return;
    }
    Error(frame, node, "WrongType",
          StrCat("must be ", schema.scalar ? "text or " : "", "a mapping, not ", Describe(node)));
    return;
  }
  const bool metadata = message->GetDescriptor() == v1::Metadata::descriptor();
  Fields seen;
  seen.written.resize(schema.fields.size());
  bool parts = false;
  for (const Entry& entry : node.entries) {
    const Frame below{&frame, Frame::Kind::kField, entry.key, 0, entry.line, entry.column};
    const FieldSchema* field = schema.Find(entry.key);
    if (field == nullptr) {
      if (!metadata || !IgnoredInMetadata(entry.key)) UnknownKey(below, "field", "UnknownField", schema.names);
      continue;
    }
    if (!Note(below, *field, entry, &seen) || entry.value->type == Node::Type::kNull) continue;
    // A status is ours to write, not to read.
    if (field->field->message_type() == v1::Status::descriptor()) continue;
    if (field->part == v1::NOT_OPEN || field->part == v1::ROUTE_EXTENSIONS) {
      ReadField(*entry.value, below, *field, message);
    }
  }
  for (const FieldSchema& field : schema.fields) {
    parts |= field.part != v1::NOT_OPEN && field.part != v1::ROUTE_EXTENSIONS;
  }
  if (schema.any_required) CheckRequired(schema, seen, frame);
  if (!parts) return;
  for (const FieldSchema& field : schema.fields) {
    if (field.part != v1::NOT_OPEN && field.part != v1::ROUTE_EXTENSIONS) {
      ReadPart(schema, seen, frame, field, message);
    }
  }
}

void MessageReader::CheckRequired(const MessageSchema& schema, const Fields& seen, const Frame& frame) {
  for (const FieldSchema& field : schema.fields) {
    if (!field.required) continue;
    const Entry* entry = seen.written[field.index];
    const Frame below{&frame,
                      Frame::Kind::kField,
                      entry ? entry->key : std::string_view(field.name),
                      0,
                      entry ? entry->line : frame.line,
                      entry ? entry->column : frame.column};
    if (entry == nullptr || entry->value->type == Node::Type::kNull) {
      Error(below, below.line, below.column, "MissingField", "is required");
      continue;
    }
    const Node& value = *entry->value;
    const bool empty = (value.type == Node::Type::kScalar && value.text.empty()) ||
                       (value.type == Node::Type::kList && value.items.empty());
    if (empty) Error(below, value, "MissingField", "must not be empty");
  }
}

const Descriptor* MessageReader::FindPart(v1::OpenPart part, const Frame& frame, const Entry* type,
                                          const Entry* written) {
  const std::string_view key = type ? type->value->text : std::string_view();
  const Frame at{&frame, Frame::Kind::kField,          type ? type->key : std::string_view(),
                 0,      type ? type->value->line : 0, type ? type->value->column : 0};
  if (key.empty()) return nullptr;  // `type` is required: reported already
  const Descriptor* found = schemas_.FindMessage(part, key);
  if (found != nullptr) return found;
  std::vector<std::string> known = schemas_.Known(part);
  if (part == v1::SERVICE_PROPERTIES) {
    if (schemas_.FindMessage(v1::FUNCTION_SPEC, key) != nullptr) {
      if (written != nullptr) {
        const Frame properties{&frame, Frame::Kind::kField, written->key, 0, written->line, written->column};
        Error(properties, *written->value, "UnknownField",
              StrCat("service type ", Quoted(key), " takes no properties; remove them"));
      }
      return nullptr;
    }
    for (std::string& name : schemas_.Known(v1::FUNCTION_SPEC)) {
      if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(std::move(name));
    }
    std::sort(known.begin(), known.end());
  }
  Error(at, at.line, at.column, "UnknownType",
        StrCat("unknown ", PartName(part), " ", Quoted(key), Suggestion(key, known)));
  return nullptr;
}

void MessageReader::ReadPart(const MessageSchema& schema, const Fields& seen, const Frame& frame,
                             const FieldSchema& part, Message* message) {
  const Entry* written = seen.written[part.index];
  if (written != nullptr && written->value->type == Node::Type::kNull) written = nullptr;
  const Descriptor* found = nullptr;
  std::string owner;
  if (part.part == v1::FUNCTION_SPEC) {
    // Unknown types are reported where they are written.
    if (!types_.service.empty()) {
      found = schemas_.FindMessage(v1::FUNCTION_SPEC, types_.service);
      owner = StrCat("service type ", Quoted(types_.service));
    } else if (!types_.upstream.empty() && schemas_.FindMessage(v1::UPSTREAM_SPEC, types_.upstream) != nullptr) {
      found = schemas_.FindMessage(v1::FUNCTION_SPEC, types_.upstream);
      owner = StrCat("upstream type ", Quoted(types_.upstream));
      if (found == nullptr && written != nullptr) {
        const Frame below{&frame, Frame::Kind::kField, written->key, 0, written->line, written->column};
        Error(below, written->line, written->column, "MissingServiceInfo",
              StrCat("how functions of this upstream are called is not said; write spec.serviceInfo.type",
                     Suggestion("", schemas_.Known(v1::FUNCTION_SPEC))));
      }
    }
  } else {
    const FieldSchema* type = schema.Find("type");
    const Entry* entry = type ? seen.written[type->index] : nullptr;
    if (entry != nullptr && entry->value->type == Node::Type::kScalar) {
      found = FindPart(part.part, frame, entry, written);
      owner = StrCat(PartName(part.part), " ", Quoted(entry->value->text));
    }
  }
  if (found == nullptr) return;
  if (written == nullptr) {
    if (!SchemaOf(found).any_required) return;
    const Frame below{&frame, Frame::Kind::kField, part.name, 0, frame.line, frame.column};
    Error(below, below.line, below.column, "MissingField", StrCat("is required by ", owner));
    return;
  }
  const Message* prototype = MessageFactory::generated_factory()->GetPrototype(found);
  if (prototype == nullptr) return;
  const Frame below{&frame, Frame::Kind::kField, written->key, 0, written->line, written->column};
  std::unique_ptr<Message> value(prototype->New());
  Read(*written->value, below, value.get());
  auto* any = google::protobuf::DynamicCastToGenerated<google::protobuf::Any>(
      message->GetReflection()->MutableMessage(message, part.field));
  any->set_type_url(StrCat("type.googleapis.com/", found->full_name()));
  any->set_value(SerializeDeterministically(*value));
}

void MessageReader::ReadExtensions(const Node& node, const Frame& frame, const FieldSchema& field, Message* message) {
  if (node.type != Node::Type::kMap) {
    Error(frame, node, "WrongType", StrCat("must be a mapping, not ", Describe(node)));
    return;
  }
  struct Group {
    std::unique_ptr<Message> message;
    Fields seen;
  };
  // Sorted: the bytes do not depend on the order of the keys.
  std::map<std::string, Group> groups;
  std::unordered_map<std::string_view, const Entry*> unknown;
  for (const Entry& entry : node.entries) {
    const Frame below{&frame, Frame::Kind::kField, entry.key, 0, entry.line, entry.column};
    const FieldDescriptor* extension = schemas_.FindExtension(entry.key);
    const Message* prototype =
        extension ? MessageFactory::generated_factory()->GetPrototype(extension->containing_type()) : nullptr;
    if (prototype == nullptr) {
      UnknownKey(below, "route extension", "UnknownExtension", schemas_.Known(v1::ROUTE_EXTENSIONS));
      continue;
    }
    const MessageSchema& schema = SchemaOf(extension->containing_type());
    Group& group = groups[extension->containing_type()->full_name()];
    if (group.message == nullptr) {
      group.message.reset(prototype->New());
      group.seen.written.resize(schema.fields.size());
    }
    const FieldSchema& target = schema.fields[extension->index()];
    if (!Note(below, target, entry, &group.seen) || entry.value->type == Node::Type::kNull) continue;
    ReadField(*entry.value, below, target, group.message.get());
  }
  for (const auto& [name, group] : groups) {
    auto* any = google::protobuf::DynamicCastToGenerated<google::protobuf::Any>(
        message->GetReflection()->AddMessage(message, field.field));
    any->set_type_url(StrCat("type.googleapis.com/", name));
    any->set_value(SerializeDeterministically(*group.message));
  }
}

void MessageReader::ReadField(const Node& node, const Frame& frame, const FieldSchema& field, Message* message) {
  if (field.part == v1::ROUTE_EXTENSIONS) {
    ReadExtensions(node, frame, field, message);
  } else if (field.field->is_map()) {
    ReadMap(node, frame, field, message);
  } else if (field.field->is_repeated()) {
    if (node.type != Node::Type::kList) {
      const bool one = node.type == Node::Type::kScalar && !node.text.empty() && node.text.size() < 40;
      Error(frame, node, "WrongType",
            StrCat("must be a list, not ", Describe(node), one ? StrCat("; write [", node.text, "]") : ""));
      return;
    }
    for (size_t i = 0; i < node.items.size(); ++i) {
      const Node& item = *node.items[i];
      const Frame below{&frame, Frame::Kind::kItem, {}, i, item.line, item.column};
      if (item.type == Node::Type::kNull && field.well_known != WellKnown::kValue) {
        Error(below, item, "WrongType", "must not be empty; remove the item");
        continue;
      }
      ReadValue(item, below, field, message);
    }
  } else {
    ReadValue(node, frame, field, message);
  }
}

void MessageReader::ReadMap(const Node& node, const Frame& frame, const FieldSchema& field, Message* message) {
  if (node.type != Node::Type::kMap) {
    Error(frame, node, "WrongType", StrCat("must be a mapping, not ", Describe(node)));
    return;
  }
  const MessageSchema& schema = SchemaOf(field.field->message_type());
  const FieldSchema& key = schema.fields[field.field->message_type()->map_key()->index()];
  const FieldSchema& value = schema.fields[field.field->message_type()->map_value()->index()];
  std::unordered_map<std::string_view, const Entry*> seen;
  for (const Entry& entry : node.entries) {
    const Frame below{&frame, Frame::Kind::kMapKey, entry.key, 0, entry.line, entry.column};
    if (auto [first, added] = seen.emplace(entry.key, &entry); !added) {
      Error(below, entry.line, entry.column, "DuplicateKey",
            StrCat("is written twice; the first is on line ", first->second->line));
      continue;
    }
    if (entry.value->type == Node::Type::kNull && value.well_known != WellKnown::kValue) {
      const bool text = value.field->cpp_type() == FieldDescriptor::CPPTYPE_STRING ||
                        (value.field->message_type() && SchemaOf(value.field->message_type()).scalar);
      Error(below, entry.line, entry.column, "WrongType",
            StrCat("has no value", text ? "; write \"\" for an empty text" : ""));
      continue;
    }
    Message* item = message->GetReflection()->AddMessage(message, field.field);
    Node key_node;
    key_node.type = Node::Type::kScalar;
    key_node.plain = true;
    key_node.line = entry.line;
    key_node.column = entry.column;
    key_node.text = entry.key;
    ReadValue(key_node, below, key, item);
    ReadValue(*entry.value, below, value, item);
  }
}

}  // namespace gloo::model
