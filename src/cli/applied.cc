#include "cli/applied.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/clock.h"
#include "base/strings.h"
#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/objects.h"

namespace gloo::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr absl::Duration kPoll = absl::Milliseconds(50);

absl::Status SystemError(const std::string& what) {
  return absl::InternalError(StrCat(what, ": ", absl::AsciiStrToLower(std::generic_category().message(errno))));
}

bool IsSamePlace(const std::string& a, const std::string& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

bool BeginsDocument(const std::string& line) {
  return line.rfind("---", 0) == 0 && (line.size() == 3 || absl::ascii_isspace(line[3]));
}

bool HasContent(const std::string& text) {
  for (size_t from = 0; from < text.size();) {
    const size_t end = std::min(text.find('\n', from), text.size());
    const std::string line(absl::StripAsciiWhitespace(text.substr(from, end - from)));
    if (!line.empty() && line[0] != '#' && line[0] != '%' && line != "...") return true;
    from = end + 1;
  }
  return false;
}

// What the control plane says of one object now; `hash` is that of its spec as written.
struct Seen {
  std::string hash;
  Outcome outcome;
  bool settled = false;
};

Seen Describe(const json::value& item) {
  Seen seen;
  seen.hash = TextAt(item, {"hash"});
  std::string state = absl::AsciiStrToLower(TextAt(item, {"status", "state"}));
  if (state.empty()) state = "pending";
  size_t programmed = 0;
  size_t waiting = 0;
  const json::array& nodes = ArrayAt(item, {"status", "nodes"});
  for (const json::value& node : nodes) {
    const std::string of_node = absl::AsciiStrToLower(TextAt(node, {"state"}));
    programmed += of_node == "programmed" ? 1 : 0;
    waiting += of_node == "programmed" || of_node == "refused" ? 0 : 1;
  }
  seen.settled = state != "pending" && waiting == 0;
  seen.outcome.well = state == "accepted" || state == "warning";
  state[0] = absl::ascii_toupper(state[0]);
  seen.outcome.text = state;
  if (!nodes.empty()) StrAppend(&seen.outcome.text, ", programmed ", programmed, "/", nodes.size());
  if (const std::string message = TextAt(item, {"status", "message"}); !message.empty()) {
    StrAppend(&seen.outcome.text, ": ", message);
  }
  return seen;
}

}  // namespace

std::string AppliedPath(const std::string& config_dir, const model::ObjectKey& key) {
  return (fs::path(config_dir) / "applied" / StrCat(KindWord(key.kind), ".", key.ns, ".", key.name, ".yaml")).string();
}

absl::StatusOr<ConfigFolder> FindConfigFolder(const Context& context) {
  const absl::StatusOr<std::string> body = AdminClient(context.admin).Get("/api/v1/info");
  std::string told;
  if (body.ok()) {
    const absl::StatusOr<json::value> info = ParseJson(*body);
    if (info.ok()) told = TextAt(*info, {"configDir"});
  }
  ConfigFolder folder;
  std::error_code error;
  if (!context.config_dir.empty()) {
    folder.path = context.config_dir;
    folder.watched = !told.empty() && IsSamePlace(told, folder.path);
  } else if (!told.empty()) {
    folder.path = told;
    folder.watched = true;
  } else if (body.ok()) {
    return absl::NotFoundError("the control plane names no configuration folder; give --config-dir");
  } else {
    return absl::UnavailableError(StrCat(std::string(body.status().message()),
                                         "; start gloo, name its endpoint with --admin, or give --config-dir"));
  }
  if (!fs::is_directory(folder.path, error)) {
    return absl::NotFoundError(StrCat("there is no configuration folder ", folder.path,
                                      context.config_dir.empty() ? " on this machine; give --config-dir" : ""));
  }
  return folder;
}

