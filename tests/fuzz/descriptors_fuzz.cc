// Any bytes as a descriptor set: never a crash, whatever is asked of it; the part for all methods is no larger set of
// services than there was, and is read again without an error where Envoy could build it.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "descriptors/descriptors.h"
#include "google/api/annotations.pb.h"

namespace {

namespace descriptors = gloo::descriptors;

void Demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  gloo::Issues issues;
  const auto set = descriptors::DescriptorSet::Read(bytes, descriptors::kMaxBytes, issues);
  Demand((set == nullptr) == !issues.ok(), "a set with errors, or none without");
  if (set == nullptr) return 0;
  std::vector<descriptors::ServiceUse> uses;
  for (const std::string& service : set->services()) {
    descriptors::ServiceUse& use = uses.emplace_back(descriptors::ServiceUse{service, {}});
    for (const auto& method : set->Service(service)->method()) {
      auto& bindings = use.methods[method.name()];
      for (auto& binding : descriptors::BindingsOf(method.options().GetExtension(google::api::http))) {
        const auto type = [](const std::string& name) { return name.empty() ? name : name.substr(1); };
        if (!descriptors::CheckBinding(*set, type(method.input_type()), type(method.output_type()), binding).empty()) {
          continue;
        }
        descriptors::ParseHttpTemplate(binding.path)->Takes("/a/b/c:d");
        bindings.push_back(std::move(binding));
      }
    }
  }
  const google::protobuf::FileDescriptorSet part = set->Part(uses, {}, issues);
  if (!issues.ok()) return 0;
  descriptors::CheckPart(part, issues);
  if (!issues.ok()) return 0;
  gloo::Issues again;
  const std::string text = part.SerializeAsString();
  if (text.empty()) return 0;
  const auto reread = descriptors::DescriptorSet::Read(text, 100 * descriptors::kMaxBytes, again);
  Demand(reread != nullptr, "a part that cannot be read again");
  Demand(reread->services().size() <= set->services().size(), "services that were not there");
  return 0;
}
