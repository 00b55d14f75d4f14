// Any configuration on any message: never a crash, never long, never a header that breaks the message. The input is
// the configuration as JSON, a line "===", headers as "name: value" lines, a line "===", the body.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "template/transformation.h"

namespace {

using namespace gloo::tmpl;  // the target is about this folder alone

constexpr std::string_view kSeparator = "\n===\n";

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

std::string_view Cut(std::string_view* text, std::string_view separator) {
  size_t at = text->find(separator);
  std::string_view head = text->substr(0, at);
  *text = at == std::string_view::npos ? std::string_view() : text->substr(at + separator.size());
  return head;
}

class Headers : public HeaderSource {
 public:
  explicit Headers(std::string_view lines) {
    while (!lines.empty()) {
      std::string_view line = Cut(&lines, "\n");
      size_t colon = line.find(": ");
      if (colon != std::string_view::npos) headers_[std::string(line.substr(0, colon))] = line.substr(colon + 2);
    }
  }
  std::optional<std::string_view> Get(std::string_view name) const override {
    auto it = headers_.find(name);
    if (it == headers_.end()) return std::nullopt;
    return it->second;
  }

 private:
  std::map<std::string, std::string, std::less<>> headers_;
};

void CheckOutcome(const Outcome& outcome, bool response) {
  if (outcome.status != 0) {
    Check(outcome.status == 400 || outcome.status == 413 || outcome.status == 502, "a known status");
    Check((outcome.status == 502) == response, "502 is for responses");
    Check(!outcome.error.empty() && outcome.set_headers.empty() && !outcome.body.has_value(), "an answer is all");
    return;
  }
  for (const auto& [name, value] : outcome.append_headers) {
    Check(!value.empty() && IsHeaderValue(value), "what is appended is a value");
  }
  for (const auto& [name, value] : outcome.set_headers) {
    Check(!value.empty() || name == "content-type", "what is set is not empty");
    Check(IsHeaderValue(value), "no control character in a header");
    for (const std::string& removed : outcome.remove_headers) Check(removed != name, "set or removed");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string_view json = Cut(&input, kSeparator);
  Headers headers(Cut(&input, kSeparator));
  std::string_view body = input;

  TransformationConfig config;
  std::string error;
  if (!FromJson(json, &config, &error)) {
    Check(!error.empty(), "an error says what is wrong");
    return 0;
  }
  TransformationConfig again;
  Check(FromJson(ToJson(config), &again, &error) && again == config, "written and read again it is the same");

  std::vector<CompileError> errors;
  auto compiled = Transformation::Compile(config, &errors);
  Check((compiled == nullptr) == !errors.empty(), "either a transformation or errors");
  if (compiled == nullptr) return 0;
  Outcome outcome;
  compiled->Request(headers, compiled->request_needs_body() ? body : std::string_view(), &outcome);
  Check(!outcome.body.has_value() || compiled->request_needs_body(), "a body is replaced only when it was asked for");
  CheckOutcome(outcome, false);
  compiled->Response(headers, &headers, compiled->response_needs_body() ? body : std::string_view(), &outcome);
  Check(!outcome.body.has_value() || compiled->response_needs_body(), "a body is replaced only when it was asked for");
  CheckOutcome(outcome, true);
  compiled->RequiredBodyFields();
  return 0;
}
