// glooctl as a function, so that tests run whole commands.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"

namespace CLI {
class App;
}

namespace gloo::cli {

struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

// Runs `glooctl ARGS...`; the result is the exit code.
int RunGlooctl(const std::vector<std::string>& args, Streams streams, const Clock& clock = Clock::Real());

}  // namespace gloo::cli
