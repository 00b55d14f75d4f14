// Plain substitutions allocate nothing but the output.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "template/test_support.h"

namespace {
thread_local int allocations = 0;
}  // namespace

// Replaced for the whole test program; they only count.
void* operator new(size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace gloo::tmpl {
namespace {

TEST(Allocations, PlainSubstitutionsMakeNone) {
  TemplateOptions options;
  options.landing = Landing::kBody;
  auto compiled = Template::Compile(
      "{\"name\": \"{{ user.name }}\", \"id\": {{ id }}, \"tags\": {{ tags }}, \"x\": \"{{ default(x, \"-\") }}\"}",
      options, nullptr);
  ASSERT_NE(compiled, nullptr);
  std::string out;
  out.reserve(1000);
  RenderError error;
  int before = allocations;
  InlineArena<4096> arena;
  Value root;
  JsonError json_error;
  bool read = ReadJson(R"({"user": {"name": "a\"b"}, "id": 17, "tags": ["x", "y"]})", &arena, &root, &json_error);
  ValueContext context(root);
  bool rendered = compiled->Render(&context, &arena, &out, &error);
  int made = allocations - before;
  EXPECT_EQ(made, 0);
  EXPECT_TRUE(read);
  EXPECT_TRUE(rendered);
  EXPECT_EQ(out, R"({"name": "a\"b", "id": 17, "tags": ["x","y"], "x": "-"})");
}

}  // namespace
}  // namespace gloo::tmpl
