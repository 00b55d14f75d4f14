#include "sources/file/system_authorities.h"

#include "base/strings.h"
#include "sources/file/read_file.h"

namespace gloo::sources::file {
namespace {

constexpr size_t kMaxBytes = 8 << 20;
// Debian and Alpine, Fedora, openSUSE, and what others agree on.
constexpr const char* kUsualPlaces[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

}  // namespace

absl::StatusOr<std::string> ReadSystemAuthorities(const std::string& path) {
  if (!path.empty()) {
    ReadOutcome read = ReadWhole(path, kMaxBytes);
    switch (read.kind) {
      case ReadOutcome::Kind::kText:
        return std::move(read.text);
      case ReadOutcome::Kind::kGone:
        return absl::NotFoundError("there is no such file");
      case ReadOutcome::Kind::kUnreadable:
        return absl::PermissionDeniedError(StrCat("cannot be read: ", read.why));
      case ReadOutcome::Kind::kTooLarge:
        return absl::OutOfRangeError(StrCat("has more than ", kMaxBytes, " bytes"));
    }
  }
  for (const char* place : kUsualPlaces) {
    ReadOutcome read = ReadWhole(place, kMaxBytes);
    if (read.kind == ReadOutcome::Kind::kText) return std::move(read.text);
  }
  return std::string();
}

}  // namespace gloo::sources::file
