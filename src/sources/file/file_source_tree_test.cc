// The source on a tree that moves: folders, links, mounts, storms, and a root that comes and goes.
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <random>
#include <thread>

#include "sources/file/test_support.h"

namespace gloo::sources::file {
namespace {

using ::testing::IsEmpty;

using FileSourceTreeTest = FileSourceTest;

TEST_F(FileSourceTreeTest, FoldersComeMoveAndGo) {
  StartAndSync();
  Write(In("a/b/c/r.yaml"), Role("r", 1));  // three new folders, the file at once
  ASSERT_TRUE(WaitForPort("r", 1));
  Write(In("a/b/c/r.yaml"), Role("r", 2));
  ASSERT_TRUE(WaitForPort("r", 2));

  fs::rename(In("a/b"), In("moved"));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.FileOf("r") == "moved/c/r.yaml"; }));
  Write(In("moved/c/r.yaml"), Role("r", 3));
  ASSERT_TRUE(WaitForPort("r", 3));
  EXPECT_FALSE(sink_.world().Logged("removed r"));

  fs::rename(In("moved"), temp_ / "outside");
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.Logged("removed r"); }));
  // Outside it is no longer ours.
  Write(temp_ / "outside/c/r.yaml", Role("r", 4));
  Settle();
  EXPECT_EQ(sink_.world().Port("r"), 0);

  fs::rename(temp_ / "outside", In("back"));
  ASSERT_TRUE(WaitForPort("r", 4));
  fs::remove_all(In("back"));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.objects.empty(); }));
}

TEST_F(FileSourceTreeTest, ManyNewFoldersLoseNoFile) {
  StartAndSync();
  for (int i = 0; i < 200; ++i) {
    const std::string name = StrCat("r", i);
    Write(In(name + "/sub/r.yaml"), Role(name));
  }
  EXPECT_TRUE(sink_.Wait([](const World& w) { return w.objects.size() == 200; }));
}

// As the kubelet mounts a ConfigMap: files are links through `..data`, which is swapped.
class Mount {
 public:
  explicit Mount(std::string folder) : folder_(std::move(folder)) { fs::create_directories(folder_); }

  void Swap(const std::map<std::string, std::string>& files) {
    const std::string version = StrCat("..2024_", ++version_);
    fs::create_directory(folder_ + "/" + version);
    for (const auto& [name, text] : files) Write(folder_ + "/" + version + "/" + name, text);
    fs::create_symlink(version, folder_ + "/..data_tmp");
    fs::rename(folder_ + "/..data_tmp", folder_ + "/..data");
    for (const auto& [name, text] : files) {
      if (!fs::is_symlink(folder_ + "/" + name))
        fs::create_symlink(StrCat("..data/", name), StrCat(folder_, "/", name));
    }
    for (const auto& entry : fs::directory_iterator(folder_)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with("..") && !files.contains(name)) fs::remove(entry.path());
    }
    if (version_ > 1) fs::remove_all(StrCat(folder_, "/..2024_", version_ - 1));
  }

 private:
  const std::string folder_;
  int version_ = 0;
};

TEST_F(FileSourceTreeTest, KubernetesMountsAreSwapped) {
  Mount mount(In("mounted"));
  mount.Swap({{"a.yaml", Role("a", 1)}, {"b.yaml", Role("b", 1)}});
  StartAndSync();
  EXPECT_EQ(sink_.world().Port("a"), 1);
  EXPECT_EQ(sink_.world().FileOf("a"), "mounted/a.yaml");

  mount.Swap({{"a.yaml", Role("a", 2)}, {"b.yaml", Role("b", 1)}});
  ASSERT_TRUE(WaitForPort("a", 2));
  mount.Swap({{"a.yaml", Role("a", 3)}, {"c.yaml", Role("c", 3)}});
  ASSERT_TRUE(WaitForPort("c", 3));
  ASSERT_TRUE(WaitForPort("a", 3));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.Logged("removed b"); }));
  EXPECT_THAT(sink_.world().places, IsEmpty());
  for (int i = 4; i < 20; ++i) {
    mount.Swap({{"a.yaml", Role("a", i)}, {"c.yaml", Role("c", i)}});
    ASSERT_TRUE(WaitForPort("a", i));
    ASSERT_TRUE(WaitForPort("c", i));
  }
  EXPECT_FALSE(sink_.world().Logged("removed a"));
}

