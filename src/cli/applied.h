// The objects that glooctl itself keeps in the configuration folder, a file each. Files of users are never touched.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/config_set.h"
#include "cli/verb.h"
#include "model/object.h"

namespace gloo::cli {

// CONFIG_DIR/applied/virtualservice.default.shop.yaml.
std::string AppliedPath(const std::string& config_dir, const model::ObjectKey& key);

struct ConfigFolder {
  std::string path;
  // A control plane answers and reads this folder: what is written there can be waited for.
  bool watched = false;
};
// --config-dir, else what the control plane says. Unavailable where neither is there.
absl::StatusOr<ConfigFolder> FindConfigFolder(const Context& context);

// Errors for every key that a file other than its own applied one defines:
// `VirtualService default/shop is defined in config/shop.yaml:3; edit that file`.
std::vector<std::string> ForeignPlaces(const ConfigSet& existing, const std::string& config_dir,
                                       const std::vector<model::ObjectKey>& keys);

// Atomic: the file is whole or as before.
absl::Status WriteFile(const std::string& path, const std::string& text);

// The texts of the documents of `text`, one for each of `count`; fails where they cannot be told apart.
absl::StatusOr<std::vector<std::string>> SplitDocuments(const std::string& text, size_t count);

// What `glooctl apply` does with the objects of `input`: checks them beside what is there, writes them, waits for the
// control plane to take them in, and says what became of each.
int ApplyObjects(const Context& context, const ConfigSet& input, double wait_seconds);

// Waits until the control plane has taken in what was written: the object's content hash, "" for one that is gone.
// Returns what became of each object ("Accepted, programmed 1/1"; "gone"), or "" for one that was not taken in in time.
struct Outcome {
  std::string text;
  bool well = false;
};
std::map<model::ObjectKey, Outcome> WaitFor(const Context& context,
                                            const std::map<model::ObjectKey, std::string>& hashes,
                                            absl::Duration timeout);

}  // namespace gloo::cli
