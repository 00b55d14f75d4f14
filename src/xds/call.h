// One gRPC call of any method that is served: moves bytes on gRPC's threads, everything else happens on the loop.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "envoy/service/status/v3/csds.pb.h"
#include "runtime/loop.h"
#include "snapshot/resource.h"

namespace gloo::xds {

struct Method {
  enum Kind { kDelta, kSotw, kStatusStream, kStatusFetch };
  Kind kind = kDelta;
  // Set for the services of one type.
  std::optional<snapshot::Type> only;
};
// From "/package.Service/Method"; nullopt where it is not served.
std::optional<Method> ParseMethod(const std::string& path);

using Message =
    std::variant<envoy::service::discovery::v3::DeltaDiscoveryRequest, envoy::service::discovery::v3::DiscoveryRequest,
                 envoy::service::status::v3::ClientStatusRequest>;

class Call;

// Called on the loop thread, in this order for one call: opened, then messages and writes done, then closed, once.
class CallHandler {
 public:
  virtual ~CallHandler() = default;
  virtual void OnOpen(const std::shared_ptr<Call>& call) = 0;
  virtual void OnMessage(Call& call, Message message) = 0;
  virtual void OnWritten(Call& call) = 0;
  virtual void OnClosed(Call& call) = 0;
};

// Where calls find their handler: null once it is gone. Touched on the loop thread only.
struct HandlerSlot {
  CallHandler* handler = nullptr;
};

class Call final : public grpc::ServerGenericBidiReactor, public std::enable_shared_from_this<Call> {
 public:
  // `on_done` runs on a gRPC thread when the call is over and is the last thing that happens to it.
  Call(runtime::Loop& loop, std::shared_ptr<HandlerSlot> slot, Method method,
       grpc::GenericCallbackServerContext* context, absl::AnyInvocable<void()> on_done);

  // Once, by the maker, on the thread of CreateReactor().
  void Open();

  // Loop thread only. One read and one write at a time; after Close() nothing is done any more.
  void Read();
  void Write(grpc::ByteBuffer bytes);
  // The first status counts.
  void Close(const grpc::Status& status);
  // Drops what is under way, then closes.
  void Abort(const grpc::Status& status);

  const Method& method() const { return method_; }
  const std::string& peer() const { return peer_; }
  // Of the client's certificate, which was verified: its names, or its common name where it has none.
  const std::vector<std::string>& identities() const { return identities_; }

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void PostClosed(grpc::Status status);

  runtime::Loop& loop_;
  const std::shared_ptr<HandlerSlot> slot_;
  const Method method_;
  grpc::GenericCallbackServerContext* const context_;
  const std::string peer_;
  const std::vector<std::string> identities_;
  absl::AnyInvocable<void()> on_done_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  bool finished_ = false;  // loop thread
  std::atomic<bool> closed_{false};
  // Alive until gRPC is done with it.
  std::shared_ptr<Call> self_;
};

}  // namespace gloo::xds