TEST_F(FileSourceTreeTest, AMountAsTheWholeTreeIsSwapped) {
  Mount mount(config());
  mount.Swap({{"a.yaml", Role("a", 1)}});
  StartAndSync();
  mount.Swap({{"a.yaml", Role("a", 2)}});
  EXPECT_TRUE(WaitForPort("a", 2));
}

TEST_F(FileSourceTreeTest, LinksAreFollowedWhereverTheyLead) {
  Write(temp_ / "elsewhere/real.yaml", Role("a", 1));
  Write(temp_ / "v1/sub/b.yaml", Role("b", 1));
  Write(temp_ / "v2/sub/b.yaml", Role("b", 2));
  fs::create_symlink("v1", temp_ / "current");
  fs::create_symlink("../elsewhere/real.yaml", In("a.yaml"));
  fs::create_symlink(temp_ / "current/sub", In("linked"));
  StartAndSync();
  EXPECT_EQ(sink_.world().Port("a"), 1);
  EXPECT_EQ(sink_.world().FileOf("b"), "linked/b.yaml");

  Write(temp_ / "elsewhere/real.yaml", Role("a", 2));
  ASSERT_TRUE(WaitForPort("a", 2));
  WriteAtomically(temp_ / "elsewhere/real.yaml", Role("a", 3));
  ASSERT_TRUE(WaitForPort("a", 3));
  fs::remove(temp_ / "elsewhere/real.yaml");
  ASSERT_TRUE(WaitForPlace("a.yaml", "Unreadable"));
  EXPECT_EQ(sink_.world().Port("a"), 3);
  WriteAtomically(temp_ / "elsewhere/real.yaml", Role("a", 4));
  ASSERT_TRUE(WaitForPort("a", 4));

  // A link in the middle of the way is swapped.
  fs::create_symlink("v2", temp_ / "next");
  fs::rename(temp_ / "next", temp_ / "current");
  ASSERT_TRUE(WaitForPort("b", 2));
  WriteAtomically(temp_ / "v2/sub/b.yaml", Role("b", 3));
  ASSERT_TRUE(WaitForPort("b", 3));
  WriteAtomically(temp_ / "v1/sub/b.yaml", Role("b", 9));
  Settle();
  EXPECT_EQ(sink_.world().Port("b"), 3);
  EXPECT_FALSE(sink_.world().Logged("removed b"));
}

TEST_F(FileSourceTreeTest, ALinkToAFolderAboveIsNotFollowed) {
  Write(In("sub/a.yaml"), Role("a"));
  fs::create_directory_symlink("..", In("sub/up"));
  StartAndSync();
  EXPECT_EQ(sink_.world().Reason("sub/up"), "LinkLoop");
  EXPECT_EQ(sink_.world().objects.size(), 1u);
}

TEST_F(FileSourceTreeTest, AMissingRootIsWaitedFor) {
  fs::remove(config());
  Start();
  ASSERT_TRUE(WaitForPlace(config(), "FolderMissing"));
  EXPECT_FALSE(sink_.world().synced);
  EXPECT_EQ(sink_.world().places.at(config()).front().message, "the folder is not there; waiting for it");
  Write(temp_ / "made/a.yaml", Role("a"));
  fs::rename(temp_ / "made", config());
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.synced; }));
  EXPECT_TRUE(WaitForPort("a", 8080));
  EXPECT_TRUE(WaitForPlace(config(), ""));
}

TEST_F(FileSourceTreeTest, ARootThatVanishesKeepsItsObjectsAndReturns) {
  Write(In("sub/a.yaml"), Role("a", 1));
  Write(In("b.yaml"), Role("b", 1));
  StartAndSync();
  fs::rename(config(), temp_ / "away");
  ASSERT_TRUE(WaitForPlace(config(), "FolderMissing"));
  EXPECT_EQ(sink_.world().places.at(config()).front().message,
            "the folder is not there; what it held stays in force until it is back");
  Write(temp_ / "away/sub/a.yaml", Role("a", 2));
  fs::remove(temp_ / "away/b.yaml");
  fs::rename(temp_ / "away", config());
  ASSERT_TRUE(WaitForPort("a", 2));
  ASSERT_TRUE(WaitForPlace(config(), ""));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.Logged("removed b"); }));
  EXPECT_FALSE(sink_.world().Logged("removed a"));

  // Deleted wholly and made again.
  fs::remove_all(config());
  ASSERT_TRUE(WaitForPlace(config(), "FolderMissing"));
  EXPECT_EQ(sink_.world().Port("a"), 2);
  Write(In("sub/a.yaml"), Role("a", 3));
  ASSERT_TRUE(WaitForPort("a", 3));
  EXPECT_FALSE(sink_.world().Logged("removed a"));
  EXPECT_TRUE(sink_.world().synced);
}

