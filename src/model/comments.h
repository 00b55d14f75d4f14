// The comments of our protos (api/v1 and the plugins' folders), embedded when the program is built.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>

namespace gloo::model {

// Paragraphs keep their line breaks between them, lines of one are joined. Empty where there is no comment.
std::string CommentOf(const google::protobuf::Descriptor* message);
std::string CommentOf(const google::protobuf::FieldDescriptor* field);
std::string CommentOf(const google::protobuf::EnumValueDescriptor* value);

}  // namespace gloo::model
