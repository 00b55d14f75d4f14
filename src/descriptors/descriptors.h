// Descriptor sets of protobuf (what `protoc --descriptor_set_out` writes): the services in one, and the part of it that
// some of their methods need.
#pragma once

#include <google/protobuf/descriptor.pb.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/issues.h"
#include "descriptors/http_rule.h"

namespace gloo::descriptors {

// A set takes more than a hundred times its size in memory at worst.
inline constexpr size_t kMaxBytes = 1 << 20;
// For a program that reads one file and ends.
inline constexpr size_t kMaxFileBytes = 16 << 20;
inline constexpr int kMaxFiles = 10'000;
inline constexpr int kMaxNesting = 32;

// The methods of a service that a part keeps, each with the HTTP requests that call it.
struct ServiceUse {
  std::string name;
  std::map<std::string, std::vector<Binding>> methods;
};

// What a set holds, found by name. Immutable; it need not be whole: only what is used must be there.
class DescriptorSet {
 public:
  // Null after errors about the current path of `issues`; each names the place.
  static std::shared_ptr<const DescriptorSet> Read(std::string_view bytes, size_t max_bytes, Issues& issues);

  // Full names, in the order of the files; without those that every server may have (reflection, health).
  const std::vector<std::string>& services() const { return services_; }
  // Null where there is none of this full name.
  const google::protobuf::ServiceDescriptorProto* Service(const std::string& name) const;
  const google::protobuf::MethodDescriptorProto* Method(const std::string& service, const std::string& method) const;
  bool HasMessage(const std::string& name) const;
  // Follows names of fields ("author.name") from a message: empty where all are there, else what is wrong.
  std::string CheckFieldPath(const std::string& message, const std::vector<std::string>& path) const;

  // The least set for these methods: files without comments and options, with the messages that the methods take and
  // give, what an error may carry in its details (`google.rpc`), `any_types`, and messages of the set's own files that
  // no method of any service reaches, because nothing but an `Any` can hold those.
  google::protobuf::FileDescriptorSet Part(const std::vector<ServiceUse>& uses,
                                           const std::vector<std::string>& any_types, Issues& issues) const;

 private:
  friend class PartMaker;
  using File = google::protobuf::FileDescriptorProto;
  struct Type {
    const File* file = nullptr;
    // One of the two.
    const google::protobuf::DescriptorProto* message = nullptr;
    const google::protobuf::EnumDescriptorProto* enumeration = nullptr;
    // The message that it stands in; empty: none.
    std::string parent;
  };
  struct ServiceEntry {
    const File* file = nullptr;
    const google::protobuf::ServiceDescriptorProto* service = nullptr;
  };

  bool ParseFiles(std::string_view bytes, Issues& issues);
  void AddFile(const File& file, Issues& issues);
  void AddMessage(const File& file, const google::protobuf::DescriptorProto& message, const std::string& scope,
                  const std::string& parent, int depth, Issues& issues);
  void AddEnum(const File& file, const google::protobuf::EnumDescriptorProto& enumeration, const std::string& scope,
               const std::string& parent, Issues& issues);
  bool CheckName(const File& file, const std::string& name, const std::string& full_name, Issues& issues) const;
  void AddBuiltin(Issues& issues);
  void FindOrphans();
  // Messages that need what the set lacks.
  std::unordered_set<std::string> NotWhole() const;
  const Type* Find(const std::string& name) const;

  std::deque<File> files_;
  size_t own_files_ = 0;
  std::unordered_map<std::string, const File*> files_by_name_;
  std::unordered_map<std::string, Type> types_;
  std::unordered_map<std::string, ServiceEntry> service_entries_;
  std::vector<std::string> services_;
  // Messages that only an `Any` can hold.
  std::vector<std::string> orphans_;
};

// Whether Envoy can take the set: builds it as Envoy does. What it cannot goes to `issues`, each with its place.
void CheckPart(const google::protobuf::FileDescriptorSet& part, Issues& issues);

// Files that programs share: google/protobuf, google/api/httpbody.proto, google/rpc.
const std::vector<google::protobuf::FileDescriptorProto>& BuiltinFiles();

}  // namespace gloo::descriptors
