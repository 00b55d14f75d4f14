// glooctl validate: reads and translates files as the control plane would, and shows all that is wrong.
#include <CLI/CLI.hpp>

#include <memory>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "base/strings.h"
#include "cli/config_set.h"
#include "cli/verb.h"

namespace gloo::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string secrets_dir;
  std::string artifacts_dir;
  bool quiet = false;
};

int Validate(const Context& context, const Options& options) {
  ConfigSet set(context.registry);
  for (const std::string& file : options.files) {
    if (file == "-") {
      std::ostringstream text;
      text << context.in.rdbuf();
      set.AddText("<stdin>", text.str());
    } else if (absl::Status status = set.AddPath(file); !status.ok()) {
      return context.Fail(kUsage, std::string(status.message()));
    }
  }
  for (const auto& [folder, add] : {std::pair(options.secrets_dir, &ConfigSet::AddSecrets),
                                    std::pair(options.artifacts_dir, &ConfigSet::AddArtifacts)}) {
    if (folder.empty()) continue;
    if (absl::Status status = (set.*add)(folder); !status.ok()) {
      return context.Fail(kUsage, std::string(status.message()));
    }
  }
  const ConfigSet::Checked checked = set.Check();
  const std::vector<Finding> findings = checked.All();
  for (const Finding& finding : findings) {
    if (options.quiet && finding.issue.severity == Severity::kWarning) continue;
    context.out << Format(finding, set);
  }
  const size_t objects = checked.entries.size();
  context.out << StrCat(set.files(), set.files() == 1 ? " file, " : " files, ", objects,
                        objects == 1 ? " object: " : " objects: ", CountText(findings), "\n");
  return HasErrors(findings) ? kFoundErrors : kOk;
}

}  // namespace

RunVerb AddValidate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-f,--file", options->files, "File or folder to check; - reads standard input; may be repeated")
      ->required()
      ->type_name("FILE|DIR");
  app.add_option("--secrets-dir", options->secrets_dir,
                 "Folder of secrets; without it missing secrets are not reported")
      ->type_name("DIR");
  app.add_option("--artifacts-dir", options->artifacts_dir,
                 "Folder of artifacts; without it missing artifacts are not reported")
      ->type_name("DIR");
  app.add_flag("-q,--quiet", options->quiet, "Show errors only");
  app.footer(
      "\nNeeds no control plane. Ends with 1 if there are errors; warnings alone end with 0.\n"
      "\nExamples:\n"
      "  glooctl validate -f config/\n"
      "  git show HEAD:shop.yaml | glooctl validate -f -");
  return [options](Context& context) { return Validate(context, *options); };
}

}  // namespace gloo::cli
