#include "sources/file/names.h"

#include <gtest/gtest.h>

namespace gloo::sources::file {
namespace {

TEST(Names, HiddenAndEditorsFilesAreIgnored) {
  for (const char* name : {".hidden.yaml", "..data", "..2024_01", ".a.yaml.swp", "a.yaml~", "#a.yaml#", "a.yaml.swp",
                           "a.yaml.swo", "a.yaml.swx", ".#a.yaml", ""}) {
    EXPECT_TRUE(IsIgnored(name)) << name;
  }
  for (const char* name : {"a.yaml", "#a.yaml", "a#", "swp", "a~b.yaml"}) EXPECT_FALSE(IsIgnored(name)) << name;
}

TEST(Names, ConfigurationIsToldByItsEnding) {
  for (const char* name : {"a.yaml", "a.yml", "a.json", "a.b.yaml"}) EXPECT_TRUE(IsConfigName(name)) << name;
  for (const char* name : {"yaml", "a.yaml.new", "a.txt", "README", "a.YAML"}) EXPECT_FALSE(IsConfigName(name)) << name;
}

TEST(Names, Paths) {
  EXPECT_EQ(JoinPath("", "a"), "a");
  EXPECT_EQ(JoinPath("/", "a"), "/a");
  EXPECT_EQ(JoinPath("a/b", "c"), "a/b/c");
  EXPECT_EQ(ParentOf("a/b/c"), "a/b");
  EXPECT_EQ(ParentOf("a"), "");
  EXPECT_EQ(NameOf("a/b/c"), "c");
  EXPECT_EQ(NameOf("a"), "a");
}

}  // namespace
}  // namespace gloo::sources::file
