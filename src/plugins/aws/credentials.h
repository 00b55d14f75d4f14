// With what credentials Envoy signs.
#pragma once

#include <string_view>

#include "base/issues.h"
#include "envoy/extensions/common/aws/v3/credential_provider.pb.h"
#include "src/plugins/aws/aws.pb.h"
#include "translator/plugin.h"

namespace gloo::plugins {

// Current path: the upstream's `spec.spec`. False after an error, or after a warning where the secret is not there:
// nothing can be signed then. Nothing in `out`: Envoy's own order of sources.
bool SetAwsCredentials(const AwsSpec& spec, translator::Inputs& inputs,
                       envoy::extensions::common::aws::v3::AwsCredentialProvider* out, Issues& issues);

}  // namespace gloo::plugins
