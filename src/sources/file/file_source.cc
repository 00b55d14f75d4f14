#include "sources/file/file_source.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "sources/file/file_worker.h"
#include "sources/file/names.h"
#include "sources/file/read_file.h"

namespace gloo::sources {

FileSource::FileSource(Options options, Sink& sink) : options_(std::move(options)), sink_(sink) {}

FileSource::~FileSource() = default;

absl::Status FileSource::Start() {
  if (worker_) return absl::FailedPreconditionError("the file source is already started");
  if (options_.config_dir.empty()) return absl::InvalidArgumentError("the file source needs a configuration folder");
  if (!options_.read_text && options_.schemas == nullptr) {
    return absl::InvalidArgumentError("the file source needs the schemas of the plugins");
  }
  auto worker = std::make_unique<Worker>(options_, sink_);
  if (absl::Status status = worker->Start(); !status.ok()) return status;
  worker_ = std::move(worker);
  return absl::OkStatus();
}

void FileSource::Locate(std::vector<Unlocated> all) const {
  std::stable_sort(all.begin(), all.end(), [](const Unlocated& a, const Unlocated& b) {
    return std::tie(a.origin->source, a.origin->location) < std::tie(b.origin->source, b.origin->location);
  });
  file::ReadOutcome read;
  std::optional<model::Locator> locator;
  const model::Origin* opened = nullptr;
  for (const Unlocated& object : all) {
    const model::Origin& origin = *object.origin;
    for (Issue& issue : *object.issues) {
      if (issue.location.line > 0) continue;
      if (opened == nullptr || opened->location != origin.location || opened->source != origin.source) {
        opened = &origin;
        locator.reset();
        read = {};
        if (origin.source == options_.name) {
          read = file::ReadWhole(file::JoinPath(options_.config_dir, origin.location), options_.limits.max_bytes);
          if (options_.metrics != nullptr) {
            options_.metrics
                ->counter("gloo_source_locates_total", "Files read again to say where in them a mistake stands.",
                          {{"source", options_.name}})
                .Add(1);
          }
        }
        if (read.kind == file::ReadOutcome::Kind::kText) locator.emplace(read.text, options_.limits);
      }
      issue.location = {.file = origin.location, .line = origin.line, .column = origin.line > 0 ? 1 : 0};
      if (!locator) continue;
      model::Located located = locator->Find(origin.document, issue.path);
      if (located.line == 0) continue;
      issue.path = std::move(located.path);
      issue.location.line = located.line;
      issue.location.column = located.column;
    }
  }
}

}  // namespace gloo::sources
