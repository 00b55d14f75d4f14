// Any bytes as the answer of a function, and as a request: never a crash; a response has nothing that could break out
// of its place, and an event is JSON.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "template/json.h"
#include "template/lambda.h"
#include "template/transformation.h"

namespace {

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gloo::tmpl;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const LambdaPayload payload :
       {LambdaPayload::kAlb, LambdaPayload::kApiGatewayV1, LambdaPayload::kApiGatewayV2}) {
    const LambdaResponse response = ReadLambdaResponse(payload, text);
    Check(response.error.size() < 500, "errors are short");
    Check(response.status >= 200 && response.status <= 599, "the status can be sent");
    if (response.error.empty()) {
      for (const auto& [name, value] : response.headers) {
        Check(!name.empty() && name.find_first_of(": \r\n") == std::string::npos, "the name of a header is one");
        Check(IsHeaderValue(value), "the value of a header stays on its line");
      }
    }
    const size_t part = size / 4;
    LambdaRequest request;
    request.method = text.substr(0, part);
    request.path = text.substr(part, part);
    request.authority = request.source_ip = text.substr(2 * part, part);
    request.headers = {{"content-type", request.path}, {request.authority, request.method}, {"cookie", request.path}};
    Check(IsJson(MakeLambdaEvent(payload, request, text.substr(3 * part))), "an event is JSON");
  }
  LambdaConfig config;
  std::string error;
  if (FromJson(text, &config, &error)) {
    LambdaConfig again;
    Check(FromJson(ToJson(config), &again, &error) && again == config, "what is read is written as it was");
  }
  return 0;
}
