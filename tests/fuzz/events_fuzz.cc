// Any bytes as an event and as a batch: never a crash, and errors are short.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "template/events.h"

namespace {

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gloo::tmpl;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  EventsConfig config;
  std::string error;
  FromJson(R"({"matches":[{"id":"1","attributes":{"type":{"prefix":"a"},"subject":{"any":""}}}]})", &config, &error);
  for (const EventMode mode : {EventMode::kStructured, EventMode::kBatched}) {
    const EventOutcome outcome = ReadEvents(mode, text, config);
    Check(outcome.error.empty() || outcome.match.empty(), "what is refused has nothing to route by");
    Check(outcome.error.size() < 400, "errors are short");
  }
  EventsConfig other;
  FromJson(text, &other, &error);
  CheckEventHeaders({{text.substr(0, size / 2), text.substr(size / 2)}});
  EventModeOf(text);
  return 0;
}
