// Functions of any type that are called by an HTTP request: their plugins make a REST function of them, and have it
// checked and called here. What routes may say of REST functions (parameters, responseTemplate) is so good for all.
#pragma once

#include <string>
#include <string_view>

#include "api/v1/virtual_service.pb.h"
#include "base/issues.h"
#include "src/plugins/rest.pb.h"
#include "translator/plugin.h"

namespace gloo::plugins {

// The template of a path, which is no template itself, with the query string of the request.
std::string PathWithQuery(std::string_view path);

// The function writes the path of its request.
bool WritesPath(const RestFunction& function);

// Current path: the function's spec.
void CheckRestFunction(const RestFunction& function, Issues& issues);

// For FunctionPlugin::Call(). `call_key` is not empty where the cluster adds a credential of this name to the request
// (upstream_build.h); it is no template.
void CallRestFunction(const RestFunction& function, std::string_view name, std::string_view call_key,
                      const v1::Route& route, envoy::config::route::v3::Route* out, translator::FilterConfigs* filters,
                      Issues& issues);

// What the route does to the response of an upstream that is not called as a function. Current path: its extensions.
void TransformPlainResponse(const RestExtensions& extensions, bool functions_have_spoken,
                            envoy::config::route::v3::Route* out, translator::FilterConfigs* filters, Issues& issues);

}  // namespace gloo::plugins
