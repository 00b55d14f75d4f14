#include "descriptors/descriptors.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/strings.h"
#include "base/utf8.h"

namespace gloo::descriptors {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;
using google::protobuf::MethodDescriptorProto;
using google::protobuf::ServiceDescriptorProto;

constexpr char kReason[] = "BadDescriptors";
// FileDescriptorSet.file, of wire type 2.
constexpr uint32_t kFileTag = 10;

bool IsIdentifier(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool IsPackage(std::string_view package) {
  while (!package.empty()) {
    const size_t dot = std::min(package.find('.'), package.size());
    if (!IsIdentifier(package.substr(0, dot))) return false;
    if (dot == package.size()) return true;
    package.remove_prefix(dot + 1);
  }
  return false;
}

std::string In(const std::string& scope, const std::string& name) {
  return scope.empty() ? name : StrCat(scope, ".", name);
}

std::string At(const FileDescriptorProto& file) { return StrCat("file ", JsonQuote(file.name())); }

// Of every server, and of no interest to its callers.
bool IsCommon(std::string_view service) {
  return service == "grpc.reflection.v1.ServerReflection" || service == "grpc.reflection.v1alpha.ServerReflection" ||
         service == "grpc.health.v1.Health";
}

// Sources instead of what protoc makes of them are a common mistake.
bool LooksLikeSource(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, 4096);
  return head.find("syntax = \"proto") != std::string_view::npos || head.find("\nmessage ") != std::string_view::npos ||
         head.find("edition = \"") != std::string_view::npos;
}

}  // namespace

std::shared_ptr<const DescriptorSet> DescriptorSet::Read(std::string_view bytes, size_t max_bytes, Issues& issues) {
  if (bytes.size() > max_bytes) {
    issues.Error("", "TooLarge",
                 StrCat("a descriptor set of ", bytes.size(), " bytes; ", max_bytes,
                        " are the most: leave out what no route calls, or the comments (--include_source_info)"));
    return nullptr;
  }
  if (bytes.empty()) {
    issues.Error("", kReason, "a descriptor set that is empty");
    return nullptr;
  }
  if (LooksLikeSource(bytes)) {
    issues.Error("", kReason,
                 "a .proto source, not a descriptor set: make one of it with protoc --include_imports "
                 "--descriptor_set_out=FILE, or with glooctl create upstream --proto");
    return nullptr;
  }
  auto set = std::make_shared<DescriptorSet>();
  const size_t errors_before = issues.errors();
  if (!set->ParseFiles(bytes, issues)) return nullptr;
  for (const File& file : set->files_) set->AddFile(file, issues);
  if (issues.errors() > errors_before) return nullptr;
  set->AddBuiltin(issues);
  if (issues.errors() > errors_before) return nullptr;
  set->FindOrphans();
  return set;
}

// File by file, so that a mistake has a place.
bool DescriptorSet::ParseFiles(std::string_view bytes, Issues& issues) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (true) {
    const int at = in.CurrentPosition();
    const uint32_t tag = in.ReadTag();
    if (tag == 0 && static_cast<size_t>(at) == bytes.size()) break;
    uint32_t size = 0;
    if (tag != kFileTag || !in.ReadVarint32(&size) || size > bytes.size() - static_cast<size_t>(in.CurrentPosition())) {
      issues.Error("", kReason,
                   StrCat("no descriptor set: byte ", at,
                          " starts no file of one; make it with protoc "
                          "--include_imports --descriptor_set_out=FILE"));
      return false;
    }
    if (files_.size() == kMaxFiles) {
      issues.Error("", "TooLarge", StrCat("a descriptor set of more than ", kMaxFiles, " files"));
      return false;
    }
    const auto start = static_cast<size_t>(in.CurrentPosition());
    File& file = files_.emplace_back();
    if (!file.ParseFromArray(bytes.data() + start, static_cast<int>(size))) {
      issues.Error("", kReason,
                   StrCat("file ", JsonQuote(file.name()), " of the descriptor set, bytes ", start, " to ",
                          start + size, ", cannot be read: it is damaged"));
      return false;
    }
    in.Skip(static_cast<int>(size));
  }
  own_files_ = files_.size();
  return true;
}

