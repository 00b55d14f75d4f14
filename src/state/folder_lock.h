// One process at a time owns a folder.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace gloo::state {

// Held until destroyed; the system lets go of it when the process dies, however it does.
class FolderLock {
 public:
  // Fails with `state directory X is in use by another gloo (pid N)`.
  static absl::StatusOr<std::unique_ptr<FolderLock>> Take(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace gloo::state
