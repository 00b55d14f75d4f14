// Secrets or artifacts of a folder of folders: which file gives which key of which, and what to tell of a change.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "sources/source.h"

namespace gloo::sources::file {

// `NAME/KEY` and `NAMESPACE/NAME/KEY` are files that each hold one key; `NAME.yaml`, `.yml` and `.json` at the top hold
// a mapping. No I/O, no thread; contents appear in no issue.
class DataIndex {
 public:
  static constexpr size_t kMaxValueBytes = 1 << 20;

  // Places are told as `folder`/path.
  DataIndex(DataKind kind, std::string folder) : kind_(kind), folder_(std::move(folder)) {}

  void Update(const std::string& path, std::string content);
  // The file is there, but cannot be used: it keeps what it gave. None: it can again and is as it was.
  void SetUnreadable(const std::string& path, std::optional<Issue> issue);
  void Remove(const std::string& path);
  // Of a folder; the root is "".
  void SetProblem(const std::string& path, std::optional<Issue> issue);
  bool IsUnreadable(const std::string& path) const;

  // Adds the events of all that was told since the last call.
  void Flush(Batch& batch);

  size_t size() const { return told_.size(); }

 private:
  struct FileState {
    std::optional<model::DataKey> key;
    std::map<std::string, std::string> values;
    std::optional<Issue> issue;
    std::optional<Issue> unreadable;
  };

  FileState& Touch(const std::string& path);
  model::NamedDataPtr Merge(const model::DataKey& key, const std::set<std::string>& paths);
  std::string PlaceOf(const std::string& path) const;

  const DataKind kind_;
  const std::string folder_;
  std::map<std::string, FileState> files_;
  std::map<model::DataKey, std::set<std::string>> keys_;
  std::map<std::string, std::optional<Issue>> problems_;
  // Content hashes of what was told.
  std::map<model::DataKey, std::string> told_;
  std::map<std::string, std::vector<Issue>> told_places_;
  // Files whose keys another file gives already.
  std::map<std::string, Issue> clashes_;

  std::set<model::DataKey> touched_keys_;
  std::set<std::string> touched_paths_;
};

}  // namespace gloo::sources::file
