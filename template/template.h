// The template engine: the language of Inja 3.4 with functions for gateways. See docs/transformations.md.
// Never throws, has no global state, and links nothing: it runs inside Envoy too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "template/value.h"

namespace gloo::tmpl {

struct Program;

// Where the result lands: decides how substituted values are escaped. `raw(x)` is never escaped.
enum class Landing {
  kText,   // not at all
  kBody,   // as kJson if the template's own text begins with "{" or "[", else as kText
  kJson,   // inside quotes escaped for JSON; outside as JSON, where a string must be JSON itself and stays as it is
  kPath,   // %XX for what a path segment may not hold; after a "?" of the template's text as kQuery
  kQuery,  // all but unreserved characters as %XX, in the template's own text too
};

struct Limits {
  size_t template_bytes = 1 << 20;
  size_t instructions = 1 << 16;
  int nesting = 64;  // of statements and, apart, of expressions
  size_t output_bytes = 16 << 20;
  size_t memory_bytes = 16 << 20;  // values made while rendering
  uint32_t iterations = 100'000;   // of all loops of one rendering
  uint32_t range = 100'000;        // elements of range(n)
  uint64_t work = 1'000'000;       // instructions and, by sixteens, bytes touched; by 64, bytes written
  bool operator==(const Limits&) const = default;
};

// A variable that does not come from the data: a parameter extracted from the message. `name` may have dots.
struct Parameter {
  std::string name;
  bool path_encoded = false;  // its value is part of a URL's path already
  bool implied = false;       // there unasked: no part of all data
};

struct TemplateOptions {
  Landing landing = Landing::kText;
  std::span<const Parameter> parameters;
  Limits limits;
};

struct TemplateError {
  uint32_t line = 0;  // from 1
  uint32_t column = 0;
  std::string message;
  // "line 1, column 8: unknown function \"hedaer\"; did you mean \"header\"?"
  std::string ToString() const;
};

struct RenderError {
  enum class Kind {
    kMissing,  // a variable without default is not there
    kData,     // the data cannot be read: the context's error
    kValue,    // a function or operator does not take this value
    kLimit,    // one of Limits
  };
  Kind kind = Kind::kValue;
  std::string message;  // "variable \"id\" is missing"
  uint32_t line = 0;
  uint32_t column = 0;
};

// A variable as a template names it.
struct VariablePath {
  std::string_view text;  // "user.id"
  std::span<const std::string_view> parts;
  int parameter = -1;  // which of TemplateOptions::parameters it is
};

// What a template reads. One per rendering, used by one thread; values live as long as the arena and the context.
class Context {
 public:
  virtual ~Context() = default;
  // Value::Missing() if there is none. False: the data cannot be read, error() says why.
  virtual bool Find(const VariablePath& path, Arena* arena, Value* value) = 0;
  // All data: what context() gives.
  virtual bool Root(Arena* arena, Value* value) = 0;
  virtual std::string error() const { return ""; }
  // With an error: the data takes more memory than it may.
  virtual bool too_large() const { return false; }
  // What is missing and has no default counts as null, where it would be an error.
  virtual bool missing_is_null() const { return false; }
  // Why the variable is absent, if there is a reason beyond that: "a body of type \"text/plain\" has no fields".
  virtual std::string MissingReason(const VariablePath&) const { return ""; }
  virtual std::string_view Body() const { return {}; }
  virtual std::optional<std::string_view> Header(std::string_view) const { return std::nullopt; }
  virtual std::optional<std::string_view> RequestHeader(std::string_view) const { return std::nullopt; }
  virtual std::optional<std::string_view> Extraction(std::string_view) { return std::nullopt; }
};

// Data that is there already.
class ValueContext : public Context {
 public:
  explicit ValueContext(const Value& root) : root_(root) {}
  bool Find(const VariablePath& path, Arena* arena, Value* value) override;
  bool Root(Arena*, Value* value) override {
    *value = root_;
    return true;
  }

 private:
  Value root_;
};

// Compiled once; const use is thread safe.
class Template {
 public:
  // Null on error. Tells the errors of all tags at once, at most 16.
  static std::unique_ptr<const Template> Compile(std::string_view text, const TemplateOptions& options,
                                                 std::vector<TemplateError>* errors);
  ~Template();

  // Appends to `out`, which on failure holds a part. Values are made in the arena. With `budget` the renderings of
  // several templates share what one may spend; without, Limits::work is all for this one.
  bool Render(Context* context, Arena* arena, std::string* out, RenderError* error, Budget* budget = nullptr) const;

  // The result when it is always the same.
  const std::string* constant() const { return program_ == nullptr ? &constant_ : nullptr; }
  // Context::Find, Root or Body may be called for more than parameters.
  bool reads_data() const;
  bool reads_request_header() const;
  // Variables read in any case, without a default, that are no parameters.
  const std::vector<std::string>& required() const;
  // Bytes of the template: about what a rendering has.
  size_t size() const;
  // The template's own text, tags left out, begins with this; empty if a tag comes first.
  std::string_view prefix() const;

 private:
  explicit Template(std::unique_ptr<const Program> program);
  // Null where the result is always the same: there are many of those, and a program is large.
  std::unique_ptr<const Program> program_;
  std::string constant_;
  uint32_t size_ = 0;
  uint32_t prefix_size_ = 0;  // of a constant
};

constexpr size_t kMaxPathParts = 32;

// Splits "a.b/c"; false for empty or too many parts.
bool SplitPath(std::string_view text, std::vector<std::string_view>* parts);

}  // namespace gloo::tmpl
