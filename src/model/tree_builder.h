// Makes a Tree from the events of a parser, within limits.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/node.h"

namespace gloo::model {

struct Mark {
  int line = 0;
  int column = 0;
};

// Each event returns false once the text cannot be read on (Tree::failure says why); the parser then stops.
// In a mapping keys and values alternate; a key is a scalar event or Key().
class TreeBuilder {
 public:
  TreeBuilder(Tree* tree, const ParseLimits& limits) : tree_(tree), limits_(limits) {}

  // `anchor` is 0 for none; later Alias() events name it. With `copy` the text is copied into the tree.
  bool Scalar(Mark mark, std::string_view text, bool plain, bool copy, size_t anchor = 0);
  bool Null(Mark mark, size_t anchor = 0);
  bool Alias(Mark mark, size_t anchor);
  bool BeginList(Mark mark, size_t anchor = 0);
  bool BeginMap(Mark mark, size_t anchor = 0);
  // Ends the list or mapping begun last.
  bool End();
  // Ends the document; one that is empty is left out.
  bool EndDocument();
  // Drops what is unfinished and forgets all documents.
  void Reset();

  // A mistake at the current path that does not end the reading.
  void Report(Mark mark, std::string_view reason, std::string message);
  // Ends the reading: at the current path, or (where the parser may be elsewhere already) without one.
  bool Fail(Mark mark, std::string_view reason, std::string message);
  bool FailText(Mark mark, std::string_view reason, std::string message);

  std::string_view Copy(std::string_view text);

 private:
  struct Open {
    bool map = false;
    bool merges = false;
    Mark mark;
    size_t anchor = 0;
    size_t size = 1;
    std::vector<const Node*> items;
    std::vector<Entry> entries;
    // The key that waits for its value.
    bool key_waits = false;
    Entry key;
  };

  // `mark` is where it stands; an aliased node is elsewhere.
  bool Add(const Node* node, Mark mark);
  bool AddKey(const Node* node);
  bool FailDepth(Mark mark);
  Node* New(Node::Type type, Mark mark);
  bool Keep(size_t anchor, const Node* node);
  bool Merge(Open* open);
  std::string CurrentPath() const;

  Tree* tree_;
  ParseLimits limits_;
  std::vector<Open> stack_;
  size_t depth_ = 0;
  std::map<size_t, const Node*> anchors_;
  const Node* root_ = nullptr;
  size_t nodes_ = 0;
  size_t aliased_bytes_ = 0;
  std::vector<Problem> problems_;
};

}  // namespace gloo::model
