// Configuration, secrets and artifacts from folders of files.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/parts.h"
#include "model/reader.h"
#include "runtime/metrics.h"
#include "sources/source.h"

namespace gloo::sources {

// Reads every *.yaml, *.yml and *.json below `config_dir`, and the files of secrets and artifacts, and follows them by
// inotify on a thread of its own. Never writes to the folders. What it guarantees: docs/design/sources.md.
//
// Objects are told with `created` set to when this process first saw them where the file gives no creationTimestamp,
// and with the generation of the file (0 where it gives none). Places are paths below `config_dir` (a folder that is
// not there: its own path); places of secrets and artifacts are their folder and the path below it.
class FileSource final : public Source, public IssueLocator {
 public:
  struct Options {
    std::string name = "file";
    std::string config_dir;
    // Empty: none. One that is given but not there keeps the source from being synced.
    std::string secrets_dir;
    std::string artifacts_dir;
    // Must outlive the source. Not used when `read_text` is given.
    const model::PartSchemas* schemas = nullptr;
    model::ReadLimits limits;
    // May be null; must outlive the source.
    runtime::Metrics* metrics = nullptr;
    const Clock* clock = &Clock::Real();

    // For how long a file that is gone still counts. Editors and `git checkout` take a file away for a moment and write
    // it anew; only removals wait for this, nothing else does.
    std::chrono::milliseconds removal_grace{50};
    // The whole tree is listed this often for what no event tells of (network file systems).
    std::chrono::milliseconds relist_interval{60'000};
    std::chrono::milliseconds relist_interval_unwatched{2'000};
    // inotify watches per folder tree; 0: as many as the system allows.
    size_t max_watches = 0;
    // model::ReadText with `schemas` and `limits` where not given.
    std::function<model::FileResult(std::string_view text, std::string_view file)> read_text;
  };

  // `sink` must outlive the source.
  FileSource(Options options, Sink& sink);
  ~FileSource() override;

  absl::Status Start() override;
  // Reads each file again, once; one that is gone leaves the issues where their document began.
  void Locate(std::vector<Unlocated> all) const override;

 private:
  class Worker;

  const Options options_;
  Sink& sink_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace gloo::sources
