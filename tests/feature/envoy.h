// A delta ADS client of our own over raw gRPC, which asks as Envoy does: clusters and listeners, then the endpoints of
// the clusters, the scopes, the routes of the scopes.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "snapshot/resource.h"

namespace gloo::testing {

class Envoy {
 public:
  // `versions`: what it holds from an earlier stream, as Held() gave it.
  using Versions = std::map<snapshot::Type, std::map<std::string, std::string>>;
  Envoy(int port, const std::string& node_id, const Versions& versions = {});
  ~Envoy();
  Envoy(const Envoy&) = delete;

  void Subscribe(snapshot::Type type, const std::vector<std::string>& names);
  // Responses of the type are not answered until Release(), which acknowledges them.
  void Hold(snapshot::Type type);
  void Release(snapshot::Type type);
  // Responses of the type are refused with these words; no more once they are empty.
  void Refuse(snapshot::Type type, const std::string& words);
  // As above, but the words come of a resource's body; none: it is taken. A response is refused for one of its
  // resources.
  using Judge = std::function<std::string(const std::string& body)>;
  void RefuseIf(snapshot::Type type, Judge judge);

  // Waits until `what` of the resource; null where it is not there. A failure of the test after 10 s.
  template <typename Message>
  Message Wait(
      snapshot::Type type, const std::string& name,
      const std::function<bool(const Message&)>& what = [](const Message&) { return true; }) {
    Message message;
    WaitBody(type, name, [&](const std::string* body) {
      return body != nullptr && message.ParseFromString(*body) && what(message);
    });
    return message;
  }
  void WaitGone(snapshot::Type type, const std::string& name) {
    WaitBody(type, name, [](const std::string* body) { return body == nullptr; });
  }
  // Everything that the server sent before now has been taken: it has answered a question asked now.
  void Fence();

  // Waits for the routes of a virtual service, which come last of all that it makes, and for all that was sent before
  // now; then forgets the events so far.
  void Settle(const std::string& virtual_service = "default/v");

  bool Has(snapshot::Type type, const std::string& name) const;
  std::vector<std::string> Names(snapshot::Type type) const;
  Versions Held() const;
  // "+cluster default/a", "-scope http|a.test" ... in the order they came.
  std::vector<std::string> Events() const;
  void ForgetEvents();

 private:
  using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;
  using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;
  struct Resource {
    std::string version;
    std::string body;
  };

  void Read();
  void Take(const Response& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What Envoy asks for because of what came.
  void Follow(snapshot::Type type) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Ask(snapshot::Type type, const std::set<std::string>& names) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(const Request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Why it is refused; empty: it is not.
  std::string Verdict(snapshot::Type type, const Response& response) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Answer(const Response& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitBody(snapshot::Type type, const std::string& name, const std::function<bool(const std::string*)>& what);

  std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
  mutable absl::Mutex mutex_;
  std::map<snapshot::Type, std::map<std::string, Resource>> resources_ ABSL_GUARDED_BY(mutex_);
  std::map<snapshot::Type, std::set<std::string>> asked_ ABSL_GUARDED_BY(mutex_);
  std::map<snapshot::Type, std::vector<Response>> held_back_ ABSL_GUARDED_BY(mutex_);
  std::map<snapshot::Type, Judge> judges_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
  Versions initial_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> absent_ ABSL_GUARDED_BY(mutex_);
  std::string node_id_ ABSL_GUARDED_BY(mutex_);
  int fences_ = 0;
  std::thread thread_;
};

}  // namespace gloo::testing
