#include "descriptors/compile.h"

#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/descriptor_database.h>

#include <set>
#include <string_view>

#include "base/strings.h"
#include "base/utf8.h"
#include "descriptors/descriptors.h"
#include "google/api/annotations.pb.h"

namespace gloo::descriptors {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::compiler::DiskSourceTree;

class Errors final : public google::protobuf::compiler::MultiFileErrorCollector {
 public:
  explicit Errors(Issues& issues) : issues_(issues) {}

  // Lines and columns count from 0 here.
  void AddError(const std::string& file, int line, int column, const std::string& message) override {
    Issue issue{Severity::kError, "BadProto", "", message, {file, 0, 0}};
    if (line >= 0) issue.location = {file, line + 1, column + 1};
    issues_.Add(std::move(issue));
  }

 private:
  Issues& issues_;
};

// Files that everybody imports and few have beside their own.
google::protobuf::SimpleDescriptorDatabase& KnownFiles() {
  static auto* known = [] {
    auto* made = new google::protobuf::SimpleDescriptorDatabase();
    for (const auto& file : BuiltinFiles()) made->Add(file);
    for (const FileDescriptor* file :
         {google::api::Http::descriptor()->file(), google::protobuf::FileDescriptorProto::descriptor()->file(),
          google::protobuf::DescriptorPool::generated_pool()->FindFileByName("google/api/annotations.proto")}) {
      google::protobuf::FileDescriptorProto copy;
      file->CopyTo(&copy);
      made->Add(copy);
    }
    return made;
  }();
  return *known;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
}

// With what it imports before it.
void Add(const FileDescriptor* file, std::set<const FileDescriptor*>* seen, google::protobuf::FileDescriptorSet* set) {
  if (!seen->insert(file).second) return;
  for (int i = 0; i < file->dependency_count(); ++i) Add(file->dependency(i), seen, set);
  auto* copy = set->add_file();
  file->CopyTo(copy);
  file->CopyJsonNameTo(copy);
}

}  // namespace

std::string CompileSources(const std::vector<std::string>& files, const std::vector<std::string>& folders,
                           Issues& issues) {
  const size_t errors_before = issues.errors();
  DiskSourceTree tree;
  for (const std::string& folder : folders) tree.MapPath("", folder);
  if (folders.empty()) {
    std::set<std::string> mapped;
    for (const std::string& file : files) {
      if (std::string folder = FolderOf(file); mapped.insert(folder).second) tree.MapPath("", folder);
    }
  }
  Errors errors(issues);
  google::protobuf::compiler::SourceTreeDescriptorDatabase sources(&tree, &KnownFiles());
  sources.RecordErrorsTo(&errors);
  google::protobuf::DescriptorPool pool(&sources, sources.GetValidationErrorCollector());
  pool.EnforceWeakDependencies(true);
  google::protobuf::FileDescriptorSet set;
  std::set<const FileDescriptor*> seen;
  for (const std::string& file : files) {
    std::string name;
    std::string shadowing;
    switch (tree.DiskFileToVirtualFile(file, &name, &shadowing)) {
      case DiskSourceTree::SUCCESS:
        break;
      case DiskSourceTree::SHADOWED:
        issues.Error("", "BadProto", StrCat(file, " is hidden by ", shadowing, ", which is found first"));
        continue;
      case DiskSourceTree::CANNOT_OPEN:
        issues.Error("", "BadProto", StrCat("cannot read ", file));
        continue;
      case DiskSourceTree::NO_MAPPING:
        name = file;
        break;
    }
    const FileDescriptor* compiled = pool.FindFileByName(name);
    if (compiled != nullptr) {
      Add(compiled, &seen, &set);
    } else if (issues.errors() == errors_before) {
      issues.Error("", "BadProto", StrCat("there is no file ", file));
    }
  }
  return issues.errors() == errors_before ? set.SerializeAsString() : "";
}

}  // namespace gloo::descriptors
