#include "sources/file/data_index.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "sources/file/flat_file.h"
#include "sources/file/names.h"

namespace gloo::sources::file {
namespace {

struct Place {
  std::optional<model::DataKey> key;
  // Empty: the file is a mapping of many.
  std::string entry;
  std::optional<Issue> issue;
};

Issue Misplaced(std::string message) {
  return {.severity = Severity::kWarning, .reason = "Misplaced", .message = std::move(message)};
}

Place Classify(const std::string& path) {
  std::vector<std::string> parts;
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    parts.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  Place out;
  switch (parts.size()) {
    case 1:
      if (IsConfigName(path)) {
        out.key.emplace().name = path.substr(0, path.rfind('.'));
      } else {
        out.issue = Misplaced("belongs to nothing: put it into a folder, whose name is the name to refer to");
      }
      break;
    case 2:
      out.key.emplace().name = parts[0];
      out.entry = parts[1];
      break;
    case 3:
      out.key = model::DataKey{.ns = parts[0], .name = parts[1]};
      out.entry = parts[2];
      break;
    default:
      out.issue = Misplaced("is too deep: the layout is NAME/KEY or NAMESPACE/NAME/KEY");
  }
  return out;
}

std::string HashOf(const std::map<std::string, std::string>& data) {
  std::string fields;
  for (const auto& [key, value] : data) {
    fields += ContentHash(key);
    fields += ContentHash(value);
  }
  return ContentHash(fields);
}

}  // namespace

std::string DataIndex::PlaceOf(const std::string& path) const {
  return path.empty() ? folder_ : JoinPath(folder_, path);
}

DataIndex::FileState& DataIndex::Touch(const std::string& path) {
  touched_paths_.insert(path);
  FileState& file = files_[path];
  if (!file.key) file.key = Classify(path).key;
  if (file.key) {
    touched_keys_.insert(*file.key);
    keys_[*file.key].insert(path);
  }
  return file;
}

void DataIndex::Update(const std::string& path, std::string content) {
  FileState& file = Touch(path);
  file.unreadable.reset();
  Place place = Classify(path);
  file.issue = std::move(place.issue);
  if (!place.key) return;
  if (!place.entry.empty()) {
    file.values.clear();
    file.values.emplace(std::move(place.entry), std::move(content));
    return;
  }
  FlatFile flat = ReadFlat(content, kMaxValueBytes);
  if (!flat.issue) {
    file.values = std::move(flat.values);
    return;
  }
  file.issue = std::move(flat.issue);
  file.issue->message += "; what it held before stays in force";
}

void DataIndex::SetUnreadable(const std::string& path, std::optional<Issue> issue) {
  Touch(path).unreadable = std::move(issue);
}

bool DataIndex::IsUnreadable(const std::string& path) const {
  auto it = files_.find(path);
  return it != files_.end() && it->second.unreadable.has_value();
}

void DataIndex::Remove(const std::string& path) {
  auto it = files_.find(path);
  if (it == files_.end()) return;
  touched_paths_.insert(path);
  if (it->second.key) {
    touched_keys_.insert(*it->second.key);
    keys_[*it->second.key].erase(path);
  }
  clashes_.erase(path);
  files_.erase(it);
}

void DataIndex::SetProblem(const std::string& path, std::optional<Issue> issue) {
  touched_paths_.insert(path);
  if (issue) {
    problems_[path] = std::move(issue);
  } else {
    problems_.erase(path);
  }
}

model::NamedDataPtr DataIndex::Merge(const model::DataKey& key, const std::set<std::string>& paths) {
  auto data = std::make_shared<model::NamedData>();
  data->ns = key.ns;
  data->name = key.name;
  bool any = false;
  for (const std::string& path : paths) {
    clashes_.erase(path);
    touched_paths_.insert(path);
    const FileState& file = files_.at(path);
    // A file that could never be read gives nothing, not even an empty secret.
    any = any || !file.values.empty() || !(file.unreadable || file.issue);
    for (const auto& [entry, value] : file.values) {
      if (data->data.emplace(entry, value).second) continue;
      clashes_[path] = {.severity = Severity::kError,
                        .reason = "DuplicateName",
                        .message = "\"" + entry + "\" of " + key.ns + "/" + key.name +
                                   " is already given by another file; this one is left out"};
    }
  }
  if (!any) return nullptr;
  data->hash = HashOf(data->data);
  return data;
}

void DataIndex::Flush(Batch& batch) {
  for (const model::DataKey& key : std::exchange(touched_keys_, {})) {
    auto it = keys_.find(key);
    model::NamedDataPtr data = it == keys_.end() ? nullptr : Merge(key, it->second);
    if (it != keys_.end() && it->second.empty()) keys_.erase(it);
    auto told = told_.find(key);
    if (!data) {
      if (told == told_.end()) continue;
      told_.erase(told);
    } else {
      if (told != told_.end() && told->second == data->hash) continue;
      told_[key] = data->hash;
    }
    batch.data.emplace_back(kind_, DataEvent{.key = key, .data = std::move(data)});
  }
  for (const std::string& path : std::exchange(touched_paths_, {})) {
    std::vector<Issue> issues;
    bool unread = false;
    if (auto it = problems_.find(path); it != problems_.end()) {
      issues.push_back(*it->second);
      unread = it->second->severity == Severity::kError;
    }
    if (auto it = files_.find(path); it != files_.end()) {
      if (it->second.unreadable) issues.push_back(*it->second.unreadable);
      if (it->second.issue) issues.push_back(*it->second.issue);
      unread = unread || it->second.unreadable || (it->second.issue && it->second.issue->severity == Severity::kError);
    }
    if (auto it = clashes_.find(path); it != clashes_.end()) issues.push_back(it->second);
    for (Issue& issue : issues) issue.location.file = PlaceOf(path);
    auto told = told_places_.find(path);
    if (told == told_places_.end() ? issues.empty() : told->second == issues) continue;
    if (issues.empty()) {
      told_places_.erase(told);
    } else {
      told_places_[path] = issues;
    }
    batch.places.push_back({.place = PlaceOf(path), .issues = std::move(issues), .unread = unread});
  }
}

}  // namespace gloo::sources::file
