#include "filters/nats_protocol.h"

#include <algorithm>
#include <array>

#include "template/json.h"

namespace gloo::filters {
namespace {

constexpr std::string_view kEnd = "\r\n";
constexpr std::string_view kVersion = "NATS/1.0";
// INFO of a large cluster names all of its servers.
constexpr size_t kLongestLine = 64 << 10;
constexpr size_t kMostHeaders = 256;

void AppendField(std::string_view name, std::string_view value, std::string* out) {
  if (value.empty()) return;
  out->append(",\"").append(name).append("\":\"");
  tmpl::AppendJsonEscaped(value, out);
  out->push_back('"');
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Blank-separated words; false where there are more than `words` holds.
template <size_t N>
bool Split(std::string_view text, std::array<std::string_view, N>* words, size_t* count) {
  *count = 0;
  while (!(text = Trim(text)).empty()) {
    if (*count == N) return false;
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    (*words)[(*count)++] = text.substr(0, end);
    text.remove_prefix(end);
  }
  return true;
}

bool ReadSize(std::string_view text, size_t* size) {
  if (text.empty() || text.size() > 9) return false;
  *size = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    *size = *size * 10 + static_cast<size_t>(c - '0');
  }
  return true;
}

}  // namespace

void AppendNatsConnect(const NatsCredentials& credentials, std::string* out) {
  out->append(
      R"(CONNECT {"verbose":false,"pedantic":false,"tls_required":false,"name":"gloo","lang":"c++","version":"1",)"
      R"("protocol":0,"headers":true,"no_responders":true)");
  AppendField("user", credentials.user, out);
  AppendField("pass", credentials.password, out);
  AppendField("auth_token", credentials.token, out);
  AppendField("jwt", credentials.jwt, out);
  AppendField("nkey", credentials.nkey, out);
  AppendField("sig", credentials.signature, out);
  out->append("}").append(kEnd);
}

std::string NatsHeaderBlock(const NatsHeaderList& headers) {
  if (headers.empty()) return "";
  std::string out(kVersion);
  out.append(kEnd);
  for (const auto& [name, value] : headers) out.append(name).append(": ").append(value).append(kEnd);
  return out.append(kEnd);
}

void AppendNatsPublish(const NatsMessage& message, std::string* out) {
  out->append(message.header.empty() ? "PUB " : "HPUB ").append(message.subject).push_back(' ');
  if (!message.reply.empty()) out->append(message.reply).push_back(' ');
  if (!message.header.empty()) out->append(std::to_string(message.header.size())).push_back(' ');
  out->append(std::to_string(message.header.size() + message.payload.size())).append(kEnd);
  out->append(message.header).append(message.payload).append(kEnd);
}

void AppendNatsSubscribeOnce(std::string_view subject, std::string_view id, std::string* out) {
  out->append("SUB ").append(subject).append(" ").append(id).append(kEnd);
  out->append("UNSUB ").append(id).append(" 1").append(kEnd);
}

bool NatsParser::Fail(std::string_view why) {
  failure_ = why;
  std::string().swap(buffer_);
  read_ = scanned_ = 0;
  return false;
}

bool NatsParser::Next(NatsEvent* event) {
  if (!failure_.empty()) return false;
  *event = {};
  const std::string_view all(buffer_);
  if (in_message_) {
    if (all.size() - read_ < total_size_ + kEnd.size()) return false;
    const std::string_view message = all.substr(read_, total_size_);
    if (all.substr(read_ + total_size_, kEnd.size()) != kEnd) return Fail("a message is not followed by a line break");
    *event = std::move(pending_);
    pending_ = {};
    in_message_ = false;
    if (header_size_ > 0 && !ReadHeaders(message.substr(0, header_size_), event)) {
      return Fail("a message has malformed headers");
    }
    event->text = message.substr(header_size_);
    read_ += total_size_ + kEnd.size();
    scanned_ = read_;
    return true;
  }
  const size_t end = all.find('\n', std::max(read_, scanned_));
  if (end == std::string_view::npos) {
    if (all.size() - read_ > kLongestLine) return Fail("a line is too long");
    buffer_.erase(0, read_);
    read_ = 0;
    scanned_ = buffer_.size();
    return false;
  }
  if (end - read_ > kLongestLine) return Fail("a line is too long");
  std::string_view line = all.substr(read_, end - read_);
  if (line.ends_with('\r')) line.remove_suffix(1);
  read_ = scanned_ = end + 1;
  if (!ReadLine(line, event)) return false;
  return in_message_ ? Next(event) : true;
}

bool NatsParser::ReadLine(std::string_view line, NatsEvent* event) {
  const size_t blank = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view word = line.substr(0, blank);
  const std::string_view rest = Trim(line.substr(blank));
  using Kind = NatsEvent::Kind;
  if (word == "MSG" || word == "HMSG") return ReadMessageLine(rest, word == "HMSG", event);
  if (word == "PING") {
    event->kind = Kind::kPing;
  } else if (word == "PONG") {
    event->kind = Kind::kPong;
  } else if (word == "+OK") {
    event->kind = Kind::kOk;
  } else if (word == "INFO") {
    event->kind = Kind::kInfo;
    event->text = rest;
  } else if (word == "-ERR") {
    event->kind = Kind::kError;
    const bool quoted = rest.size() > 1 && rest.front() == '\'' && rest.back() == '\'';
    event->text = quoted ? rest.substr(1, rest.size() - 2) : rest;
  } else {
    return Fail("it does not speak NATS");
  }
  return true;
}

bool NatsParser::ReadMessageLine(std::string_view arguments, bool has_headers, NatsEvent* event) {
  // SUBJECT ID [REPLY] [SIZE OF HEADERS] SIZE
  std::array<std::string_view, 5> words;
  size_t count = 0;
  const size_t least = has_headers ? 4 : 3;
  if (!Split(arguments, &words, &count) || count < least || count > least + 1) {
    return Fail("a message's line is malformed");
  }
  header_size_ = 0;
  if (!ReadSize(words[count - 1], &total_size_) || (has_headers && !ReadSize(words[count - 2], &header_size_)) ||
      header_size_ > total_size_) {
    return Fail("a message's line is malformed");
  }
  if (total_size_ > max_message_) return Fail("a message is too large");
  event->kind = NatsEvent::Kind::kMessage;
  event->subscription = words[1];
  pending_ = std::move(*event);
  in_message_ = true;
  return true;
}

bool NatsParser::ReadHeaders(std::string_view block, NatsEvent* event) {
  bool first = true;
  while (!block.empty()) {
    const size_t end = block.find(kEnd);
    if (end == std::string_view::npos) return false;
    const std::string_view line = block.substr(0, end);
    block.remove_prefix(end + kEnd.size());
    if (first) {
      if (!line.starts_with(kVersion)) return false;
      const std::string_view rest = Trim(line.substr(kVersion.size()));
      size_t status = 0;
      if (!rest.empty()) {
        if (!ReadSize(rest.substr(0, std::min(rest.find(' '), rest.size())), &status) || status > 999) return false;
        event->status = static_cast<int>(status);
      }
      first = false;
      continue;
    }
    if (line.empty()) return block.empty();
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || event->headers.size() == kMostHeaders) return false;
    event->headers.emplace_back(line.substr(0, colon), Trim(line.substr(colon + 1)));
  }
  return false;
}

}  // namespace gloo::filters
