// Reads a file whole, bounded, without ever blocking on what is no regular file.
#pragma once

#include <cstddef>
#include <string>

namespace gloo::sources::file {

struct ReadOutcome {
  enum class Kind {
    kText,
    // Not there (any more); a change of the folder tells more.
    kGone,
    // There, but not to be read: `why` is a short clause, for instance "permission denied".
    kUnreadable,
    // Longer than the limit; `text` holds its first `max_bytes` + 1 bytes.
    kTooLarge,
  };
  Kind kind = Kind::kGone;
  std::string text;
  std::string why;
};

ReadOutcome ReadWhole(const std::string& path, size_t max_bytes);

}  // namespace gloo::sources::file
