// The client's side of the NATS protocol: what is written to a server, and a reader of what it sends. Pure: no Envoy.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gloo::filters {

using NatsHeaderList = std::vector<std::pair<std::string, std::string>>;

struct NatsCredentials {
  std::string_view user;
  std::string_view password;
  std::string_view token;
  std::string_view jwt;
  std::string_view nkey;       // the user's public key
  std::string_view signature;  // of the nonce of INFO
};

// Protocol 0: the server sends nothing unasked but PING, so that a connection which nobody uses stays quiet.
void AppendNatsConnect(const NatsCredentials& credentials, std::string* out);

// The header block of a message: version line, headers, an empty line. Nothing may be in a name or a value that
// IsNatsHeaderName() and tmpl::IsHeaderValue() refuse.
std::string NatsHeaderBlock(const NatsHeaderList& headers);

struct NatsMessage {
  std::string_view subject;
  std::string_view reply;   // empty: none is wanted
  std::string_view header;  // NatsHeaderBlock(), or empty
  std::string_view payload;
};
void AppendNatsPublish(const NatsMessage& message, std::string* out);

// A subscription that ends with its first message.
void AppendNatsSubscribeOnce(std::string_view subject, std::string_view id, std::string* out);

struct NatsEvent {
  enum class Kind { kInfo, kPing, kPong, kOk, kError, kMessage };
  Kind kind = Kind::kOk;
  // kError: without quotes; kInfo: JSON; kMessage: the payload.
  std::string text;
  // kMessage.
  std::string subscription;
  int status = 0;  // of the version line ("NATS/1.0 503"); 0: none
  NatsHeaderList headers;
};

// Reads a stream of bytes, in pieces of any size; holds no more than one message and `max_message` bytes of it.
class NatsParser {
 public:
  explicit NatsParser(size_t max_message) : max_message_(max_message) {}

  void Append(std::string_view data) { buffer_.append(data); }
  // False: more bytes are needed, or nothing more can be read, see failure().
  bool Next(NatsEvent* event);
  // What is wrong with the bytes, for people; empty while they are good.
  std::string_view failure() const { return failure_; }

 private:
  bool Fail(std::string_view why);
  bool ReadLine(std::string_view line, NatsEvent* event);
  // The arguments of MSG and HMSG.
  bool ReadMessageLine(std::string_view arguments, bool has_headers, NatsEvent* event);
  bool ReadHeaders(std::string_view block, NatsEvent* event);

  const size_t max_message_;
  std::string buffer_;
  size_t read_ = 0;     // of buffer_
  size_t scanned_ = 0;  // of buffer_: no end of a line before
  // A message whose line has been read and whose bytes have not; its subscription is in pending_.
  bool in_message_ = false;
  size_t header_size_ = 0;
  size_t total_size_ = 0;
  NatsEvent pending_;
  std::string_view failure_;
};

}  // namespace gloo::filters
