// A virtual service in pieces, for who looks at few of its routes: to parse thousands takes milliseconds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/v1/virtual_service.pb.h"
#include "model/object.h"

namespace gloo::model {

class VirtualServiceParts {
 public:
  explicit VirtualServiceParts(const Body& virtual_service);
  VirtualServiceParts(const VirtualServiceParts&) = delete;
  VirtualServiceParts& operator=(const VirtualServiceParts&) = delete;

  // The spec without its routes.
  const v1::VirtualServiceSpec& frame() const { return frame_; }
  // A serialized v1::Route each; they live as long as this.
  const std::vector<std::string_view>& routes() const { return routes_; }

 private:
  const std::string bytes_;
  v1::VirtualServiceSpec frame_;
  std::vector<std::string_view> routes_;
};

}  // namespace gloo::model