bool DescriptorSet::CheckName(const File& file, const std::string& name, const std::string& full_name,
                              Issues& issues) const {
  if (!IsIdentifier(name)) {
    issues.Error("", kReason, StrCat(At(file), ": ", JsonQuote(full_name), " is no name"));
    return false;
  }
  const File* other = nullptr;
  if (auto type = types_.find(full_name); type != types_.end()) other = type->second.file;
  if (auto service = service_entries_.find(full_name); service != service_entries_.end()) other = service->second.file;
  if (other == nullptr) return true;
  issues.Error("", kReason, StrCat(At(file), ": ", JsonQuote(full_name), " is in ", At(*other), " too"));
  return false;
}

void DescriptorSet::AddFile(const File& file, Issues& issues) {
  if (file.name().empty()) {
    issues.Error("", kReason, "a file of the descriptor set has no name");
    return;
  }
  if (!files_by_name_.emplace(file.name(), &file).second) {
    issues.Error("", kReason, StrCat(At(file), " is there twice"));
    return;
  }
  if (!file.package().empty() && !IsPackage(file.package())) {
    issues.Error("", kReason, StrCat(At(file), ": package ", JsonQuote(file.package()), " is no name"));
    return;
  }
  for (const DescriptorProto& message : file.message_type()) AddMessage(file, message, file.package(), "", 1, issues);
  for (const EnumDescriptorProto& enumeration : file.enum_type()) {
    AddEnum(file, enumeration, file.package(), "", issues);
  }
  for (const ServiceDescriptorProto& service : file.service()) {
    std::string name = In(file.package(), service.name());
    if (!CheckName(file, service.name(), name, issues)) continue;
    service_entries_.emplace(name, ServiceEntry{&file, &service});
    if (!IsCommon(name)) services_.push_back(std::move(name));
  }
}

void DescriptorSet::AddMessage(const File& file, const DescriptorProto& message, const std::string& scope,
                               const std::string& parent, int depth, Issues& issues) {
  const std::string name = In(scope, message.name());
  if (!CheckName(file, message.name(), name, issues)) return;
  if (depth > kMaxNesting) {
    issues.Error("", "TooDeep",
                 StrCat(At(file), ": ", JsonQuote(name), " stands in more than ", kMaxNesting, " messages"));
    return;
  }
  types_.emplace(name, Type{&file, &message, nullptr, parent});
  for (const DescriptorProto& nested : message.nested_type()) AddMessage(file, nested, name, name, depth + 1, issues);
  for (const EnumDescriptorProto& enumeration : message.enum_type()) AddEnum(file, enumeration, name, name, issues);
}

void DescriptorSet::AddEnum(const File& file, const EnumDescriptorProto& enumeration, const std::string& scope,
                            const std::string& parent, Issues& issues) {
  std::string name = In(scope, enumeration.name());
  if (!CheckName(file, enumeration.name(), name, issues)) return;
  types_.emplace(std::move(name), Type{&file, nullptr, &enumeration, parent});
}

// What sets often lack; not where the set has a file of that name, or its types under another name.
void DescriptorSet::AddBuiltin(Issues& issues) {
  for (const File& builtin : BuiltinFiles()) {
    if (files_by_name_.contains(builtin.name())) continue;
    // By anything: a service or an enum may be called so.
    const bool taken =
        std::any_of(builtin.message_type().begin(), builtin.message_type().end(), [&](const DescriptorProto& message) {
          const std::string name = In(builtin.package(), message.name());
          return types_.contains(name) || service_entries_.contains(name);
        });
    if (!taken) AddFile(files_.emplace_back(builtin), issues);
  }
}

