// Any sequence of publications, requests, answers and broken streams against one session: never a crash, what it sends
// is well formed, what it keeps is bounded, and a client that takes everything in the end has everything.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/loop.h"
#include "snapshot/snapshot.h"
#include "xds/session.h"
#include "xds/testing/publish.h"

namespace {

using gloo::snapshot::Delta;
using gloo::snapshot::kTypeCount;
using gloo::snapshot::MakeResource;
using gloo::snapshot::ResourceRef;
using gloo::snapshot::Type;
using namespace gloo::xds;  // the target is about this folder alone

constexpr size_t kMaxUnanswered = 20;
constexpr size_t kMaxNamesOfWildcard = 2;
const char* const kNames[] = {"a", "b", "c", "a.b", "*.b", "*", "A.B.", ""};

void Demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

class Events : public SessionEvents {
 public:
  void OnAck(Type, const NamedVersions&, absl::Duration) override {}
  void OnNack(Type, const NamedVersions&, const std::string&, bool) override {}
  void OnInForce(absl::Duration) override {}
  void OnRunnable() override {}
  void OnServerNameRefused(const std::string&) override {}
};

class Run {
 public:
  explicit Run(FuzzedDataProvider& in) : in_(in), delta_(in.ConsumeBool()) { Connect(); }

  void Step() {
    switch (in_.ConsumeIntegralInRange(0, 8)) {
      case 0:
      case 1:
        Publish();
        break;
      case 2:
      case 3:
        Ask();
        break;
      case 4:
        AskNonsense();
        break;
      case 5:
      case 6:
        Write();
        break;
      case 7:
        Answer(in_.ConsumeIntegralInRange(0, 5) == 0);
        break;
      case 8:
        if (in_.ConsumeIntegralInRange(0, 9) == 0) {
          Connect();
        } else {
          loop_->Advance(absl::Milliseconds(in_.ConsumeIntegralInRange(0, 900)));
        }
        break;
    }
    if (!ended_) Demand(session_->in_flight() <= kTypeCount * kMaxUnanswered, "too many unanswered responses");
  }

  // Everything is taken from now on.
  void Finish() {
    int responses = 0;
    for (int quiet = 0; quiet < 3 && !ended_;) {
      while (!unanswered_.empty() && !ended_) Answer(false);
      if (Write()) {
        quiet = 0;
        Demand(++responses < 5000, "does not come to rest");
        continue;
      }
      // A client that came back and never asks for clusters is waited for for 30 s; all else takes no time.
      loop_->Advance(absl::Seconds(session_->subscription(Type::kCluster).asked ? 1 : 31));
      ++quiet;
    }
    if (ended_) return;
    Demand(session_->in_flight() == 0, "answered responses are kept");
    if (nonsense_ || refused_) return;
    bool active = false;
    for (int i = 0; i < kTypeCount; ++i) active |= session_->subscription(static_cast<Type>(i)).active;
    Demand(!active || session_->converged(), "a client that took everything does not have everything");
    Demand(session_->held() == 0, "references of forms that are gone are held");
  }

 private:
  Type PickType() { return static_cast<Type>(in_.ConsumeIntegralInRange(0, kTypeCount - 1)); }
  std::string PickName() { return in_.PickValueInArray(kNames); }

  void Connect() {
    session_ = std::make_unique<Session>(*loop_, snapshot_, events_,
                                         SessionOptions{.delta = delta_,
                                                        .max_response_bytes = 300,
                                                        .max_names_of_wildcard = kMaxNamesOfWildcard,
                                                        .max_unanswered = kMaxUnanswered,
                                                        .make_mover = testing::TextMover});
    unanswered_.clear();
    nonces_seen_.clear();
    for (std::string& nonce : nonces_) nonce.clear();
    for (auto& names : names_) names.clear();
    ended_ = nonsense_ = refused_ = false;
  }

  void Publish() {
    Delta delta;
    for (int edits = in_.ConsumeIntegralInRange(1, 3); edits > 0; --edits) {
      const Type type = PickType();
      const std::string name = PickName();
      if (in_.ConsumeIntegralInRange(0, 3) == 0) {
        delta.removals.push_back({type, name});
        continue;
      }
      std::vector<ResourceRef> warms, needs;
      if (type == Type::kCluster && in_.ConsumeBool()) warms.push_back({Type::kEndpoint, PickName()});
      if (type == Type::kRoute && in_.ConsumeBool()) needs.push_back({Type::kCluster, PickName()});
      if (type == Type::kScopedRoute) warms.push_back({Type::kRoute, PickName()});
      delta.upserts.push_back(MakeResource(type, name, std::string(1, in_.ConsumeIntegralInRange('0', '4')),
                                           std::move(warms), std::move(needs)));
    }
    const Change change = testing::Apply(snapshot_, delta, &violations_);
    if (!ended_) session_->OnChange(change);
  }

