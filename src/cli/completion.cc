// glooctl completion: scripts for shells, made from the table of verbs and their flags.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "cli/verb.h"

namespace gloo::cli {
namespace {

// "--output", its help, and whether a value follows.
struct Flag {
  std::string name;
  std::string help;
  bool takes_value = false;
};

// What may follow a verb, besides files.
struct Words {
  std::string verb;
  std::string help;
  // Subcommands or values of the first argument.
  std::vector<std::string> values;
  std::vector<Flag> flags;
};

std::vector<std::string> ValuesOf(const std::string& verb) {
  if (verb == "get") return {"upstreams", "virtualservices", "roles", "functions"};
  if (verb == "delete") return {"upstream", "virtualservice", "role"};
  if (verb == "completion") return {"bash", "zsh", "fish"};
  return {};
}

void AddFlags(const CLI::App& app, Words* words) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() || option->get_lnames().empty()) continue;
    words->flags.push_back({"--" + option->get_lnames().front(), option->get_description(),
                            option->get_items_expected_max() > 0 && option->get_type_size() > 0});
  }
}

void Sort(Words* words) {
  auto& flags = words->flags;
  std::sort(flags.begin(), flags.end(), [](const Flag& a, const Flag& b) { return a.name < b.name; });
  flags.erase(std::unique(flags.begin(), flags.end(), [](const Flag& a, const Flag& b) { return a.name == b.name; }),
              flags.end());
}

std::vector<Words> AllWords(CLI::App& root) {
  std::vector<Words> all;
  for (CLI::App* app : root.get_subcommands([](CLI::App*) { return true; })) {
    Words words{app->get_name(), app->get_description(), ValuesOf(app->get_name()), {}};
    AddFlags(*app, &words);
    for (CLI::App* sub : app->get_subcommands([](CLI::App*) { return true; })) {
      words.values.push_back(sub->get_name());
      AddFlags(*sub, &words);
    }
    AddFlags(root, &words);
    Sort(&words);
    all.push_back(std::move(words));
  }
  return all;
}

// Flags that may stand before the verb.
Words GlobalWords(const CLI::App& root) {
  Words words;
  AddFlags(root, &words);
  Sort(&words);
  return words;
}

// "--admin | --config-dir": all flags that a value follows, and their short forms.
std::string ValueFlags(const CLI::App& root) {
  std::set<std::string> names;
  const auto add = [&names](const CLI::App& app) {
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_positional() || option->get_items_expected_max() == 0 || option->get_type_size() == 0) continue;
      for (const std::string& name : option->get_lnames()) names.insert("--" + name);
      for (const std::string& name : option->get_snames()) names.insert("-" + name);
    }
  };
  add(root);
  for (const CLI::App* app : root.get_subcommands({})) {
    add(*app);
    for (const CLI::App* sub : app->get_subcommands({})) add(*sub);
  }
  return absl::StrJoin(names, " | ");
}

std::string Joined(const Words& words) {
  std::string out;
  for (const std::string& value : words.values) StrAppend(&out, out.empty() ? "" : " ", value);
  for (const Flag& flag : words.flags) StrAppend(&out, out.empty() ? "" : " ", flag.name);
  return out;
}

// In single quotes, for all three shells.
std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string Bash(const std::vector<Words>& all, const Words& global, const std::string& value_flags) {
  std::string verbs;
  std::string cases;
  for (const Words& words : all) {
    StrAppend(&verbs, verbs.empty() ? "" : " ", words.verb);
    StrAppend(&cases, "    ", words.verb, ") words=", Quoted(Joined(words)), " ;;\n");
  }
  return StrCat(
      "# bash completion of glooctl; load with: source <(glooctl completion bash)\n"
      "_glooctl() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" verb='' words='' i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"${COMP_WORDS[i]}\" in\n"
      "      ",
      value_flags,
      ")\n"
      "        # Its value, which bash splits at \"=\" and \":\".\n"
      "        [[ ${COMP_WORDS[i + 1]-} == '=' ]] && i=$((i + 1))\n"
      "        i=$((i + 1))\n"
      "        while [[ ${COMP_WORDS[i + 1]-} == ':' ]]; do i=$((i + 2)); done ;;\n"
      "      -*) ;;\n"
      "      *) verb=\"${COMP_WORDS[i]}\"; break ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"${COMP_WORDS[COMP_CWORD - 1]}\" in\n"
      "    -f | --file | --config-dir | --state-dir | --secrets-dir | --artifacts-dir)\n"
      "      COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
      "    -o | --output) COMPREPLY=($(compgen -W 'table yaml json' -- \"$current\")); return ;;\n"
      "  esac\n"
      "  case \"$verb\" in\n"
      "    '') if [[ $current == -* ]]; then words=",
      Quoted(Joined(global)), "; else words=", Quoted(verbs), "; fi ;;\n", cases,
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}\n"
      "complete -o filenames -F _glooctl glooctl\n");
}

