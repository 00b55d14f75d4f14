#include "base/suggest.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace gloo {
namespace {

// Damerau-Levenshtein with neighbours swapped counted as one edit.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

}  // namespace

std::string Nearest(std::string_view typed, const std::vector<std::string>& candidates) {
  if (typed.size() > 100) return "";
  const std::string lower = absl::AsciiStrToLower(AbslView(typed));
  const size_t allowed = std::max<size_t>(1, typed.size() / 3);
  size_t best = allowed + 1;
  const std::string* found = nullptr;
  for (const std::string& candidate : candidates) {
    size_t distance = Distance(lower, absl::AsciiStrToLower(candidate));
    if (distance < best) {
      best = distance;
      found = &candidate;
    }
  }
  return found ? *found : "";
}

std::string Suggestion(std::string_view typed, const std::vector<std::string>& candidates) {
  if (std::string nearest = Nearest(typed, candidates); !nearest.empty()) {
    return StrCat("; did you mean \"", nearest, "\"?");
  }
  if (candidates.empty()) return "";
  std::string out = "; known: ";
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (i == 10) return StrCat(out, ", ...");
    StrAppend(&out, i ? ", " : "", candidates[i]);
  }
  return out;
}

}  // namespace gloo
