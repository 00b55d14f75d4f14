// One operation of a document as a REST function. Internal to this folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/value.h"
#include "openapi/documents.h"
#include "openapi/openapi.h"
#include "openapi/schemas.h"

namespace gloo::openapi {

// What all operations share.
struct Common {
  // Swagger 2.0.
  bool swagger = false;
  // Media types of bodies, where an operation names none (2.0).
  At consumes;
  Server server;
};

class OperationReader {
 public:
  OperationReader(Documents& documents, Schemas& schemas, const Common& common)
      : documents_(documents), schemas_(schemas), common_(common) {}

  // `path` as written, `item` what stands under it. Nothing after an issue.
  std::optional<model::Value> Read(std::string_view path, const At& item, std::string_view method, const At& operation);

 private:
  enum class In { kPath, kQuery, kHeader, kCookie, kBody, kForm };
  struct Parameter {
    At at;
    std::string name;
    In in = In::kQuery;
    bool required = false;
    At schema;
    // Its text is JSON: `content` in place of a schema.
    bool json = false;
    // Of an array: '\0' as pairs of their own, else what separates its elements; 'b' pairs with brackets.
    char separator = ',';
  };

  bool ReadParameters(const At& item, const At& operation);
  // False where it stands there already, or is not for functions.
  bool ReadParameter(const At& at, Parameter* parameter);
  bool Style(Parameter* parameter);
  bool CollectionFormat(Parameter* parameter);
  // The operation cannot be called rightly.
  bool Unsupported(const At& at, std::string message);

  std::optional<std::string> Path(std::string_view path, const At& operation);
  void Headers(model::Value* headers);
  bool Body(const At& operation, model::Value* spec, model::Value* headers);
  bool ChooseBody(const At& operation, std::string* type, At* schema, bool* required);
  std::string BodyTemplate(const Schemas::Fields& fields) const;
  model::Value Input(const At& body, bool body_required);
  std::optional<model::Value> Output(const At& operation);
  model::Value SchemaOf(const Parameter& parameter);

  Documents& documents_;
  Schemas& schemas_;
  const Common& common_;
  std::vector<Parameter> parameters_;
  // Fields of a form, of 2.0.
  std::vector<Parameter> form_;
  // A JSON or form body, whose fields are inputs.
  At body_;
  bool body_required_ = false;
};

}  // namespace gloo::openapi
