// Plain substitutions allocate nothing but the output.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "template/test_support.h"

namespace {
thread_local int allocations = 0;
}  // namespace

// Replaced for the whole test program; they only count. Inlined, they would look to the compiler like a mismatch.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
// The library's calls the one above; a sanitizer's does not.
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept { return operator new(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

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

// On the data plane's way: parameters, header(), query and a JSON body. What is made is the outcome alone: the list of
// headers to set and its texts that are too long to lie in it.
TEST(Allocations, ADataPlanesMessageMakesItsOutcomeOnly) {
  MessageTemplates t;
  t.extractors = {{Extractor::From::kPath, "", "/v1/{kind}/{user.id}"},
                  {Extractor::From::kQuery, "filter-by", "{f}"},
                  {Extractor::From::kHeader, "authorization", "Bearer {token}"}};
  t.headers = {{"x-id", "{{ user.id }}"},
               {"x-tenant", "{{ header(\"X-Tenant-With-A-Long-Name\") }}"},
               {"x-token", "{{ default(token, \"none\") }}"},
               {"x-method", "{{ method }}"},
               {"x-f", "{{ f }}"}};
  t.remove_headers = {"authorization"};
  auto compile = [&] {
    TransformationConfig config;
    config.request = t;
    return Transformation::Compile(config, nullptr);
  };
  const MapHeaders headers{{":path", "/v1/users/42?page=3&filter-by=%31"},
                           {":method", "POST"},
                           {":authority", "shop.example.com"},
                           {"content-type", "application/json"},
                           {"x-tenant-with-a-long-name", "acme"},
                           {"authorization", "Bearer t-1"}};
  std::string body = R"({"name": "Ann \"the boss\"", "n": 1.50, "tags": ["a", "b"], "ok": true, "note": ")";
  body += std::string(900, 'x') + "\"}";
  auto count = [&](const Transformation& transformation, Outcome* outcome) {
    int before = allocations;
    transformation.Request(headers, body, outcome);
    return allocations - before;
  };

  Outcome outcome;
  auto compiled = compile();
  ASSERT_NE(compiled, nullptr);
  EXPECT_EQ(count(*compiled, &outcome), 2) << "the lists of headers to set and to remove";
  EXPECT_EQ(Describe(outcome),
            "set x-id: 42\nset x-tenant: acme\nset x-token: t-1\nset x-method: POST\nset x-f: 1\n"
            "remove authorization\n");

  t.method = "PUT";
  t.path = "/api/{{ kind }}/{{ user.id }}/{{ name }}";
  t.query = {{"q", "{{ user.id }}"}, {"page", "{{ n }}"}};
  t.body = R"({"name": "{{ name }}", "n": {{ n }}, "tags": {{ tags }}, "ok": {{ ok }}, "note": "{{ note }}", )"
           R"("in": "{{ ok }}", "id": {{ user.id }}, "t": "{% for t in tags %}{{ t }}{% endfor %}"})";
  compiled = compile();
  ASSERT_NE(compiled, nullptr);
  EXPECT_EQ(count(*compiled, &outcome), 5) << "the two lists; the path, without and with the query; the body";
  EXPECT_EQ(outcome.set_headers[1].second, "/api/users/42/Ann%20%22the%20boss%22?q=42&page=1.50");
  EXPECT_EQ(outcome.body, R"({"name": "Ann \"the boss\"", "n": 1.50, "tags": ["a","b"], "ok": true, "note": ")" +
                              std::string(900, 'x') + R"(", "in": "true", "id": 42, "t": "ab"})");
}

}  // namespace
}  // namespace gloo::tmpl
