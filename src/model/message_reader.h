// Nodes to a proto message, by reflection: every field strict, every mistake reported.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "base/issues.h"
#include "model/message_schema.h"
#include "model/node.h"
#include "model/parts.h"

namespace gloo::model {

// One level of the path to a value, as typed; lives on the reader's stack. Its place is that of the key, or of the
// item of a list.
struct Frame {
  enum class Kind : unsigned char { kRoot, kField, kMapKey, kItem };

  const Frame* parent = nullptr;
  Kind kind = Kind::kRoot;
  std::string_view key;
  size_t index = 0;
  int line = 0;
  int column = 0;

  std::string Path() const;
};

// What decides which messages the open parts of an object are. Read ahead, as keys come in any order.
struct PartTypes {
  std::string_view upstream;
  std::string_view service;
};

class MessageReader {
 public:
  MessageReader(const PartSchemas& schemas, std::string_view file, PartTypes types, Issues* issues)
      : schemas_(schemas), file_(file), types_(types), issues_(issues) {}

  // `frame` is the place of `node`.
  void Read(const Node& node, const Frame& frame, google::protobuf::Message* message);

  void Error(const Frame& frame, int line, int column, std::string_view reason, std::string message);

 private:
  struct Fields;

  void ReadField(const Node& node, const Frame& frame, const FieldSchema& field, google::protobuf::Message* message);
  // Sets a singular field, or adds to a repeated one.
  void ReadValue(const Node& node, const Frame& frame, const FieldSchema& field, google::protobuf::Message* message);
  void ReadMessageValue(const Node& node, const Frame& frame, const FieldSchema& field,
                        google::protobuf::Message* message);
  void ReadWellKnown(const Node& node, const Frame& frame, WellKnown type, google::protobuf::Message* message);
  void ReadMap(const Node& node, const Frame& frame, const FieldSchema& field, google::protobuf::Message* message);
  void ReadStruct(const Node& node, const Frame& frame, google::protobuf::Message* message);
  void ReadList(const Node& node, const Frame& frame, google::protobuf::Message* message);
  void ReadExtensions(const Node& node, const Frame& frame, const FieldSchema& field,
                      google::protobuf::Message* message);
  // Notes that a field is written; false (and an error) if it was before, or another one of its oneof.
  bool Note(const Frame& frame, const FieldSchema& field, const Entry& entry, Fields* seen);
  void CheckRequired(const MessageSchema& schema, const Fields& seen, const Frame& frame);
  void ReadPart(const MessageSchema& schema, const Fields& seen, const Frame& frame, const FieldSchema& part,
                google::protobuf::Message* message);
  // The message of a part whose type is `key`; reports at `type` (may be null) when there is none.
  const google::protobuf::Descriptor* FindPart(v1::OpenPart part, const Frame& frame, const Entry* type,
                                               const Entry* written);
  void UnknownKey(const Frame& frame, std::string_view what, std::string_view reason,
                  const std::vector<std::string>& known);

  void Error(const Frame& frame, const Node& node, std::string_view reason, std::string message);

  const PartSchemas& schemas_;
  std::string_view file_;
  PartTypes types_;
  Issues* issues_;
};

// The deterministic serialization.
std::string SerializeDeterministically(const google::protobuf::Message& message);

}  // namespace gloo::model
