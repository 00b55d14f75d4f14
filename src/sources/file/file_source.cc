#include "sources/file/file_source.h"

#include <optional>
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

void FileSource::Locate(const model::Origin& origin, std::vector<Issue>& issues) const {
  file::ReadOutcome read;
  if (origin.source == options_.name) {
    read = file::ReadWhole(file::JoinPath(options_.config_dir, origin.location), options_.limits.max_bytes);
  }
  std::optional<model::Locator> locator;
  if (read.kind == file::ReadOutcome::Kind::kText) locator.emplace(read.text, options_.limits);
  for (Issue& issue : issues) {
    if (issue.location.line > 0) continue;
    issue.location = {.file = origin.location, .line = origin.line, .column = origin.line > 0 ? 1 : 0};
    if (!locator) continue;
    model::Located located = locator->Find(origin.document, issue.path);
    if (located.line == 0) continue;
    issue.path = std::move(located.path);
    issue.location.line = located.line;
    issue.location.column = located.column;
  }
}

}  // namespace gloo::sources
