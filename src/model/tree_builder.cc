#include "model/tree_builder.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <unordered_set>
#include <utility>

#include "base/strings.h"

namespace gloo::model {

const Node* Node::Find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return entry.value;
  }
  return nullptr;
}

void AppendField(std::string* path, std::string_view field) { StrAppend(path, path->empty() ? "" : ".", field); }

void AppendIndex(std::string* path, size_t index) { StrAppend(path, "[", index, "]"); }

void AppendMapKey(std::string* path, std::string_view key) {
  path->append("[\"");
  for (char c : key) {
    if (c == '"' || c == '\\') path->push_back('\\');
    path->push_back(c);
  }
  path->append("\"]");
}

std::string_view TreeBuilder::Copy(std::string_view text) {
  if (text.empty()) return "";
  char* bytes = static_cast<char*>(tree_->arena.allocate(text.size(), 1));
  std::memcpy(bytes, text.data(), text.size());
  return {bytes, text.size()};
}

Node* TreeBuilder::New(Node::Type type, Mark mark) {
  Node* node = new (tree_->arena.allocate(sizeof(Node), alignof(Node))) Node;
  node->type = type;
  node->line = mark.line;
  node->column = mark.column;
  return node;
}

std::string TreeBuilder::CurrentPath() const {
  std::string path;
  for (size_t i = 0; i < depth_; ++i) {
    const Open& open = stack_[i];
    if (!open.map) {
      AppendIndex(&path, open.items.size());
    } else if (open.key_waits) {
      AppendField(&path, open.key.key);
    }
  }
  return path;
}

void TreeBuilder::Report(Mark mark, std::string_view reason, std::string message) {
  constexpr size_t kEnough = 100;
  if (problems_.size() >= kEnough) return;
  problems_.push_back({mark.line, mark.column, std::string(reason), CurrentPath(), std::move(message)});
}

bool TreeBuilder::Fail(Mark mark, std::string_view reason, std::string message) {
  if (!tree_->failure) {
    tree_->failure = Problem{mark.line, mark.column, std::string(reason), CurrentPath(), std::move(message)};
  }
  return false;
}

bool TreeBuilder::FailText(Mark mark, std::string_view reason, std::string message) {
  if (!tree_->failure) tree_->failure = Problem{mark.line, mark.column, std::string(reason), "", std::move(message)};
  return false;
}

bool TreeBuilder::Keep(size_t anchor, const Node* node) {
  if (anchor != 0) anchors_[anchor] = node;
  return true;
}

bool TreeBuilder::AddKey(const Node* node) {
  Open& open = stack_[depth_ - 1];
  open.key_waits = true;
  open.key = {node->text, node->line, node->column, nullptr};
  if (node->type == Node::Type::kNull) {
    open.key.key = "null";
  } else if (node->type != Node::Type::kScalar) {
    open.key.key = "?";
    Report({node->line, node->column}, "InvalidKey", "a key must be text, not a list or a mapping");
  } else if (node->plain && node->text == "<<") {
    open.merges = true;
  }
  return true;
}

bool TreeBuilder::Add(const Node* node, Mark mark) {
  nodes_ += node->size;
  if (nodes_ > limits_.max_nodes) {
    return Fail(mark, "TooManyNodes",
                StrCat("the document has more than ", limits_.max_nodes,
                       " values once its aliases are expanded; write fewer aliases of aliases"));
  }
  if (depth_ == 0) {
    root_ = node;
    return true;
  }
  Open& open = stack_[depth_ - 1];
  if (!open.map) {
    open.size += node->size;
    open.items.push_back(node);
    return true;
  }
  if (!open.key_waits) return AddKey(node);
  open.size += node->size;
  open.key.value = node;
  open.entries.push_back(open.key);
  open.key_waits = false;
  return true;
}

bool TreeBuilder::Scalar(Mark mark, std::string_view text, bool plain, bool copy, size_t anchor) {
  Node* node = New(Node::Type::kScalar, mark);
  node->text = copy ? Copy(text) : text;
  node->bytes = text.size();
  node->plain = plain;
  return Keep(anchor, node) && Add(node, mark);
}

bool TreeBuilder::Null(Mark mark, size_t anchor) {
  const Node* node = New(Node::Type::kNull, mark);
  return Keep(anchor, node) && Add(node, mark);
}

bool TreeBuilder::Alias(Mark mark, size_t anchor) {
  auto found = anchors_.find(anchor);
  if (found == anchors_.end()) {
    return Fail(mark, "InvalidAlias", "the alias stands inside of what it names");
  }
  const Node* node = found->second;
  if (depth_ + static_cast<size_t>(node->depth) > static_cast<size_t>(limits_.max_depth)) return FailDepth(mark);
  // What reads the tree copies text as often as it stands: few nodes can be much memory.
  aliased_bytes_ += node->bytes;
  if (aliased_bytes_ > limits_.max_aliased_bytes) {
    return Fail(mark, "AliasesTooLarge",
                StrCat("the aliases of the file stand for more than ", limits_.max_aliased_bytes,
                       " bytes of text; write fewer aliases of long texts"));
  }
  return Add(node, mark);
}

