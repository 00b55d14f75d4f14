// Any bytes as a configuration file: never a crash; what is read is read by both YAML parsers alike, and reads the same
// after it was written.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "model/reader.h"
#include "model/test_schemas.h"
#include "model/test_trees.h"
#include "model/writer.h"

namespace {

using namespace gloo::model;  // the target is about this folder alone

void Demand(bool holds, const char* what, std::string_view text) {
  if (holds) return;
  std::fprintf(stderr, "%s\n%.*s\n", what, static_cast<int>(text.size()), text.data());
  std::abort();
}

void CompareParsers(std::string_view text) {
  Tree tree;
  ParseText(text, "f.yaml", {}, &tree);
  if (tree.failure && (tree.failure->reason == "InvalidEncoding" || tree.failure->reason == "InvalidCharacter")) return;
  if (text.starts_with("\xef\xbb\xbf")) return;
  const std::string quick = TreeText(text, ParseCommonYaml);
  if (quick.empty()) return;
  const std::string full = TreeText(text, ParseYaml);
  Demand(quick == full, ("the parsers disagree:\n" + quick + "\n" + full).c_str(), text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CompareParsers(text);
  ReadLimits limits;
  limits.max_nodes = 100'000;
  const FileResult result = ReadText(text, "f.yaml", TestSchemas::Get(), limits);
  Demand(result.readable == result.issues.empty(), "a file that is not readable has an issue", text);
  const Locator locator(text, limits);
  for (size_t i = 0; i < result.documents.size(); ++i) {
    const ReadResult& document = result.documents[i];
    Demand((document.object == nullptr) == !document.issues.empty(), "an object, or an issue", text);
    for (const gloo::Issue& issue : document.issues) locator.Find(static_cast<int>(i), issue.path);
    if (document.object == nullptr) continue;
    for (const std::string& written : {ToYaml(*document.object, nullptr), ToJson(*document.object, nullptr)}) {
      if (written.find("<hidden>") != std::string::npos) continue;
      const FileResult again = ReadText(written, "f.yaml", TestSchemas::Get());
      Demand(again.documents.size() == 1 && again.documents[0].object != nullptr &&
                 again.documents[0].object->hash == document.object->hash,
             ("written, it reads otherwise:\n" + written).c_str(), text);
    }
  }
  return 0;
}
