// Configuration files read, checked and translated offline, as the control plane would.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/issues.h"
#include "model/object.h"
#include "model/reader.h"
#include "snapshot/resource.h"
#include "translator/translator.h"

namespace gloo::cli {

// An issue and the object that it is about: "VirtualService default/shop", empty where it is about a file.
struct Finding {
  std::string object;
  Issue issue;
};

class ConfigSet {
 public:
  explicit ConfigSet(const translator::Registry& registry) : registry_(registry) {}

  // A file, or a folder with all below it that the control plane would read. Fails where it is not there or cannot
  // be read. `skip` names files that are left out.
  absl::Status AddPath(const std::string& path, const std::set<std::string>& skip = {});
  // A text in the place of a file. `later`: its objects are younger than those of all other files.
  void AddText(const std::string& path, std::string text, bool later = false);
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
    std::vector<Finding> All() const;
  };
  Checked Check() const;

  size_t files() const { return texts_.size(); }
  // Sorted.
  std::vector<std::string> Paths() const;
  // Null for a file that was not added.
  const std::string* Text(const std::string& path) const;
  // Where each object that has a name is written, also those that are wrong; by path.
  std::map<model::ObjectKey, std::vector<model::Origin>> Places() const;
  // Of what one file holds; null for a file that was not added.
  const model::FileResult* Result(const std::string& path) const;

 private:
  const translator::Registry& registry_;
  std::map<std::string, std::string> texts_;
  std::map<std::string, model::FileResult> results_;
  std::set<std::string> later_;
  std::vector<model::NamedDataPtr> secrets_;
  std::vector<model::NamedDataPtr> artifacts_;
  // Of their files.
  std::vector<Issue> data_issues_;
  bool has_secrets_ = false;
  bool has_artifacts_ = false;
};

// A finding for people; the line of the file is printed without what would confuse a terminal:
//   shop.yaml:12:7: error: VirtualService default/shop: spec.routes[0].requestMatcher.pathPrefx: unknown field ...
//      12 |       pathPrefx: /pets
//         |       ^
std::string Format(const Finding& finding, const ConfigSet& set);

bool HasErrors(const std::vector<Finding>& findings);

// "2 errors, 1 warning".
std::string CountText(const std::vector<Finding>& findings);

}  // namespace gloo::cli
