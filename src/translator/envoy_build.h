// Pieces of Envoy configuration that several units write.
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/issues.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "snapshot/resource.h"

namespace gloo::translator {

// Equal messages give equal bytes.
std::string Serialize(const google::protobuf::Message& message);

// The message in an Any, serialized as above.
google::protobuf::Any Pack(const google::protobuf::Message& message);

// Adds an error, at the current path of `issues`, for all that Envoy would refuse of a message; `what` it is for
// people: "Envoy would refuse this route: match.path: ...". True: nothing.
bool CheckForEnvoy(const google::protobuf::Message& message, std::string_view what, Issues& issues);

// The way of every resource to the Envoys: null, and errors as above, where they would refuse it.
snapshot::ResourcePtr MakeChecked(snapshot::Type type, std::string name, const google::protobuf::Message& message,
                                  std::string_view what, Issues& issues, std::vector<snapshot::ResourceRef> warms = {},
                                  std::vector<snapshot::ResourceRef> needs = {});

// From the aggregated stream that the resource itself came by.
envoy::config::core::v3::ConfigSource AdsSource();

// A filter of our module in a chain; `config` is what the filter is given, empty for none.
google::protobuf::Any ModuleFilter(std::string_view filter, std::string_view config);
// Its settings for one route or one weighted destination.
google::protobuf::Any ModulePerRoute(std::string_view filter, std::string_view config);

}  // namespace gloo::translator
