// The source on real files: what is read, what is told, what is kept.
#include "sources/file/file_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sources/file/test_support.h"

namespace gloo::sources::file {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(FileSourceTest, ReadsEveryLayoutAndIgnoresTheRest) {
  Write(In("a.yaml"), Role("a1") + "---\n" + Role("a2"));
  Write(In("x/b.yml"), Role("b"));
  Write(In("x/y/c.json"), R"({"apiVersion":"gloo.solo.io/v1","kind":"Role","metadata":{"name":"c"},)"
                          R"("spec":{"listeners":[{"name":"http","port":1}]}})");
  Write(In("folder.yaml/d.yaml"), Role("d"));
  for (const char* name : {".hidden.yaml", ".git/e.yaml", "f.yaml~", "#g.yaml#", "h.yaml.swp", "README.md"}) {
    Write(In(name), Role("ignored"));
  }
  StartAndSync();
  const World world = sink_.world();
  EXPECT_THAT(world.log, ElementsAre("good a1", "good a2", "good d", "good b", "good c"));
  EXPECT_EQ(world.batches, 1u);
  EXPECT_THAT(world.places, IsEmpty());
  const auto& origin = world.objects.at(RoleKey("a2")).object->origin;
  EXPECT_EQ(origin.source, "file");
  EXPECT_EQ(origin.location, "a.yaml");
  EXPECT_EQ(origin.document, 1);
  EXPECT_EQ(world.FileOf("c"), "x/y/c.json");
}

TEST_F(FileSourceTest, AgeFollowsTheOrderOfFilesAndDocuments) {
  Write(In("b.yaml"), Role("z"));
  Write(In("a.yaml"), Role("y") + "---\n" + Role("x"));
  StartAndSync();
  const World before = sink_.world();
  const auto created = [](const World& w, const char* name) { return w.objects.at(RoleKey(name)).object->created; };
  EXPECT_LT(created(before, "y"), created(before, "x"));
  EXPECT_LT(created(before, "x"), created(before, "z"));
  EXPECT_GT(created(before, "y"), 0);
  // A change of the object leaves its age.
  WriteAtomically(In("b.yaml"), Role("z", 2));
  ASSERT_TRUE(WaitForPort("z", 2));
  EXPECT_EQ(created(sink_.world(), "z"), created(before, "z"));
}

TEST_F(FileSourceTest, AnEmptyFolderIsSyncedToo) {
  StartAndSync();
  EXPECT_THAT(sink_.world().log, IsEmpty());
}

TEST_F(FileSourceTest, TakesAtomicRenames) {
  Write(In("a.yaml"), Role("a", 1));
  StartAndSync();
  WriteAtomically(In("a.yaml"), Role("a", 2));
  ASSERT_TRUE(WaitForPort("a", 2));
  WriteAtomically(In("new.yaml"), Role("n", 3));
  ASSERT_TRUE(WaitForPort("n", 3));
  Settle();
  EXPECT_FALSE(sink_.world().Logged("removed a"));
}

TEST_F(FileSourceTest, DoesNotReadAFileThatIsStillBeingWritten) {
  Write(In("a.yaml"), Role("a", 1) + "---\n" + Role("b", 1));
  StartAndSync();
  {
    std::ofstream out(In("a.yaml"), std::ios::trunc);
    out << Role("a", 2) << std::flush;  // as it stands this is a whole file that has lost an object
    Settle();
    EXPECT_EQ(sink_.world().Port("a"), 1);
    EXPECT_EQ(sink_.world().Port("b"), 1);
    out << "---\n" << Role("b", 2);
  }
  ASSERT_TRUE(WaitForPort("b", 2));
  EXPECT_EQ(sink_.world().Port("a"), 2);
  EXPECT_FALSE(sink_.world().Logged("removed b"));

  // A new file likewise.
  std::ofstream out(In("new.yaml"));
  out << Role("n", 1) << std::flush;
  Settle();
  EXPECT_EQ(sink_.world().Port("n"), 0);
  out.close();
  ASSERT_TRUE(WaitForPort("n", 1));
}

TEST_F(FileSourceTest, AFileThatNoLongerParsesKeepsItsObjectsAndSaysSo) {
  Write(In("a.yaml"), Role("a", 1));
  StartAndSync();
  Write(In("a.yaml"), "kind: [unclosed");
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.places.contains("a.yaml"); }));
  const World broken = sink_.world();
  EXPECT_EQ(broken.Port("a"), 1);
  EXPECT_EQ(broken.places.at("a.yaml").front().severity, Severity::kError);
  EXPECT_EQ(broken.places.at("a.yaml").front().location.file, "a.yaml");
  Write(In("a.yaml"), Role("a", 2));
  ASSERT_TRUE(WaitForPort("a", 2));
  EXPECT_THAT(sink_.world().places, IsEmpty());
  EXPECT_THAT(sink_.world().log, ElementsAre("good a", "ill a.yaml", "good a", "well a.yaml"));
}