TEST_F(FileSourceTreeTest, ARootThatIsALinkIsSwapped) {
  fs::remove(config());
  Write(temp_ / "v1/a.yaml", Role("a", 1));
  Write(temp_ / "v2/a.yaml", Role("a", 2));
  fs::create_symlink("v1", config());
  StartAndSync();
  fs::create_symlink("v2", temp_ / "next");
  fs::rename(temp_ / "next", config());
  ASSERT_TRUE(WaitForPort("a", 2));
  WriteAtomically(temp_ / "v2/a.yaml", Role("a", 3));
  EXPECT_TRUE(WaitForPort("a", 3));
}

TEST_F(FileSourceTreeTest, AFolderReplacedByAnotherIsListedAnew) {
  Write(In("sub/a.yaml"), Role("a", 1));
  Write(temp_ / "new/a.yaml", Role("a", 2));
  StartAndSync();
  fs::rename(In("sub"), temp_ / "old");
  fs::rename(temp_ / "new", In("sub"));
  ASSERT_TRUE(WaitForPort("a", 2));
  WriteAtomically(In("sub/a.yaml"), Role("a", 3));
  ASSERT_TRUE(WaitForPort("a", 3));
  EXPECT_FALSE(sink_.world().Logged("removed a"));
}

// The reader is held up while more happens than the system's queue can hold.
TEST_F(FileSourceTreeTest, AfterAnOverflowOfTheQueueAllIsListed) {
  size_t limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  ASSERT_GT(limit, 0u);
  if (limit > 200'000) GTEST_SKIP() << "the queue of this system is too long to fill";

  std::latch reading(1), go_on(1);
  std::atomic<bool> hold{false};
  options_.read_text = [&](std::string_view text, std::string_view file) {
    if (hold.exchange(false)) {
      reading.count_down();
      go_on.wait();
    }
    return model::ReadText(text, file, parts_);
  };
  auto metrics = runtime::Metrics::Create();
  options_.metrics = metrics.get();
  Write(In("a.yaml"), Role("a", 1));
  Write(In("b.yaml"), Role("b", 1));
  Write(In("sub/c.yaml"), Role("c", 1));
  StartAndSync();
  hold = true;
  WriteAtomically(In("a.yaml"), Role("a", 2));
  reading.wait();
  // Two names in turn: the system merges an event with an equal one before it.
  Write(In("x"), "");
  for (size_t i = 0; i <= limit; ++i) fs::rename(In(i % 2 == 0 ? "x" : "y"), In(i % 2 == 0 ? "y" : "x"));
  // What happens now no event tells of.
  WriteAtomically(In("b.yaml"), Role("b", 2));
  fs::remove_all(In("sub"));
  Write(In("fresh/d.yaml"), Role("d", 2));
  go_on.count_down();
  EXPECT_TRUE(WaitForPort("a", 2));
  EXPECT_TRUE(WaitForPort("b", 2));
  EXPECT_TRUE(WaitForPort("d", 2));
  EXPECT_TRUE(sink_.Wait([](const World& w) { return w.Logged("removed c"); }));
  // And what comes after is seen as ever.
  WriteAtomically(In("fresh/d.yaml"), Role("d", 3));
  EXPECT_TRUE(WaitForPort("d", 3));
  source_.reset();
  EXPECT_THAT(metrics->Text(), testing::ContainsRegex("gloo_source_overflows_total\\{source=\"file\"\\} [1-9]"));
}

TEST_F(FileSourceTreeTest, FoldersThatCannotBeWatchedAreListed) {
  options_.max_watches = 1;
  options_.relist_interval_unwatched = std::chrono::milliseconds(20);
  Write(In("sub/a.yaml"), Role("a", 1));
  StartAndSync();
  ASSERT_TRUE(WaitForPlace(config(), "WatchLimit"));
  Write(In("sub/b.yaml"), Role("b", 1));
  ASSERT_TRUE(WaitForPort("b", 1));
  fs::remove(In("sub/a.yaml"));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.Logged("removed a"); }));
  fs::remove_all(In("sub"));
  ASSERT_TRUE(WaitForPlace(config(), ""));
}

