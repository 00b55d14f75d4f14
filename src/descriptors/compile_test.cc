#include "descriptors/compile.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace gloo::descriptors {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CompileTest : public ::testing::Test {
 protected:
  CompileTest()
      : root_(fs::path(::testing::TempDir()) / ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(root_);
  }
  ~CompileTest() override { fs::remove_all(root_); }

  std::string Write(const std::string& name, const std::string& text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
    return root_ / name;
  }

  std::vector<std::string> Compile(const std::vector<std::string>& files,
                                   const std::vector<std::string>& folders = {}) {
    Issues issues;
    google::protobuf::FileDescriptorSet set;
    EXPECT_TRUE(set.ParseFromString(CompileSources(files, folders, issues)));
    issues_.clear();
    for (const Issue& issue : issues.items()) issues_ += ToString(issue) + "\n";
    std::vector<std::string> names;
    for (const auto& file : set.file()) names.push_back(file.name());
    return names;
  }

  fs::path root_;
  std::string issues_;
};

TEST_F(CompileTest, ImportsAreFoundBesideTheFileAndInFoldersAndKnownOnesNowhere) {
  Write("lib/b.proto", "syntax = \"proto3\"; package b; message B {}");
  const std::string a = Write("a.proto",
                              "syntax = \"proto3\"; import \"lib/b.proto\"; import \"google/api/annotations.proto\";"
                              "import \"google/protobuf/timestamp.proto\"; message A { b.B b = 1; }");
  EXPECT_THAT(Compile({a}), ElementsAre("lib/b.proto", "google/api/http.proto", "google/protobuf/descriptor.proto",
                                        "google/api/annotations.proto", "google/protobuf/timestamp.proto", "a.proto"))
      << issues_;
  const std::string inner = Write("x/c.proto", "syntax = \"proto3\"; import \"lib/b.proto\"; message C { b.B b = 1; }");
  EXPECT_THAT(Compile({inner}), ElementsAre());
  EXPECT_THAT(issues_, HasSubstr("lib/b.proto"));
  EXPECT_THAT(Compile({inner}, {root_}), ElementsAre("lib/b.proto", "x/c.proto"));
  EXPECT_THAT(Compile({"x/c.proto"}, {root_}), ElementsAre("lib/b.proto", "x/c.proto"));
}

TEST_F(CompileTest, MistakesHaveTheirPlace) {
  const std::string a = Write("a.proto", "syntax = \"proto3\";\nmessage A {\n  strin x = 1;\n}\n");
  EXPECT_THAT(Compile({a}), ElementsAre());
  EXPECT_THAT(issues_, HasSubstr("a.proto:3:3: error: \"strin\" is not defined."));
  EXPECT_THAT(Compile({(root_ / "none.proto").string()}), ElementsAre());
  EXPECT_THAT(issues_, HasSubstr("none.proto"));
}

}  // namespace
}  // namespace gloo::descriptors
