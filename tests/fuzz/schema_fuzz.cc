// Any schema on any value: never a crash, never long. The input is the schema, a line "===", the value.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "template/json.h"
#include "template/schema.h"

namespace {

using namespace gloo::tmpl;  // the target is about this folder alone

void Demand(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kSeparator = "\n===\n";
  const size_t middle = input.find(kSeparator);
  std::string error;
  const auto schema = Schema::Compile(input.substr(0, middle), &error);
  Demand((schema == nullptr) == !error.empty(), "a schema or an error");
  if (schema == nullptr || middle == std::string_view::npos) return 0;
  Arena arena;
  Value value;
  JsonError json_error;
  if (!ReadJson(input.substr(middle + kSeparator.size()), &arena, &value, &json_error)) return 0;
  Budget budget{100'000};
  std::string mistake;
  const Schema::Result result = schema->Check(value, &budget, &mistake);
  Demand(result != Schema::Result::kFails || !mistake.empty(), "what does not fit has a mistake");
  Demand(mistake.size() <= 500, "a mistake is short");
  // The same again.
  Budget same{100'000};
  std::string again;
  Demand(schema->Check(value, &same, &again) == result && same.left == budget.left, "it is always the same");
  return 0;
}
