#include "xds/access.h"

#include <algorithm>

#include "absl/status/status.h"
#include "base/strings.h"

namespace gloo::xds {
namespace {

bool Matches(std::string_view pattern, std::string_view text) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  return text.size() > before.size() + after.size() && text.starts_with(before) && text.ends_with(after);
}

}  // namespace

absl::StatusOr<AccessRule> ParseAccessRule(std::string_view text) {
  const size_t equal = text.rfind('=');
  if (equal == std::string_view::npos || equal == 0 || equal + 1 == text.size()) {
    return absl::InvalidArgumentError(StrCat("\"", std::string(text), "\" is not IDENTITY=ROLE"));
  }
  AccessRule rule{std::string(text.substr(0, equal)), std::string(text.substr(equal + 1))};
  for (const std::string* part : {&rule.identity, &rule.role}) {
    if (std::count(part->begin(), part->end(), '*') > 1) {
      return absl::InvalidArgumentError(StrCat("\"", *part, "\" holds more than one \"*\""));
    }
  }
  return rule;
}

bool MayBe(const std::vector<AccessRule>& rules, const std::vector<std::string>& identities, std::string_view role) {
  if (rules.empty()) return true;
  for (const AccessRule& rule : rules) {
    if (!Matches(rule.role, role)) continue;
    for (const std::string& identity : identities) {
      if (Matches(rule.identity, identity)) return true;
    }
  }
  return false;
}

}  // namespace gloo::xds
