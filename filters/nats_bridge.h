// The bridge from a HTTP request to the NATS protocol: one object a request, over one connection of Envoy's TCP pool,
// which Envoy keeps for other requests afterwards. docs/design/nats.md tells how.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "filters/abi.h"
#include "filters/nats_protocol.h"
#include "template/nats.h"

namespace gloo::filters {

// Of an upstream: JSON {"auth": "none" | "user" | "token" | "nkey" | "jwt", "inbox": "_INBOX",
// "max_payload": "1048576", "tls": false}. Credentials are not in it: the cluster's filters put them into headers of
// each request.
struct NatsBridgeConfig {
  // Null on a mistake, which `error` tells.
  static std::unique_ptr<NatsBridgeConfig> Parse(std::string_view json, std::string* error);

  enum class Auth { kNone, kUser, kToken, kNkey, kJwt };
  // What the server sends first is signed.
  bool signs() const { return auth == Auth::kNkey || auth == Auth::kJwt; }
  Auth auth = Auth::kNone;
  std::string inbox;
  // Bytes of a message with its headers, either way.
  size_t max_payload = 0;
  // The same of the server that spoke last: one that is sent more closes the connection, and what it says is often
  // lost.
  mutable std::atomic<size_t> server_payload = SIZE_MAX;
  size_t limit() const { return std::min(max_payload, server_payload.load(std::memory_order_relaxed)); }
  // The cluster talks TLS to the servers.
  bool tls = false;
};

// Envoy may destroy the bridge inside the callback that answers, so that after Answer() nothing of it is touched.
class NatsBridge {
 public:
  NatsBridge(const NatsBridgeConfig* config, abi::EnvoyBridgePtr envoy)
      : config_(config), envoy_(envoy), parser_(config->max_payload) {}

  void OnRequestHeaders(bool end_of_stream);
  void OnRequestBody(bool end_of_stream);
  void OnRequestTrailers();
  void OnServerData(bool end_of_stream);

 private:
  enum class State {
    kRequest,  // the request's body is on its way
    kHold,     // the request is there, or refused with failure_; awaited_ is waited for
    kWait,     // the message is sent
    kClose,    // the server will close the connection, or is asked to; then the client is answered with error_
    kDone,
  };
  struct Failure {
    int status = 0;
    std::string text;
  };

  class RequestHeaders;

  void Connect(const RequestHeaders& request, std::string_view nonce);
  // Answers as soon as it may.
  void Refuse(Failure failure);
  // Goes on where awaited_ held the request. False: the client is answered.
  bool Release();
  // Status 0: the call is good, and all of it is known.
  Failure ReadCall(const RequestHeaders& request);
  Failure TakeHeaders(const RequestHeaders& request);
  void Publish();
  // False: the client is answered.
  bool OnEvent(const NatsEvent& event);
  // The server's first words. False: the client is answered.
  bool OnInfo(std::string_view json);
  bool OnError(std::string_view text);
  void Unsubscribe();
  void OnReply(const NatsEvent& message);
  void OnAcknowledgement(const NatsEvent& message);
  // This connection must not be used again: answers when the server has closed it.
  void FailAndClose(Failure failure);
  void Fail(Failure failure);
  void Answer(int status, NatsHeaderList headers, std::string body);

  const NatsBridgeConfig* const config_;
  const abi::EnvoyBridgePtr envoy_;
  // What a new connection begins with, where there are credentials: a server that refuses them closes it, and what it
  // says is lost where it has not read what came behind. Nothing is answered before, lest the next request get it.
  enum class Awaited { kNothing, kNonce, kPong } awaited_ = Awaited::kNothing;
  State state_ = State::kRequest;
  tmpl::NatsCall call_;
  // What nobody else knows of the subject of the reply.
  std::string inbox_name_;
  std::string subject_;
  std::string headers_;  // the message's
  std::string body_;
  std::string subscription_;
  Failure failure_;
  NatsParser parser_;
};

}  // namespace gloo::filters
