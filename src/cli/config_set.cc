#include "cli/config_set.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "sources/file/config_index.h"
#include "sources/file/data_index.h"
#include "sources/file/names.h"
#include "sources/file/read_file.h"

namespace gloo::cli {
namespace {

namespace fs = std::filesystem;
using sources::file::ReadOutcome;
using sources::file::ReadWhole;

constexpr size_t kMaxFileBytes = model::ReadLimits().max_bytes;

// All files below `folder` that count, sorted; links are followed, each real folder once.
absl::Status ListFolder(const fs::path& folder, bool config, std::set<std::string>& seen,
                        std::vector<std::string>* out) {
  std::error_code error;
  const fs::path real = fs::canonical(folder, error);
  if (!error && !seen.insert(real.string()).second) return absl::OkStatus();
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(it->path());
  }
  if (error) {
    return absl::NotFoundError(
        StrCat("cannot read the folder ", folder.string(), ": ", absl::AsciiStrToLower(error.message())));
  }
  std::sort(entries.begin(), entries.end());
  for (const fs::path& entry : entries) {
    const std::string name = entry.filename().string();
    if (sources::file::IsIgnored(name)) continue;
    if (fs::is_directory(entry, error)) {
      if (absl::Status status = ListFolder(entry, config, seen, out); !status.ok()) return status;
    } else if (!config || sources::file::IsConfigName(name)) {
      out->push_back(entry.string());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  ReadOutcome outcome = ReadWhole(path, kMaxFileBytes);
  switch (outcome.kind) {
    case ReadOutcome::Kind::kText:
    case ReadOutcome::Kind::kTooLarge:  // the reader says so in its own words
      return std::move(outcome.text);
    case ReadOutcome::Kind::kGone:
      return absl::NotFoundError(StrCat("there is no file ", path));
    case ReadOutcome::Kind::kUnreadable:
      break;
  }
  return absl::NotFoundError(StrCat("cannot read ", path, ": ", outcome.why));
}

absl::Status AddData(const std::string& folder, sources::DataKind kind, std::vector<model::NamedDataPtr>* out) {
  std::vector<std::string> files;
  std::set<std::string> seen;
  if (absl::Status status = ListFolder(folder, false, seen, &files); !status.ok()) return status;
  sources::file::DataIndex index(kind, folder);
  for (const std::string& file : files) {
    absl::StatusOr<std::string> text = ReadText(file);
    if (!text.ok()) return text.status();
    index.Update(fs::path(file).lexically_relative(folder).string(), *std::move(text));
  }
  sources::Batch batch;
  index.Flush(batch);
  for (auto& [data_kind, event] : batch.data) {
    if (event.data != nullptr) out->push_back(std::move(event.data));
  }
  return absl::OkStatus();
}

bool IsSame(const Issue& a, const Issue& b) { return a.reason == b.reason && a.message == b.message; }

bool Before(const Issue& a, const Issue& b) {
  return std::tie(a.location.file, a.location.line, a.location.column) <
         std::tie(b.location.file, b.location.line, b.location.column);
}

}  // namespace

absl::Status ConfigSet::AddPath(const std::string& path, const std::string& skip) {
  std::error_code error;
  std::vector<std::string> files;
  if (fs::is_directory(path, error)) {
    std::set<std::string> seen;
    if (absl::Status status = ListFolder(path, true, seen, &files); !status.ok()) return status;
  } else {
    files.push_back(path);
  }
  for (const std::string& file : files) {
    if (file == skip) continue;
    absl::StatusOr<std::string> text = ReadText(file);
    if (!text.ok()) return text.status();
    AddText(file, *std::move(text));
  }
  return absl::OkStatus();
}

void ConfigSet::AddText(const std::string& path, std::string text) {
  const std::string& kept = texts_[path] = std::move(text);
  results_[path] = model::ReadText(kept, path, registry_);
}

absl::Status ConfigSet::AddSecrets(const std::string& folder) {
  has_secrets_ = true;
  return AddData(folder, sources::DataKind::kSecret, &secrets_);
}

absl::Status ConfigSet::AddArtifacts(const std::string& folder) {
  has_artifacts_ = true;
  return AddData(folder, sources::DataKind::kArtifact, &artifacts_);
}

ConfigSet::Checked ConfigSet::Check() const {
  // The source's own index decides which of two definitions counts.
  sources::file::ConfigIndex index("file");
  for (const auto& [path, result] : results_) index.Update(path, result);
  sources::Batch batch;
  index.Flush(1, batch);

  Checked checked;
  for (const sources::PlaceEvent& place : batch.places) {
    checked.file_issues.insert(checked.file_issues.end(), place.issues.begin(), place.issues.end());
  }
  translator::Changes changes;
  for (const sources::ObjectEvent& event : batch.objects) {
    checked.entries.push_back({event.key, event.object, event.issues, {}});
    changes.objects.emplace_back(event.key, translator::Entry{event.object, event.issues, nullptr});
  }
  for (const model::NamedDataPtr& data : secrets_) changes.secrets.push_back({{data->ns, data->name}, data});
  for (const model::NamedDataPtr& data : artifacts_) changes.artifacts.push_back({{data->ns, data->name}, data});
  std::sort(checked.entries.begin(), checked.entries.end(),
            [](const Entry& a, const Entry& b) { return a.key < b.key; });

  translator::Translator translator(registry_, translator::Settings());
  translator::Result result = translator.Apply(changes);
  for (auto& [role, delta] : result.deltas) {
    for (snapshot::ResourcePtr& resource : delta.upserts) {
      checked.resources[role][resource->ref] = std::move(resource);
    }
  }
  for (translator::Report& report : result.reports) {
    const auto entry = std::find_if(checked.entries.begin(), checked.entries.end(),
                                    [&](const Entry& e) { return e.key == report.key; });
    if (entry == checked.entries.end()) continue;
    // Issues of reading are known, with their places; whether a secret is there is not known where none were given.
    std::erase_if(report.issues, [&](const Issue& issue) {
      return (issue.reason == "SecretNotFound" && !has_secrets_) ||
             (issue.reason == "ArtifactNotFound" && !has_artifacts_) ||
             std::any_of(entry->issues.begin(), entry->issues.end(), [&](const Issue& e) { return IsSame(e, issue); });
    });
    for (Issue issue : report.issues) {
      if (entry->object != nullptr && issue.location.line == 0) {
        const model::Origin& origin = entry->object->origin;
        if (const std::string* text = Text(origin.location)) {
          model::Located located = model::Locate(*text, origin.document, issue.path);
          issue.path = std::move(located.path);
          issue.location = {origin.location, located.line, located.column};
        }
      }
      entry->issues.push_back(std::move(issue));
    }
    entry->report = std::move(report);
  }
  return checked;
}

const ConfigSet::Entry* ConfigSet::Checked::Find(const model::ObjectKey& key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

std::vector<Issue> ConfigSet::Checked::AllIssues() const {
  std::vector<Issue> all = file_issues;
  for (const Entry& entry : entries) all.insert(all.end(), entry.issues.begin(), entry.issues.end());
  std::stable_sort(all.begin(), all.end(), Before);
  return all;
}

const std::string* ConfigSet::Text(const std::string& path) const {
  const auto found = texts_.find(path);
  return found == texts_.end() ? nullptr : &found->second;
}

std::map<model::ObjectKey, model::Origin> ConfigSet::Places() const {
  std::map<model::ObjectKey, model::Origin> places;
  for (const auto& [path, result] : results_) {
    int document = 0;
    for (const model::ReadResult& read : result.documents) {
      if (read.key) {
        model::Origin origin{"file", path, document, 0};
        if (read.object != nullptr) {
          origin.line = read.object->origin.line;
        } else if (!read.issues.empty()) {
          origin.line = read.issues.front().location.line;
        }
        places.emplace(*read.key, std::move(origin));
      }
      ++document;
    }
  }
  return places;
}

std::string FormatIssue(const Issue& issue, const ConfigSet& set) {
  std::string out = ToString(issue) + "\n";
  const std::string* text = set.Text(issue.location.file);
  if (text == nullptr || issue.location.line <= 0) return out;
  size_t begin = 0;
  for (int line = 1; line < issue.location.line; ++line) {
    const size_t end = text->find('\n', begin);
    if (end == std::string::npos) return out;
    begin = end + 1;
  }
  std::string line = text->substr(begin, text->find('\n', begin) - begin);
  while (!line.empty() && absl::ascii_isspace(line.back())) line.pop_back();
  const size_t column = std::max(issue.location.column, 1);
  constexpr size_t kWidest = 160;
  // Of a very long line (JSON without breaks) only what is about the place is shown.
  size_t cut = 0;
  if (line.size() > kWidest && column > kWidest / 2) cut = std::min(column - kWidest / 2, line.size());
  line = line.substr(cut, kWidest);
  const std::string number = StrCat(issue.location.line);
  std::string caret;
  for (size_t i = 0; i + 1 + cut < column && i < line.size(); ++i) {
    if ((static_cast<unsigned char>(line[i]) & 0xc0) != 0x80) caret += line[i] == '\t' ? '\t' : ' ';
  }
  const std::string margin(number.size() < 5 ? 5 - number.size() : 0, ' ');
  StrAppend(&out, margin, number, " | ", line, "\n");
  StrAppend(&out, std::string(std::max<size_t>(5, number.size()), ' '), " | ", caret, "^\n");
  return out;
}

std::string CountText(const std::vector<Issue>& issues) {
  const auto errors =
      std::count_if(issues.begin(), issues.end(), [](const Issue& i) { return i.severity == Severity::kError; });
  const auto warnings = static_cast<long>(issues.size()) - errors;
  return StrCat(errors, errors == 1 ? " error, " : " errors, ", warnings, warnings == 1 ? " warning" : " warnings");
}

}  // namespace gloo::cli
