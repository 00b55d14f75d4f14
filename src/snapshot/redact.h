// Resources as people may see them.
#pragma once

#include <google/protobuf/message.h>

#include <memory>

#include "snapshot/resource.h"

namespace gloo::snapshot {

// The message of a resource with everything that Envoy's protos mark sensitive replaced by "[redacted]", packed
// messages (Any) included; of a secret, what this program does not know is left out too. Null where it does not parse.
std::unique_ptr<google::protobuf::Message> Redacted(const Resource& resource);

}  // namespace gloo::snapshot
