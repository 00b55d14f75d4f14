#include "xds/call.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/security/auth_context.h>

#include <string_view>
#include <utility>

namespace gloo::xds {
namespace {

using snapshot::Type;

constexpr std::string_view kPrefix = "/envoy.service.";

struct Service {
  std::string_view name;
  std::string_view resource;  // in method names
  std::optional<Type> only;
};
constexpr Service kServices[] = {
    {"discovery.v3.AggregatedDiscoveryService", "AggregatedResources", std::nullopt},
    {"cluster.v3.ClusterDiscoveryService", "Clusters", Type::kCluster},
    {"endpoint.v3.EndpointDiscoveryService", "Endpoints", Type::kEndpoint},
    {"listener.v3.ListenerDiscoveryService", "Listeners", Type::kListener},
    {"route.v3.RouteDiscoveryService", "Routes", Type::kRoute},
    {"route.v3.ScopedRoutesDiscoveryService", "ScopedRoutes", Type::kScopedRoute},
    {"secret.v3.SecretDiscoveryService", "Secrets", Type::kSecret},
    {"extension.v3.ExtensionConfigDiscoveryService", "ExtensionConfigs", Type::kExtensionConfig},
};

std::vector<std::string> IdentitiesOf(const grpc::GenericCallbackServerContext& context) {
  std::vector<std::string> out;
  const auto peer = context.auth_context();
  if (peer == nullptr) return out;
  for (const char* property : {GRPC_X509_SAN_PROPERTY_NAME, GRPC_X509_CN_PROPERTY_NAME}) {
    for (const grpc::string_ref& value : peer->FindPropertyValues(property))
      out.emplace_back(value.data(), value.size());
    if (!out.empty()) break;
  }
  return out;
}

template <typename T>
bool Parse(grpc::ByteBuffer* bytes, Message* out) {
  return grpc::GenericDeserialize<grpc::ProtoBufferReader, T>(bytes, &out->emplace<T>()).ok();
}

}  // namespace

std::optional<Method> ParseMethod(const std::string& path) {
  std::string_view rest = path;
  if (!rest.starts_with(kPrefix)) return std::nullopt;
  rest.remove_prefix(kPrefix.size());
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view service = rest.substr(0, slash);
  std::string_view name = rest.substr(slash + 1);
  if (service == "status.v3.ClientStatusDiscoveryService") {
    if (name == "StreamClientStatus") return Method{Method::kStatusStream};
    if (name == "FetchClientStatus") return Method{Method::kStatusFetch};
    return std::nullopt;
  }
  for (const Service& s : kServices) {
    if (s.name != service) continue;
    Method method{Method::kDelta, s.only};
    if (name.starts_with("Stream")) {
      method.kind = Method::kSotw;
      name.remove_prefix(6);
    } else if (name.starts_with("Delta")) {
      name.remove_prefix(5);
    } else {
      return std::nullopt;
    }
    if (name == s.resource) return method;
  }
  return std::nullopt;
}

Call::Call(runtime::Loop& loop, std::shared_ptr<HandlerSlot> slot, Method method,
           grpc::GenericCallbackServerContext* context, absl::AnyInvocable<void()> on_done)
    : loop_(loop),
      slot_(std::move(slot)),
      method_(method),
      context_(context),
      peer_(context->peer()),
      identities_(IdentitiesOf(*context)),
      on_done_(std::move(on_done)) {}

void Call::Open() {
  self_ = shared_from_this();
  loop_.Post([call = self_] {
    if (call->slot_->handler != nullptr) call->slot_->handler->OnOpen(call);
  });
  StartRead(&incoming_);
}

void Call::Read() {
  if (!finished_) StartRead(&incoming_);
}

void Call::Write(grpc::ByteBuffer bytes) {
  if (finished_) return;
  outgoing_ = std::move(bytes);
  StartWrite(&outgoing_);
}

void Call::Close(const grpc::Status& status) {
  if (!std::exchange(finished_, true)) Finish(status);
}

void Call::Abort(const grpc::Status& status) {
  if (finished_) return;
  context_->TryCancel();
  Close(status);
}

void Call::OnReadDone(bool ok) {
  if (!ok) {
    PostClosed(grpc::Status::OK);
    return;
  }
  Message message;
  bool parsed = false;
  switch (method_.kind) {
    case Method::kDelta:
      parsed = Parse<envoy::service::discovery::v3::DeltaDiscoveryRequest>(&incoming_, &message);
      break;
    case Method::kSotw:
      parsed = Parse<envoy::service::discovery::v3::DiscoveryRequest>(&incoming_, &message);
      break;
    default:
      parsed = Parse<envoy::service::status::v3::ClientStatusRequest>(&incoming_, &message);
  }
  incoming_.Clear();
  if (!parsed) {
    PostClosed({grpc::StatusCode::INVALID_ARGUMENT, "the request is not a message of the method's type"});
    return;
  }
  loop_.Post([call = shared_from_this(), message = std::move(message)]() mutable {
    if (call->slot_->handler != nullptr) call->slot_->handler->OnMessage(*call, std::move(message));
  });
}

void Call::OnWriteDone(bool ok) {
  if (!ok) {
    PostClosed(grpc::Status::OK);
    return;
  }
  loop_.Post([call = shared_from_this()] {
    call->outgoing_.Clear();
    if (call->slot_->handler != nullptr) call->slot_->handler->OnWritten(*call);
  });
}

void Call::OnCancel() { PostClosed(grpc::Status::OK); }

void Call::PostClosed(grpc::Status status) {
  if (closed_.exchange(true)) return;
  loop_.Post([call = shared_from_this(), status = std::move(status)] {
    if (call->slot_->handler != nullptr) call->slot_->handler->OnClosed(*call);
    call->Close(status);
  });
}

void Call::OnDone() {
  const std::shared_ptr<Call> last = std::move(self_);
  if (on_done_) std::exchange(on_done_, nullptr)();
}

}  // namespace gloo::xds
