// glooctl apply: checks objects as the control plane would, and writes them to its configuration folder.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <iterator>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "base/strings.h"
#include "cli/applied.h"
#include "cli/config_set.h"
#include "cli/verb.h"

namespace gloo::cli {
namespace {

constexpr char kStdin[] = "<stdin>";

struct Options {
  std::vector<std::string> files;
  double wait_seconds = 5;
};

// One object to write.
struct Document {
  model::ObjectKey key;
  std::string hash;
  std::string text;
};

bool IsJson(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string::npos && (text[first] == '{' || text[first] == '[');
}

// What is wrong with the applied objects alone: what is wrong elsewhere does not keep them out.
std::vector<Finding> FindingsOf(const ConfigSet::Checked& checked, const std::vector<Document>& documents,
                                const ConfigSet& input) {
  std::set<std::string> objects;
  for (const Document& document : documents) objects.insert(model::ToString(document.key));
  std::vector<Finding> findings = checked.All();
  std::erase_if(findings, [&](const Finding& finding) {
    return finding.object.empty() ? input.Text(finding.issue.location.file) == nullptr
                                  : !objects.contains(finding.object);
  });
  return findings;
}

int Refuse(const Context& context, const std::vector<Finding>& findings, const ConfigSet& set) {
  for (const Finding& finding : findings) context.err << Format(finding, set);
  return context.Fail(kFoundErrors, StrCat("nothing was applied: ", CountText(findings)));
}

int Apply(const Context& context, const Options& options) {
  ConfigSet input(context.registry);
  for (const std::string& file : options.files) {
    if (file == "-") {
      input.AddText(kStdin, std::string(std::istreambuf_iterator<char>(context.in), {}));
    } else if (absl::Status status = input.AddPath(file); !status.ok()) {
      return context.Fail(kUsage, std::string(status.message()));
    }
  }
  return ApplyObjects(context, input, options.wait_seconds);
}

}  // namespace

int ApplyObjects(const Context& context, const ConfigSet& input, double wait_seconds) {
  // What does not even read is told before the folder is looked for.
  const ConfigSet::Checked read = input.Check();
  const bool readable =
      std::none_of(read.entries.begin(), read.entries.end(), [](const auto& entry) { return entry.object == nullptr; });
  const bool whole = std::none_of(read.file_issues.begin(), read.file_issues.end(),
                                  [](const Issue& issue) { return issue.severity == Severity::kError; });
  if (!readable || !whole) {
    std::vector<Finding> findings = read.All();
    // Whether others are there is not known yet.
    std::erase_if(findings, [](const Finding& finding) { return finding.issue.severity == Severity::kWarning; });
    return Refuse(context, findings, input);
  }
  if (read.entries.empty()) return context.Fail(kFoundErrors, "there is no object in what was given");

  std::vector<Document> documents;
  for (const std::string& path : input.Paths()) {
    const model::FileResult& result = *input.Result(path);
    absl::StatusOr<std::vector<std::string>> texts = SplitDocuments(*input.Text(path), result.documents.size());
    if (!texts.ok()) return context.Fail(kFoundErrors, StrCat(path, " ", std::string(texts.status().message())));
    for (size_t i = 0; i < result.documents.size(); ++i) {
      const model::ObjectPtr& object = result.documents[i].object;
      std::string text = IsJson((*texts)[i]) ? "" : StrCat("# Written by glooctl apply.\n");
      documents.push_back({object->key, object->hash, text + (*texts)[i]});
    }
  }

  const absl::StatusOr<ConfigFolder> folder = FindConfigFolder(context);
  if (!folder.ok()) {
    return context.Fail(absl::IsUnavailable(folder.status()) ? kUnreachable : kFoundErrors,
                        std::string(folder.status().message()));
  }
  ConfigSet existing(context.registry);
  if (absl::Status status = existing.AddPath(folder->path); !status.ok()) {
    return context.Fail(kFoundErrors, std::string(status.message()));
  }
  std::vector<model::ObjectKey> keys;
  std::set<std::string> replaced;
  for (const Document& document : documents) {
    keys.push_back(document.key);
    const std::string own = AppliedPath(folder->path, document.key);
    if (existing.Text(own) != nullptr) replaced.insert(own);
  }
  const std::vector<std::string> foreign = ForeignPlaces(existing, folder->path, keys);
  for (const std::string& error : foreign) context.err << "glooctl: " << error << "\n";
  if (!foreign.empty()) return kFoundErrors;

  ConfigSet merged(context.registry);
  if (absl::Status status = merged.AddPath(folder->path, replaced); !status.ok()) {
    return context.Fail(kFoundErrors, std::string(status.message()));
  }
  // New objects are younger than all others: a domain that one of those holds is taken.
  const bool all_known = replaced.size() == documents.size();
  for (const std::string& path : input.Paths()) merged.AddText(path, *input.Text(path), !all_known);
  const std::vector<Finding> findings = FindingsOf(merged.Check(), documents, input);
  if (HasErrors(findings)) return Refuse(context, findings, merged);
  for (const Finding& finding : findings) context.err << Format(finding, merged);

  std::map<model::ObjectKey, std::string> hashes;
  std::vector<std::string> verbs;
  for (const Document& document : documents) {
    const std::string own = AppliedPath(folder->path, document.key);
    const std::string* before = existing.Text(own);
    verbs.emplace_back(before == nullptr ? "created" : *before == document.text ? "unchanged" : "updated");
    if (verbs.back() != "unchanged") {
      if (absl::Status status = WriteFile(own, document.text); !status.ok()) {
        return context.Fail(kFoundErrors, std::string(status.message()));
      }
    }
    hashes[document.key] = document.hash;
  }
  std::map<model::ObjectKey, Outcome> outcomes;
  const bool wait = folder->watched && wait_seconds > 0;
  if (wait) outcomes = WaitFor(context, hashes, absl::Seconds(wait_seconds));
  bool well = true;
  for (size_t i = 0; i < documents.size(); ++i) {
    context.out << model::ToString(documents[i].key) << " " << verbs[i];
    if (wait) {
      const Outcome& outcome = outcomes[documents[i].key];
      context.out << ": " << (outcome.text.empty() ? StrCat("not taken in within ", wait_seconds, "s") : outcome.text);
      well = well && outcome.well;
    }
    context.out << "\n";
  }
  return well ? kOk : kFoundErrors;
}

RunVerb AddApply(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-f,--file", options->files, "File or folder of objects; - reads standard input; may be repeated")
      ->required()
      ->type_name("FILE|DIR");
  app.add_option("--wait", options->wait_seconds,
                 "Seconds to wait for the control plane to take the objects in; 0: do not wait")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.footer(
      "\nObjects are checked first; if one is wrong, none is written. Each becomes a file of its own below\n"
      "CONFIG_DIR/applied. An object that a file of yours defines is refused: edit that file.\n"
      "\nExamples:\n"
      "  glooctl apply -f shop.yaml\n"
      "  sed 's/v1/v2/' shop.yaml | glooctl apply -f - --config-dir config/");
  return [options](Context& context) { return Apply(context, *options); };
}

}  // namespace gloo::cli
