// Random worlds, random clients: whatever the order of changes, answers, refusals and reconnections, a client ends up
// with the snapshot and never has anything in force that refers to something it does not have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "xds/testing/publish.h"
#include "xds/testing/sim_client.h"

namespace gloo::xds {
namespace {

using snapshot::Delta;
using snapshot::MakeResource;
using snapshot::ResourcePtr;
using snapshot::ResourceRef;
using snapshot::Type;
using ::testing::IsEmpty;
using testing::kBad;
using testing::kTable;
using testing::SimClient;

// Makes valid deltas: what it removes is used by nothing, what it adds uses what is there.
class World {
 public:
  explicit World(uint32_t seed) : random_(seed) {}

  Delta Change(bool allow_bad) {
    const std::map<ResourceRef, ResourcePtr> before = all_;
    const int edits = 1 + Pick(6);
    for (int i = 0; i < edits; ++i) Edit(allow_bad);
    return Finish(before);
  }

  // Every resource again in a good form.
  Delta Mend() {
    const std::map<ResourceRef, ResourcePtr> before = all_;
    for (auto& [name, endpoints] : clusters_) endpoints.version = ++version_;
    for (auto& [name, needs] : routes_) route_versions_[name] = ++version_;
    for (auto& [name, route] : scopes_) scope_versions_[name] = ++version_;
    bads_.clear();
    return Finish(before);
  }

  const std::map<ResourceRef, ResourcePtr>& all() const { return all_; }

 private:
  struct ClusterSpec {
    bool eds = false;
    int version = 0;
    int endpoints = 0;
  };

  int Pick(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }
  std::string Name(const char* prefix, int n) { return absl::StrCat(prefix, Pick(n)); }
  void MaybeBad(const ResourceRef& ref, bool allow) {
    if (allow && Pick(8) == 0) {
      bads_.insert(ref);
    } else {
      bads_.erase(ref);
    }
  }

  void Edit(bool allow_bad) {
    switch (Pick(10)) {
      case 0:
      case 1: {
        const std::string name = Name("c", 8);
        ClusterSpec& c = clusters_[name];
        if (c.version == 0) c.eds = Pick(4) != 0;
        c.version = ++version_;
        MaybeBad({Type::kCluster, name}, allow_bad);
        break;
      }
      case 2:
        if (!clusters_.empty())
          std::next(clusters_.begin(), Pick(static_cast<int>(clusters_.size())))->second.endpoints = ++version_;
        break;
      case 3: {
        const std::string name = Name("c", 8);
        clusters_.erase(name);
        bads_.erase({Type::kCluster, name});
        for (auto& [route, needs] : routes_) {
          if (needs.erase(name) > 0) route_versions_[route] = ++version_;
        }
        break;
      }
      case 4:
      case 5:
      case 6: {
        const std::string name = Name("r", 5);
        std::set<std::string>& needs = routes_[name];
        needs.clear();
        for (const auto& [cluster, spec] : clusters_) {
          if (Pick(3) == 0) needs.insert(cluster);
        }
        route_versions_[name] = ++version_;
        MaybeBad({Type::kRoute, name}, allow_bad);
        break;
      }
      case 7: {
        if (routes_.empty()) break;
        const std::string name = Name("s", 6);
        scopes_[name] = std::next(routes_.begin(), Pick(static_cast<int>(routes_.size())))->first;
        scope_versions_[name] = ++version_;
        MaybeBad({Type::kScopedRoute, name}, allow_bad);
        break;
      }
      case 8: {
        const std::string name = Name("s", 6);
        scopes_.erase(name);
        bads_.erase({Type::kScopedRoute, name});
        break;
      }
      case 9: {
        const std::string name = Name("r", 5);
        routes_.erase(name);
        bads_.erase({Type::kRoute, name});
        std::erase_if(scopes_, [&](const auto& s) { return s.second == name; });
        break;
      }
    }
  }

  std::string Body(const ResourceRef& ref, int version) {
    return absl::StrCat(ref.name, " v", version, bads_.contains(ref) ? kBad : "");
  }

