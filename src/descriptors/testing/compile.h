// For tests: descriptor sets of proto sources.
#pragma once

#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "google/api/annotations.pb.h"

namespace gloo::descriptors {

class TextSourceTree final : public google::protobuf::compiler::SourceTree {
 public:
  explicit TextSourceTree(std::map<std::string, std::string> files) : files_(std::move(files)) {}
  google::protobuf::io::ZeroCopyInputStream* Open(const std::string& name) override {
    const auto found = files_.find(name);
    if (found == files_.end()) return nullptr;
    return new google::protobuf::io::ArrayInputStream(found->second.data(), static_cast<int>(found->second.size()));
  }

 private:
  std::map<std::string, std::string> files_;
};

// With `--include_imports` or without.
inline std::string CompileProtos(std::map<std::string, std::string> files, bool with_imports = true) {
  const auto* generated = google::protobuf::DescriptorPool::generated_pool();
  for (const char* name : {"google/api/annotations.proto", "google/api/http.proto", "google/protobuf/any.proto",
                           "google/protobuf/descriptor.proto", "google/protobuf/timestamp.proto"}) {
    files.emplace(name, generated->FindFileByName(name)->DebugString());
  }
  struct Errors final : public google::protobuf::compiler::MultiFileErrorCollector {
    void AddError(const std::string& file, int line, int, const std::string& message) override {
      ADD_FAILURE() << file << ":" << line << ": " << message;
    }
  } errors;
  TextSourceTree tree(files);
  google::protobuf::compiler::Importer importer(&tree, &errors);
  google::protobuf::FileDescriptorSet set;
  std::set<std::string> seen;
  const auto add = [&](const google::protobuf::FileDescriptor* file, const auto& self) -> void {
    if (file == nullptr || !seen.insert(file->name()).second) return;
    for (int i = 0; with_imports && i < file->dependency_count(); ++i) self(file->dependency(i), self);
    file->CopyTo(set.add_file());
    file->CopyJsonNameTo(set.mutable_file(set.file_size() - 1));
  };
  for (const auto& [name, _] : files) {
    if (name.rfind("google/", 0) != 0) add(importer.Import(name), add);
  }
  // Options that are read anew know the extension.
  return set.SerializeAsString();
}

}  // namespace gloo::descriptors