std::string Zsh(const std::vector<Words>& all, const Words& global, const std::string& value_flags) {
  std::string verbs;
  std::string cases;
  for (const Words& words : all) {
    StrAppend(&verbs, "    ", Quoted(StrCat(words.verb, ":", words.help)), "\n");
    StrAppend(&cases, "    ", words.verb, ") compadd -- ", Joined(words), " ;;\n");
  }
  return StrCat(
      "#compdef glooctl\n"
      "# zsh completion of glooctl; load with: source <(glooctl completion zsh)\n"
      "_glooctl() {\n"
      "  local -a verbs\n"
      "  local verb='' i\n"
      "  verbs=(\n",
      verbs,
      "  )\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case \"${words[i]}\" in\n"
      "      ",
      value_flags,
      ") ((i++)) ;;\n"
      "      -*) ;;\n"
      "      *) verb=\"${words[i]}\"; break ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"${words[CURRENT - 1]}\" in\n"
      "    -f | --file | --config-dir | --state-dir | --secrets-dir | --artifacts-dir) _files; return ;;\n"
      "    -o | --output) compadd table yaml json; return ;;\n"
      "  esac\n"
      "  case \"$verb\" in\n"
      "    '') if [[ ${words[CURRENT]} == -* ]]; then compadd -- ",
      Joined(global), "; else _describe verb verbs; fi ;;\n", cases,
      "  esac\n"
      "}\n"
      "compdef _glooctl glooctl\n");
}

std::string FishFlag(const std::string& when, const Flag& flag) {
  return StrCat("complete -c glooctl ", when, flag.takes_value ? " -r" : "", " -l ", flag.name.substr(2), " -d ",
                Quoted(flag.help), "\n");
}

std::string Fish(const std::vector<Words>& all, const Words& global) {
  std::string out = "# fish completion of glooctl; load with: glooctl completion fish | source\n";
  for (const Flag& flag : global.flags) StrAppend(&out, FishFlag("-n __fish_use_subcommand", flag));
  for (const Words& words : all) {
    StrAppend(&out, "complete -c glooctl -n __fish_use_subcommand -f -a ", words.verb, " -d ", Quoted(words.help),
              "\n");
    const std::string seen = StrCat("-n ", Quoted(StrCat("__fish_seen_subcommand_from ", words.verb)));
    for (const std::string& value : words.values) {
      StrAppend(&out, "complete -c glooctl ", seen, " -f -a ", value, "\n");
    }
    for (const Flag& flag : words.flags) StrAppend(&out, FishFlag(seen, flag));
  }
  return out;
}

}  // namespace

RunVerb AddCompletion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  app.footer(
      "\nExamples:\n"
      "  source <(glooctl completion bash)           # for this shell\n"
      "  glooctl completion fish > ~/.config/fish/completions/glooctl.fish");
  return [shell, &app](Context& context) {
    const std::vector<Words> words = AllWords(*app.get_parent());
    const Words global = GlobalWords(*app.get_parent());
    const std::string value_flags = ValueFlags(*app.get_parent());
    context.out << (*shell == "bash"  ? Bash(words, global, value_flags)
                    : *shell == "zsh" ? Zsh(words, global, value_flags)
                                      : Fish(words, global));
    return kOk;
  };
}

}  // namespace gloo::cli
