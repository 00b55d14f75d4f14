// The tree of a YAML or JSON text: plain nodes, each with its place. What all parsers of the model fill.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gloo::model {

struct Node;

// One line of a mapping.
struct Entry {
  std::string_view key;
  int line = 0;
  int column = 0;
  const Node* value = nullptr;
};

// Lines and columns count from 1, columns in characters. Lives in its Tree; an aliased node has several parents.
struct Node {
  enum class Type : unsigned char { kNull, kScalar, kList, kMap };

  Type type = Type::kNull;
  // A scalar that is neither quoted nor a block: it may be a number or a boolean.
  bool plain = false;
  int line = 0;
  int column = 0;
  // Nodes below and with this one, aliases counted as often as they stand.
  size_t size = 1;
  // Of text, keys too, likewise.
  size_t bytes = 0;
  // Levels of lists and mappings, with this one.
  int depth = 0;
  std::string_view text;
  std::span<const Node* const> items;
  std::span<const Entry> entries;

  // Null where there is none.
  const Node* Find(std::string_view key) const;
};

// A mistake found while the tree was made.
struct Problem {
  int line = 0;
  int column = 0;
  std::string reason;
  // As typed; empty where it concerns the file.
  std::string path;
  std::string message;
};

struct ParsedDocument {
  // Never null.
  const Node* root = nullptr;
  // The document can be read, but not as meant.
  std::vector<Problem> problems;
};

struct ParseLimits {
  int max_depth = 64;
  size_t max_nodes = 2'000'000;
  // Of the text that the aliases of a file stand for.
  size_t max_aliased_bytes = 32 << 20;
};

// Owns the nodes; they may point into the parsed text, which must live as long.
struct Tree {
  std::pmr::monotonic_buffer_resource arena{64 << 10};
  // Empty documents are left out.
  std::vector<ParsedDocument> documents;
  // Set when the text cannot be read on from here.
  std::optional<Problem> failure;
};

// Takes `prefix` off the front of `text`; false where it does not stand there.
inline bool TakePrefix(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// `.field`, `[3]` and `["key"]` appended to a path.
void AppendField(std::string* path, std::string_view field);
void AppendIndex(std::string* path, size_t index);
void AppendMapKey(std::string* path, std::string_view key);

}  // namespace gloo::model
