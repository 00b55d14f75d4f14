#include "plugins/aws/lambda.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "base/suggest.h"
#include "translator/names.h"
#include "translator/text.h"
#include "translator/upstream_build.h"

namespace gloo::plugins {
namespace {

using translator::Cat;
using translator::JsonQuote;

// That have Lambda.
const std::vector<std::string>& Regions() {
  static const auto* const regions = new std::vector<std::string>{
      "af-south-1",     "ap-east-1",      "ap-east-2",      "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
      "ap-south-1",     "ap-south-2",     "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4",
      "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1",   "ca-west-1",      "cn-north-1",
      "cn-northwest-1", "eu-central-1",   "eu-central-2",   "eu-north-1",     "eu-south-1",     "eu-south-2",
      "eu-west-1",      "eu-west-2",      "eu-west-3",      "il-central-1",   "me-central-1",   "me-south-1",
      "mx-central-1",   "sa-east-1",      "us-east-1",      "us-east-2",      "us-gov-east-1",  "us-gov-west-1",
      "us-west-1",      "us-west-2"};
  return *regions;
}

bool IsRegion(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-';
  });
}

bool IsFunctionName(std::string_view text) { return translator::IsNameOf(text, 1, 64, "-_"); }
bool IsAccount(std::string_view text) {
  return text.size() == 12 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}
bool IsPartition(std::string_view text) {
  return text == "aws" || (text.starts_with("aws-") && translator::IsNameOf(text, 1, 32, "-"));
}

std::vector<std::string_view> Split(std::string_view text, size_t most) {
  std::vector<std::string_view> out;
  while (out.size() + 1 < most && text.find(':') != std::string_view::npos) {
    out.push_back(text.substr(0, text.find(':')));
    text.remove_prefix(out.back().size() + 1);
  }
  out.push_back(text);
  return out;
}

// What stands for the function in the path: a name, `ACCOUNT:function:NAME`, or a whole ARN.
bool CheckName(const AwsSpec& spec, std::string_view name, std::string_view qualifier, Issues& issues) {
  if (IsFunctionName(name)) return true;
  const std::vector<std::string_view> parts = Split(name, 9);
  const bool partial = parts.size() == 3 && IsAccount(parts[0]) && parts[1] == "function" && IsFunctionName(parts[2]);
  if (partial) return true;
  const bool whole = (parts.size() == 7 || parts.size() == 8) && parts[0] == "arn" && IsPartition(parts[1]) &&
                     parts[2] == "lambda" && IsRegion(parts[3]) && IsAccount(parts[4]) && parts[5] == "function" &&
                     IsFunctionName(parts[6]) && (parts.size() == 7 || translator::IsNameOf(parts[7], 1, 128, "$-_"));
  if (!whole) {
    issues.Error("functionName", "BadName",
                 Cat(JsonQuote(name),
                     " is neither a name of a function (64 letters, digits, \"-\" and \"_\" at most) nor an "
                     "ARN as arn:aws:lambda:REGION:ACCOUNT:function:NAME"));
    return false;
  }
  if (parts[3] != spec.region()) {
    issues.Error("functionName", "RegionMismatch",
                 Cat("is in ", parts[3], ", the upstream in ", spec.region(),
                     "; a function of another region belongs to an upstream of its own"));
    return false;
  }
  if (parts.size() == 8 && !qualifier.empty()) {
    issues.Error("qualifier", "Contradiction", "the ARN has a qualifier too; write one of them");
    return false;
  }
  return true;
}

}  // namespace

bool IsRoleArn(std::string_view text) {
  const std::vector<std::string_view> parts = Split(text, 6);
  return parts.size() == 6 && parts[0] == "arn" && IsPartition(parts[1]) && parts[2] == "iam" && parts[3].empty() &&
         IsAccount(parts[4]) && parts[5].starts_with("role/") &&
         translator::IsNameOf(parts[5].substr(5), 1, 576, "/_+=,.@-");
}

