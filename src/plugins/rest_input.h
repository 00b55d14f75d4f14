// The typed input of a function: its schema as the filter reads it, and what a route cannot give.
#pragma once

#include <google/protobuf/struct.pb.h>

#include <string>

#include "api/v1/virtual_service.pb.h"
#include "base/issues.h"
#include "src/plugins/rest.pb.h"
#include "template/transformation.h"

namespace gloo::plugins {

// Deterministic JSON: keys sorted.
std::string ToJson(const google::protobuf::Struct& value);

// Adds an error at `input` where the schema is not one that the filter checks.
void CheckInputSchema(const RestFunction& function, Issues& issues);

// Adds a warning for each input that the function needs and the route cannot give. Current path: `extensions` of the
// route. `transformation` is what the route does.
void WarnOfMissingInputs(std::string_view function_name, const RestFunction& function, const v1::Route& route,
                         const tmpl::Transformation& transformation, Issues& issues);

}  // namespace gloo::plugins