// Whatever happens to a tree, in the end the source knows what a new one would read.
TEST_F(FileSourceTreeTest, AfterAnyHistoryItKnowsWhatIsThere) {
  options_.removal_grace = std::chrono::milliseconds(5);
  StartAndSync();
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    const auto folder = [&] {
      static const char* const folders[] = {"", "p/", "p/q/", "s/", "s/t/u/"};
      return std::string(folders[pick(5)]);
    };
    const auto file = [&] { return StrCat(folder(), "f", pick(4), ".yaml"); };
    std::error_code error;
    for (int step = 0; step < 60; ++step) {
      const std::string name = StrCat("r", seed, "-", step);
      switch (pick(9)) {
        case 0:
        case 1:
          fs::create_directories(fs::path(In(file())).parent_path(), error);
          if (!error) WriteAtomically(In(folder() + "f0.yaml"), Role(name));
          break;
        case 2:
        case 3: {
          const std::string path = In(file());
          fs::create_directories(fs::path(path).parent_path(), error);
          if (!fs::is_directory(path, error)) std::ofstream(path, std::ios::trunc) << Role(name, step + 1);
          break;
        }
        case 4:
          fs::remove(In(file()), error);
          break;
        case 5:
          fs::rename(In(file()), In(file()), error);
          break;
        case 6:
          fs::remove_all(In(folder() + "."), error);
          fs::create_directory(config(), error);
          break;
        case 7:
          fs::rename(In(pick(2) ? "p" : "p/q"), In(pick(2) ? "s" : "s/t"), error);
          break;
        case 8:
          fs::create_symlink(pick(2) ? "f1.yaml" : "../f1.yaml", In(file()), error);
          break;
      }
    }
    // A link that dangles keeps what it last led to, which a new source cannot know.
    std::vector<fs::path> dangling;
    for (const auto& entry : fs::recursive_directory_iterator(config())) {
      if (entry.is_symlink() && !fs::exists(entry.path(), error)) dangling.push_back(entry.path());
    }
    for (const fs::path& path : dangling) fs::remove(path);

    RecordingSink fresh_sink;
    FileSource fresh(options_, fresh_sink);
    ASSERT_TRUE(fresh.Start().ok());
    ASSERT_TRUE(fresh_sink.Wait([](const World& w) { return w.synced; }));
    const auto names = [](const World& w) {
      std::map<std::string, std::string> out;
      for (const auto& [key, event] : w.objects) out[key.name] = event.object ? event.object->hash : "";
      return out;
    };
    const auto expected = names(fresh_sink.world());
    ASSERT_TRUE(sink_.Wait([&](const World& w) { return names(w) == expected; }))
        << "seed " << seed << ": " << testing::PrintToString(names(sink_.world())) << " but there is "
        << testing::PrintToString(expected);
  }
}

// Also a measurement: GLOO_FILES=10000 prints what a start with so many files takes.
TEST_F(FileSourceTreeTest, ReadsManyFilesAtOnceAndThenSingleOnesFast) {
  const char* wanted = getenv("GLOO_FILES");
  const int files = wanted != nullptr ? atoi(wanted) : 500;
  for (int i = 0; i < files; ++i) {
    const std::string name = StrCat("r", i);
    Write(In(StrCat("d", i % 100, "/", name, ".yaml")), Role(name));
  }
  const absl::Time start = absl::Now();
  StartAndSync();
  const absl::Duration listing = absl::Now() - start;
  ASSERT_EQ(sink_.world().objects.size(), static_cast<size_t>(files));

  std::vector<double> milliseconds;
  for (int i = 1; i <= 101; ++i) {
    Write(In("d0/.new"), Role("r0", i));
    const absl::Time saved = absl::Now();
    fs::rename(In("d0/.new"), In("d0/r0.yaml"));
    ASSERT_TRUE(WaitForPort("r0", i));
    milliseconds.push_back(absl::ToDoubleMilliseconds(absl::Now() - saved));
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  RecordProperty("listing_ms", std::to_string(absl::ToDoubleMilliseconds(listing)));
  RecordProperty("rename_to_push_median_ms", std::to_string(milliseconds[50]));
  if (wanted != nullptr) {
    std::printf("%d files: listed in %.1f ms; rename() to Push(): median %.3f ms, 90th %.3f ms\n", files,
                absl::ToDoubleMilliseconds(listing), milliseconds[50], milliseconds[90]);
  }
}

}  // namespace
}  // namespace gloo::sources::file
