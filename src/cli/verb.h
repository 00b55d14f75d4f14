// glooctl's verbs: a table of name, help and function; one file a verb.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "base/clock.h"

namespace CLI {
class App;
}
namespace gloo::translator {
class Registry;
}

namespace gloo::cli {

// What the program ends with; documented in docs/glooctl.md.
enum ExitCode {
  kOk = 0,
  // Something is wrong with what was looked at: an object is invalid, not found, refused.
  kFoundErrors = 1,
  kUsage = 2,
  kUnreachable = 3,
};

// What every verb may use. Global flags are filled in when a verb runs.
struct Context {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  const Clock& clock;
  const translator::Registry& registry;
  // Address of the admin endpoint: host:port.
  std::string admin;
  // Empty where not given.
  std::string config_dir;
  std::string state_dir;

  // "glooctl: MESSAGE" on err; returns `code`.
  int Fail(ExitCode code, const std::string& message) const;
};

using RunVerb = std::function<int(Context&)>;

struct Verb {
  const char* name;
  const char* help;
  // Declares the verb's flags on `app`; what it returns runs after they are parsed.
  RunVerb (*add)(CLI::App& app);
};

// In the order of the help.
const std::vector<Verb>& Verbs();

RunVerb AddGet(CLI::App& app);
RunVerb AddApply(CLI::App& app);
RunVerb AddCreate(CLI::App& app);
RunVerb AddFunction(CLI::App& app);
RunVerb AddDelete(CLI::App& app);
RunVerb AddValidate(CLI::App& app);
RunVerb AddExplain(CLI::App& app);
RunVerb AddProxy(CLI::App& app);
RunVerb AddSchema(CLI::App& app);
RunVerb AddReference(CLI::App& app);
RunVerb AddCompletion(CLI::App& app);
RunVerb AddVersion(CLI::App& app);

}  // namespace gloo::cli
