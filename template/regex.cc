#include "template/regex.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>

namespace gloo::tmpl {
namespace {

constexpr size_t kMaxText = 1024;
constexpr int kMaxGroups = 32;

RE2::Options Options() {
  RE2::Options options(RE2::Quiet);
  // Of the program and of what matching keeps.
  options.set_max_mem(1 << 20);
  return options;
}

}  // namespace

struct Regex::Program {
  explicit Program(re2::StringPiece text) : re(text, Options()) {}
  const RE2 re;
};

bool Regex::Compile(std::string_view text, Regex* regex, std::string* error) {
  if (text.size() > kMaxText) {
    *error = "has more than " + std::to_string(kMaxText) + " characters";
    return false;
  }
  auto program = std::make_shared<const Program>(re2::StringPiece(text.data(), text.size()));
  if (!program->re.ok()) {
    *error = program->re.error();
    return false;
  }
  const int count = program->re.NumberOfCapturingGroups();
  if (count > kMaxGroups) {
    *error = "has more than " + std::to_string(kMaxGroups) + " groups";
    return false;
  }
  regex->groups_.assign(static_cast<size_t>(count), "");
  for (const auto& [number, name] : program->re.CapturingGroupNames()) {
    regex->groups_[static_cast<size_t>(number) - 1] = name;
  }
  regex->program_ = std::move(program);
  return true;
}

std::string_view Regex::text() const { return program_->re.pattern(); }

bool Regex::Find(std::string_view value, std::span<std::string_view> captures) const {
  std::array<re2::StringPiece, kMaxGroups + 1> found;
  const size_t count = std::min(captures.size(), groups_.size() + 1);
  // A part without data() is one that takes no part.
  const re2::StringPiece text(value.data() == nullptr ? "" : value.data(), value.size());
  if (!program_->re.Match(text, 0, text.size(), RE2::UNANCHORED, found.data(), static_cast<int>(count))) return false;
  for (size_t i = 0; i < count; ++i) captures[i] = {found[i].data(), found[i].size()};
  return true;
}

}  // namespace gloo::tmpl
