// The least part of a set for some methods.
#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "base/strings.h"
#include "base/utf8.h"
#include "descriptors/descriptors.h"
#include "google/api/annotations.pb.h"

namespace gloo::descriptors {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using google::protobuf::Message;
using google::protobuf::MethodDescriptorProto;
using google::protobuf::ServiceDescriptorProto;

constexpr char kReason[] = "BadDescriptors";

// Our protobuf knows no editions: the edition of a file and the features that stand in options are numbers to it.
constexpr int kEdition = 14;
constexpr int kFileFeatures = 50;
constexpr int kMessageFeatures = 12;
constexpr int kFieldFeatures = 21;
constexpr int kOneofFeatures = 1;
constexpr int kEnumFeatures = 7;
constexpr int kValueFeatures = 2;

void CopyUnknown(const Message& from, int number, Message* to) {
  const auto& fields = from.GetReflection()->GetUnknownFields(from);
  for (int i = 0; i < fields.field_count(); ++i) {
    if (fields.field(i).number() == number) to->GetReflection()->MutableUnknownFields(to)->AddField(fields.field(i));
  }
}

// Options of `from` that count, which `set` and the features are; none written where there are none.
template <typename Holder, typename Set>
void CopyOptions(const Holder& from, int features, Holder* to, Set set) {
  if (!from.has_options()) return;
  auto* options = to->mutable_options();
  CopyUnknown(from.options(), features, options);
  set(from.options(), options);
  if (options->ByteSizeLong() == 0) to->clear_options();
}
template <typename Holder>
void CopyOptions(const Holder& from, int features, Holder* to) {
  CopyOptions(from, features, to, [](const auto&, auto*) {});
}

EnumDescriptorProto CopyEnum(const EnumDescriptorProto& from) {
  EnumDescriptorProto to;
  to.set_name(from.name());
  for (const auto& value : from.value()) {
    auto* copy = to.add_value();
    copy->set_name(value.name());
    copy->set_number(value.number());
    CopyOptions(value, kValueFeatures, copy);
  }
  CopyOptions(from, kEnumFeatures, &to, [](const auto& options, auto* out) {
    if (options.allow_alias()) out->set_allow_alias(true);
  });
  return to;
}

FieldDescriptorProto CopyField(const FieldDescriptorProto& from) {
  FieldDescriptorProto to = from;
  to.clear_options();
  to.DiscardUnknownFields();
  CopyOptions(from, kFieldFeatures, &to, [](const auto& options, auto* out) {
    if (options.has_packed()) out->set_packed(options.packed());
  });
  return to;
}

}  // namespace

class PartMaker {
 public:
  PartMaker(const DescriptorSet& set, Issues& issues) : set_(set), issues_(issues) {}

  // `from` is named where the type is missing.
  void Keep(const std::string& reference, const std::string& from) {
    if (reference.empty() || reference.front() != '.') {
      issues_.Error("", kReason,
                    StrCat(from, ": type ", JsonQuote(reference), " is no full name, with a dot before it"));
      return;
    }
    std::string name = reference.substr(1);
    if (kept_.contains(name)) return;
    const DescriptorSet::Type* type = set_.Find(name);
    if (type == nullptr) {
      issues_.Error("", "MissingImport",
                    StrCat(from, ": type ", JsonQuote(name),
                           " is not in the descriptor set; was it made with protoc "
                           "--include_imports?"));
      return;
    }
    for (const DescriptorSet::Type* outer = type; !outer->parent.empty();) {
      if (!shells_.insert(outer->parent).second) break;
      outer = set_.Find(outer->parent);
      if (outer == nullptr) break;
    }
    kept_.insert(name);
    if (type->message != nullptr) open_.push_back(std::move(name));
  }

  void KeepIfThere(const std::string& name) {
    if (set_.HasMessage(name)) Keep(StrCat(".", name), "");
  }

