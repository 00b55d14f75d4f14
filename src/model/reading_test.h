// Short ways to read, for tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/reader.h"

namespace gloo::model {

// Reads a file `f.yaml`.
FileResult ReadTest(std::string_view text);

// All issues of the file and its documents, as users see them, without the file's name: "4:3: error: spec.x: ...".
std::vector<std::string> IssuesOf(std::string_view text);

// The object of a text that has one and no mistake; a failed expectation and null otherwise.
ObjectPtr ReadOne(std::string_view text);

// An Upstream of type everything (namespace default, name u) whose spec is `fields`, lines without indentation.
// They begin on line 7 in column 5.
std::string Everything(std::string_view fields);

}  // namespace gloo::model