bool TreeBuilder::FailDepth(Mark mark) {
  return Fail(mark, "TooDeep", StrCat("nested deeper than ", limits_.max_depth, " levels"));
}

bool TreeBuilder::BeginList(Mark mark, size_t anchor) {
  if (depth_ >= static_cast<size_t>(limits_.max_depth)) return FailDepth(mark);
  // Slots of the stack are used again, with the memory of their vectors.
  if (stack_.size() == depth_) stack_.emplace_back();
  Open& open = stack_[depth_++];
  open.map = false;
  open.merges = false;
  open.mark = mark;
  open.anchor = anchor;
  open.size = 1;
  open.items.clear();
  open.entries.clear();
  open.key_waits = false;
  return true;
}

bool TreeBuilder::BeginMap(Mark mark, size_t anchor) {
  if (!BeginList(mark, anchor)) return false;
  stack_[depth_ - 1].map = true;
  return true;
}

// `<<: *base`: the keys of another mapping that this one does not have itself.
bool TreeBuilder::Merge(Open* open) {
  std::vector<Entry> own;
  std::vector<const Node*> bases;
  for (const Entry& entry : open->entries) {
    if (entry.key != "<<") {
      own.push_back(entry);
      continue;
    }
    const Node* value = entry.value;
    std::span<const Node* const> listed = value->items;
    if (value->type == Node::Type::kMap) listed = {&value, 1};
    const bool good = !listed.empty() && std::all_of(listed.begin(), listed.end(),
                                                     [](const Node* node) { return node->type == Node::Type::kMap; });
    if (!good) {
      Report({entry.line, entry.column}, "InvalidMerge", "\"<<\" takes a mapping or a list of mappings, such as *name");
      continue;
    }
    bases.insert(bases.end(), listed.begin(), listed.end());
  }
  std::unordered_set<std::string_view> keys;
  for (const Entry& entry : own) keys.insert(entry.key);
  for (const Node* base : bases) {
    for (const Entry& entry : base->entries) {
      if (!keys.insert(entry.key).second) continue;
      own.push_back(entry);
    }
  }
  open->entries = std::move(own);
  return true;
}

bool TreeBuilder::End() {
  Open& open = stack_[depth_ - 1];
  if (open.map && open.merges && !Merge(&open)) return false;
  Node* node = New(open.map ? Node::Type::kMap : Node::Type::kList, open.mark);
  node->size = open.size;
  if (!open.items.empty()) {
    const size_t bytes = open.items.size() * sizeof(const Node*);
    auto* items = static_cast<const Node**>(tree_->arena.allocate(bytes, alignof(const Node*)));
    std::copy(open.items.begin(), open.items.end(), items);
    node->items = {items, open.items.size()};
  }
  if (!open.entries.empty()) {
    auto* entries = static_cast<Entry*>(tree_->arena.allocate(open.entries.size() * sizeof(Entry), alignof(Entry)));
    std::uninitialized_copy(open.entries.begin(), open.entries.end(), entries);
    node->entries = {entries, open.entries.size()};
  }
  const auto hold = [node](const Node* below) {
    node->bytes += below->bytes;
    node->depth = std::max(node->depth, below->depth);
  };
  for (const Node* item : node->items) hold(item);
  for (const Entry& entry : node->entries) {
    node->bytes += entry.key.size();
    hold(entry.value);
  }
  ++node->depth;
  // The nodes below were counted as they were added.
  const size_t size = std::exchange(node->size, 1);
  --depth_;
  Keep(open.anchor, node);
  const bool added = Add(node, open.mark);
  node->size = size;
  if (depth_ > 0) stack_[depth_ - 1].size += size - 1;
  return added;
}

bool TreeBuilder::EndDocument() {
  const bool empty = root_ == nullptr || root_->type == Node::Type::kNull;
  if (!empty || !problems_.empty()) {
    tree_->documents.push_back({root_ ? root_ : New(Node::Type::kNull, {}), std::move(problems_)});
  }
  problems_.clear();
  anchors_.clear();
  root_ = nullptr;
  nodes_ = 0;
  return true;
}

void TreeBuilder::Reset() {
  depth_ = 0;
  tree_->documents.clear();
  tree_->failure.reset();
  problems_.clear();
  anchors_.clear();
  root_ = nullptr;
  nodes_ = 0;
  aliased_bytes_ = 0;
}

}  // namespace gloo::model
