// The input of a call, as a schema checks it. Internal to this folder.
#pragma once

#include "template/arena.h"
#include "template/schema.h"
#include "template/transformation.h"
#include "template/value.h"

namespace gloo::tmpl {

// The fields and, of those that the schema takes from elsewhere and that are no fields, the texts of the request's own
// query, headers and cookies. What is no object stays as it is.
Value InputOf(const Schema& schema, const Value& fields, const HeaderSource& headers, Arena* arena);

}  // namespace gloo::tmpl
