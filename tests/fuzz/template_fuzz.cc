// Any template on any JSON: never a crash, never long. The input is the landing (a letter), the template, a line
// "===", the data.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "template/json.h"
#include "template/template.h"

namespace {

using namespace gloo::tmpl;  // the target is about this folder alone

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

bool Render(const Template& compiled, const Value& root, std::string* out, RenderError* error) {
  InlineArena<2048> arena;
  ValueContext context(root);
  return compiled.Render(&context, &arena, out, error);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  TemplateOptions options;
  if (!input.empty()) {
    options.landing = static_cast<Landing>(static_cast<unsigned char>(input[0]) % 5);
    input.remove_prefix(1);
  }
  size_t split = input.find("\n===\n");
  std::string_view text = input.substr(0, split);
  std::string_view json = split == std::string_view::npos ? std::string_view("{}") : input.substr(split + 5);

  options.limits.output_bytes = 1 << 20;
  options.limits.memory_bytes = 4 << 20;
  options.limits.iterations = 10'000;
  options.limits.work = 200'000;
  std::vector<Parameter> parameters = {{"id", true}, {"user.name", false}};
  options.parameters = parameters;
  std::vector<TemplateError> errors;
  auto compiled = Template::Compile(text, options, &errors);
  Check((compiled == nullptr) == !errors.empty(), "either a template or errors");
  for (const TemplateError& error : errors) Check(error.line > 0 && !error.message.empty(), "an error tells its place");
  if (compiled == nullptr) return 0;

  Arena arena;
  Value root;
  JsonError json_error;
  if (!ReadJson(json, &arena, &root, &json_error)) root = Value::Null();
  std::string first;
  std::string second;
  RenderError first_error;
  RenderError second_error;
  bool good = Render(*compiled, root, &first, &first_error);
  Check(Render(*compiled, root, &second, &second_error) == good, "rendering is the same each time");
  Check(good ? first == second : first_error.message == second_error.message, "the result is the same each time");
  Check(good || (!first_error.message.empty() && first_error.line > 0), "an error tells its place");
  Check(!good || first.size() <= options.limits.output_bytes, "the limit of the output holds");
  Check(compiled->constant() == nullptr || first == *compiled->constant(), "a constant is what is rendered");
  return 0;
}