TEST_F(FileSourceTest, AWrongObjectIsToldByItsKey) {
  Write(In("a.yaml"), Role("a", 1) + "---\n" + Role("b", 1));
  StartAndSync();
  Write(In("a.yaml"), Role("a", 2) + "---\n" + Role("b") + "  nonsense: 1\n");
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.Logged("wrong b"); }));
  const World world = sink_.world();
  EXPECT_EQ(world.Port("a"), 2);
  ASSERT_THAT(world.objects.at(RoleKey("b")).issues, SizeIs(1));
  EXPECT_THAT(world.objects.at(RoleKey("b")).issues.front().path, "spec.nonsense");
  EXPECT_FALSE(world.Logged("removed b"));
}

TEST_F(FileSourceTest, AnObjectMissingBesideADocumentWithoutNameIsKept) {
  Write(In("a.yaml"), Role("a", 1) + "---\n" + Role("b", 1));
  StartAndSync();
  Write(In("a.yaml"), Role("a", 2) + "---\nkind: Role\nmetadata: {}\nspec: {}\n");
  ASSERT_TRUE(WaitForPort("a", 2));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.places.contains("a.yaml"); }));
  Settle();
  EXPECT_EQ(sink_.world().Port("b"), 1);
  // Without that document it is gone indeed.
  Write(In("a.yaml"), Role("a", 2));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.Logged("removed b"); }));
  EXPECT_THAT(sink_.world().places, IsEmpty());
}

TEST_F(FileSourceTest, RemovedObjectsAndFilesAreTold) {
  Write(In("a.yaml"), Role("a") + "---\n" + Role("b"));
  Write(In("c.yaml"), Role("c"));
  StartAndSync();
  Write(In("a.yaml"), Role("a"));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.Logged("removed b"); }));
  fs::remove(In("c.yaml"));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.Logged("removed c"); }));
  Write(In("a.yaml"), "");
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.Logged("removed a"); }));
  EXPECT_THAT(sink_.world().objects, IsEmpty());
}

TEST_F(FileSourceTest, RewritingTheSameSaysNothing) {
  Write(In("a.yaml"), Role("a"));
  StartAndSync();
  Write(In("a.yaml"), Role("a"));
  WriteAtomically(In("a.yaml"), Role("a"));
  Write(In("a.yaml"), Role("a") + "# a comment\n");
  Settle();
  EXPECT_THAT(sink_.world().log, ElementsAre("good a", "good settle1", "removed settle1"));
}

TEST_F(FileSourceTest, ARenamedFileKeepsItsObjects) {
  Write(In("a.yaml"), Role("a") + "---\n" + Role("b"));
  StartAndSync();
  fs::rename(In("a.yaml"), In("z.yaml"));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.FileOf("a") == "z.yaml" && w.FileOf("b") == "z.yaml"; }));
  fs::create_directory(In("sub"));
  fs::rename(In("z.yaml"), In("sub/a.yaml"));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.FileOf("a") == "sub/a.yaml"; }));
  Settle();
  EXPECT_FALSE(sink_.world().Logged("removed a"));
  EXPECT_FALSE(sink_.world().Logged("removed b"));
}

TEST_F(FileSourceTest, SavesThatTakeTheFileAwayForAMomentRemoveNothing) {
  Write(In("a.yaml"), Role("a", 1));
  StartAndSync();
  // An editor that renames the old file to its backup, writes anew and deletes the backup.
  fs::rename(In("a.yaml"), In("a.yaml~"));
  Write(In("a.yaml"), Role("a", 2));
  fs::remove(In("a.yaml~"));
  ASSERT_TRUE(WaitForPort("a", 2));
  // A checkout that unlinks and creates.
  fs::remove(In("a.yaml"));
  Write(In("a.yaml"), Role("a", 3));
  ASSERT_TRUE(WaitForPort("a", 3));
  // The new one takes long to write: the old one counts until it is closed.
  fs::remove(In("a.yaml"));
  {
    std::ofstream out(In("a.yaml"));
    Settle();
    out << Role("a", 4);
  }
  ASSERT_TRUE(WaitForPort("a", 4));
  Settle();
  EXPECT_FALSE(sink_.world().Logged("removed a"));
}

// Truncated, and not yet written: what was read in between is no decision to have nothing.
TEST_F(FileSourceTest, AFileThatIsEmptyForAMomentRemovesNothing) {
  options_.removal_grace = std::chrono::hours(1);
  Write(In("a.yaml"), Role("a", 1));
  StartAndSync();
  Write(In("a.yaml"), "");
  // When this later file is known, the empty one has been read.
  Write(In("b.yaml"), Role("b", 1));
  ASSERT_TRUE(WaitForPort("b", 1));
  EXPECT_EQ(sink_.world().Port("a"), 1);
  Write(In("a.yaml"), Role("a", 2));
  ASSERT_TRUE(WaitForPort("a", 2));
  EXPECT_FALSE(sink_.world().Logged("removed a"));
}

