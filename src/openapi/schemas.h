// Schemas of OpenAPI as JSON Schema of bounded size, references written out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "model/value.h"
#include "openapi/documents.h"

namespace gloo::openapi {

class Schemas {
 public:
  // Whose side reads the value: properties that are readOnly are not asked of a request, writeOnly not of a response.
  enum class Use { kRequest, kResponse };

  explicit Schemas(Documents& documents) : documents_(documents) {}

  // What is too deep for `max_bytes` of JSON, and what the filter does not check (`not`, patterns of other languages)
  // is left out, so that the result never refuses what the schema takes.
  model::Value Convert(const At& schema, Use use, size_t max_bytes);

  // What an object has, over all parts of `allOf`, `anyOf` and `oneOf`.
  struct Fields {
    // In their order, each once.
    std::vector<std::string> names;
    // The schema is of an object, as far as can be told.
    bool is_object = false;
    // Others may come: named nowhere.
    bool open = false;
  };
  Fields FieldsOf(const At& schema);

  // "array", "object" ...; the first that is not "null" where there are several, else what the schema looks like.
  std::string TypeOf(const At& schema);

 private:
  model::Value Of(At at, int depth);
  void Keywords(const At& at, int depth, model::Value* out);
  void Type(const At& at, model::Value* out);
  void Bounds(const At& at, model::Value* out);
  void Properties(const At& at, int depth, model::Value* out);
  void Combined(const At& at, std::string_view key, int depth, model::Value* out);
  void Collect(At at, int depth, Fields* fields);
  bool Spend(size_t bytes);

  Documents& documents_;
  Use use_ = Use::kRequest;
  size_t left_ = 0;
  bool too_large_ = false;
  // Counts what was left out.
  int losses_ = 0;
  int patterns_ = 0;
  int visits_ = 0;
};

// A node as it stands, at most `max_depth` deep.
model::Value ToValue(const model::Node& node, int max_depth = 64);

}  // namespace gloo::openapi
