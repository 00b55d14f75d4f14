#include <iostream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/program.h"

int main(int argc, char** argv) {
  return gloo::cli::RunGlooctl(std::vector<std::string>(argv + 1, argv + argc), {std::cin, std::cout, std::cerr},
                               gloo::Clock::Real());
}
