#include "sources/file/config_index.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace gloo::sources::file {
namespace {

using google::protobuf::util::MessageDifferencer;

bool SameObject(const model::ObjectPtr& a, const model::ObjectPtr& b) {
  if (a == b) return true;
  if (!a || !b) return false;
  return a->hash == b->hash && a->origin == b->origin && MessageDifferencer::Equals(a->metadata(), b->metadata());
}

int LineOf(const model::ReadResult& document) {
  if (document.object) return document.object->origin.line;
  return document.issues.empty() ? 0 : document.issues.front().location.line;
}

// Wrong without a key: it may be any of the objects that the file held. (Not so the second of one name.)
bool IsUnidentified(const model::ReadResult& document) {
  bool wrong = false;
  for (const Issue& issue : document.issues) {
    if (issue.reason == "DuplicateName") return false;
    wrong = wrong || issue.severity == Severity::kError;
  }
  return wrong;
}

Issue Duplicate(const model::ObjectKey& key, const std::string& where, const std::string& path, int line) {
  return {.severity = Severity::kError,
          .reason = "DuplicateName",
          .path = "metadata.name",
          .message = model::ToString(key) + " is already defined in " + where + "; this one is left out",
          .location = {.file = path, .line = line, .column = line > 0 ? 1 : 0}};
}

}  // namespace

void ConfigIndex::Update(const std::string& path, model::FileResult result) {
  FileState& file = files_[path];
  touched_files_.insert(path);
  file.unreadable.reset();
  file.leaving = false;
  file.issues = std::move(result.issues);
  file.partly = !result.readable;
  if (!result.readable) return;

  std::map<model::ObjectKey, Claim> claims;
  bool unidentified = false;
  for (size_t i = 0; i < result.documents.size(); ++i) {
    model::ReadResult& document = result.documents[i];
    const int line = LineOf(document);
    if (!document.key) {
      unidentified = unidentified || IsUnidentified(document);
      for (Issue& issue : document.issues) file.issues.push_back(std::move(issue));
      continue;
    }
    // The reader gives a key to the first of one name only.
    claims[*document.key] = {.object = std::move(document.object),
                             .issues = std::move(document.issues),
                             .document = static_cast<int>(i),
                             .line = line};
  }

  file.partly = unidentified;
  std::map<model::ObjectKey, Claim> before = std::exchange(file.claims, std::move(claims));
  for (auto& [key, claim] : before) {
    if (file.claims.contains(key)) continue;
    if (unidentified) {
      claim.lost = true;
      file.claims.emplace(key, std::move(claim));
      touched_keys_.insert(key);
    } else {
      DropClaim(path, key);
    }
  }
  for (const auto& [key, claim] : file.claims) AddClaim(path, key);
}

void ConfigIndex::SetUnreadable(const std::string& path, std::optional<Issue> issue) {
  FileState& file = files_[path];
  file.unreadable = std::move(issue);
  file.leaving = false;
  touched_files_.insert(path);
}

bool ConfigIndex::IsUnreadable(const std::string& path) const {
  auto it = files_.find(path);
  return it != files_.end() && it->second.unreadable.has_value();
}

void ConfigIndex::Leaving(const std::string& path) {
  auto it = files_.find(path);
  if (it == files_.end()) return;
  it->second.leaving = true;
  touched_files_.insert(path);
  for (const auto& [key, claim] : it->second.claims) touched_keys_.insert(key);
}

void ConfigIndex::Remove(const std::string& path) {
  auto it = files_.find(path);
  if (it == files_.end()) return;
  touched_files_.insert(path);
  for (const auto& [key, claim] : it->second.claims) DropClaim(path, key);
  files_.erase(it);
}

void ConfigIndex::SetProblem(const std::string& place, std::optional<Issue> issue) {
  touched_files_.insert(place);
  if (issue) {
    problems_[place] = std::move(issue);
  } else {
    problems_.erase(place);
  }
}

void ConfigIndex::AddClaim(const std::string& path, const model::ObjectKey& key) {
  KeyState& state = keys_[key];
  if (std::find(state.claimants.begin(), state.claimants.end(), path) == state.claimants.end()) {
    state.claimants.push_back(path);
  }
  touched_keys_.insert(key);
}

void ConfigIndex::DropClaim(const std::string& path, const model::ObjectKey& key) {
  auto it = keys_.find(key);
  if (it == keys_.end()) return;
  std::erase(it->second.claimants, path);
  touched_keys_.insert(key);
}

