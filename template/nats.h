// Calls of NATS functions: what the control plane tells the module about one, and which subjects a message may be sent
// to. Shared, so that a mistake that can be seen beforehand is seen by the same rule.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gloo::tmpl {

enum class NatsMode {
  kPublish,    // answered as soon as the server has the message
  kJetStream,  // answered with the acknowledgement of a stream
  kRequest,    // answered with a subscriber's reply
};

// Travels as the value of a request header that only functions write.
struct NatsCall {
  NatsMode mode = NatsMode::kPublish;
  // The subject may begin with `$` or `_INBOX`: the function's own text says so, not what a client sent.
  bool system_subject = false;
  // Names of the message's headers, as written; the value of number i is in the request header NatsValueHeader(i).
  std::vector<std::string> headers;
  // Headers of the request, in lower case, that become headers of the message.
  std::vector<std::string> forward;
  bool operator==(const NatsCall&) const = default;
};

inline constexpr size_t kMostNatsHeaders = 32;
inline constexpr size_t kLongestNatsSubject = 1024;
inline constexpr std::string_view kNatsSubjectHeader = "x-gloo-nats-subject";

std::string NatsValueHeader(size_t index);

// "nats request system h=Nats-Msg-Id,Priority f=x-tenant".
std::string ToText(const NatsCall& call);
// False: it is no call of a NATS function.
bool FromText(std::string_view text, NatsCall* call);
// It is one, for who need not know which.
bool IsNatsCall(std::string_view text);

// Whether a header of the request, in lower case, becomes one of the message: what the body is, which event it is,
// which trace it belongs to, and what the call names; but for what the function writes itself.
bool IsForwarded(const NatsCall& call, std::string_view name);

// A name that a message's header may have.
bool IsNatsHeaderName(std::string_view name);

// Why no message can be published to the subject, as "has an empty part"; empty where one can.
std::string NatsSubjectMistake(std::string_view subject);
// A subject that belongs to the server or to somebody's requests.
bool IsNatsSystemSubject(std::string_view subject);

}  // namespace gloo::tmpl
