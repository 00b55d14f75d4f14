// Pieces of Envoy configuration that several units write.
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "envoy/config/core/v3/config_source.pb.h"

namespace gloo::translator {

// Equal messages give equal bytes.
std::string Serialize(const google::protobuf::Message& message);

// The message in an Any, serialized as above.
google::protobuf::Any Pack(const google::protobuf::Message& message);

// From the aggregated stream that the resource itself came by.
envoy::config::core::v3::ConfigSource AdsSource();

// A filter of our module in a chain; `config` is what the filter is given, empty for none.
google::protobuf::Any ModuleFilter(std::string_view filter, std::string_view config);
// Its settings for one route or one weighted destination.
google::protobuf::Any ModulePerRoute(std::string_view filter, std::string_view config);

}  // namespace gloo::translator
