#include "filters/nats_bridge.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "filters/ed25519.h"
#include "filters/json.h"
#include "filters/nats_connection.h"
#include "filters/scope_key.h"
#include "template/codec.h"
#include "template/json.h"
#include "template/nkey.h"
#include "template/transformation.h"

namespace gloo::filters {
namespace {

constexpr std::string_view kUserHeader = "x-gloo-nats-user";
constexpr std::string_view kPasswordHeader = "x-gloo-nats-password";
constexpr std::string_view kTokenHeader = "x-gloo-nats-token";
constexpr std::string_view kJwtHeader = "x-gloo-nats-jwt";
constexpr std::string_view kSeedHeader = "x-gloo-nats-seed";

// Of a reply, these do not become headers of the response: they are about a connection, or Envoy acts by them.
constexpr std::string_view kNotReturned[] = {"connection", "content-length",    "host",
                                             "keep-alive", "proxy-connection",  "te",
                                             "trailer",    "transfer-encoding", "upgrade"};
constexpr std::string_view kEnvoys[] = {"x-envoy-", "x-gloo-"};

// An answer of a service that failed, in the convention of NATS micro services.
constexpr std::string_view kServiceErrorCode = "nats-service-error-code";

constexpr std::string_view kPing = "PING\r\n";

template <size_t N>
bool IsOneOf(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

bool ReadNumber(std::string_view text, size_t most, size_t* number) {
  if (text.empty() || text.size() > 9) return false;
  *number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    *number = *number * 10 + static_cast<size_t>(c - '0');
  }
  return *number <= most;
}

bool IsErrorStatus(size_t status) { return status >= 400 && status <= 599; }

// The status of a message that the server itself sends where nobody listens.
constexpr int kNoResponders = 503;

// Nobody else can know it, so nobody else can answer: hexadecimal digits of 128 random bits. Empty where there are
// none.
std::string RandomName() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

// Connections are used again, and one knows of its earlier subscriptions: none has the name of another.
std::string NextSubscription() {
  static std::atomic<uint64_t> last = 0;
  return std::to_string(last.fetch_add(1, std::memory_order_relaxed) + 1);
}

std::vector<abi::EnvoyBuffer> RequestChunks(abi::EnvoyBridgePtr envoy) {
  std::vector<abi::EnvoyBuffer> chunks(
      envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_buffer_chunks_size(envoy));
  size_t count = 0;
  if (!chunks.empty()) {
    envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_buffer(envoy, chunks.data(), &count);
  }
  chunks.resize(std::min(count, chunks.size()));
  return chunks;
}

std::vector<abi::EnvoyBuffer> ResponseChunks(abi::EnvoyBridgePtr envoy) {
  std::vector<abi::EnvoyBuffer> chunks(
      envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_response_buffer_chunks_size(envoy));
  size_t count = 0;
  if (!chunks.empty()) {
    envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_response_buffer(envoy, chunks.data(), &count);
  }
  chunks.resize(std::min(count, chunks.size()));
  return chunks;
}

struct ServerError {
  std::string_view prefix;  // of the server's words, in lower case
  // The server closes the connection after it, and answers nothing more.
  bool closes;
  int status;
  std::string_view text;
};

// The server's own words are not repeated to clients: they name subjects and users.
constexpr std::string_view kRefused = "the NATS server refuses the upstream's credentials";
constexpr std::string_view kDemandsTls = "the NATS server demands TLS, which the upstream does not speak";
constexpr std::string_view kNotUnderstood = "the NATS server does not understand the request";
constexpr ServerError kServerErrors[] = {
    {"permissions violation for subscription", false, 502,
     "the NATS server does not permit the upstream's user to subscribe to its inbox"},
    {"permissions violation", false, 502,
     "the NATS server does not permit the upstream's user to publish to the subject"},
    {"authorization violation", true, 502, kRefused},
    {"authentication", true, 502, kRefused},
    {"user authentication", true, 502, kRefused},
    {"account authentication", true, 502, kRefused},
    {"maximum payload", true, 413, "the message is larger than the NATS server takes"},
    {"secure connection", true, 502, kDemandsTls},
    {"maximum connections", true, 503, "the NATS server has too many connections"},
    {"maximum account", true, 503, "the NATS server has too many connections"},
    {"invalid", false, 400, "the NATS server refuses the subject"},
    {"message headers not supported", true, 502, "the NATS server takes no messages with headers"},
    {"unknown protocol", true, 502, kNotUnderstood},
    {"parser error", true, 502, kNotUnderstood},
};
constexpr std::string_view kOtherServerError = "the NATS server cannot serve the request now";

// Missing where there is none.
tmpl::Value Find(const tmpl::Value& object, std::string_view key) {
  for (uint32_t i = 0; object.is_object() && i < object.size; ++i) {
    if (object.members[i].key == key) return object.members[i].value;
  }
  return tmpl::Value::Missing();
}

struct ServerInfo {
  bool demands_tls = false;
  size_t max_payload = SIZE_MAX;
  std::string nonce;
};

// Of a number that is written as one; `otherwise` where it is none.
size_t NumberOf(const tmpl::Value& value, size_t otherwise) {
  size_t number = 0;
  if (value.type == tmpl::Type::kInt && value.integer >= 0) return static_cast<size_t>(value.integer);
  return value.type == tmpl::Type::kNumber && ReadNumber(value.view(), SIZE_MAX, &number) ? number : otherwise;
}

ServerInfo ReadInfo(std::string_view json) {
  ServerInfo out;
  tmpl::Arena arena;
  tmpl::Value value;
  tmpl::JsonError mistake;
  if (!tmpl::ReadJson(json, &arena, &value, &mistake)) return out;
  const tmpl::Value required = Find(value, "tls_required");
  out.demands_tls = required.type == tmpl::Type::kBool && required.flag;
  out.max_payload = NumberOf(Find(value, "max_payload"), SIZE_MAX);
  if (const tmpl::Value nonce = Find(value, "nonce"); nonce.is_string()) out.nonce = nonce.view();
  return out;
}

template <size_t N>
std::string_view View(const std::array<uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::unique_ptr<NatsBridgeConfig> NatsBridgeConfig::Parse(std::string_view json, std::string* error) {
  Json root;
  if (!ParseJson(json, &root, error)) return nullptr;
  const auto text = [&root](std::string_view key) -> std::string {
    const Json* value = root.Find(key);
    return value != nullptr && value->kind == Json::Kind::kString ? value->string : std::string();
  };
  auto config = std::make_unique<NatsBridgeConfig>();
  const std::string auth = text("auth");
  config->inbox = text("inbox");
  if (auth == "user") {
    config->auth = Auth::kUser;
  } else if (auth == "token") {
    config->auth = Auth::kToken;
  } else if (auth == "nkey") {
    config->auth = Auth::kNkey;
  } else if (auth == "jwt") {
    config->auth = Auth::kJwt;
  } else if (auth != "none") {
    *error = "auth: must be one of \"none\", \"user\", \"token\", \"nkey\" and \"jwt\"";
    return nullptr;
  }
  if (!tmpl::NatsSubjectMistake(config->inbox).empty()) {
    *error = "inbox: " + tmpl::NatsSubjectMistake(config->inbox);
    return nullptr;
  }
  if (!ReadNumber(text("max_payload"), 64 << 20, &config->max_payload) || config->max_payload == 0) {
    *error = "max_payload: must be a number of bytes from 1 to 67108864, as a string";
    return nullptr;
  }
  const Json* tls = root.Find("tls");
  if (tls == nullptr || tls->kind != Json::Kind::kBool) {
    *error = "tls: must be true or false";
    return nullptr;
  }
  config->tls = tls->boolean;
  if (root.object.size() != 4) {
    *error = "must have the fields \"auth\", \"inbox\", \"max_payload\" and \"tls\" only";
    return nullptr;
  }
  return config;
}

// The request's headers, asked for in one call. Good for one hook.
class NatsBridge::RequestHeaders {
 public:
  explicit RequestHeaders(abi::EnvoyBridgePtr envoy)
      : all_(envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_headers_size(envoy)) {
    if (all_.empty()) return;
    if (!envoy_dynamic_module_callback_upstream_http_tcp_bridge_get_request_headers(envoy, all_.data())) all_.clear();
  }
  const std::vector<abi::EnvoyHttpHeader>& all() const { return all_; }
  // The first value; empty where there is none.
  std::string_view Get(std::string_view name) const {
    for (const abi::EnvoyHttpHeader& header : all_) {
      if (std::string_view(header.key, header.key_size) == name) return {header.value, header.value_size};
    }
    return {};
  }

 private:
  std::vector<abi::EnvoyHttpHeader> all_;
};

void NatsBridge::OnRequestHeaders(bool end_of_stream) {
  const RequestHeaders headers(envoy_);
  // Whatever becomes of the request: the next one finds the connection used. And at once, for a server closes a new
  // connection on which nobody speaks.
  const uint64_t connection = NatsConnectionFilter::ConnectionOf(headers.Get(kNatsConnectionHeader));
  if (IsNatsRefused(connection)) return Fail({502, std::string(kRefused)});
  const bool fresh = !IsNatsConnected(connection);
  if (fresh && config_->signs()) {
    awaited_ = Awaited::kNonce;
  } else if (fresh) {
    Connect(headers, "");
  }
  if (Failure failure = ReadCall(headers); failure.status != 0) return Refuse(std::move(failure));
  if (end_of_stream) Publish();
}

void NatsBridge::Refuse(Failure failure) {
  if (awaited_ == Awaited::kNothing) return Fail(std::move(failure));
  failure_ = std::move(failure);
  state_ = State::kHold;
}

bool NatsBridge::Release() {
  if (state_ != State::kHold) return true;
  if (failure_.status != 0) {
    Fail(std::move(failure_));
    return false;
  }
  Publish();
  return true;
}

void NatsBridge::Connect(const RequestHeaders& request, std::string_view nonce) {
  SetNatsConnected(NatsConnectionFilter::ConnectionOf(request.Get(kNatsConnectionHeader)));
  NatsCredentials credentials;
  std::string user;
  std::string signature;
  if (config_->auth == NatsBridgeConfig::Auth::kUser) {
    credentials.user = request.Get(kUserHeader);
    credentials.password = request.Get(kPasswordHeader);
  } else if (config_->auth == NatsBridgeConfig::Auth::kToken) {
    credentials.token = request.Get(kTokenHeader);
  } else if (std::string seed; config_->signs() && tmpl::ReadUserSeed(request.Get(kSeedHeader), &seed)) {
    tmpl::AppendBase64(View(Ed25519Sign(seed, nonce)), /*url=*/true, &signature);
    credentials.signature = signature;
    if (config_->auth == NatsBridgeConfig::Auth::kJwt) {
      credentials.jwt = request.Get(kJwtHeader);
    } else {
      user = tmpl::UserKeyText(View(Ed25519Public(seed)));
      credentials.nkey = user;
    }
  }
  std::string out;
  AppendNatsConnect(credentials, &out);
  awaited_ = Awaited::kNothing;
  if (config_->auth != NatsBridgeConfig::Auth::kNone) {
    awaited_ = Awaited::kPong;
    out.append(kPing);
  }
  envoy_dynamic_module_callback_upstream_http_tcp_bridge_send_upstream_data(envoy_, out, false);
}

void NatsBridge::OnRequestBody(bool end_of_stream) {
  if (state_ != State::kRequest) return;
  for (const abi::EnvoyBuffer& chunk : RequestChunks(envoy_)) {
    if (chunk.size + headers_.size() + body_.size() > config_->limit()) {
      return Refuse({413, tmpl::TooLargeError(config_->limit(), false)});
    }
    body_.append(chunk.view());
  }
  if (end_of_stream) Publish();
}

void NatsBridge::OnRequestTrailers() {
  if (state_ == State::kRequest) Publish();
}

NatsBridge::Failure NatsBridge::ReadCall(const RequestHeaders& request) {
  if (!tmpl::FromText(request.Get(kCallHeader), &call_)) {
    return {500, "an upstream of type nats is reached through functions only"};
  }
  subject_ = request.Get(tmpl::kNatsSubjectHeader);
  if (std::string mistake = tmpl::NatsSubjectMistake(subject_); !mistake.empty()) {
    return {400, "bad request: the subject " + mistake};
  }
  if (tmpl::IsNatsSystemSubject(subject_) && !call_.system_subject) {
    return {400, "bad request: the subject belongs to the NATS server"};
  }
  if (Failure failure = TakeHeaders(request); failure.status != 0) return failure;
  if (call_.mode != tmpl::NatsMode::kPublish && (inbox_name_ = RandomName()).empty()) {
    return {503, "the system has no random numbers"};
  }
  const std::string length(request.Get("content-length"));
  const size_t limit = config_->limit();
  if (headers_.size() > limit || std::strtoull(length.c_str(), nullptr, 10) > limit - headers_.size()) {
    return {413, tmpl::TooLargeError(limit, false)};
  }
  return {};
}

NatsBridge::Failure NatsBridge::TakeHeaders(const RequestHeaders& request) {
  NatsHeaderList headers;
  for (size_t i = 0; i < call_.headers.size(); ++i) {
    const std::string_view value = request.Get(tmpl::NatsValueHeader(i));
    if (!value.empty()) headers.emplace_back(call_.headers[i], value);
  }
  const size_t written = headers.size();
  for (const abi::EnvoyHttpHeader& header : request.all()) {
    const std::string_view name(header.key, header.key_size);
    if (tmpl::IsForwarded(call_, name)) {
      headers.emplace_back(name, std::string_view(header.value, header.value_size));
    }
  }
  for (size_t i = 0; i < headers.size(); ++i) {
    // Envoy and the templates refuse them too; here a line break would start a command of the client's own.
    if (!tmpl::IsNatsHeaderName(headers[i].first) || !tmpl::IsHeaderValue(headers[i].second)) {
      const std::string whose = i < written ? "header \"" + headers[i].first + "\"" : "a header of the client";
      return {400, "bad request: " + whose + " holds a control character"};
    }
  }
  headers_ = NatsHeaderBlock(headers);
  return {};
}

void NatsBridge::Publish() {
  state_ = awaited_ == Awaited::kNothing ? State::kWait : State::kHold;
  if (state_ == State::kHold) return;
  std::string out;
  std::string inbox;
  if (call_.mode != tmpl::NatsMode::kPublish) {
    inbox = config_->inbox + "." + inbox_name_;
    subscription_ = NextSubscription();
    AppendNatsSubscribeOnce(inbox, subscription_, &out);
  }
  out.reserve(out.size() + headers_.size() + body_.size() + 128 + subject_.size());
  AppendNatsPublish({subject_, inbox, headers_, body_}, &out);
  // Its PONG says that the server has the message.
  if (call_.mode == tmpl::NatsMode::kPublish) out.append(kPing);
  std::string().swap(body_);
  envoy_dynamic_module_callback_upstream_http_tcp_bridge_send_upstream_data(envoy_, out, false);
}

void NatsBridge::OnServerData(bool end_of_stream) {
  if (state_ == State::kDone) return;
  if (state_ != State::kClose) {
    for (const abi::EnvoyBuffer& chunk : ResponseChunks(envoy_)) parser_.Append(chunk.view());
    NatsEvent event;
    while (state_ != State::kClose && parser_.Next(&event)) {
      if (!OnEvent(event)) return;
    }
    if (state_ != State::kClose && !parser_.failure().empty()) {
      std::string text = "bad response of the NATS server: ";
      FailAndClose({502, text.append(parser_.failure())});
    }
  }
  if (!end_of_stream) return;
  if (failure_.status == 0) failure_ = {503, "the NATS server closed the connection"};
  Fail(std::move(failure_));
}

bool NatsBridge::OnEvent(const NatsEvent& event) {
  using Kind = NatsEvent::Kind;
  switch (event.kind) {
    case Kind::kPing:
      envoy_dynamic_module_callback_upstream_http_tcp_bridge_send_upstream_data(envoy_, std::string_view("PONG\r\n"),
                                                                                false);
      return true;
    case Kind::kError:
      return OnError(event.text);
    case Kind::kPong:
      if (awaited_ == Awaited::kPong) {
        awaited_ = Awaited::kNothing;
        return Release();
      }
      if (state_ != State::kWait || call_.mode != tmpl::NatsMode::kPublish) return true;
      if (failure_.status != 0) {
        Fail(std::move(failure_));
      } else {
        Answer(202, {}, "");
      }
      return false;
    case Kind::kMessage:
      if (state_ != State::kWait || event.subscription != subscription_) return true;
      // That nobody listens the server does not count as the message that ends the subscription.
      if (event.status == kNoResponders) Unsubscribe();
      if (call_.mode == tmpl::NatsMode::kJetStream) {
        OnAcknowledgement(event);
      } else {
        OnReply(event);
      }
      return false;
    case Kind::kInfo:
      return OnInfo(event.text);
    case Kind::kOk:
      return true;
  }
  return true;
}

bool NatsBridge::OnInfo(std::string_view json) {
  const ServerInfo info = ReadInfo(json);
  if (info.demands_tls && !config_->tls) {
    // The server takes what we have sent for a failed handshake, and closes without a word.
    Fail({502, std::string(kDemandsTls)});
    return false;
  }
  config_->server_payload.store(info.max_payload, std::memory_order_relaxed);
  if (awaited_ == Awaited::kNonce) Connect(RequestHeaders(envoy_), info.nonce);
  return true;
}

bool NatsBridge::OnError(std::string_view text) {
  const std::string words = Lower(text);
  Failure failure{503, std::string(kOtherServerError)};
  bool closes = false;
  for (const ServerError& known : kServerErrors) {
    if (!words.starts_with(known.prefix)) continue;
    failure = {known.status, std::string(known.text)};
    closes = known.closes;
    break;
  }
  envoy_dynamic_module_callback_log(abi::LogLevel::kDebug, "gloo.nats: the server says: " + std::string(text));
  if (awaited_ == Awaited::kPong && !closes) {
    Refuse(std::move(failure));
    return true;
  }
  if (state_ == State::kWait && !closes) {
    if (call_.mode == tmpl::NatsMode::kPublish) {
      // The answer to PING is still to come; the next request on this connection would take it for its own.
      failure_ = std::move(failure);
      return true;
    }
    Unsubscribe();
  }
  if (failure.text == kRefused) {
    SetNatsRefused(NatsConnectionFilter::ConnectionOf(RequestHeaders(envoy_).Get(kNatsConnectionHeader)));
  }
  // Where the client has not sent everything, Envoy closes the connection.
  Fail(std::move(failure));
  return false;
}

void NatsBridge::Unsubscribe() {
  const std::string out = "UNSUB " + subscription_ + "\r\n";
  envoy_dynamic_module_callback_upstream_http_tcp_bridge_send_upstream_data(envoy_, out, false);
}

void NatsBridge::OnAcknowledgement(const NatsEvent& message) {
  if (message.status == kNoResponders) return Fail({503, "no stream takes messages of the subject"});
  tmpl::Arena arena;
  tmpl::Value value;
  tmpl::JsonError mistake;
  if (!tmpl::ReadJson(message.text, &arena, &value, &mistake) || !value.is_object()) {
    return Fail({502, "bad response: what answers is no stream"});
  }
  const tmpl::Value error = Find(value, "error");
  int status = 200;
  if (error.is_object()) {
    // What the client could do better is its own fault; anything else is the server's.
    const tmpl::Value code = Find(error, "code");
    const size_t number = NumberOf(code, 0);
    status = number >= 400 && number <= 499 ? static_cast<int>(number) : 503;
  } else if (!Find(value, "stream").is_string()) {
    return Fail({502, "bad response: what answers is no stream"});
  }
  Answer(status, {{"content-type", "application/json"}}, message.text);
}

void NatsBridge::OnReply(const NatsEvent& message) {
  if (message.status == kNoResponders && message.text.empty())
    return Fail({503, "nobody answers requests on the subject"});
  NatsHeaderList headers;
  int status = IsErrorStatus(static_cast<size_t>(message.status)) ? message.status : 200;
  for (const auto& [written, value] : message.headers) {
    std::string name = Lower(written);
    const bool envoys =
        std::any_of(std::begin(kEnvoys), std::end(kEnvoys), [&](auto prefix) { return name.starts_with(prefix); });
    if (envoys || IsOneOf(kNotReturned, name) || !tmpl::IsNatsHeaderName(name) || !tmpl::IsHeaderValue(value)) continue;
    size_t code = 0;
    if (name == kServiceErrorCode && ReadNumber(value, 599, &code) && IsErrorStatus(code)) {
      status = static_cast<int>(code);
    }
    headers.emplace_back(std::move(name), value);
  }
  Answer(status, std::move(headers), message.text);
}

void NatsBridge::FailAndClose(Failure failure) {
  state_ = State::kClose;
  failure_ = std::move(failure);
  envoy_dynamic_module_callback_upstream_http_tcp_bridge_send_upstream_data(envoy_, std::string_view(), true);
}

void NatsBridge::Fail(Failure failure) {
  Answer(failure.status, {{"content-type", "text/plain"}}, std::move(failure.text));
}

void NatsBridge::Answer(int status, NatsHeaderList headers, std::string body) {
  state_ = State::kDone;
  headers.emplace_back("content-length", std::to_string(body.size()));
  std::vector<abi::ModuleHttpHeader> views;
  views.reserve(headers.size());
  for (const auto& [name, value] : headers) views.push_back({name.data(), name.size(), value.data(), value.size()});
  envoy_dynamic_module_callback_upstream_http_tcp_bridge_send_response(envoy_, static_cast<uint32_t>(status),
                                                                       views.data(), views.size(), body);
}

}  // namespace gloo::filters
