// Secrets and artifacts from folders, on real files.
#include <gmock/gmock.h>

#include "sources/file/test_support.h"

namespace gloo::sources::file {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class FileSourceDataTest : public FileSourceTest {
 protected:
  FileSourceDataTest() {
    options_.secrets_dir = temp_ / "secrets";
    options_.artifacts_dir = temp_ / "artifacts";
    fs::create_directory(options_.secrets_dir);
    fs::create_directory(options_.artifacts_dir);
  }
  std::string Secret(const std::string& path) const { return StrCat(options_.secrets_dir, "/", path); }
  bool WaitForSecret(const std::string& name, const std::string& key, const std::string& value) {
    return sink_.Wait([&](const World& w) { return w.Value(DataKind::kSecret, "default", name, key) == value; });
  }
};

TEST_F(FileSourceDataTest, AreReadWithTheFirstListing) {
  Write(Secret("tls/tls.crt"), "CERT\n");
  Write(Secret("tls/tls.key"), "KEY\n");
  Write(Secret("prod/db/password"), "p");
  Write(Secret("flat.yaml"), "user: me\n");
  Write(Secret("tls/.hidden"), "x");
  Write(Secret("tls/tls.crt~"), "x");
  Write(options_.artifacts_dir + "/schema/api.yaml", "any: thing");
  Write(In("a.yaml"), Role("a"));
  StartAndSync();
  const World world = sink_.world();
  EXPECT_EQ(world.batches, 1u);
  EXPECT_EQ(world.data.size(), 4u);
  EXPECT_EQ(world.Value(DataKind::kSecret, "default", "tls", "tls.crt"), "CERT\n");
  EXPECT_EQ(world.data.at({DataKind::kSecret, {"default", "tls"}})->data.size(), 2u);
  EXPECT_EQ(world.Value(DataKind::kSecret, "prod", "db", "password"), "p");
  EXPECT_EQ(world.Value(DataKind::kSecret, "default", "flat", "user"), "me");
  EXPECT_EQ(world.Value(DataKind::kArtifact, "default", "schema", "api.yaml"), "any: thing");
  EXPECT_EQ(world.Port("a"), 8080);
}

TEST_F(FileSourceDataTest, ChangesAreReloaded) {
  Write(Secret("tls/tls.crt"), "1");
  StartAndSync();
  WriteAtomically(Secret("tls/tls.crt"), "2");
  ASSERT_TRUE(WaitForSecret("tls", "tls.crt", "2"));
  Write(Secret("tls/tls.key"), "k");
  ASSERT_TRUE(WaitForSecret("tls", "tls.key", "k"));
  WriteAtomically(Secret("flat.json"), R"({"a": "b"})");
  ASSERT_TRUE(WaitForSecret("flat", "a", "b"));
  fs::remove(Secret("tls/tls.key"));
  ASSERT_TRUE(WaitForSecret("tls", "tls.key", "(no key)"));
  fs::remove_all(Secret("tls"));
  ASSERT_TRUE(WaitForSecret("tls", "tls.crt", "(none)"));
  EXPECT_TRUE(sink_.world().Logged("no data tls"));
}

TEST_F(FileSourceDataTest, AKubernetesMountChangesAllItsKeysAtOnce) {
  const auto fill = [&](const std::string& version, const std::string& value) {
    Write(Secret(StrCat("tls/..", version, "/tls.crt")), value);
    Write(Secret(StrCat("tls/..", version, "/tls.key")), value);
    fs::create_symlink(StrCat("..", version), Secret("tls/..data_tmp"));
    fs::rename(Secret("tls/..data_tmp"), Secret("tls/..data"));
  };
  fill("v1", "1");
  fs::create_symlink("..data/tls.crt", Secret("tls/tls.crt"));
  fs::create_symlink("..data/tls.key", Secret("tls/tls.key"));
  StartAndSync();
  EXPECT_EQ(sink_.world().Value(DataKind::kSecret, "default", "tls", "tls.key"), "1");
  fill("v2", "2");
  ASSERT_TRUE(WaitForSecret("tls", "tls.key", "2"));
  const World world = sink_.world();
  EXPECT_EQ(world.Value(DataKind::kSecret, "default", "tls", "tls.crt"), "2");
  EXPECT_EQ(std::count(world.log.begin(), world.log.end(), "data tls"), 2);
}

TEST_F(FileSourceDataTest, WhatIsTooLargeOrBrokenKeepsWhatItWasAndShowsNoContent) {
  Write(Secret("a/key"), "small");
  Write(Secret("flat.yaml"), "password: old\n");
  StartAndSync();
  Write(Secret("a/key"), std::string((1 << 20) + 1, 'x'));
  ASSERT_TRUE(WaitForPlace(Secret("a/key"), "TooLarge"));
  EXPECT_EQ(sink_.world().places.at(Secret("a/key")).front().message,
            "the file is larger than 1 MiB; what it held before stays in force");
  Write(Secret("flat.yaml"), "password: *hunter2\n");
  ASSERT_TRUE(WaitForPlace(Secret("flat.yaml"), "NotYaml"));
  const World world = sink_.world();
  EXPECT_THAT(ToString(world.places.at(Secret("flat.yaml")).front()), Not(HasSubstr("hunter2")));
  EXPECT_EQ(world.Value(DataKind::kSecret, "default", "a", "key"), "small");
  EXPECT_EQ(world.Value(DataKind::kSecret, "default", "flat", "password"), "old");
  Write(Secret("a/key"), std::string(1 << 20, 'y'));
  ASSERT_TRUE(WaitForPlace(Secret("a/key"), ""));
}

TEST_F(FileSourceDataTest, AMissingFolderKeepsTheSourceFromBeingSynced) {
  fs::remove(options_.secrets_dir);
  Write(In("a.yaml"), Role("a"));
  Start();
  ASSERT_TRUE(WaitForPort("a", 8080));
  ASSERT_TRUE(WaitForPlace(options_.secrets_dir, "FolderMissing"));
  EXPECT_FALSE(sink_.world().synced);
  fs::create_directory(options_.secrets_dir);
  EXPECT_TRUE(sink_.Wait([](const World& w) { return w.synced; }));
}

TEST_F(FileSourceDataTest, AFolderThatVanishesKeepsItsSecrets) {
  Write(Secret("a/key"), "1");
  StartAndSync();
  fs::rename(options_.secrets_dir, temp_ / "away");
  ASSERT_TRUE(WaitForPlace(options_.secrets_dir, "FolderMissing"));
  EXPECT_EQ(sink_.world().Value(DataKind::kSecret, "default", "a", "key"), "1");
  Write(temp_ / "away/a/key", "2");
  fs::rename(temp_ / "away", options_.secrets_dir);
  EXPECT_TRUE(WaitForSecret("a", "key", "2"));
}

}  // namespace
}  // namespace gloo::sources::file
