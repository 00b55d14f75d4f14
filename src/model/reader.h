// Reads YAML and JSON configuration into objects: strict, all mistakes at once, each with its place.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/issues.h"
#include "model/object.h"
#include "model/parts.h"

namespace gloo::model {

struct ReadLimits {
  // Of a file, and once more of the text that its aliases stand for.
  size_t max_bytes = 32 << 20;
  int max_depth = 64;
  // Nodes of one document after anchors are expanded: stops alias bombs.
  size_t max_nodes = 2'000'000;
};

// One document of a file, or one item of a `kind: List`.
struct ReadResult {
  // Set where kind and name could be read, even when the object is wrong. Not set for the second object of one name in
  // a file (DuplicateName): the key belongs to the first.
  std::optional<ObjectKey> key;
  // Set when there is no error.
  ObjectPtr object;
  // Located, with paths as the user typed them.
  std::vector<Issue> issues;
};

struct FileResult {
  // False: the text is not YAML or JSON at all (or too large, not UTF-8 ...): `issues` says why, and what the
  // file held before is unknown.
  bool readable = false;
  // Empty documents are left out. Origin::document is the place in here.
  std::vector<ReadResult> documents;
  // Issues of the file itself.
  std::vector<Issue> issues;
};

// Reads all documents of `text`. `file` is used in locations and origins only, `source` in origins. Never throws.
FileResult ReadText(std::string_view text, std::string_view file, const PartSchemas& schemas,
                    const ReadLimits& limits = {}, std::string_view source = "file");

// Where a field stands. `path` is as the user typed it as far as the field is there, and as it was asked for from
// there on; line and column are those of the key (of the item of a list), or of the nearest enclosing one that is
// there. 0: the document is not there.
struct Located {
  std::string path;
  int line = 0;
  int column = 0;
};

// Finds fields in a text that ReadText has read, by their canonical paths (as in Issue::path). Parses once, so keep
// one for several paths. Not thread safe.
class Locator {
 public:
  // `text` must outlive the locator.
  explicit Locator(std::string_view text, const ReadLimits& limits = {});
  ~Locator();
  Locator(const Locator&) = delete;
  Locator& operator=(const Locator&) = delete;

  // `document` as in Origin.
  Located Find(int document, std::string_view path) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One path of one text.
Located Locate(std::string_view text, int document, std::string_view path);

}  // namespace gloo::model
