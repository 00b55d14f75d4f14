#include "model/virtual_service_parts.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>

namespace gloo::model {
namespace {

using google::protobuf::util::MessageDifferencer;

v1::VirtualService Sample(int routes) {
  v1::VirtualService service;
  service.set_api_version("gloo.solo.io/v1");
  service.mutable_metadata()->set_name("v");
  v1::VirtualServiceSpec& spec = *service.mutable_spec();
  spec.add_domains("a.test");
  spec.add_domains("b.test");
  spec.mutable_ssl_config()->set_secret_ref("s");
  spec.add_roles("edge");
  for (int i = 0; i < routes; ++i) {
    v1::Route& route = *spec.add_routes();
    route.mutable_request_matcher()->set_path_exact("/" + std::string(static_cast<size_t>(i) * 100, 'x'));
    route.mutable_single_destination()->mutable_upstream()->set_name("u");
  }
  return service;
}

TEST(VirtualServicePartsTest, PutTogetherTheyAreTheWhole) {
  for (const int routes : {0, 1, 3}) {
    const v1::VirtualService service = Sample(routes);
    const VirtualServiceParts parts{Body(service)};
    v1::VirtualServiceSpec whole = parts.frame();
    EXPECT_EQ(whole.routes_size(), 0);
    for (const std::string_view route : parts.routes()) {
      ASSERT_TRUE(whole.add_routes()->ParseFromArray(route.data(), static_cast<int>(route.size())));
    }
    EXPECT_TRUE(MessageDifferencer::Equals(whole, service.spec())) << whole.DebugString();
  }
}

TEST(VirtualServicePartsTest, ASpecThatIsNotThere) {
  v1::VirtualService service;
  service.mutable_metadata()->set_name("v");
  const VirtualServiceParts parts{Body(service)};
  EXPECT_TRUE(parts.routes().empty());
  EXPECT_EQ(parts.frame().domains_size(), 0);
}

}  // namespace
}  // namespace gloo::model
