// The watcher alone, with time in the test's hand.
#include "sources/file/tree_watcher.h"

#include <gmock/gmock.h>
#include <poll.h>

#include "sources/file/names.h"
#include "sources/file/test_support.h"

namespace gloo::sources::file {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TreeWatcherTest : public testing::Test {
 protected:
  TreeWatcherTest() { fs::create_directory(root_); }

  TreeWatcher Watch() {
    return TreeWatcher({.root = root_, .wanted = IsConfigName, .removal_grace = milliseconds(50)});
  }
  TreeChanges Look(TreeWatcher& watcher) {
    watcher.Drain();
    return watcher.Process(now_);
  }
  static std::vector<std::string> Paths(const TreeChanges& changes) {
    std::vector<std::string> out;
    for (const auto& changed : changes.changed) out.push_back(changed.path);
    return out;
  }

  TempFolder temp_;
  const std::string root_ = temp_ / "root";
  TreeWatcher::Time now_{std::chrono::hours(1)};
};

TEST(FollowLinks, GivesEveryLinkAndWhereItEnds) {
  TempFolder temp;
  const std::string base = fs::canonical(temp.path()).string();
  Write(StrCat(base, "/..v1/a.yaml"), "");
  fs::create_symlink("..v1", StrCat(base, "/..data"));
  fs::create_symlink("..data/a.yaml", StrCat(base, "/a.yaml"));
  const Followed followed = FollowLinks(base, "a.yaml");
  EXPECT_EQ(followed.real, StrCat(base, "/..v1/a.yaml"));
  EXPECT_THAT(followed.hops,
              ElementsAre(Hop{base, "a.yaml"}, Hop{base, "..data"}, Hop{StrCat(base, "/..v1"), "a.yaml"}));
  EXPECT_THAT(FollowLinks("/", StrCat(base, "/..v1/a.yaml")).hops, IsEmpty());
  EXPECT_THAT(FollowLinks(base, "missing/x").hops, ElementsAre(Hop{base, "missing"}));
  fs::create_symlink("loop", StrCat(base, "/loop"));
  EXPECT_THAT(FollowLinks(base, "loop").hops, SizeIs(41));
}

TEST_F(TreeWatcherTest, AFileIsGoneOnlyAfterItsGrace) {
  Write(root_ + "/a.yaml", "1");
  TreeWatcher watcher = Watch();
  EXPECT_THAT(Paths(Look(watcher)), ElementsAre("a.yaml"));
  EXPECT_TRUE(watcher.listed());
  fs::remove(root_ + "/a.yaml");
  EXPECT_THAT(Look(watcher).leaving, ElementsAre("a.yaml"));
  EXPECT_EQ(watcher.NextDeadline(), now_ + milliseconds(50));
  now_ += milliseconds(49);
  EXPECT_TRUE(Look(watcher).empty());
  now_ += milliseconds(1);
  EXPECT_THAT(Look(watcher).gone, ElementsAre("a.yaml"));
  EXPECT_EQ(watcher.files(), 0u);
}

TEST_F(TreeWatcherTest, AFileThatReturnsInTimeIsChangedAndNotGone) {
  Write(root_ + "/a.yaml", "1");
  TreeWatcher watcher = Watch();
  Look(watcher);
  fs::remove(root_ + "/a.yaml");
  Look(watcher);
  now_ += milliseconds(40);
  Write(root_ + "/a.yaml", "1");
  EXPECT_THAT(Paths(Look(watcher)), ElementsAre("a.yaml"));
  now_ += milliseconds(100);
  EXPECT_TRUE(Look(watcher).empty());
}

TEST_F(TreeWatcherTest, ChangesOfOneFileAreOne) {
  Write(root_ + "/a.yaml", "1");
  TreeWatcher watcher = Watch();
  Look(watcher);
  for (int i = 0; i < 10; ++i) Write(root_ + "/a.yaml", "2");
  EXPECT_THAT(Paths(Look(watcher)), ElementsAre("a.yaml"));
  EXPECT_TRUE(Look(watcher).empty());
}

TEST_F(TreeWatcherTest, AFileThatIsWrittenAgainAtOnceIsUnsettled) {
  Write(root_ + "/a.yaml", "1");
  TreeWatcher watcher = Watch();
  Look(watcher);
  Write(root_ + "/a.yaml", "2");
  EXPECT_THAT(Paths(Look(watcher)), ElementsAre("a.yaml"));
  std::ofstream out(root_ + "/a.yaml", std::ios::trunc);
  out << "3" << std::flush;
  watcher.Drain();
  EXPECT_TRUE(watcher.Unsettled("a.yaml"));
  EXPECT_TRUE(watcher.Process(now_).empty());
  out.close();
  EXPECT_THAT(Paths(Look(watcher)), ElementsAre("a.yaml"));
  EXPECT_FALSE(watcher.Unsettled("a.yaml"));
}

TEST_F(TreeWatcherTest, OnlyPermissionsThatChangeAreSaidToBeOnlyThat) {
  Write(root_ + "/a.yaml", "1");
  TreeWatcher watcher = Watch();
  Look(watcher);
  fs::permissions(root_ + "/a.yaml", fs::perms::owner_read);
  const TreeChanges changes = Look(watcher);
  ASSERT_THAT(changes.changed, SizeIs(1));
  EXPECT_TRUE(changes.changed[0].attributes_only);
}

TEST_F(TreeWatcherTest, HardLinksAreWholeFiles) {
  Write(temp_ / "other", "1");
  TreeWatcher watcher = Watch();
  Look(watcher);
  fs::create_hard_link(temp_ / "other", root_ + "/a.yaml");
  EXPECT_THAT(Paths(Look(watcher)), ElementsAre("a.yaml"));
}

TEST_F(TreeWatcherTest, NamesThatDoNotCountWakeNobody) {
  TreeWatcher watcher = Watch();
  Look(watcher);
  Write(root_ + "/.a.yaml.swp", "1");
  Write(root_ + "/notes.txt", "1");
  fs::rename(root_ + "/notes.txt", root_ + "/notes.md");
  EXPECT_TRUE(Look(watcher).empty());
  EXPECT_EQ(watcher.files(), 0u);
}

TEST_F(TreeWatcherTest, TheWholeTreeIsListedNowAndThen) {
  Write(root_ + "/a.yaml", "1");
  TreeWatcher watcher = Watch();
  Look(watcher);
  EXPECT_EQ(watcher.NextDeadline(), now_ + std::chrono::seconds(60));
  now_ += std::chrono::seconds(60);
  EXPECT_THAT(Look(watcher).gone, IsEmpty());
  EXPECT_EQ(watcher.NextDeadline(), now_ + std::chrono::seconds(60));
}

TEST_F(TreeWatcherTest, ARootThatIsNotThereIsLookedForEverMoreSeldom) {
  fs::remove(root_);
  TreeWatcher watcher(
      {.root = root_,
       .wanted = IsConfigName,
       .return_poll = {
           .initial = absl::Milliseconds(10), .max = absl::Milliseconds(40), .multiplier = 2, .jitter = 0}});
  const TreeChanges changes = Look(watcher);
  ASSERT_THAT(changes.problems, SizeIs(1));
  EXPECT_EQ(changes.problems[0].second->reason, "FolderMissing");
  EXPECT_TRUE(watcher.away());
  for (int wait : {10, 20, 40, 40}) {
    EXPECT_EQ(watcher.NextDeadline() - now_, milliseconds(wait));
    now_ = watcher.NextDeadline();
    EXPECT_TRUE(Look(watcher).empty());
  }
  Write(root_ + "/a.yaml", "1");
  now_ = watcher.NextDeadline();
  const TreeChanges back = Look(watcher);
  EXPECT_THAT(Paths(back), ElementsAre("a.yaml"));
  ASSERT_THAT(back.problems, SizeIs(1));
  EXPECT_FALSE(back.problems[0].second.has_value());
}

TEST_F(TreeWatcherTest, WhatIsMissingWhenTheRootIsBackHasLonger) {
  Write(root_ + "/a.yaml", "1");
  TreeWatcher watcher = Watch();
  Look(watcher);
  fs::remove_all(root_);
  const TreeChanges away = Look(watcher);
  EXPECT_THAT(away.gone, IsEmpty());
  now_ += std::chrono::minutes(5);
  EXPECT_THAT(Look(watcher).gone, IsEmpty());
  fs::create_directory(root_);
  EXPECT_THAT(Look(watcher).leaving, ElementsAre("a.yaml"));
  now_ += milliseconds(999);
  EXPECT_THAT(Look(watcher).gone, IsEmpty());
  now_ += milliseconds(1);
  EXPECT_THAT(Look(watcher).gone, ElementsAre("a.yaml"));
}

}  // namespace
}  // namespace gloo::sources::file
