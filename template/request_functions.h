// The functions that make the parts of a request of named fields. Internal to this folder.
#pragma once

#include <span>

#include "template/functions.h"

namespace gloo::tmpl {

// kCookies, kExcept, kForm, kOnly, kQuery.
bool CallRequestFunction(Fn id, std::span<const Value> args, Run* run, Value* result);

}  // namespace gloo::tmpl
