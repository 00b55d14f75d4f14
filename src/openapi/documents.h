// The files of an OpenAPI document, and the references within and between them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/issues.h"
#include "model/node.h"

namespace gloo::openapi {

// Gives the text of a file or URL.
using Loader = std::function<absl::StatusOr<std::string>(const std::string& location)>;

struct File {
  std::string location;
  std::string text;
  model::Tree tree;
};

// A node, where it stands, and its JSON pointer.
struct At {
  const File* file = nullptr;
  // Null where there is none.
  const model::Node* node = nullptr;
  std::string pointer;

  explicit operator bool() const { return node != nullptr; }
  bool IsMap() const { return node != nullptr && node->type == model::Node::Type::kMap; }
  bool IsList() const { return node != nullptr && node->type == model::Node::Type::kList; }
  At Child(std::string_view key) const;
  At Child(const model::Entry& entry) const;
  At Item(size_t index) const;
  // Of a scalar; else empty.
  std::string_view Text() const { return node == nullptr ? std::string_view() : node->text; }
  // The text of the field.
  std::string_view Text(std::string_view key) const { return Child(key).Text(); }
  // The field is there and true.
  bool True(std::string_view key) const;
};

class Documents {
 public:
  static constexpr size_t kMaxFileBytes = 32 << 20;
  static constexpr size_t kMaxTotalBytes = 64 << 20;
  static constexpr size_t kMaxFiles = 256;
  static constexpr int kMaxReferences = 32;

  Documents(Loader loader, Issues& issues) : loader_(std::move(loader)), issues_(issues) {}

  // The root of a file; nothing after an issue.
  At Open(const std::string& location);
  // Follows `$ref`s until there is none; nothing after an issue. A reference that is wrong is told once.
  At Resolve(At at);

  void Error(const At& at, std::string_view reason, std::string message);
  void Warning(const At& at, std::string_view reason, std::string message);

 private:
  At Follow(const At& at, std::string_view reference);
  // `from` is where the reference to it stands; nothing for the first file.
  At OpenFrom(const std::string& location, const At& from);
  void Add(Severity severity, const At& at, std::string_view reason, std::string message);

  Loader loader_;
  Issues& issues_;
  // By location; null after an issue.
  std::map<std::string, std::unique_ptr<File>> files_;
  // By file and reference.
  std::map<std::pair<const File*, std::string>, At, std::less<>> resolved_;
  size_t bytes_ = 0;
};

// "a/b.yaml" and "../c.yaml" give "c.yaml"; URLs likewise. Empty where a reference leaves the host of a URL, or files
// for a URL.
std::string RelativeLocation(std::string_view base, std::string_view reference);

bool IsUrl(std::string_view location);

}  // namespace gloo::openapi