  template <typename Request>
  void Send(const Request& request) {
    if (!ended_) ended_ = !session_->OnRequest(request).ok();
  }

  void Ask() {
    const Type type = PickType();
    const std::string url(gloo::snapshot::TypeUrl(type));
    auto& names = names_[static_cast<int>(type)];
    if (delta_) {
      envoy::service::discovery::v3::DeltaDiscoveryRequest request;
      request.set_type_url(url);
      for (int i = in_.ConsumeIntegralInRange(0, 3); i > 0; --i) request.add_resource_names_subscribe(PickName());
      for (int i = in_.ConsumeIntegralInRange(0, 2); i > 0; --i) request.add_resource_names_unsubscribe(PickName());
      for (int i = in_.ConsumeIntegralInRange(0, 2); i > 0; --i) {
        (*request.mutable_initial_resource_versions())[PickName()] = in_.ConsumeBool() ? "old" : "";
      }
      Send(request);
      return;
    }
    names.clear();
    for (int i = in_.ConsumeIntegralInRange(0, 3); i > 0; --i) names.insert(PickName());
    envoy::service::discovery::v3::DiscoveryRequest request;
    request.set_type_url(url);
    for (const std::string& name : names) request.add_resource_names(name);
    request.set_response_nonce(nonces_[static_cast<int>(type)]);
    Send(request);
  }

  // As it may come over the wire.
  void AskNonsense() {
    const std::string bytes = in_.ConsumeRandomLengthString(300);
    envoy::service::discovery::v3::DeltaDiscoveryRequest delta;
    envoy::service::discovery::v3::DiscoveryRequest sotw;
    nonsense_ = true;
    if (delta_ && delta.ParseFromString(bytes)) Send(delta);
    if (!delta_ && sotw.ParseFromString(bytes)) Send(sotw);
  }

  bool Write() {
    if (ended_) return false;
    std::optional<Response> response = session_->Next();
    if (!response.has_value()) return false;
    Demand(!response->nonce.empty() && !response->type_url.empty(), "a response without nonce or type");
    Demand(nonces_seen_.insert(response->nonce).second, "a nonce twice");
    Demand(delta_ || response->removed.empty() || !IsServed(response->type_url), "a removal in the state of the world");
    std::set<std::string> names;
    for (const auto& item : response->items) {
      Demand(item.resource != nullptr && !item.resource->version.empty(), "a form that is not known");
      Demand(names.insert(item.name).second, "a name twice in a response");
    }
    for (const std::string& name : response->removed) {
      if (IsServed(response->type_url)) Demand(names.insert(name).second, "a name sent and removed");
    }
    Type type;
    if (gloo::snapshot::ParseTypeUrl(response->type_url, &type)) nonces_[static_cast<int>(type)] = response->nonce;
    unanswered_.push_back(*std::move(response));
    return true;
  }

  static bool IsServed(const std::string& url) {
    Type type;
    return gloo::snapshot::ParseTypeUrl(url, &type);
  }

  void Answer(bool refuse) {
    if (unanswered_.empty()) return;
    const Response response = std::move(unanswered_.front());
    unanswered_.pop_front();
    Type type;
    if (!gloo::snapshot::ParseTypeUrl(response.type_url, &type)) return;
    refused_ |= refuse;
    if (delta_) {
      envoy::service::discovery::v3::DeltaDiscoveryRequest request;
      request.set_type_url(response.type_url);
      request.set_response_nonce(response.nonce);
      if (refuse) request.mutable_error_detail()->set_message("no");
      Send(request);
      return;
    }
    envoy::service::discovery::v3::DiscoveryRequest request;
    request.set_type_url(response.type_url);
    request.set_response_nonce(response.nonce);
    for (const std::string& name : names_[static_cast<int>(type)]) request.add_resource_names(name);
    if (refuse) request.mutable_error_detail()->set_message("no");
    Send(request);
  }

  FuzzedDataProvider& in_;
  const bool delta_;
  std::unique_ptr<gloo::runtime::FakeLoop> loop_ = gloo::runtime::FakeLoop::CreateFake();
  gloo::snapshot::Snapshot snapshot_;
  Events events_;
  std::unique_ptr<Session> session_;
  std::deque<Response> unanswered_;
  std::set<std::string> names_[kTypeCount];
  std::string nonces_[kTypeCount];
  std::set<std::string> nonces_seen_;
  std::vector<std::string> violations_;
  bool ended_ = false, nonsense_ = false, refused_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider in(data, size);
  Run run(in);
  while (in.remaining_bytes() > 0) run.Step();
  run.Finish();
  return 0;
}
