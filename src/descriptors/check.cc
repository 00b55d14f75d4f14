#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "base/strings.h"
#include "base/utf8.h"
#include "descriptors/descriptors.h"

namespace gloo::descriptors {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;

class Collector final : public google::protobuf::DescriptorPool::ErrorCollector {
 public:
  explicit Collector(Issues& issues) : issues_(issues) {}

  void AddError(const std::string& file, const std::string& element, const google::protobuf::Message*, ErrorLocation,
                const std::string& message) override {
    issues_.Error("", "BadDescriptors",
                  StrCat("file ", JsonQuote(file), ": ", JsonQuote(element), ": ", JsonQuote(message)));
  }
  void AddWarning(const std::string&, const std::string&, const google::protobuf::Message*, ErrorLocation,
                  const std::string&) override {}

 private:
  Issues& issues_;
};

bool KnowsSyntax(const FileDescriptorProto& file) {
  return file.syntax().empty() || file.syntax() == "proto2" || file.syntax() == "proto3";
}

void ForgetPresence(DescriptorProto* message) {
  for (auto& field : *message->mutable_field()) field.clear_proto3_optional();
  for (auto& nested : *message->mutable_nested_type()) ForgetPresence(&nested);
}

}  // namespace

void CheckPart(const FileDescriptorSet& part, Issues& issues) {
  google::protobuf::DescriptorPool pool;
  Collector collector(issues);
  // Our protobuf knows no editions, Envoy's does: names and numbers are checked all the same.
  const bool editions = !std::all_of(part.file().begin(), part.file().end(), KnowsSyntax);
  for (const FileDescriptorProto& file : part.file()) {
    if (!editions) {
      if (pool.BuildFileCollectingErrors(file, &collector) == nullptr) return;
      continue;
    }
    if (!KnowsSyntax(file) && file.syntax() != "editions") {
      issues.Error("", "BadDescriptors",
                   StrCat("file ", JsonQuote(file.name()), ": there is no syntax ", JsonQuote(file.syntax())));
      return;
    }
    FileDescriptorProto plain = file;
    plain.set_syntax("proto2");
    for (auto& message : *plain.mutable_message_type()) ForgetPresence(&message);
    if (pool.BuildFileCollectingErrors(plain, &collector) == nullptr) return;
  }
}

}  // namespace gloo::descriptors
