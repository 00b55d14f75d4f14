#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include "descriptors/descriptors.h"
#include "google/api/httpbody.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace gloo::descriptors {

const std::vector<google::protobuf::FileDescriptorProto>& BuiltinFiles() {
  static const auto* files = [] {
    auto* made = new std::vector<google::protobuf::FileDescriptorProto>();
    for (const google::protobuf::Descriptor* type : {
             google::protobuf::Any::descriptor(),
             google::protobuf::Duration::descriptor(),
             google::protobuf::Empty::descriptor(),
             google::protobuf::FieldMask::descriptor(),
             google::protobuf::Struct::descriptor(),
             google::protobuf::Timestamp::descriptor(),
             google::protobuf::BoolValue::descriptor(),
             google::api::HttpBody::descriptor(),
             google::rpc::Status::descriptor(),
             google::rpc::BadRequest::descriptor(),
         }) {
      type->file()->CopyTo(&made->emplace_back());
      type->file()->CopyJsonNameTo(&made->back());
    }
    return made;
  }();
  return *files;
}

}  // namespace gloo::descriptors
