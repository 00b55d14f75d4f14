#include "model/virtual_service_parts.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>

namespace gloo::model {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Calls `visit(number, content)` for each message of `bytes`; all other fields go to `rest`, as they are written.
template <typename Visit>
void Scan(std::string_view bytes, std::string* rest, Visit visit) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  CodedInputStream in(data, static_cast<int>(bytes.size()));
  while (true) {
    const auto begin = static_cast<size_t>(in.CurrentPosition());
    const uint32_t tag = in.ReadTag();
    if (tag == 0) return;
    bool taken = false;
    if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      uint32_t size = 0;
      if (!in.ReadVarint32(&size)) return;
      const auto at = static_cast<size_t>(in.CurrentPosition());
      if (!in.Skip(static_cast<int>(size))) return;
      taken = visit(WireFormatLite::GetTagFieldNumber(tag), bytes.substr(at, size));
    } else if (!WireFormatLite::SkipField(&in, tag)) {
      return;
    }
    if (!taken) rest->append(bytes.substr(begin, static_cast<size_t>(in.CurrentPosition()) - begin));
  }
}

}  // namespace

VirtualServiceParts::VirtualServiceParts(const Body& virtual_service) : bytes_(virtual_service.Serialize()) {
  std::string unused;
  std::string rest;
  Scan(bytes_, &unused, [&](int field, std::string_view spec) {
    if (field != v1::VirtualService::kSpecFieldNumber) return false;
    Scan(spec, &rest, [&](int part, std::string_view route) {
      if (part != v1::VirtualServiceSpec::kRoutesFieldNumber) return false;
      routes_.push_back(route);
      return true;
    });
    return true;
  });
  frame_.ParseFromString(rest);
}

}  // namespace gloo::model