  Delta Finish(const std::map<ResourceRef, ResourcePtr>& before) {
    all_.clear();
    const auto put = [&](Type type, const std::string& name, std::string body, std::vector<ResourceRef> warms = {},
                         std::vector<ResourceRef> needs = {}) {
      all_[{type, name}] = MakeResource(type, name, std::move(body), std::move(warms), std::move(needs));
    };
    for (const auto& [name, c] : clusters_) {
      std::vector<ResourceRef> warms;
      if (c.eds) {
        warms.push_back({Type::kEndpoint, name});
        put(Type::kEndpoint, name, absl::StrCat("endpoints ", c.endpoints));
      }
      put(Type::kCluster, name, Body({Type::kCluster, name}, c.version), warms);
    }
    for (const auto& [name, clusters] : routes_) {
      std::vector<ResourceRef> needs;
      for (const std::string& c : clusters) needs.push_back({Type::kCluster, c});
      put(Type::kRoute, name, Body({Type::kRoute, name}, route_versions_[name]), {}, needs);
    }
    std::string table = kTable;
    for (const auto& [name, route] : scopes_) {
      put(Type::kScopedRoute, name, absl::StrCat(route, " ", Body({Type::kScopedRoute, name}, scope_versions_[name])),
          {{Type::kRoute, route}});
      absl::StrAppend(&table, name, ",");
    }
    put(Type::kExtensionConfig, "table", table);
    put(Type::kListener, "http", "listener", {{Type::kExtensionConfig, "table"}});
    Delta delta;
    for (const auto& [ref, r] : all_) {
      const auto it = before.find(ref);
      if (it == before.end() || it->second->version != r->version) delta.upserts.push_back(r);
    }
    for (const auto& [ref, r] : before) {
      if (!all_.contains(ref)) delta.removals.push_back(ref);
    }
    return delta;
  }

  std::mt19937 random_;
  int version_ = 0;
  std::map<std::string, ClusterSpec> clusters_;
  std::map<std::string, std::set<std::string>> routes_;
  std::map<std::string, int> route_versions_;
  std::map<std::string, std::string> scopes_;
  std::map<std::string, int> scope_versions_;
  std::set<ResourceRef> bads_;
  std::map<ResourceRef, ResourcePtr> all_;
};

struct Mode {
  bool delta;
  bool bad;
  bool reconnect;
};

void Simulate(uint32_t seed, const Mode& mode) {
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  World world(seed);
  std::mt19937 random(seed + 1);
  auto loop = runtime::FakeLoop::CreateFake();
  snapshot::Snapshot snapshot;
  SimClient client(*loop, snapshot, mode.delta, seed + 2);
  testing::Apply(snapshot, world.Change(mode.bad));
  client.Connect();
  for (int round = 0; round < 60; ++round) {
    const auto publish = [&](const Delta& delta) {
      std::vector<std::string> wrong;
      client.Publish(testing::Apply(snapshot, delta, &wrong));
      ASSERT_THAT(wrong, IsEmpty());
    };
    publish(world.Change(mode.bad));
    for (int steps = static_cast<int>(random() % 40); steps > 0; --steps) client.Step();
    if (random() % 8 == 0) client.Wait(absl::Milliseconds(400));
    if (random() % 10 == 0) {
      client.Drain();
      // Nothing later may be needed to set things right.
      if (!mode.bad) {
        ASSERT_THAT(client.Differences(), IsEmpty());
        ASSERT_TRUE(client.session().converged());
      }
    }
    if (mode.reconnect && random() % 15 == 0) client.Connect();
    ASSERT_THAT(client.violations(), IsEmpty());
  }
  if (mode.bad) client.Publish(testing::Apply(snapshot, world.Mend()));
  client.Drain();
  EXPECT_THAT(client.violations(), IsEmpty());
  EXPECT_THAT(client.Differences(), IsEmpty());
  EXPECT_TRUE(client.session().converged());
  EXPECT_EQ(client.session().held(), 0u);
  EXPECT_EQ(client.session().in_flight(), 0u);
}

// More seeds: GLOO_XDS_SEEDS=2000.
void SimulateMany(const Mode& mode) {
  const char* given = std::getenv("GLOO_XDS_SEEDS");
  const uint32_t seeds = given == nullptr ? 300 : static_cast<uint32_t>(std::strtoul(given, nullptr, 10));
  for (uint32_t seed = 1; seed <= seeds && !::testing::Test::HasFailure(); ++seed) Simulate(seed, mode);
}

TEST(SessionProperty, DeltaConvergesInOrder) { SimulateMany({.delta = true, .bad = false, .reconnect = false}); }
TEST(SessionProperty, DeltaWithRefusals) { SimulateMany({.delta = true, .bad = true, .reconnect = false}); }
TEST(SessionProperty, DeltaWithReconnections) { SimulateMany({.delta = true, .bad = true, .reconnect = true}); }
TEST(SessionProperty, StateOfTheWorld) { SimulateMany({.delta = false, .bad = false, .reconnect = false}); }
TEST(SessionProperty, StateOfTheWorldWithRefusals) { SimulateMany({.delta = false, .bad = true, .reconnect = false}); }

}  // namespace
}  // namespace gloo::xds