bool ConfigIndex::IsWeak(const std::string& path, const model::ObjectKey& key) const {
  const FileState& file = files_.at(path);
  return file.leaving || file.claims.at(key).lost;
}

// Whoever takes over from a weak claim keeps the object: the weak one is forgotten.
void ConfigIndex::SettleHolder(const model::ObjectKey& key, KeyState& state) {
  const auto weak = [&](const std::string& path) { return IsWeak(path, key); };
  for (const std::string& path : state.claimants) touched_files_.insert(path);
  if (std::all_of(state.claimants.begin(), state.claimants.end(), weak)) return;
  for (const std::string& path : state.claimants) {
    if (weak(path)) files_.at(path).claims.erase(key);
  }
  std::erase_if(state.claimants, [&](const std::string& path) { return !files_.at(path).claims.contains(key); });
}

void ConfigIndex::Tell(const model::ObjectKey& key, KeyState& state, Batch& batch) {
  Claim& claim = files_.at(state.claimants.front()).claims.at(key);
  if (claim.object && (claim.object->created == 0 || claim.object->origin.source != source_)) {
    // The reader's objects know neither their source nor their age.
    auto dated = std::make_shared<model::Object>(*claim.object);
    if (dated->created == 0) dated->created = state.created;
    dated->origin.source = source_;
    claim.object = std::move(dated);
  }
  if (state.told && SameObject(state.told_object, claim.object) && state.told_issues == claim.issues) return;
  state.told = true;
  state.told_object = claim.object;
  state.told_issues = claim.issues;
  batch.objects.push_back({.key = key, .object = claim.object, .issues = claim.issues});
}

std::vector<Issue> ConfigIndex::IssuesOf(const std::string& path, const FileState& file) const {
  std::vector<Issue> issues;
  if (file.unreadable) issues.push_back(*file.unreadable);
  issues.insert(issues.end(), file.issues.begin(), file.issues.end());
  for (const auto& [key, claim] : file.claims) {
    const std::string& holder = keys_.at(key).claimants.front();
    if (holder != path) issues.push_back(Duplicate(key, holder, path, claim.line));
  }
  return issues;
}

void ConfigIndex::TellPlace(const std::string& place, std::vector<Issue> issues, bool unread, Batch& batch) {
  auto told = told_places_.find(place);
  PlaceEvent event{.place = place, .issues = std::move(issues), .unread = unread};
  if (told == told_places_.end() ? event.issues.empty()
                                 : told->second.issues == event.issues && told->second.unread == unread) {
    return;
  }
  if (event.issues.empty()) {
    told_places_.erase(told);
  } else {
    told_places_.insert_or_assign(place, event);
  }
  batch.places.push_back(std::move(event));
}

void ConfigIndex::Flush(int64_t now_ns, Batch& batch) {
  // In the order of files and documents, so that of two new objects the one that stands first is the older.
  std::vector<std::tuple<std::string, int, model::ObjectKey>> order;
  std::vector<model::ObjectKey> removed;
  for (const model::ObjectKey& key : touched_keys_) {
    auto it = keys_.find(key);
    if (it == keys_.end()) continue;
    SettleHolder(key, it->second);
    if (it->second.claimants.empty()) {
      if (it->second.told) removed.push_back(key);
      keys_.erase(it);
      continue;
    }
    const std::string& holder = it->second.claimants.front();
    order.emplace_back(holder, files_.at(holder).claims.at(key).document, key);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [path, document, key] : order) {
    KeyState& state = keys_.at(key);
    if (state.created == 0) state.created = last_created_ = std::max(now_ns, last_created_ + 1);
    Tell(key, state, batch);
  }
  // After the additions: an object that moved to another file was never gone.
  for (model::ObjectKey& key : removed) batch.objects.push_back({.key = std::move(key), .removed = true});

  for (const std::string& place : touched_files_) {
    std::vector<Issue> issues;
    bool unread = false;
    if (auto it = problems_.find(place); it != problems_.end()) {
      issues.push_back(*it->second);
      unread = it->second->severity == Severity::kError;
    }
    if (auto it = files_.find(place); it != files_.end()) {
      for (Issue& issue : IssuesOf(place, it->second)) issues.push_back(std::move(issue));
      unread = unread || it->second.unreadable || it->second.partly;
    }
    TellPlace(place, std::move(issues), unread, batch);
  }
  touched_keys_.clear();
  touched_files_.clear();
}

}  // namespace gloo::sources::file