std::optional<Url> LambdaEndpoint(const AwsSpec& spec, Issues& issues) {
  if (!IsRegion(spec.region())) {
    issues.Error("region", spec.region().empty() ? "Required" : "BadName",
                 Cat(JsonQuote(spec.region()), " is no region; write one such as \"eu-west-1\""));
    return std::nullopt;
  }
  if (std::find(Regions().begin(), Regions().end(), spec.region()) == Regions().end()) {
    issues.Warning("region", "UnknownRegion",
                   Cat("no region ", JsonQuote(spec.region()), " is known", Suggestion(spec.region(), Regions())));
  }
  if (spec.endpoint().empty()) {
    Url url;
    url.tls = true;
    url.port = 443;
    url.host = Cat("lambda.", spec.region(), ".amazonaws.com", spec.region().starts_with("cn-") ? ".cn" : "");
    return url;
  }
  std::optional<Url> url = ParseUrl(spec.endpoint());
  std::string host;
  std::string error;
  if (url) host = translator::HostIp(url->host);
  const bool good = url && (url->target.empty() || url->target == "/") &&
                    (!host.empty() || (translator::NormalizeDomain(url->host, &host, &error) && host.front() != '*'));
  if (!good) {
    issues.Error("endpoint", "BadUrl",
                 Cat(JsonQuote(spec.endpoint()), " must be as https://HOST:PORT is: a scheme and a host, no path"));
    return std::nullopt;
  }
  url->target.clear();
  url->host = std::move(host);
  return url;
}

std::optional<tmpl::LambdaConfig> LambdaCall(const AwsSpec& spec, const v1::Function& written, Issues& issues) {
  LambdaFunction function;
  if (written.has_spec() && !written.spec().UnpackTo(&function)) {
    issues.Error("", "BadSpec", "is not of a Lambda function");
    return std::nullopt;
  }
  const std::string& name = function.function_name().empty() ? written.name() : function.function_name();
  bool good = CheckName(spec, name, function.qualifier(), issues);
  if (!function.qualifier().empty() && !translator::IsNameOf(function.qualifier(), 1, 128, "$-_")) {
    issues.Error("qualifier", "BadName",
                 Cat(JsonQuote(function.qualifier()), " is neither a version nor an alias of a function"));
    good = false;
  }
  tmpl::LambdaConfig config;
  const std::string payload = translator::Lower(function.payload().empty() ? "raw" : function.payload());
  const auto* const known =
      std::find_if(std::begin(tmpl::kLambdaPayloads), std::end(tmpl::kLambdaPayloads),
                   [&](std::string_view each) { return translator::Lower(std::string(each)) == payload; });
  if (known == std::end(tmpl::kLambdaPayloads)) {
    const std::vector<std::string> names(std::begin(tmpl::kLambdaPayloads), std::end(tmpl::kLambdaPayloads));
    issues.Error("payload", "UnknownPayload",
                 Cat(JsonQuote(function.payload()), " is none of raw, alb, apiGatewayV1 and apiGatewayV2",
                     Suggestion(function.payload(), names)));
    good = false;
  } else {
    config.payload = static_cast<tmpl::LambdaPayload>(known - std::begin(tmpl::kLambdaPayloads));
  }
  if (function.max_body_bytes() > tmpl::kMostLambdaBytes) {
    issues.Error("maxBodyBytes", "TooLarge", Cat("must be at most ", tmpl::kMostLambdaBytes, ", which Lambda takes"));
    good = false;
  }
  if (!good) return std::nullopt;
  if (function.max_body_bytes() > 0) config.max_body_bytes = function.max_body_bytes();
  config.async = function.async();
  config.path = Cat("/2015-03-31/functions/", name, "/invocations");
  if (!function.qualifier().empty()) {
    config.path += "?Qualifier=";
    for (const char c : function.qualifier()) config.path += c == '$' ? std::string("%24") : std::string(1, c);
  }
  return config;
}

}  // namespace gloo::plugins
