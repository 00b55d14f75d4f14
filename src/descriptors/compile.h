// Descriptor sets of .proto sources.
#pragma once

#include <string>
#include <vector>

#include "base/issues.h"

namespace gloo::descriptors {

// The serialized FileDescriptorSet of the files and of all that they import. Files are named by their path, or as they
// are imported; imports are looked for in `folders`, by default in the folder of each file; google/protobuf, google/api
// and google/rpc are known. Empty after errors, each with the file's place.
std::string CompileSources(const std::vector<std::string>& files, const std::vector<std::string>& folders,
                           Issues& issues);

}  // namespace gloo::descriptors
