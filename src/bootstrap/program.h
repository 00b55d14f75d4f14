// The program `gloo`.
#pragma once

namespace gloo::bootstrap {

// Exit codes: 0 ended as asked, 1 could not start or a part failed for good, 2 wrong usage.
int RunProgram(int argc, char** argv);

}  // namespace gloo::bootstrap
