// Regions, endpoints, ARNs and functions of AWS Lambda.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/issues.h"
#include "base/url.h"
#include "src/plugins/aws/aws.pb.h"
#include "template/lambda.h"
#include "translator/plugin.h"

namespace gloo::plugins {

// `arn:aws:iam::123456789012:role/NAME`, of any partition.
bool IsRoleArn(std::string_view text);

// Where the functions of an upstream are called. Current path: its `spec.spec`. None after an error.
std::optional<Url> LambdaEndpoint(const AwsSpec& spec, Issues& issues);

// How one function is called. Current path: its spec. None after an error.
std::optional<tmpl::LambdaConfig> LambdaCall(const AwsSpec& spec, const v1::Function& written, Issues& issues);

}  // namespace gloo::plugins