  void Follow() {
    while (!open_.empty()) {
      const std::string name = std::move(open_.back());
      open_.pop_back();
      const DescriptorProto& message = *set_.Find(name)->message;
      for (const FieldDescriptorProto& field : message.field()) {
        if (field.type_name().empty()) continue;
        Keep(field.type_name(), StrCat("field ", JsonQuote(StrCat(name, ".", field.name()))));
      }
    }
  }

  FileDescriptorSet Files(const std::vector<ServiceUse>& uses) {
    std::vector<FileDescriptorProto> files;
    for (const FileDescriptorProto& file : set_.files_) {
      FileDescriptorProto copy = CopyFile(file, uses);
      if (copy.message_type_size() + copy.enum_type_size() + copy.service_size() > 0) files.push_back(std::move(copy));
    }
    return Sorted(std::move(files));
  }

 private:
  FileDescriptorProto CopyFile(const FileDescriptorProto& file, const std::vector<ServiceUse>& uses) {
    FileDescriptorProto to;
    imports_.clear();
    to.set_name(file.name());
    if (file.has_package()) to.set_package(file.package());
    if (file.has_syntax()) to.set_syntax(file.syntax());
    CopyUnknown(file, kEdition, &to);
    CopyOptions(file, kFileFeatures, &to);
    for (const DescriptorProto& message : file.message_type()) {
      if (auto copy = CopyMessage(message, file.package())) *to.add_message_type() = std::move(*copy);
    }
    for (const EnumDescriptorProto& enumeration : file.enum_type()) {
      if (kept_.contains(In(file.package(), enumeration.name()))) *to.add_enum_type() = CopyEnum(enumeration);
    }
    for (const ServiceDescriptorProto& service : file.service()) {
      for (const ServiceUse& use : uses) {
        if (use.name == In(file.package(), service.name())) *to.add_service() = CopyService(service, use);
      }
    }
    for (const std::string& import : imports_) {
      if (import != file.name()) to.add_dependency(import);
    }
    return to;
  }

  static std::string In(const std::string& scope, const std::string& name) {
    return scope.empty() ? name : StrCat(scope, ".", name);
  }

  void Import(const std::string& reference) {
    const DescriptorSet::Type* type = set_.Find(reference.substr(std::min<size_t>(1, reference.size())));
    if (type != nullptr) imports_.insert(type->file->name());
  }

  // What is kept of a message: all of it, or what stands in it.
  std::unique_ptr<DescriptorProto> CopyMessage(const DescriptorProto& from, const std::string& scope) {
    const std::string name = In(scope, from.name());
    const bool whole = kept_.contains(name);
    if (!whole && !shells_.contains(name)) return nullptr;
    auto to = std::make_unique<DescriptorProto>();
    to->set_name(from.name());
    CopyOptions(from, kMessageFeatures, to.get(), [](const auto& options, auto* out) {
      if (options.map_entry()) out->set_map_entry(true);
    });
    if (whole) {
      for (const FieldDescriptorProto& field : from.field()) {
        *to->add_field() = CopyField(field);
        if (!field.type_name().empty()) Import(field.type_name());
      }
      for (const auto& oneof : from.oneof_decl()) {
        auto* copy = to->add_oneof_decl();
        copy->set_name(oneof.name());
        CopyOptions(oneof, kOneofFeatures, copy);
      }
    }
    for (const DescriptorProto& nested : from.nested_type()) {
      if (auto copy = CopyMessage(nested, name)) *to->add_nested_type() = std::move(*copy);
    }
    for (const EnumDescriptorProto& enumeration : from.enum_type()) {
      if (kept_.contains(In(name, enumeration.name()))) *to->add_enum_type() = CopyEnum(enumeration);
    }
    return to;
  }

