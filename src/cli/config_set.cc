#include "cli/config_set.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "base/strings.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "sources/file/config_index.h"
#include "sources/file/data_index.h"
#include "sources/file/names.h"
#include "sources/file/read_file.h"
#include "sources/file/system_authorities.h"

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

absl::Status AddData(const std::string& folder, sources::DataKind kind, std::vector<model::NamedDataPtr>* out,
                     std::vector<Issue>* issues) {
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
  for (const sources::PlaceEvent& place : batch.places) {
    issues->insert(issues->end(), place.issues.begin(), place.issues.end());
  }
  return absl::OkStatus();
}

// `entries` are sorted by key.
template <typename Entries>
auto FindEntry(Entries& entries, const model::ObjectKey& key) {
  const auto found = std::lower_bound(entries.begin(), entries.end(), key,
                                      [](const auto& entry, const model::ObjectKey& k) { return entry.key < k; });
  return found != entries.end() && found->key == key ? found : entries.end();
}

// The texts in double quotes.
std::vector<std::string> Quoted(std::string_view message) {
  std::vector<std::string> texts;
  while (true) {
    const size_t begin = message.find('"');
    if (begin == std::string_view::npos) return texts;
    const size_t end = message.find('"', begin + 1);
    if (end == std::string_view::npos) return texts;
    texts.emplace_back(message.substr(begin + 1, end - begin - 1));
    message.remove_prefix(end + 1);
  }
}

// What a name that is not there may have been meant to be. The translator looks names up, here all of them are known.
class NearMisses {
 public:
  explicit NearMisses(const std::vector<ConfigSet::Entry>& entries) : entries_(entries) {}

  // What to add to the message of an issue of an object in `ns`.
  std::string Of(const Issue& issue, const std::string& ns) {
    const std::vector<std::string> quoted = Quoted(issue.message);
    std::string nearest;
    if (issue.reason == "UpstreamNotFound" && !quoted.empty()) {
      nearest = Find({model::Kind::kUpstream, ""}, quoted[0]);
    } else if (issue.reason == "RoleNotFound" && !quoted.empty()) {
      nearest = Find({model::Kind::kRole, ""}, quoted[0]);
    } else if (issue.reason == "FunctionNotFound" && quoted.size() > 1) {
      nearest = Find({model::Kind::kUpstream, quoted[0]}, quoted[1]);
    }
    if (nearest.empty()) return "";
    // The namespace that goes without saying is not said.
    if (issue.reason == "UpstreamNotFound" && nearest.starts_with(StrCat(ns, "/"))) nearest.erase(0, ns.size() + 1);
    return StrCat("; did you mean \"", nearest, "\"?");
  }

 private:
  // Names of a kind, or of the functions of an upstream.
  using Group = std::pair<model::Kind, std::string>;

  std::string Find(const Group& group, const std::string& name) {
    // Every name is compared with all of its group: were many wrong, it would take long and help nobody.
    constexpr size_t kMostLookedFor = 100;
    const auto found = nearest_.find({group, name});
    if (found != nearest_.end()) return found->second;
    if (nearest_.size() >= kMostLookedFor) return "";
    std::string& nearest = nearest_[{group, name}];
    return nearest = Nearest(name, Known(group));
  }

  const std::vector<std::string>& Known(const Group& group) {
    const auto [it, is_new] = known_.try_emplace(group);
    if (!is_new) return it->second;
    for (const ConfigSet::Entry& entry : entries_) {
      if (entry.key.kind != group.first) continue;
      const std::string full = StrCat(entry.key.ns, "/", entry.key.name);
      if (group.second.empty()) {
        it->second.push_back(group.first == model::Kind::kRole ? entry.key.name : full);
      } else if (full == group.second && entry.object != nullptr) {
        for (const v1::Function& function : entry.object->upstream().functions()) it->second.push_back(function.name());
      }
    }
    return it->second;
  }

  const std::vector<ConfigSet::Entry>& entries_;
  std::map<Group, std::vector<std::string>> known_;
  std::map<std::pair<Group, std::string>, std::string> nearest_;
};

bool IsSame(const Issue& a, const Issue& b) { return a.reason == b.reason && a.message == b.message; }

