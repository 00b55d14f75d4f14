#include "runtime/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>

#include "base/utf8.h"

namespace gloo::runtime {
namespace {

// spdlog passes no fields: those of the call that is under way on this thread.
thread_local const LogFields* current_fields = nullptr;

void Append(std::string_view text, spdlog::memory_buf_t& out) { out.append(text.data(), text.data() + text.size()); }

// %* : the message and the fields, as members of a JSON object.
class JsonMembers final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& msg, const std::tm&, spdlog::memory_buf_t& out) override {
    Append("\"message\":", out);
    Append(JsonQuote({msg.payload.data(), msg.payload.size()}), out);
    if (current_fields == nullptr) return;
    for (const auto& [name, value] : *current_fields) {
      const auto* text = std::get_if<std::string>(&value);
      if (text != nullptr ? text->empty() : std::get<int64_t>(value) == 0) continue;
      Append(",", out);
      Append(JsonQuote(name), out);
      Append(":", out);
      Append(text != nullptr ? JsonQuote(*text) : std::to_string(std::get<int64_t>(value)), out);
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMembers>(); }
};

}  // namespace

void Log(spdlog::level::level_enum level, std::string_view message, const LogFields& fields) {
  current_fields = &fields;
  spdlog::log(level, spdlog::string_view_t(message.data(), message.size()));
  current_fields = nullptr;
}

std::unique_ptr<spdlog::formatter> MakeLogFormatter(bool json) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<JsonMembers>('*');
  formatter->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%*})" : "%Y-%m-%dT%H:%M:%S.%eZ %l: %v");
  return formatter;
}

}  // namespace gloo::runtime