void DescriptorSet::FindOrphans() {
  std::unordered_set<std::string> reached;
  std::vector<std::string> open;
  const auto reach = [&](const std::string& reference) {
    std::string name = reference.substr(std::min<size_t>(1, reference.size()));
    if (!reached.insert(name).second) return;
    // A message that holds the definition of one that is used is there for that.
    for (const Type* type = Find(name); type != nullptr && !type->parent.empty(); type = Find(type->parent)) {
      reached.insert(type->parent);
    }
    open.push_back(std::move(name));
  };
  for (const auto& [_, entry] : service_entries_) {
    for (const MethodDescriptorProto& method : entry.service->method()) {
      reach(method.input_type());
      reach(method.output_type());
    }
  }
  // What options of protobuf itself hold.
  const auto extensions = [&](const auto& holder) {
    for (const FieldDescriptorProto& extension : holder.extension()) reach(extension.type_name());
  };
  for (size_t i = 0; i < own_files_; ++i) extensions(files_[i]);
  for (const auto& [_, type] : types_) {
    if (type.message != nullptr) extensions(*type.message);
  }
  while (!open.empty()) {
    const Type* type = Find(open.back());
    open.pop_back();
    if (type == nullptr || type->message == nullptr) continue;
    for (const FieldDescriptorProto& field : type->message->field()) {
      if (!field.type_name().empty()) reach(field.type_name());
    }
  }
  const std::unordered_set<std::string> broken = NotWhole();
  for (size_t i = 0; i < own_files_; ++i) {
    const File& file = files_[i];
    const std::string package = file.package() + ".";
    if (package.rfind("google.", 0) == 0 || package.rfind("grpc.", 0) == 0) continue;
    for (const DescriptorProto& message : file.message_type()) {
      std::string name = In(file.package(), message.name());
      if (!reached.contains(name) && !broken.contains(name)) orphans_.push_back(std::move(name));
    }
  }
}

std::unordered_set<std::string> DescriptorSet::NotWhole() const {
  std::unordered_set<std::string> broken;
  std::vector<std::string> open;
  std::unordered_map<std::string, std::vector<const std::string*>> users;
  for (const auto& [name, type] : types_) {
    if (type.message == nullptr) continue;
    for (const FieldDescriptorProto& field : type.message->field()) {
      if (field.type_name().empty()) continue;
      std::string used = field.type_name().substr(1);
      if (field.type_name().front() == '.' && Find(used) != nullptr) {
        users[std::move(used)].push_back(&name);
      } else if (broken.insert(name).second) {
        open.push_back(name);
      }
    }
  }
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    for (const std::string* user : users[name]) {
      if (broken.insert(*user).second) open.push_back(*user);
    }
  }
  return broken;
}

const DescriptorSet::Type* DescriptorSet::Find(const std::string& name) const {
  const auto found = types_.find(name);
  return found == types_.end() ? nullptr : &found->second;
}

const ServiceDescriptorProto* DescriptorSet::Service(const std::string& name) const {
  const auto found = service_entries_.find(name);
  return found == service_entries_.end() ? nullptr : found->second.service;
}

const MethodDescriptorProto* DescriptorSet::Method(const std::string& service, const std::string& method) const {
  const ServiceDescriptorProto* found = Service(service);
  if (found == nullptr) return nullptr;
  for (const MethodDescriptorProto& candidate : found->method()) {
    if (candidate.name() == method) return &candidate;
  }
  return nullptr;
}

bool DescriptorSet::HasMessage(const std::string& name) const {
  const Type* type = Find(name);
  return type != nullptr && type->message != nullptr;
}

std::string DescriptorSet::CheckFieldPath(const std::string& message, const std::vector<std::string>& path) const {
  std::string name = message;
  for (size_t i = 0; i < path.size(); ++i) {
    const Type* type = Find(name);
    if (type == nullptr || type->message == nullptr) return StrCat("message ", JsonQuote(name), " is not in the set");
    const auto& fields = type->message->field();
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const FieldDescriptorProto& candidate) {
      return candidate.name() == path[i] || candidate.json_name() == path[i];
    });
    if (field == fields.end()) return StrCat("message ", JsonQuote(name), " has no field ", JsonQuote(path[i]));
    if (i + 1 == path.size()) break;
    if (field->type() != FieldDescriptorProto::TYPE_MESSAGE || field->label() == FieldDescriptorProto::LABEL_REPEATED) {
      return StrCat("field ", JsonQuote(path[i]), " of message ", JsonQuote(name), " is no message");
    }
    name = field->type_name().substr(std::min<size_t>(1, field->type_name().size()));
  }
  return "";
}

}  // namespace gloo::descriptors