bool Before(const Finding& a, const Finding& b) {
  const Location& x = a.issue.location;
  const Location& y = b.issue.location;
  return std::tie(x.file, x.line, x.column) < std::tie(y.file, y.line, y.column);
}

// A line as it may be printed, and what stands below it up to `column` (from 1): bytes that are no text, and control
// characters, which could steer a terminal, become a replacement character.
struct Shown {
  std::string line;
  std::string indent;
};
Shown Show(std::string_view line, size_t column) {
  Shown shown;
  for (size_t i = 0; i < line.size();) {
    const size_t length = Utf8Length(line, i);
    const bool tab = line[i] == '\t';
    const bool plain = length > 1 || (length == 1 && (tab || !absl::ascii_iscntrl(line[i])));
    if (i + 1 < column) shown.indent += tab ? '\t' : ' ';
    if (plain) {
      shown.line += line.substr(i, length);
    } else {
      shown.line += "\xef\xbf\xbd";
    }
    i += std::max<size_t>(length, 1);
  }
  return shown;
}

}  // namespace

absl::Status ConfigSet::AddPath(const std::string& path, const std::set<std::string>& skip) {
  std::error_code error;
  std::vector<std::string> files;
  if (fs::is_directory(path, error)) {
    std::set<std::string> seen;
    if (absl::Status status = ListFolder(path, true, seen, &files); !status.ok()) return status;
  } else {
    files.push_back(path);
  }
  for (const std::string& file : files) {
    if (skip.contains(file)) continue;
    absl::StatusOr<std::string> text = ReadText(file);
    if (!text.ok()) return text.status();
    AddText(file, *std::move(text));
  }
  return absl::OkStatus();
}

void ConfigSet::AddText(const std::string& path, std::string text, bool later) {
  if (later) later_.insert(path);
  const std::string& kept = texts_[path] = std::move(text);
  results_[path] = model::ReadText(kept, path, registry_);
}

absl::Status ConfigSet::AddSecrets(const std::string& folder) {
  has_secrets_ = true;
  return AddData(folder, sources::DataKind::kSecret, &secrets_, &data_issues_);
}

absl::Status ConfigSet::AddArtifacts(const std::string& folder) {
  has_artifacts_ = true;
  return AddData(folder, sources::DataKind::kArtifact, &artifacts_, &data_issues_);
}

