// Any bytes as JSON: never a crash; what is read is written and read again as the same.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "template/json.h"

namespace {

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gloo::tmpl;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  InlineArena<1024> arena;
  Value value;
  JsonError error;
  if (!ReadJson(text, &arena, &value, &error)) {
    Check(error.offset <= size && error.message[0] != '\0', "an error tells its place and what is wrong");
    return 0;
  }
  std::string first;
  Check(AppendJson(value, SIZE_MAX, &first), "without a limit writing succeeds");
  Arena other_arena;
  Value other;
  Check(ReadJson(first, &other_arena, &other, &error), "what was written is JSON");
  std::string second;
  AppendJson(other, SIZE_MAX, &second);
  Check(first == second, "written twice it is the same");
  Budget budget{1'000'000};
  bool equal = Equal(value, other, &budget);
  Check(equal || budget.left == 0, "read again it is equal");
  Check(!Less(value, other, &budget) || budget.left == 0, "what is equal is not less");
  return 0;
}
