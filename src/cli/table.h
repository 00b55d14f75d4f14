// Tables of text, columns as wide as what is in them.
#pragma once

#include <string>
#include <vector>

namespace gloo::cli {

// The first row is the head. Columns are parted by three spaces; the last one is not padded.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace gloo::cli