  ServiceDescriptorProto CopyService(const ServiceDescriptorProto& from, const ServiceUse& use) {
    ServiceDescriptorProto to;
    to.set_name(from.name());
    for (const MethodDescriptorProto& method : from.method()) {
      const auto used = use.methods.find(method.name());
      if (used == use.methods.end()) continue;
      MethodDescriptorProto* copy = to.add_method();
      copy->set_name(method.name());
      copy->set_input_type(method.input_type());
      copy->set_output_type(method.output_type());
      if (method.client_streaming()) copy->set_client_streaming(true);
      if (method.server_streaming()) copy->set_server_streaming(true);
      Import(method.input_type());
      Import(method.output_type());
      if (!used->second.empty()) {
        *copy->mutable_options()->MutableExtension(google::api::http) = RuleOf(used->second);
      }
    }
    return to;
  }

  // What is imported comes before what imports it.
  FileDescriptorSet Sorted(std::vector<FileDescriptorProto> files) {
    std::map<std::string, size_t> places;
    for (size_t i = 0; i < files.size(); ++i) places.emplace(files[i].name(), i);
    std::vector<std::vector<size_t>> importers(files.size());
    std::vector<int> missing(files.size());
    for (size_t i = 0; i < files.size(); ++i) {
      for (const std::string& import : files[i].dependency()) {
        importers[places.at(import)].push_back(i);
        ++missing[i];
      }
    }
    std::set<size_t> ready;
    for (size_t i = 0; i < files.size(); ++i) {
      if (missing[i] == 0) ready.insert(i);
    }
    FileDescriptorSet out;
    while (!ready.empty()) {
      const size_t next = *ready.begin();
      ready.erase(ready.begin());
      for (const size_t importer : importers[next]) {
        if (--missing[importer] == 0) ready.insert(importer);
      }
      *out.add_file() = std::move(files[next]);
    }
    if (static_cast<size_t>(out.file_size()) < files.size()) {
      const auto wrong = std::find_if(missing.begin(), missing.end(), [](int count) { return count > 0; });
      issues_.Error("", kReason,
                    StrCat("file ", JsonQuote(files[static_cast<size_t>(wrong - missing.begin())].name()),
                           ": it and what it imports import each other"));
    }
    return out;
  }

  const DescriptorSet& set_;
  Issues& issues_;
  std::unordered_set<std::string> kept_;
  // Messages of which something inside is kept.
  std::unordered_set<std::string> shells_;
  std::vector<std::string> open_;
  std::set<std::string> imports_;
};

FileDescriptorSet DescriptorSet::Part(const std::vector<ServiceUse>& uses, const std::vector<std::string>& any_types,
                                      Issues& issues) const {
  PartMaker maker(*this, issues);
  const size_t errors_before = issues.errors();
  for (const ServiceUse& use : uses) {
    const ServiceDescriptorProto* service = Service(use.name);
    if (service == nullptr) continue;
    for (const MethodDescriptorProto& method : service->method()) {
      if (!use.methods.contains(method.name())) continue;
      const std::string from = StrCat("method ", JsonQuote(StrCat(use.name, ".", method.name())));
      maker.Keep(method.input_type(), from);
      maker.Keep(method.output_type(), from);
    }
  }
  for (const std::string& type : any_types) maker.KeepIfThere(type);
  for (const std::string& orphan : orphans_) maker.KeepIfThere(orphan);
  // Envoy itself adds these two where they are missing, with files that may be here under the same name.
  maker.KeepIfThere("google.protobuf.Any");
  maker.KeepIfThere("google.rpc.Status");
  for (const char* detail : {"BadRequest", "DebugInfo", "ErrorInfo", "Help", "LocalizedMessage", "PreconditionFailure",
                             "QuotaFailure", "RequestInfo", "ResourceInfo", "RetryInfo"}) {
    maker.KeepIfThere(StrCat("google.rpc.", detail));
  }
  maker.Follow();
  if (issues.errors() > errors_before) return {};
  return maker.Files(uses);
}

}  // namespace gloo::descriptors