TEST_F(FileSourceTest, AFileThatStaysEmptyHasNoObjects) {
  Write(In("a.yaml"), Role("a", 1));
  StartAndSync();
  Write(In("a.yaml"), "");
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.Logged("removed a"); }));
}

TEST_F(FileSourceTest, OfTwoFilesWithOneNameTheFirstHoldsIt) {
  Write(In("a.yaml"), Role("r", 1));
  Write(In("b.yaml"), Role("r", 2));
  StartAndSync();
  World world = sink_.world();
  EXPECT_EQ(world.Port("r"), 1);
  ASSERT_TRUE(world.places.contains("b.yaml"));
  const Issue issue = world.places.at("b.yaml").front();
  EXPECT_EQ(issue.reason, "DuplicateName");
  EXPECT_EQ(issue.message, "Role default/r is already defined in a.yaml; this one is left out");
  EXPECT_EQ(issue.location, (Location{.file = "b.yaml", .line = 1, .column = 1}));
  // One that comes later holds nothing, whatever its name.
  WriteAtomically(In("0.yaml"), Role("r", 3));
  ASSERT_TRUE(WaitForPlace("0.yaml", "DuplicateName"));
  EXPECT_EQ(sink_.world().Port("r"), 1);
  // When the first goes the next takes over, without a gap.
  fs::remove(In("a.yaml"));
  ASSERT_TRUE(WaitForPort("r", 2));
  world = sink_.world();
  EXPECT_FALSE(world.Logged("removed r"));
  EXPECT_FALSE(world.places.contains("b.yaml"));
  EXPECT_EQ(world.places.at("0.yaml").front().message,
            "Role default/r is already defined in b.yaml; this one is left out");
}

TEST_F(FileSourceTest, UnreadableFilesAreToldAndKeepTheirObjects) {
  Write(In("a.yaml"), Role("a", 1));
  Write(temp_ / "other.yaml", Role("a", 2));
  ASSERT_EQ(mkfifo(In("pipe.yaml").c_str(), 0600), 0);
  fs::create_symlink("nowhere.yaml", In("dangling.yaml"));
  fs::create_symlink("loop.yaml", In("loop.yaml"));
  StartAndSync();
  World world = sink_.world();
  EXPECT_EQ(world.Reason("pipe.yaml"), "Unreadable");
  EXPECT_EQ(world.places.at("pipe.yaml").front().message,
            "the file cannot be read: it is not a regular file; what it held before stays in force");
  EXPECT_EQ(world.places.at("dangling.yaml").front().message,
            "the file cannot be read: it is a symbolic link to a file that is not there; what it held before stays in "
            "force");
  EXPECT_EQ(world.places.at("loop.yaml").front().message,
            "the file cannot be read: its symbolic links form a loop; what it held before stays in force");

  fs::create_symlink("nowhere.yaml", In(".link"));
  fs::rename(In(".link"), In("a.yaml"));
  ASSERT_TRUE(WaitForPlace("a.yaml", "Unreadable"));
  EXPECT_EQ(sink_.world().Port("a"), 1);
  fs::create_symlink(temp_ / "other.yaml", In(".link"));
  fs::rename(In(".link"), In("a.yaml"));
  ASSERT_TRUE(WaitForPort("a", 2));
  EXPECT_EQ(sink_.world().Reason("a.yaml"), "");
  EXPECT_FALSE(sink_.world().Logged("removed a"));
}

TEST_F(FileSourceTest, TheRightToReadComesAndGoes) {
  // Root may read everything, so the source's thread then takes another user's eyes.
  const bool root = geteuid() == 0;
  fs::permissions(temp_.path(), fs::perms(0755));
  Write(In("a.yaml"), Role("a", 1));
  if (root) setfsuid(65534);
  StartAndSync();
  if (root) setfsuid(0);
  ASSERT_EQ(chmod(In("a.yaml").c_str(), 0), 0);
  ASSERT_TRUE(WaitForPlace("a.yaml", "Unreadable"));
  EXPECT_EQ(sink_.world().places.at("a.yaml").front().message,
            "the file cannot be read: permission denied; what it held before stays in force");
  EXPECT_EQ(sink_.world().Port("a"), 1);
  ASSERT_EQ(chmod(In("a.yaml").c_str(), 0644), 0);
  ASSERT_TRUE(WaitForPlace("a.yaml", ""));

  Write(In("sub/b.yaml"), Role("b", 1));
  ASSERT_TRUE(WaitForPort("b", 1));
  ASSERT_EQ(chmod(In("sub").c_str(), 0), 0);
  ASSERT_TRUE(WaitForPlace("sub", "Unreadable"));
  EXPECT_EQ(sink_.world().places.at("sub").front().message,
            "the folder cannot be listed: permission denied; what it held stays in force");
  ASSERT_EQ(chmod(In("sub").c_str(), 0755), 0);
  ASSERT_TRUE(WaitForPlace("sub", ""));
  EXPECT_FALSE(sink_.world().Logged("removed b"));
}

