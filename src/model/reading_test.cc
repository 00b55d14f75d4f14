#include "model/reading_test.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "model/test_schemas.h"

namespace gloo::model {

FileResult ReadTest(std::string_view text) { return ReadText(text, "f.yaml", TestSchemas::Get()); }

std::vector<std::string> IssuesOf(std::string_view text) {
  const FileResult result = ReadTest(text);
  std::vector<std::string> out;
  const auto add = [&out](const Issue& issue) {
    EXPECT_EQ(issue.location.file, "f.yaml");
    out.push_back(ToString(issue).substr(std::string("f.yaml:").size()));
  };
  for (const Issue& issue : result.issues) add(issue);
  for (const ReadResult& document : result.documents) {
    EXPECT_EQ(document.object == nullptr, !document.issues.empty());
    for (const Issue& issue : document.issues) add(issue);
  }
  return out;
}

ObjectPtr ReadOne(std::string_view text) {
  const FileResult result = ReadTest(text);
  EXPECT_TRUE(result.readable);
  for (const Issue& issue : result.issues) ADD_FAILURE() << ToString(issue);
  EXPECT_EQ(result.documents.size(), 1u);
  if (result.documents.size() != 1) return nullptr;
  for (const Issue& issue : result.documents[0].issues) ADD_FAILURE() << ToString(issue);
  return result.documents[0].object;
}

std::string Everything(std::string_view fields) {
  std::string out =
      "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: u}\nspec:\n  type: everything\n  spec:\n";
  while (!fields.empty()) {
    const size_t newline = fields.find('\n');
    StrAppend(&out, "    ", fields.substr(0, newline), "\n");
    if (newline == std::string_view::npos) break;
    fields.remove_prefix(newline + 1);
  }
  return out;
}

}  // namespace gloo::model
