#include "runtime/log.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

namespace gloo::runtime {
namespace {

// What a log of this form says, without the time.
std::string Logged(bool json, void (*log)()) {
  std::ostringstream out;
  const auto before = spdlog::default_logger();
  auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  logger->set_formatter(MakeLogFormatter(json));
  spdlog::set_default_logger(logger);
  log();
  spdlog::set_default_logger(before);
  std::string text = out.str();
  const size_t time = text.find("20");
  return text.erase(time, sizeof("2026-01-01T00:00:00.000Z") - 1);
}

TEST(Log, FieldsAreMembersOfTheJsonObject) {
  EXPECT_EQ(Logged(true,
                   [] {
                     Log(spdlog::level::warn, "a.yaml:3: no \"kind\"",
                         {{"file", "a.yaml"}, {"line", 3}, {"object", ""}, {"reason", "MissingKind"}});
                   }),
            "{\"time\":\"\",\"level\":\"warning\",\"message\":\"a.yaml:3: no \\\"kind\\\"\",\"file\":\"a.yaml\","
            "\"line\":3,\"reason\":\"MissingKind\"}\n");
}

TEST(Log, TextHasTheMessageAlone) {
  EXPECT_EQ(Logged(false, [] { Log(spdlog::level::err, "a {} b", {{"node", "ingress~1"}}); }), " error: a {} b\n");
}

TEST(Log, BytesThatAreNoTextDoNotBreakTheJson) {
  EXPECT_EQ(Logged(true, [] { spdlog::info("caf\xe9.yaml"); }),
            "{\"time\":\"\",\"level\":\"info\",\"message\":\"caf\xef\xbf\xbd.yaml\"}\n");
}

}  // namespace
}  // namespace gloo::runtime