TEST_F(FileSourceTest, AFileTooLargeIsToldByTheReader) {
  options_.limits.max_bytes = 1000;
  Write(In("a.yaml"), Role("a", 1));
  StartAndSync();
  Write(In("a.yaml"), Role("a", 2) + std::string(1000, '#'));
  ASSERT_TRUE(sink_.Wait([](const World& w) { return w.places.contains("a.yaml"); }));
  EXPECT_THAT(sink_.world().places.at("a.yaml").front().message, HasSubstr("1000"));
  EXPECT_EQ(sink_.world().Port("a"), 1);
}

TEST_F(FileSourceTest, LocateFillsPlaceAndPathAsTyped) {
  Write(In("a.yaml"), Role("x") + "---\n" +
                          "apiVersion: gloo.solo.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n"
                          "  domains: [a.example]\n  ssl_config:\n    secret_ref: s\n");
  StartAndSync();
  const auto object = sink_.world().objects.at({model::Kind::kVirtualService, "default", "a"}).object;
  ASSERT_NE(object, nullptr);
  std::vector<Issue> issues = {{.reason = "X", .path = "spec.sslConfig.secretRef", .message = "m"},
                               {.reason = "Y", .path = "spec.domains[0]", .message = "m"}};
  source_->Locate({{&object->origin, &issues}});
  EXPECT_EQ(issues[0].path, "spec.ssl_config.secret_ref");
  EXPECT_EQ(issues[0].location, (Location{.file = "a.yaml", .line = 16, .column = 5}));
  EXPECT_EQ(issues[1].path, "spec.domains[0]");
  EXPECT_EQ(issues[1].location.line, 14);

  fs::remove(In("a.yaml"));
  std::vector<Issue> late = {{.reason = "X", .path = "spec.sslConfig", .message = "m"}};
  source_->Locate({{&object->origin, &late}});
  EXPECT_EQ(late[0].path, "spec.sslConfig");
  EXPECT_EQ(late[0].location, (Location{.file = "a.yaml", .line = object->origin.line, .column = 1}));
}

TEST_F(FileSourceTest, LocateReadsAFileOnceForAllOfItsObjects) {
  auto metrics = runtime::Metrics::Create();
  options_.metrics = metrics.get();
  std::string text;
  for (int i = 0; i < 50; ++i) text += (i ? "---\n" : "") + Role(StrCat("r", i));
  Write(In("a.yaml"), text);
  Write(In("b.yaml"), Role("other"));
  StartAndSync();
  std::vector<std::vector<Issue>> issues(51, {{.reason = "X", .path = "spec.listeners", .message = "m"}});
  std::vector<IssueLocator::Unlocated> all;
  const auto& objects = sink_.world().objects;
  for (int i = 0; i < 50; ++i) {
    const auto& object = objects.at({model::Kind::kRole, "default", StrCat("r", i)}).object;
    all.push_back({&object->origin, &issues[static_cast<size_t>(i)]});
    if (i == 20) all.push_back({&objects.at({model::Kind::kRole, "default", "other"}).object->origin, &issues[50]});
  }
  source_->Locate(all);
  for (const auto& located : issues) EXPECT_GT(located[0].location.line, 0);
  EXPECT_EQ(issues[50][0].location.file, "b.yaml");
  EXPECT_THAT(metrics->Text(), HasSubstr("gloo_source_locates_total{source=\"file\"} 2\n"));
  source_.reset();
}

TEST_F(FileSourceTest, SettingsAreChecked) {
  FileSource no_folder({.schemas = &parts_}, sink_);
  EXPECT_EQ(no_folder.Start().message(), "the file source needs a configuration folder");
  FileSource no_schemas({.config_dir = config()}, sink_);
  EXPECT_EQ(no_schemas.Start().message(), "the file source needs the schemas of the plugins");
}

TEST_F(FileSourceTest, CountsWhatItDoes) {
  auto metrics = runtime::Metrics::Create();
  options_.metrics = metrics.get();
  Write(In("a.yaml"), Role("a"));
  StartAndSync();
  source_.reset();
  EXPECT_THAT(metrics->Text(), HasSubstr("gloo_source_reads_total{source=\"file\"} 1\n"));
  EXPECT_THAT(metrics->Text(), HasSubstr("gloo_source_objects{source=\"file\"} 1\n"));
}

}  // namespace
}  // namespace gloo::sources::file
