// Regular expressions of RE2, for extractors: linear in the text, whatever the expression.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gloo::tmpl {

class Regex {
 public:
  Regex() = default;
  // False with `error` set: RE2's own words.
  static bool Compile(std::string_view text, Regex* regex, std::string* error);

  // As it was written.
  std::string_view text() const;

  // Of its groups, `(?P<name>...)`, in their order; a group without a name is "".
  const std::vector<std::string>& groups() const { return groups_; }

  // Finds the first place of `value` that matches. `captures` gets the whole of it and then the groups, as many as it
  // has room for; a group that takes no part has no data().
  bool Find(std::string_view value, std::span<std::string_view> captures) const;

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
  std::vector<std::string> groups_;
};

}  // namespace gloo::tmpl
