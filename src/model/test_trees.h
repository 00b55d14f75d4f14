// Trees as text, to compare parsers in tests and in the fuzz target.
#pragma once

#include <string>
#include <string_view>

#include "base/strings.h"
#include "model/parse.h"

namespace gloo::model {

// One node with all below it; the places of what is not there are left out.
inline void AppendTree(const Node& node, std::string* out) {
  if (node.type == Node::Type::kNull) {
    *out += "null\n";
    return;
  }
  StrAppend(out, node.line, ":", node.column, " ", node.size, " ");
  switch (node.type) {
    case Node::Type::kNull:
      break;
    case Node::Type::kScalar:
      StrAppend(out, node.plain ? "plain" : "text", "(", node.text, ")\n");
      break;
    case Node::Type::kList:
      *out += "[\n";
      for (const Node* item : node.items) AppendTree(*item, out);
      *out += "]\n";
      break;
    case Node::Type::kMap:
      *out += "{\n";
      for (const Entry& entry : node.entries) {
        StrAppend(out, entry.key, " ", entry.key == "null" ? 0 : entry.line, ":",
                  entry.key == "null" ? 0 : entry.column, " = ");
        AppendTree(*entry.value, out);
      }
      *out += "}\n";
      break;
  }
}

// Empty where the parser does not take the text.
inline std::string TreeText(std::string_view text, bool (*parse)(std::string_view, TreeBuilder*)) {
  Tree tree;
  TreeBuilder builder(&tree, {});
  if (!parse(text, &builder)) return "";
  std::string out = "documents\n";
  for (const ParsedDocument& document : tree.documents) AppendTree(*document.root, &out);
  return out;
}

}  // namespace gloo::model
