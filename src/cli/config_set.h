// Configuration files read, checked and translated offline, as the control plane would.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/issues.h"
#include "model/object.h"
#include "model/reader.h"
#include "snapshot/resource.h"
#include "translator/translator.h"

namespace gloo::cli {

class ConfigSet {
 public:
  explicit ConfigSet(const translator::Registry& registry) : registry_(registry) {}

  // A file, or a folder with all below it that the control plane would read. Fails where it is not there or cannot
  // be read. `skip` names a file that is left out.
  absl::Status AddPath(const std::string& path, const std::string& skip = "");
  void AddText(const std::string& path, std::string text);
  // A folder of secrets or artifacts, laid out as for the control plane.
  absl::Status AddSecrets(const std::string& folder);
  absl::Status AddArtifacts(const std::string& folder);

  struct Entry {
    model::ObjectKey key;
    // Null where it is wrong.
    model::ObjectPtr object;
    // Issues of reading and translating; located.
    std::vector<Issue> issues;
    translator::Report report;
  };
  struct Checked {
    // Sorted by key.
    std::vector<Entry> entries;
    // Of files, not of objects.
    std::vector<Issue> file_issues;
    // What Envoys would be served, by role.
    std::map<std::string, std::map<snapshot::ResourceRef, snapshot::ResourcePtr>> resources;

    const Entry* Find(const model::ObjectKey& key) const;
    // All issues, sorted by file, line and column.
    std::vector<Issue> AllIssues() const;
  };
  Checked Check() const;

  size_t files() const { return texts_.size(); }
  // Null for a file that was not added.
  const std::string* Text(const std::string& path) const;
  // Where each object that has a name is written, also those that are wrong; of several places the first.
  std::map<model::ObjectKey, model::Origin> Places() const;

 private:
  const translator::Registry& registry_;
  std::map<std::string, std::string> texts_;
  std::map<std::string, model::FileResult> results_;
  std::vector<model::NamedDataPtr> secrets_;
  std::vector<model::NamedDataPtr> artifacts_;
  bool has_secrets_ = false;
  bool has_artifacts_ = false;
};

// An issue for people:
//   shop.yaml:12:7: error: spec.routes[0].requestMatcher.pathPrefx: unknown field (UnknownField)
//      12 |       pathPrefx: /pets
//         |       ^
std::string FormatIssue(const Issue& issue, const ConfigSet& set);

// "2 errors, 1 warning".
std::string CountText(const std::vector<Issue>& issues);

}  // namespace gloo::cli