ConfigSet::Checked ConfigSet::Check() const {
  // The source's own index decides which of two definitions counts.
  sources::file::ConfigIndex index("file");
  sources::Batch batch;
  for (const bool later : {false, true}) {
    for (const auto& [path, result] : results_) {
      if (later_.contains(path) == later) index.Update(path, result);
    }
    index.Flush(later ? 2 : 1, batch);
  }

  Checked checked;
  checked.file_issues = data_issues_;
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

  translator::Settings settings;
  settings.system_authorities = sources::file::ReadSystemAuthorities("").value_or("");
  translator::Translator translator(registry_, std::move(settings));
  translator::Result result = translator.Apply(changes);
  for (auto& [role, delta] : result.deltas) {
    for (snapshot::ResourcePtr& resource : delta.upserts) {
      checked.resources[role][resource->ref] = std::move(resource);
    }
  }
  // Whether a secret is there is not known where none were given; so it is not known either what needs it.
  const auto is_unknown = [&](const Issue& issue) {
    return (issue.reason == "SecretNotFound" && !has_secrets_) ||
           (issue.reason == "ArtifactNotFound" && !has_artifacts_);
  };
  std::vector<std::string> unknown_upstreams;
  for (const translator::Report& report : result.reports) {
    if (report.key.kind != model::Kind::kUpstream) continue;
    if (std::none_of(report.issues.begin(), report.issues.end(), is_unknown)) continue;
    unknown_upstreams.push_back(StrCat("upstream \"", report.key.ns, "/", report.key.name, "\""));
  }
  std::map<std::string, std::unique_ptr<model::Locator>> locators;
  NearMisses near_misses(checked.entries);
  for (translator::Report& report : result.reports) {
    const auto entry = FindEntry(checked.entries, report.key);
    if (entry == checked.entries.end()) continue;
    // Issues of reading are known, with their places.
    std::erase_if(report.issues, [&](const Issue& issue) {
      const auto speaks_of = [&](const std::string& upstream) {
        return issue.message.find(upstream) != std::string::npos;
      };
      return is_unknown(issue) ||
             ((issue.reason == "UpstreamNotReady" || issue.reason == "ServiceNotReady") &&
              std::any_of(unknown_upstreams.begin(), unknown_upstreams.end(), speaks_of)) ||
             std::any_of(entry->issues.begin(), entry->issues.end(), [&](const Issue& e) { return IsSame(e, issue); });
    });
    for (Issue issue : report.issues) {
      issue.message += near_misses.Of(issue, entry->key.ns);
      if (entry->object != nullptr && issue.location.line == 0) {
        const model::Origin& origin = entry->object->origin;
        if (const std::string* text = Text(origin.location)) {
          std::unique_ptr<model::Locator>& locator = locators[origin.location];
          if (locator == nullptr) locator = std::make_unique<model::Locator>(*text);
          model::Located located = locator->Find(origin.document, issue.path);
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
  const auto found = FindEntry(entries, key);
  return found == entries.end() ? nullptr : &*found;
}

std::vector<Finding> ConfigSet::Checked::All() const {
  std::vector<Finding> all;
  for (const Issue& issue : file_issues) all.push_back({"", issue});
  for (const Entry& entry : entries) {
    for (const Issue& issue : entry.issues) all.push_back({model::ToString(entry.key), issue});
  }
  std::stable_sort(all.begin(), all.end(), Before);
  return all;
}

std::vector<std::string> ConfigSet::Paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, text] : texts_) paths.push_back(path);
  return paths;
}

const std::string* ConfigSet::Text(const std::string& path) const {
  const auto found = texts_.find(path);
  return found == texts_.end() ? nullptr : &found->second;
}

const model::FileResult* ConfigSet::Result(const std::string& path) const {
  const auto found = results_.find(path);
  return found == results_.end() ? nullptr : &found->second;
}

std::map<model::ObjectKey, std::vector<model::Origin>> ConfigSet::Places() const {
  std::map<model::ObjectKey, std::vector<model::Origin>> places;
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
        places[*read.key].push_back(std::move(origin));
      }
      ++document;
    }
  }
  return places;
}

std::string Format(const Finding& finding, const ConfigSet& set) {
  const Location& location = finding.issue.location;
  Issue shown = finding.issue;
  if (!finding.object.empty()) {
    shown.path = shown.path.empty() ? finding.object : StrCat(finding.object, ": ", shown.path);
  }
  std::string out = ToString(shown) + "\n";
  const std::string* text = set.Text(location.file);
  if (text == nullptr || location.line <= 0) return out;
  size_t begin = 0;
  for (int line = 1; line < location.line; ++line) {
    const size_t end = text->find('\n', begin);
    if (end == std::string::npos) return out;
    begin = end + 1;
  }
  std::string_view line = std::string_view(*text).substr(begin, text->find('\n', begin) - begin);
  while (!line.empty() && absl::ascii_isspace(line.back())) line.remove_suffix(1);
  // Of a very long line (JSON without breaks) only what is about the place is shown.
  constexpr size_t kWidest = 160;
  const size_t column = std::max(location.column, 1);
  const size_t cut = line.size() > kWidest && column > kWidest / 2 ? std::min(column - kWidest / 2, line.size()) : 0;
  const Shown part = Show(line.substr(cut, kWidest), column - cut);
  const std::string number = StrCat(location.line);
  const size_t margin = std::max<size_t>(5, number.size());
  StrAppend(&out, std::string(margin - number.size(), ' '), number, " | ", part.line, "\n");
  StrAppend(&out, std::string(margin, ' '), " | ", part.indent, "^\n");
  return out;
}

bool HasErrors(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& f) { return f.issue.severity == Severity::kError; });
}

std::string CountText(const std::vector<Finding>& findings) {
  const auto errors = std::count_if(findings.begin(), findings.end(),
                                    [](const Finding& f) { return f.issue.severity == Severity::kError; });
  const auto warnings = static_cast<long>(findings.size()) - errors;
  return StrCat(errors, errors == 1 ? " error, " : " errors, ", warnings, warnings == 1 ? " warning" : " warnings");
}

}  // namespace gloo::cli
