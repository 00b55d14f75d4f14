// Any bytes from a NATS server, in pieces of any size, read as the same; and whatever becomes of a request, one command
// is written.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "filters/nats_protocol.h"
#include "template/nats.h"
#include "template/nkey.h"
#include "template/transformation.h"

namespace {

using namespace gloo;

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

struct Reading {
  std::vector<std::string> events;
  std::string failure;
  bool operator==(const Reading&) const = default;
};

Reading Read(std::string_view text, size_t piece) {
  filters::NatsParser parser(4096);
  Reading reading;
  for (size_t i = 0; i < text.size(); i += piece) {
    parser.Append(text.substr(i, piece));
    filters::NatsEvent event;
    while (parser.Next(&event)) {
      std::string shown = std::to_string(static_cast<int>(event.kind)) + "|" + event.text + "|" + event.subscription +
                          "|" + std::to_string(event.status);
      for (const auto& [name, value] : event.headers) shown += "|" + name + ":" + value;
      reading.events.push_back(shown);
    }
  }
  reading.failure = parser.failure();
  return reading;
}

// The commands of a text, as a server would count them.
size_t Commands(std::string_view text) {
  size_t count = 0;
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    Check(end != std::string_view::npos, "a command ends");
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    ++count;
    if (!line.starts_with("PUB ") && !line.starts_with("HPUB ")) continue;
    const size_t size = std::strtoull(std::string(line.substr(line.rfind(' ') + 1)).c_str(), nullptr, 10);
    Check(size + 2 <= text.size() && text.substr(size, 2) == "\r\n", "the payload has the size that is said");
    text.remove_prefix(size + 2);
  }
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Reading whole = Read(text, std::max<size_t>(size, 1));
  Check(Read(text, 1) == whole, "bytes one by one are the same");
  Check(Read(text, 7) == whole, "bytes in sevens are the same");

  std::string seed;
  Check(!tmpl::ReadUserSeed(text, &seed) || seed.size() == 32, "a seed is a key");

  tmpl::NatsCall call;
  if (tmpl::FromText(text, &call)) {
    tmpl::NatsCall again;
    Check(tmpl::FromText(tmpl::ToText(call), &again) && again == call, "a call is written as it was read");
  }

  // A subject, a header and a payload of the same bytes.
  const size_t first = text.find('\n');
  const std::string_view subject = text.substr(0, first);
  const std::string_view rest = first == std::string_view::npos ? std::string_view() : text.substr(first + 1);
  if (!tmpl::NatsSubjectMistake(subject).empty()) return 0;
  std::string out;
  filters::AppendNatsConnect({.user = rest, .password = subject, .token = ""}, &out);
  filters::AppendNatsSubscribeOnce(subject, "1", &out);
  std::string block;
  if (tmpl::IsNatsHeaderName(subject) && tmpl::IsHeaderValue(rest)) {
    block = filters::NatsHeaderBlock({{std::string(subject), std::string(rest)}});
  }
  filters::AppendNatsPublish({subject, subject, block, text}, &out);
  Check(Commands(out) == 4, "nothing that a client gives is a command");
  return 0;
}
