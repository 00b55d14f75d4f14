// "did you mean": the nearest of the names that would have been right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gloo {

// The candidate with the least edit distance to `typed`, ignoring letter case, if it is near enough
// (at most a third of the name, at least 1); empty if none is.
std::string Nearest(std::string_view typed, const std::vector<std::string>& candidates);

// `; did you mean "pathPrefix"?`, or `; known: a, b, c` (at most ten) where nothing is near.
std::string Suggestion(std::string_view typed, const std::vector<std::string>& candidates);

}  // namespace gloo
