#include "model/comments.h"

#include <google/protobuf/descriptor.pb.h>

#include <cstddef>
#include <string_view>
#include <unordered_map>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace gloo::model {

// A FileDescriptorSet; generated, see embed_comments.cmake.
extern const unsigned char kCommentBytes[];
extern const size_t kCommentSize;

namespace {

using Comments = std::unordered_map<std::string, std::string>;

std::string Joined(std::string_view comment) {
  std::string out;
  bool paragraph = false;
  while (!comment.empty()) {
    const size_t newline = std::min(comment.find('\n'), comment.size());
    const std::string_view line = StdView(absl::StripAsciiWhitespace(AbslView(comment.substr(0, newline))));
    comment.remove_prefix(std::min(newline + 1, comment.size()));
    if (line.empty()) {
      paragraph = true;
      continue;
    }
    if (!out.empty()) out += paragraph ? '\n' : ' ';
    paragraph = false;
    out += line;
  }
  return out;
}

// The name of what a path of SourceCodeInfo leads to (numbers of fields of descriptor.proto); empty for all but
// messages, their fields, and values of enums.
std::string NameAt(const google::protobuf::FileDescriptorProto& file,
                   const google::protobuf::RepeatedField<int>& path) {
  using google::protobuf::DescriptorProto;
  using google::protobuf::EnumDescriptorProto;
  using google::protobuf::FileDescriptorProto;
  std::string name = file.package();
  const auto value_of = [&](const EnumDescriptorProto& type, int i) -> std::string {
    if (path.size() != i + 2 || path[i] != EnumDescriptorProto::kValueFieldNumber) return "";
    return StrCat(name, ".", type.value(path[i + 1]).name());
  };
  if (path.size() < 2) return "";
  if (path[0] == FileDescriptorProto::kEnumTypeFieldNumber) return value_of(file.enum_type(path[1]), 2);
  if (path[0] != FileDescriptorProto::kMessageTypeFieldNumber) return "";
  const DescriptorProto* message = &file.message_type(path[1]);
  StrAppend(&name, ".", message->name());
  for (int i = 2; i < path.size(); i += 2) {
    if (i + 1 >= path.size()) return "";
    switch (path[i]) {
      case DescriptorProto::kFieldFieldNumber:
        return i + 2 == path.size() ? StrCat(name, ".", message->field(path[i + 1]).name()) : "";
      case DescriptorProto::kNestedTypeFieldNumber:
        message = &message->nested_type(path[i + 1]);
        StrAppend(&name, ".", message->name());
        break;
      case DescriptorProto::kEnumTypeFieldNumber:
        // Values of an enum are named beside it.
        return value_of(message->enum_type(path[i + 1]), i + 2);
      default:
        return "";
    }
  }
  return name;
}

const Comments& All() {
  static const Comments* comments = [] {
    auto* all = new Comments;
    google::protobuf::FileDescriptorSet files;
    files.ParseFromArray(kCommentBytes, static_cast<int>(kCommentSize));
    for (const auto& file : files.file()) {
      for (const auto& location : file.source_code_info().location()) {
        std::string text = Joined(location.leading_comments());
        if (text.empty()) text = Joined(location.trailing_comments());
        if (text.empty()) continue;
        std::string name = NameAt(file, location.path());
        if (!name.empty()) all->emplace(std::move(name), std::move(text));
      }
    }
    return all;
  }();
  return *comments;
}

std::string Find(const std::string& name) {
  const auto found = All().find(name);
  return found == All().end() ? "" : found->second;
}

}  // namespace

std::string CommentOf(const google::protobuf::Descriptor* message) { return Find(message->full_name()); }
std::string CommentOf(const google::protobuf::FieldDescriptor* field) { return Find(field->full_name()); }
std::string CommentOf(const google::protobuf::EnumValueDescriptor* value) { return Find(value->full_name()); }

}  // namespace gloo::model
