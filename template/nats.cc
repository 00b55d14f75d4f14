#include "template/nats.h"

#include <algorithm>

#include "template/codec.h"

namespace gloo::tmpl {
namespace {

constexpr std::string_view kBegin = "nats ";
constexpr std::string_view kModes[] = {"publish", "jetstream", "request"};

// The text up to the separator, which is taken off with it.
std::string_view Cut(std::string_view* text, char separator) {
  const size_t end = text->find(separator);
  const std::string_view first = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return first;
}

void AppendNames(std::string_view key, const std::vector<std::string>& names, std::string* out) {
  if (names.empty()) return;
  out->append(" ").append(key);
  for (size_t i = 0; i < names.size(); ++i) out->append(i == 0 ? "" : ",").append(names[i]);
}

bool ReadNames(std::string_view text, std::vector<std::string>* names) {
  while (!text.empty()) {
    const std::string_view name = Cut(&text, ',');
    if (!IsNatsHeaderName(name) || names->size() == kMostNatsHeaders) return false;
    names->emplace_back(name);
  }
  return true;
}

}  // namespace

std::string NatsValueHeader(size_t index) { return "x-gloo-nats-h" + std::to_string(index); }

std::string ToText(const NatsCall& call) {
  std::string out(kBegin);
  out.append(kModes[static_cast<size_t>(call.mode)]);
  if (call.system_subject) out.append(" system");
  AppendNames("h=", call.headers, &out);
  AppendNames("f=", call.forward, &out);
  return out;
}

bool FromText(std::string_view text, NatsCall* call) {
  *call = {};
  if (!IsNatsCall(text)) return false;
  text.remove_prefix(kBegin.size());
  const std::string_view mode = Cut(&text, ' ');
  const auto* const known = std::find(std::begin(kModes), std::end(kModes), mode);
  if (known == std::end(kModes)) return false;
  call->mode = static_cast<NatsMode>(known - std::begin(kModes));
  while (!text.empty()) {
    const std::string_view word = Cut(&text, ' ');
    if (word == "system") {
      call->system_subject = true;
    } else if (word.starts_with("h=")) {
      if (!ReadNames(word.substr(2), &call->headers)) return false;
    } else if (word.starts_with("f=")) {
      if (!ReadNames(word.substr(2), &call->forward)) return false;
    } else {
      return false;
    }
  }
  return true;
}

bool IsNatsCall(std::string_view text) { return text.starts_with(kBegin); }

// Less than the server takes: what a header's name is in HTTP too.
bool IsForwarded(const NatsCall& call, std::string_view name) {
  constexpr std::string_view kAlways[] = {"content-encoding", "content-type", "traceparent",
                                          "tracestate",       "x-event-type", "x-request-id"};
  const auto is = [name](std::string_view other) { return EqualsIgnoreCase(other, name); };
  if (std::any_of(call.headers.begin(), call.headers.end(), is)) return false;
  return name.starts_with("ce-") || std::any_of(std::begin(kAlways), std::end(kAlways), is) ||
         std::any_of(call.forward.begin(), call.forward.end(), is);
}

bool IsNatsHeaderName(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), IsTokenChar);
}

std::string NatsSubjectMistake(std::string_view subject) {
  if (subject.empty()) return "is empty";
  if (subject.size() > kLongestNatsSubject) {
    return "has more than " + std::to_string(kLongestNatsSubject) + " bytes";
  }
  for (const char c : subject) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return "has a space or a control character";
  }
  bool more = true;
  while (more) {
    const size_t dot = subject.find('.');
    more = dot != std::string_view::npos;
    const std::string_view part = subject.substr(0, dot);
    if (part.empty()) return "has an empty part";
    // The server takes a star inside of a part for text; who writes one means a wildcard.
    if (part.find_first_of("*>") != std::string_view::npos) return "has a wildcard, which messages are not sent to";
    if (more) subject.remove_prefix(dot + 1);
  }
  return "";
}

bool IsNatsSystemSubject(std::string_view subject) {
  return subject.starts_with('$') || subject.starts_with("_INBOX.") || subject == "_INBOX";
}

}  // namespace gloo::tmpl
