#include "sources/file/flat_file.h"

#include <yaml-cpp/yaml.h>

#include <utility>

namespace gloo::sources::file {
namespace {

FlatFile Wrong(std::string reason, std::string message, const YAML::Mark& mark) {
  FlatFile out;
  out.issue = Issue{.severity = Severity::kError, .reason = std::move(reason), .message = std::move(message)};
  if (!mark.is_null()) {
    out.issue->location.line = mark.line + 1;
    out.issue->location.column = mark.column + 1;
  }
  return out;
}

}  // namespace

FlatFile ReadFlat(const std::string& text, size_t max_value_bytes) {
  FlatFile out;
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return out;
    if (!root.IsMap()) return Wrong("NotAMapping", "must be a mapping of names to strings", root.Mark());
    for (const auto& entry : root) {
      if (!entry.first.IsScalar()) return Wrong("NotAString", "a name must be a string", entry.first.Mark());
      const std::string& name = entry.first.Scalar();
      if (!entry.second.IsScalar()) {
        return Wrong("NotAString", "the value of \"" + name + "\" must be a string", entry.second.Mark());
      }
      if (entry.second.Scalar().size() > max_value_bytes) {
        return Wrong("TooLarge",
                     "the value of \"" + name + "\" is longer than " + std::to_string(max_value_bytes) + " bytes",
                     entry.second.Mark());
      }
      if (!out.values.emplace(name, entry.second.Scalar()).second) {
        return Wrong("DuplicateName", "\"" + name + "\" is written twice", entry.first.Mark());
      }
    }
  } catch (const YAML::Exception& error) {
    // The library's own message may quote the text.
    return Wrong("NotYaml", "is not valid YAML or JSON", error.mark);
  }
  return out;
}

}  // namespace gloo::sources::file
