// Objects back to text, in the shape that the reader takes.
#pragma once

#include <string>

#include "api/v1/status.pb.h"
#include "model/object.h"
#include "model/parts.h"

namespace gloo::model {

// `status` may be null. Fields of plugins appear as they were written (lowerCamelCase); secrets fields are hidden.
std::string ToYaml(const Object& object, const v1::Status* status);
std::string ToJson(const Object& object, const v1::Status* status);

// A status alone, as JSON.
std::string ToJson(const v1::Status& status);

// JSON Schema (draft 2020-12) of all kinds, for editors: a document is a oneOf of the kinds by `kind`.
// Descriptions come from the comments of the protos.
std::string JsonSchema(const PartSchemas& schemas);

}  // namespace gloo::model
