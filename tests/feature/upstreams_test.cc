// Upstreams: clusters and their endpoints.
#include <gmock/gmock.h>

#include "base/strings.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "tests/feature/envoy.h"
#include "tests/feature/pipeline.h"

namespace gloo::testing {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using snapshot::Type;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using UpstreamsFeature = Pipeline;

TEST_F(UpstreamsFeature, AddressesAreEndpointsThatChangeWithoutTheirCluster) {
  Put(Upstream("u", 80));
  Put(VirtualService("v", "a.test", To("u")), "v.yaml");
  Sync();
  Envoy envoy(port(), "ingress~1");
  EXPECT_EQ(envoy.Wait<Cluster>(Type::kCluster, "default/u").type(), Cluster::EDS);
  const auto port_of = [](const ClusterLoadAssignment& load) {
    return load.endpoints(0).lb_endpoints(0).endpoint().address().socket_address().port_value();
  };
  EXPECT_EQ(port_of(envoy.Wait<ClusterLoadAssignment>(Type::kEndpoint, "default/u")), 80u);
  envoy.Settle();
  Put(Upstream("u", 81));
  envoy.Wait<ClusterLoadAssignment>(Type::kEndpoint, "default/u",
                                    [&](const ClusterLoadAssignment& load) { return port_of(load) == 81; });
  envoy.Fence();
  EXPECT_THAT(envoy.Events(), ElementsAre("+endpoints default/u"));
}

TEST_F(UpstreamsFeature, ANameIsResolvedByEnvoy) {
  Put("---\napiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: u}\n"
      "spec: {type: service, spec: {hosts: [{addr: pets.test, port: 80}], http2: true}}\n");
  Put(VirtualService("v", "a.test", To("u")), "v.yaml");
  Sync();
  Envoy envoy(port(), "ingress~1");
  const auto cluster = envoy.Wait<Cluster>(Type::kCluster, "default/u");
  EXPECT_EQ(cluster.cluster_type().name(), "envoy.clusters.dns");
  ASSERT_EQ(cluster.load_assignment().endpoints_size(), 1);
  EXPECT_EQ(cluster.load_assignment().endpoints(0).lb_endpoints(0).endpoint().address().socket_address().address(),
            "pets.test");
  EXPECT_EQ(cluster.typed_extension_protocol_options().size(), 1u);
}

TEST_F(UpstreamsFeature, AMistakeLeavesTheOthersAlone) {
  Put(Upstream("good") +
      "---\napiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: bad}\nspec: {type: statik, spec: {}}\n");
  Put(VirtualService("v", "a.test", To("good")), "v.yaml");
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Wait<Cluster>(Type::kCluster, "default/good");
  const v1::Status status =
      WaitStatus(model::Kind::kUpstream, "bad", [](const v1::Status& s) { return s.state() == v1::Status::REJECTED; });
  ASSERT_EQ(status.issues_size(), 1);
  EXPECT_EQ(status.issues(0).path(), "spec.type");
  envoy.Fence();
  EXPECT_THAT(envoy.Names(Type::kCluster), ElementsAre("default/good"));
}

TEST_F(UpstreamsFeature, AnEnvoyThatComesBackIsSentWhatHasChanged) {
  std::string many;
  std::string routes;
  for (int i = 0; i < 20; ++i) {
    many += Upstream(StrCat("u", i));
    StrAppend(&routes, i > 0 ? ", " : "", To(StrCat("u", i), StrCat("/", i, "/")));
  }
  Put(many);
  Put(VirtualService("v", "a.test", routes), "v.yaml");
  Sync();
  Envoy::Versions held;
  {
    Envoy envoy(port(), "ingress~1");
    for (int i = 0; i < 20; ++i) envoy.Wait<ClusterLoadAssignment>(Type::kEndpoint, StrCat("default/u", i));
    held = envoy.Held();
  }
  Put(Upstream("u7", 8080), "b.yaml");
  Envoy again(port(), "ingress~1", held);
  again.Wait<ClusterLoadAssignment>(Type::kEndpoint, "default/u7");
  again.Fence();
  EXPECT_THAT(again.Events(), ElementsAre("+endpoints default/u7"));
}

TEST_F(UpstreamsFeature, ChangesThatArriveTogetherAreMergedAndMeasured) {
  Put(Upstream("u", 1));
  Put(VirtualService("v", "a.test", To("u")), "v.yaml");
  Sync();
  Envoy envoy(port(), "ingress~1");
  envoy.Wait<ClusterLoadAssignment>(Type::kEndpoint, "default/u");
  // The loop is busy while they come.
  OnLoop([this] {
    for (int i = 2; i <= 10; ++i) Put(Upstream("u", i));
  });
  envoy.Wait<ClusterLoadAssignment>(Type::kEndpoint, "default/u", [](const ClusterLoadAssignment& load) {
    return load.endpoints(0).lb_endpoints(0).endpoint().address().socket_address().port_value() == 10;
  });
  EXPECT_GE(MetricValue("gloo_changes_merged_total"), 8);
}

}  // namespace
}  // namespace gloo::testing
