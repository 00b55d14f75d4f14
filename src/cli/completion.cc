// glooctl completion: scripts for shells, made from the table of verbs and their flags.
#include <CLI/CLI.hpp>

#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "cli/verb.h"

namespace gloo::cli {
namespace {

// What may follow a verb, besides files.
struct Words {
  std::string verb;
  std::string help;
  // Subcommands or values of the first argument.
  std::vector<std::string> values;
  // "--output" and its help.
  std::vector<std::pair<std::string, std::string>> flags;
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
    words->flags.emplace_back("--" + option->get_lnames().front(), option->get_description());
  }
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
    std::sort(words.flags.begin(), words.flags.end());
    words.flags.erase(std::unique(words.flags.begin(), words.flags.end(),
                                  [](const auto& a, const auto& b) { return a.first == b.first; }),
                      words.flags.end());
    all.push_back(std::move(words));
  }
  return all;
}

std::string Joined(const Words& words) {
  std::string out;
  for (const std::string& value : words.values) StrAppend(&out, out.empty() ? "" : " ", value);
  for (const auto& [flag, help] : words.flags) StrAppend(&out, out.empty() ? "" : " ", flag);
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

std::string Bash(const std::vector<Words>& all) {
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
      "    '') words=",
      Quoted(verbs), " ;;\n", cases,
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}\n"
      "complete -o filenames -F _glooctl glooctl\n");
}

std::string Zsh(const std::vector<Words>& all) {
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
      "  verbs=(\n",
      verbs,
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe verb verbs\n"
      "    return\n"
      "  fi\n"
      "  case \"${words[CURRENT - 1]}\" in\n"
      "    -f | --file | --config-dir | --state-dir | --secrets-dir | --artifacts-dir) _files; return ;;\n"
      "    -o | --output) compadd table yaml json; return ;;\n"
      "  esac\n"
      "  case \"${words[2]}\" in\n",
      cases,
      "  esac\n"
      "}\n"
      "compdef _glooctl glooctl\n");
}

std::string Fish(const std::vector<Words>& all) {
  std::string out = "# fish completion of glooctl; load with: glooctl completion fish | source\n";
  for (const Words& words : all) {
    StrAppend(&out, "complete -c glooctl -n __fish_use_subcommand -f -a ", words.verb, " -d ", Quoted(words.help),
              "\n");
    const std::string seen = StrCat("-n ", Quoted(StrCat("__fish_seen_subcommand_from ", words.verb)));
    for (const std::string& value : words.values) {
      StrAppend(&out, "complete -c glooctl ", seen, " -f -a ", value, "\n");
    }
    for (const auto& [flag, help] : words.flags) {
      StrAppend(&out, "complete -c glooctl ", seen, " -l ", flag.substr(2), " -d ", Quoted(help), "\n");
    }
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
    context.out << (*shell == "bash" ? Bash(words) : *shell == "zsh" ? Zsh(words) : Fish(words));
    return kOk;
  };
}

}  // namespace gloo::cli
