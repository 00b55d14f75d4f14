#include "cli/program.h"

#include <CLI/CLI.hpp>

#include <exception>
#include <istream>
#include <ostream>

#include "base/strings.h"
#include "base/suggest.h"
#include "cli/verb.h"
#include "plugins/builtin.h"
#include "translator/registry.h"

namespace gloo::cli {
namespace {

constexpr char kAbout[] =
    "Looks at, checks and changes what the Gloo gateway serves.\n"
    "\n"
    "Verbs that ask a running control plane use --admin; validate, explain, schema, reference and completion work\n"
    "on files alone.";

constexpr char kFooter[] =
    "\n"
    "Examples:\n"
    "  glooctl validate -f config/            check files before they are used\n"
    "  glooctl get virtualservices            what is served, and what is wrong with it\n"
    "  glooctl explain --host shop.example --path /pets/3 -f config/\n"
    "                                         which route and function answer, and with what request\n"
    "\n"
    "Exit codes: 0 all is well, 1 something is wrong with what was looked at, 2 wrong usage, 3 no control plane\n"
    "answers.";

// The words that would have been right where CLI11 has only found one it does not know.
std::string VerbSuggestion(const CLI::App& app, const std::vector<std::string>& args) {
  if (!app.get_subcommands().empty()) return "";
  std::vector<std::string> names;
  for (const Verb& verb : Verbs()) names.emplace_back(verb.name);
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i].rfind("-", 0) != 0) return StrCat("unknown verb \"", args[i], "\"", Suggestion(args[i], names));
    // A flag's value is no verb.
    if (args[i] == "--admin" || args[i] == "--config-dir" || args[i] == "--state-dir") ++i;
  }
  return "no verb is given";
}

}  // namespace

int Context::Fail(ExitCode code, const std::string& message) const {
  err << "glooctl: " << message << "\n";
  return code;
}

const std::vector<Verb>& Verbs() {
  static const std::vector<Verb> verbs = {
      {"get", "List or show objects and functions, with their state", AddGet},
      {"apply", "Check objects and write them to the configuration folder", AddApply},
      {"create", "Make an upstream from the description of a service", AddCreate},
      {"function", "Bring the functions of an upstream up to date with its service's description", AddFunction},
      {"delete", "Delete objects that apply wrote", AddDelete},
      {"validate", "Check files offline; all errors at once", AddValidate},
      {"explain", "Say which route and function a request takes, and what is sent on; offline", AddExplain},
      {"proxy", "Show what Envoys are served, and which are connected", AddProxy},
      {"schema", "Print the JSON Schema of all objects, for editors", AddSchema},
      {"reference", "Print the reference of all fields, in Markdown", AddReference},
      {"completion", "Print a completion script for a shell", AddCompletion},
      {"version", "Print the versions of glooctl and of the control plane", AddVersion},
  };
  return verbs;
}

int RunGlooctl(const std::vector<std::string>& args, Streams streams, const Clock& clock) {
  translator::Registry registry;
  plugins::AddBuiltins(registry);
  Context context{streams.in, streams.out, streams.err, clock, registry, "", "", ""};

  CLI::App app(kAbout, "glooctl");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.add_option("--admin", context.admin, "Address of the control plane's admin endpoint")
      ->envname("GLOO_ADMIN")
      ->default_val("127.0.0.1:9091")
      ->type_name("HOST:PORT");
  app.add_option("--config-dir", context.config_dir,
                 "Folder of the configuration; asked of the control plane where not given")
      ->envname("GLOO_CONFIG_DIR")
      ->type_name("DIR");
  app.add_option("--state-dir", context.state_dir, "State folder of a control plane; get reads it where none answers")
      ->envname("GLOO_STATE_DIR")
      ->type_name("DIR");

  RunVerb run;
  for (const Verb& verb : Verbs()) {
    CLI::App* sub = app.add_subcommand(verb.name, verb.help);
    sub->fallthrough();
    RunVerb of_verb = verb.add(*sub);
    sub->callback([&run, of_verb] { run = of_verb; });
  }
  try {
    std::vector<std::string> reversed(args.rbegin(), args.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp& help) {
    app.exit(help, streams.out, streams.err);
    return kOk;
  } catch (const CLI::CallForAllHelp& help) {
    app.exit(help, streams.out, streams.err);
    return kOk;
  } catch (const CLI::ParseError& error) {
    const std::string suggestion = VerbSuggestion(app, args);
    const auto used = app.get_subcommands();
    return context.Fail(kUsage, StrCat(suggestion.empty() ? error.what() : suggestion, "; see glooctl ",
                                       used.empty() ? "" : StrCat(used.front()->get_name(), " "), "--help"));
  }
  try {
    return run(context);
  } catch (const std::exception& error) {
    // Verbs return their errors; what still arrives here is out of memory or a stream that fails.
    return context.Fail(kFoundErrors, error.what());
  }
}

}  // namespace gloo::cli
