#include <charconv>
#include <string>
#include <string_view>

#include "model/documents.h"
#include "model/message_schema.h"
#include "model/parse.h"
#include "model/reader.h"

namespace gloo::model {
namespace {

// One step of a path; `text` is how it was written.
struct Step {
  enum class Kind { kField, kIndex, kMapKey } kind = Kind::kField;
  std::string key;
  size_t index = 0;
  std::string_view text;
};

// Takes the next step off `path`; false at its end, or where it is no path.
bool NextStep(std::string_view* path, Step* step) {
  const std::string_view before = *path;
  TakePrefix(path, ".");
  if (path->empty()) return false;
  if (TakePrefix(path, "[\"")) {
    step->kind = Step::Kind::kMapKey;
    step->key.clear();
    while (!path->empty() && path->front() != '"') {
      if (path->front() == '\\' && path->size() > 1) path->remove_prefix(1);
      step->key.push_back(path->front());
      path->remove_prefix(1);
    }
    if (!TakePrefix(path, "\"]")) return false;
  } else if (TakePrefix(path, "[")) {
    step->kind = Step::Kind::kIndex;
    const auto [end, error] = std::from_chars(path->data(), path->data() + path->size(), step->index);
    if (error != std::errc()) return false;
    path->remove_prefix(end - path->data());
    if (!TakePrefix(path, "]")) return false;
  } else {
    step->kind = Step::Kind::kField;
    const size_t end = std::min(path->find_first_of(".["), path->size());
    step->key = path->substr(0, end);
    path->remove_prefix(end);
  }
  step->text = before.substr(0, before.size() - path->size());
  return true;
}

const Entry* FindEntry(const Node& map, const Step& step) {
  for (const Entry& entry : map.entries) {
    if (entry.key == step.key) return &entry;
  }
  for (const Entry& entry : map.entries) {
    if (SpellsField(entry.key, step.key)) return &entry;
  }
  return nullptr;
}

}  // namespace

struct Locator::Impl {
  Tree tree;
  std::vector<ObjectNode> objects;
};

Locator::Locator(std::string_view text, const ReadLimits& limits) : impl_(std::make_unique<Impl>()) {
  if (text.size() > limits.max_bytes) return;
  ParseText(text, "", {limits.max_depth, limits.max_nodes, limits.max_bytes}, &impl_->tree);
  if (!impl_->tree.failure) impl_->objects = ObjectsOf(impl_->tree);
}

Locator::~Locator() = default;

Located Locator::Find(int document, std::string_view path) const {
  Located located;
  located.path = path;
  if (document < 0 || static_cast<size_t>(document) >= impl_->objects.size()) return located;
  const Node* node = impl_->objects[document].node;
  located.line = node->line;
  located.column = node->column;
  std::string typed;
  Step step;
  std::string_view rest = path;
  for (std::string_view next = path; NextStep(&next, &step); rest = next) {
    if (step.kind == Step::Kind::kIndex) {
      if (step.index >= node->items.size()) break;
      node = node->items[step.index];
      located.line = node->line;
      located.column = node->column;
      AppendIndex(&typed, step.index);
      continue;
    }
    const Entry* entry = FindEntry(*node, step);
    if (entry == nullptr) break;
    node = entry->value;
    located.line = entry->line;
    located.column = entry->column;
    step.kind == Step::Kind::kMapKey ? AppendMapKey(&typed, entry->key) : AppendField(&typed, entry->key);
  }
  if (typed.empty()) TakePrefix(&rest, ".");
  located.path = typed.append(rest);
  return located;
}

Located Locate(std::string_view text, int document, std::string_view path) {
  return Locator(text).Find(document, path);
}

}  // namespace gloo::model
