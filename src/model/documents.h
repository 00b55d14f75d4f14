// The objects of a parsed text, in order: its documents, and the items of those that are a `kind: List`.
#pragma once

#include <vector>

#include "model/node.h"

namespace gloo::model {

struct ObjectNode {
  const Node* node = nullptr;
  // Found while the text was parsed; paths from the object's root.
  std::vector<Problem> problems;
};

std::vector<ObjectNode> ObjectsOf(const Tree& tree);

}  // namespace gloo::model
