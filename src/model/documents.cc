#include "model/documents.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "model/object.h"

namespace gloo::model {
namespace {

bool IsList(const Node& root) {
  const Node* kind = root.Find("kind");
  const Node* items = root.Find("items");
  if (kind == nullptr || items == nullptr || items->type != Node::Type::kList) return false;
  std::string_view name = kind->text;
  if (!name.ends_with("List")) return false;
  name.remove_suffix(4);
  for (Kind known : kKinds) {
    if (name == KindName(known)) return true;
  }
  return name.empty();
}

// "items[3].spec" -> 3 and "spec"; -1 where the path leads elsewhere.
std::pair<int, std::string_view> SplitItem(std::string_view path) {
  if (!TakePrefix(&path, "items[")) return {-1, path};
  int index = -1;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), index);
  if (error != std::errc()) return {-1, path};
  path.remove_prefix(end - path.data());
  TakePrefix(&path, "]");
  TakePrefix(&path, ".");
  return {index, path};
}

}  // namespace

std::vector<ObjectNode> ObjectsOf(const Tree& tree) {
  std::vector<ObjectNode> objects;
  for (const ParsedDocument& document : tree.documents) {
    if (!IsList(*document.root)) {
      objects.push_back({document.root, document.problems});
      continue;
    }
    const size_t first = objects.size();
    for (const Node* item : document.root->Find("items")->items) objects.push_back({item, {}});
    for (const Problem& problem : document.problems) {
      const auto [index, rest] = SplitItem(problem.path);
      if (index < 0 || first + index >= objects.size()) continue;
      Problem moved = problem;
      moved.path = rest;
      objects[first + index].problems.push_back(std::move(moved));
    }
  }
  return objects;
}

}  // namespace gloo::model