std::vector<std::string> ForeignPlaces(const ConfigSet& existing, const std::string& config_dir,
                                       const std::vector<model::ObjectKey>& keys) {
  const auto places = existing.Places();
  std::vector<std::string> errors;
  for (const model::ObjectKey& key : keys) {
    const auto found = places.find(key);
    if (found == places.end()) continue;
    const std::string own = AppliedPath(config_dir, key);
    for (const model::Origin& origin : found->second) {
      if (origin.location == own) continue;
      errors.push_back(
          StrCat(model::ToString(key), " is defined in ", origin.location, ":", origin.line, "; edit that file"));
      break;
    }
  }
  return errors;
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  const fs::path target(path);
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  if (error) {
    return absl::InternalError(
        StrCat("cannot make the folder ", target.parent_path().string(), ": ", absl::AsciiStrToLower(error.message())));
  }
  // Hidden names are passed over by the control plane.
  std::string temporary = (target.parent_path() / StrCat(".", target.filename().string(), ".XXXXXX")).string();
  const int fd = mkstemp(temporary.data());
  if (fd < 0) return SystemError(StrCat("cannot write ", path));
  bool good = fchmod(fd, 0644) == 0;
  for (size_t done = 0; good && done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    good = n > 0;
    if (good) done += static_cast<size_t>(n);
  }
  good = good && fsync(fd) == 0;
  absl::Status status = good ? absl::OkStatus() : SystemError(StrCat("cannot write ", path));
  close(fd);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) status = SystemError(StrCat("cannot write ", path));
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

absl::StatusOr<std::vector<std::string>> SplitDocuments(const std::string& text, size_t count) {
  std::vector<std::string> documents(1);
  for (size_t from = 0; from < text.size();) {
    const size_t end = std::min(text.find('\n', from), text.size());
    const std::string line = text.substr(from, end - from);
    if (BeginsDocument(line)) {
      documents.emplace_back();
    } else {
      StrAppend(&documents.back(), line, "\n");
    }
    from = end + 1;
  }
  std::erase_if(documents, [](const std::string& document) { return !HasContent(document); });
  if (documents.size() == count) return documents;
  if (count == 1) return std::vector<std::string>{text};
  return absl::InvalidArgumentError(
      "cannot be taken apart; write each object as a document of its own, after a line ---");
}

std::map<model::ObjectKey, Outcome> WaitFor(const Context& context,
                                            const std::map<model::ObjectKey, std::string>& hashes,
                                            absl::Duration timeout) {
  const AdminClient client(context.admin);
  const absl::Time deadline = absl::Now() + timeout;
  std::map<model::ObjectKey, Outcome> outcomes;
  std::set<model::Kind> kinds;
  for (const auto& [key, hash] : hashes) kinds.insert(key.kind);
  while (true) {
    bool settled = true;
    outcomes.clear();
    std::map<model::ObjectKey, Seen> seen;
    for (const model::Kind kind : kinds) {
      const absl::StatusOr<std::string> body = client.Get(StrCat("/api/v1/objects?kind=", model::KindName(kind)));
      if (!body.ok()) return outcomes;
      const absl::StatusOr<json::value> answer = ParseJson(*body);
      if (!answer.ok()) return outcomes;
      for (const json::value& item : ArrayAt(*answer, {"objects"})) {
        seen[{kind, TextAt(item, {"object", "metadata", "namespace"}), TextAt(item, {"object", "metadata", "name"})}] =
            Describe(item);
      }
    }
    for (const auto& [key, hash] : hashes) {
      const auto found = seen.find(key);
      Outcome& outcome = outcomes[key];
      if (hash.empty()) {
        if (found == seen.end()) {
          outcome = {"gone", true};
        } else {
          settled = false;
        }
      } else if (found != seen.end() && found->second.hash == hash) {
        outcome = found->second.outcome;
        settled = settled && found->second.settled;
      } else {
        settled = false;
      }
    }
    if (settled || absl::Now() >= deadline) return outcomes;
    absl::SleepFor(kPoll);
  }
}

}  // namespace gloo::cli
