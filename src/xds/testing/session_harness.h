// What the tests of a session share: short names for resources, and a client that does only what it is told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "xds/session.h"
#include "xds/testing/publish.h"

namespace gloo::xds::testing {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryRequest;
using snapshot::Delta;
using snapshot::MakeResource;
using snapshot::ResourcePtr;
using snapshot::ResourceRef;
using snapshot::Type;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

inline ResourcePtr Cluster(const std::string& name, const std::string& body = "1", bool eds = false) {
  std::vector<ResourceRef> warms;
  if (eds) warms.push_back({Type::kEndpoint, name});
  return MakeResource(Type::kCluster, name, body, std::move(warms));
}
inline ResourcePtr Endpoints(const std::string& name, const std::string& body = "1") {
  return MakeResource(Type::kEndpoint, name, body);
}
inline ResourcePtr Route(const std::string& name, const std::vector<std::string>& clusters,
                         const std::string& body = "1") {
  std::vector<ResourceRef> needs;
  for (const std::string& c : clusters) needs.push_back({Type::kCluster, c});
  return MakeResource(Type::kRoute, name, absl::StrCat(body, " ", absl::StrJoin(clusters, ",")), {}, needs);
}
inline ResourcePtr Scope(const std::string& name, const std::string& route) {
  return MakeResource(Type::kScopedRoute, name, route, {{Type::kRoute, route}});
}
inline ResourcePtr Table(const std::string& body) { return MakeResource(Type::kExtensionConfig, "table", body); }
inline ResourcePtr Listener(const std::string& name, const std::string& body = "1") {
  return MakeResource(Type::kListener, name, body);
}
inline ResourcePtr Secret(const std::string& name, const std::string& body = "1") {
  return MakeResource(Type::kSecret, name, body);
}

// A session, its snapshot, and a client that does only what it is told.
class Harness : public SessionEvents {
 public:
  explicit Harness(bool delta = true, size_t max_bytes = 1 << 20) : delta_(delta), max_bytes_(max_bytes) { Connect(); }

  void Connect() {
    session_ = std::make_unique<Session>(*loop_, snapshot_, *this,
                                         SessionOptions{.delta = delta_,
                                                        .max_response_bytes = max_bytes_,
                                                        .max_names_of_wildcard = 3,
                                                        .max_unanswered = 10,
                                                        .make_mover = TextMover});
  }

  void Publish(std::vector<ResourcePtr> upserts, std::vector<ResourceRef> removals = {}) {
    PublishSince(absl::InfinitePast(), std::move(upserts), std::move(removals));
  }
  void PublishSince(absl::Time since, std::vector<ResourcePtr> upserts, std::vector<ResourceRef> removals = {}) {
    std::vector<std::string> wrong;
    Change change = Apply(snapshot_, {std::move(upserts), std::move(removals)}, &wrong);
    change.since = since;
    session_->OnChange(change);
    EXPECT_THAT(wrong, IsEmpty());
  }

  void Subscribe(Type type, const std::vector<std::string>& names,
                 const std::map<std::string, std::string>& known = {}) {
    DeltaDiscoveryRequest request;
    request.set_type_url(std::string(snapshot::TypeUrl(type)));
    for (const std::string& name : names) request.add_resource_names_subscribe(name);
    request.mutable_initial_resource_versions()->insert(known.begin(), known.end());
    EXPECT_TRUE(session_->OnRequest(request).ok());
  }
  void Unsubscribe(Type type, const std::vector<std::string>& names) {
    DeltaDiscoveryRequest request;
    request.set_type_url(std::string(snapshot::TypeUrl(type)));
    for (const std::string& name : names) request.add_resource_names_unsubscribe(name);
    EXPECT_TRUE(session_->OnRequest(request).ok());
  }
  void Answer(const Response& response, const std::string& error = "") {
    DeltaDiscoveryRequest request;
    request.set_type_url(response.type_url);
    request.set_response_nonce(response.nonce);
    if (!error.empty()) request.mutable_error_detail()->set_message(error);
    EXPECT_TRUE(session_->OnRequest(request).ok());
  }
  void Sotw(Type type, const std::vector<std::string>& names, const std::string& nonce = "",
            const std::string& error = "") {
    DiscoveryRequest request;
    request.set_type_url(std::string(snapshot::TypeUrl(type)));
    for (const std::string& name : names) request.add_resource_names(name);
    request.set_response_nonce(nonce);
    if (!error.empty()) request.mutable_error_detail()->set_message(error);
    EXPECT_TRUE(session_->OnRequest(request).ok());
  }

  // The next response as "Type +name=body -name"; "" where there is none. Kept in `last`.
  std::string Next() {
    auto response = session_->Next();
    if (!response.has_value()) return "";
    last = *std::move(response);
    std::string out = last.type_url.substr(last.type_url.rfind('.') + 1);
    std::vector<std::string> items;
    for (const auto& item : last.items) items.push_back(absl::StrCat(" +", item.name, "=", item.resource->body));
    for (const std::string& name : last.removed) items.push_back(absl::StrCat(" -", name));
    std::sort(items.begin(), items.end());
    return absl::StrCat(out, absl::StrJoin(items, ""));
  }
  std::string NextAcked() {
    std::string out = Next();
    if (!out.empty()) Answer(last);
    return out;
  }
  // Acknowledges everything until nothing comes.
  std::vector<std::string> All() {
    std::vector<std::string> out;
    for (std::string next = NextAcked(); !next.empty(); next = NextAcked()) out.push_back(next);
    return out;
  }
  void Tick() { loop_->Advance(absl::Seconds(2)); }

  void OnAck(Type type, const NamedVersions& resources, absl::Duration) override {
    for (const auto& [name, version] : resources) acks.push_back(absl::StrCat(static_cast<int>(type), " ", name));
  }
  void OnNack(Type type, const NamedVersions& resources, const std::string& message, bool isolated) override {
    for (const auto& [name, version] : resources) {
      nacks.push_back(absl::StrCat(static_cast<int>(type), " ", name, " ", message, isolated ? " isolated" : ""));
    }
  }
  void OnInForce(absl::Duration took) override { in_force.push_back(took); }
  void OnRunnable() override { ++runnable; }
  void OnServerNameRefused(const std::string& wildcard) override { names_refused.push_back(wildcard); }

  bool Converged() {
    EXPECT_EQ(Next(), "");
    return session_->converged();
  }

  Session& session() { return *session_; }
  snapshot::Snapshot& snapshot() { return snapshot_; }
  ClientState State(Type type, const std::string& name) {
    const auto& map = snapshot_.resources(type);
    const auto it = map.find(name);
    return session_->StateOf({type, name}, it == map.end() ? "" : it->second->version, &message);
  }

  Response last;
  std::vector<std::string> acks, nacks, names_refused;
  std::vector<absl::Duration> in_force;
  std::string message;
  int runnable = 0;

 private:
  const bool delta_;
  const size_t max_bytes_;
  std::unique_ptr<runtime::FakeLoop> loop_ = runtime::FakeLoop::CreateFake();
  snapshot::Snapshot snapshot_;
  std::unique_ptr<Session> session_;
};

}  // namespace gloo::xds::testing
