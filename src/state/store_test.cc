#include "state/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "absl/time/clock.h"
#include "base/strings.h"

namespace gloo::state {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

model::ObjectPtr Upstream(const std::string& name, int64_t generation = 1) {
  auto object = std::make_shared<model::Object>();
  object->key = {model::Kind::kUpstream, "default", name};
  object->generation = generation;
  object->created = 1234567890123456789;
  object->origin = {.source = "file", .location = "a.yaml", .document = 2, .line = 30};
  object->hash = "abc";
  v1::Upstream upstream;
  upstream.mutable_metadata()->set_name(name);
  upstream.mutable_spec()->set_type("static");
  upstream.mutable_spec()->mutable_spec()->set_type_url("type.googleapis.com/x");
  upstream.mutable_spec()->mutable_spec()->set_value(std::string("\0\xff", 2));
  object->body = model::Body(std::move(upstream));
  return object;
}

SavedStatus Status(const std::string& name, const std::string& reason) {
  SavedStatus out{.key = {model::Kind::kUpstream, "default", name}};
  out.status.set_state(v1::Status::ACCEPTED);
  out.status.set_reason(reason);
  return out;
}

SavedData Data(bool secret, const std::string& name, std::map<std::string, std::string> data) {
  auto out = std::make_shared<model::NamedData>();
  out->name = name;
  out->data = std::move(data);
  out->hash = "h";
  return {.secret = secret, .data = std::move(out)};
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (fs::temp_directory_path() / "gloo-state-XXXXXX").string();
    temp_ = mkdtemp(pattern.data());
    folder_ = StrCat(temp_, "/deep/state");
  }
  ~StoreTest() override {
    std::error_code error;
    fs::remove_all(temp_, error);
  }
  std::unique_ptr<Store> Open() {
    auto store = Store::Open(folder_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  std::string File() const { return StrCat(folder_, "/state.db"); }
  static std::map<std::string, int64_t> Generations(const Store::Loaded& loaded) {
    std::map<std::string, int64_t> out;
    for (const auto& object : loaded.good) out[object->key.name] = object->generation;
    return out;
  }
  static mode_t Mode(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
  }

  std::string temp_;
  std::string folder_;
};

TEST_F(StoreTest, KeepsAllOfAnObject) {
  Open()->Put({.good = {Upstream("a", 7)}});
  const auto loaded = Open()->Load();
  ASSERT_THAT(loaded.good, SizeIs(1));
  const model::Object& got = *loaded.good[0];
  const model::ObjectPtr kept = Upstream("a", 7);
  const model::Object& put = *kept;
  EXPECT_EQ(got.key, put.key);
  EXPECT_EQ(got.generation, 7);
  EXPECT_EQ(got.created, put.created);
  EXPECT_EQ(got.origin, put.origin);
  EXPECT_EQ(got.hash, put.hash);
  EXPECT_EQ(got.body.Serialize(), put.body.Serialize());
}

TEST_F(StoreTest, RemembersObjectsThatNeverWereGood) {
  const SeenObject seen{.key = {model::Kind::kRole, "default", "r"},
                        .created = 12,
                        .generation = 3,
                        .hash = "h",
                        .origin = {.source = "file", .location = "r.yaml", .document = 1, .line = 4}};
  Open()->Put({.seen = {seen}});
  {
    const auto store = Open();
    const auto loaded = store->Load();
    EXPECT_THAT(loaded.good, IsEmpty());
    ASSERT_THAT(loaded.seen, SizeIs(1));
    EXPECT_EQ(loaded.seen[0].key, seen.key);
    EXPECT_EQ(loaded.seen[0].created, 12);
    EXPECT_EQ(loaded.seen[0].generation, 3);
    EXPECT_EQ(loaded.seen[0].hash, "h");
    EXPECT_EQ(loaded.seen[0].origin, seen.origin);
    store->Put({.gone = {seen.key}});
  }
  EXPECT_THAT(Open()->Load().seen, IsEmpty());
}

TEST_F(StoreTest, KeepsStatusesAndData) {
  Open()->Put(
      {.statuses = {Status("a", "Accepted")},
       .data = {Data(true, "tls", {{"tls.crt", std::string("\0\n", 2)}, {"empty", ""}}), Data(false, "tls", {})}});
  const auto loaded = Open()->Load();
  ASSERT_THAT(loaded.statuses, SizeIs(1));
  EXPECT_EQ(loaded.statuses[0].key.name, "a");
  EXPECT_EQ(loaded.statuses[0].status.reason(), "Accepted");
  ASSERT_THAT(loaded.data, SizeIs(2));
  EXPECT_FALSE(loaded.data[0].secret);
  EXPECT_TRUE(loaded.data[1].secret);
  EXPECT_EQ(loaded.data[1].data->data.at("tls.crt"), std::string("\0\n", 2));
  EXPECT_EQ(loaded.data[1].data->data.at("empty"), "");
  EXPECT_EQ(loaded.data[1].data->hash, "h");
}

TEST_F(StoreTest, TheLastValueOfAKeyStays) {
  auto store = Open();
  for (int i = 1; i <= 100; ++i) store->Put({.good = {Upstream("a", i)}, .statuses = {Status("a", std::to_string(i))}});
  store->Put({.good = {Upstream("b")}, .statuses = {Status("b", "x")}, .data = {Data(true, "s", {{"k", "v"}})}});
  auto loaded = store->Load();
  EXPECT_EQ(Generations(loaded), (std::map<std::string, int64_t>{{"a", 100}, {"b", 1}}));
  store->Put({.gone = {{model::Kind::kUpstream, "default", "b"}}, .gone_data = {{true, {"default", "s"}}}});
  loaded = store->Load();
  EXPECT_EQ(Generations(loaded), (std::map<std::string, int64_t>{{"a", 100}}));
  ASSERT_THAT(loaded.statuses, SizeIs(1));
  EXPECT_EQ(loaded.statuses[0].status.reason(), "100");
  EXPECT_THAT(loaded.data, IsEmpty());
  // Gone and come again.
  store->Put({.gone = {{model::Kind::kUpstream, "default", "a"}}});
  store->Put({.good = {Upstream("a", 101)}});
  EXPECT_EQ(Generations(store->Load()), (std::map<std::string, int64_t>{{"a", 101}}));
}

TEST_F(StoreTest, FilesAreForTheOwnerAlone) {
  const mode_t before = umask(0);
  auto store = Open();
  store->Put({.good = {Upstream("a")}});
  store->Flush();
  umask(before);
  EXPECT_EQ(Mode(folder_), 0700u);
  for (const auto& entry : fs::directory_iterator(folder_)) {
    EXPECT_EQ(Mode(entry.path().string()), 0600u) << entry.path();
  }
  EXPECT_EQ(Mode(File()), 0600u);
}

TEST_F(StoreTest, ASecondOwnerIsRefusedByName) {
  auto store = Open();
  const auto second = Store::Open(folder_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(second.status().message(),
            StrCat("state directory ", folder_, " is in use by another gloo (pid ", getpid(), ")"));
  store.reset();
  EXPECT_TRUE(Store::Open(folder_).ok());
}

TEST_F(StoreTest, StatusesAreReadWhileTheOwnerRunsAndAfter) {
  EXPECT_EQ(Store::ReadStatuses(folder_).status().message(),
            StrCat("no state in ", folder_, ": is it the state directory of a gloo that has run?"));
  auto store = Open();
  store->Put({.statuses = {Status("a", "one")}});
  store->Flush();
  auto statuses = Store::ReadStatuses(folder_);
  ASSERT_TRUE(statuses.ok()) << statuses.status();
  ASSERT_THAT(*statuses, SizeIs(1));
  EXPECT_EQ((*statuses)[0].status.reason(), "one");
  store->Put({.statuses = {Status("a", "two")}});
  store.reset();
  statuses = Store::ReadStatuses(folder_);
  ASSERT_TRUE(statuses.ok()) << statuses.status();
  EXPECT_EQ((*statuses)[0].status.reason(), "two");
}

TEST_F(StoreTest, ADamagedFileIsSetAside) {
  Open()->Put({.good = {Upstream("a")}});
  for (int n = 1; n <= 2; ++n) {
    std::ofstream(File(), std::ios::trunc) << "this is no database, and long enough to be looked at by its header ....";
    auto store = Open();
    ASSERT_NE(store, nullptr);
    EXPECT_THAT(store->Load().good, IsEmpty());
    EXPECT_TRUE(fs::exists(StrCat(File(), ".damaged-", n)));
    store->Put({.good = {Upstream("b")}});
    EXPECT_THAT(store->Load().good, SizeIs(1));
  }
}

TEST_F(StoreTest, AFileDamagedInsideIsSetAside) {
  {
    auto store = Open();
    Write write;
    for (int i = 0; i < 2000; ++i) write.good.push_back(Upstream(StrCat("u", i)));
    store->Put(std::move(write));
  }
  std::fstream file(File(), std::ios::in | std::ios::out | std::ios::binary);
  const std::string garbage(4096, '\xa5');
  for (int page = 2; page < 40; ++page) {
    file.seekp(page * 4096);
    file.write(garbage.data(), static_cast<std::streamsize>(garbage.size()));
  }
  file.close();
  auto store = Open();
  ASSERT_NE(store, nullptr);
  EXPECT_THAT(store->Load().good, IsEmpty());
  EXPECT_TRUE(fs::exists(StrCat(File(), ".damaged-1")));
}

TEST_F(StoreTest, AFileOfAnotherVersionIsSetAside) {
  Open()->Put({.good = {Upstream("a")}});
  {
    // Byte 60 to 63 of a database is its user version.
    std::fstream file(File(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);
    file.write("\0\0\0\x09", 4);
  }
  EXPECT_THAT(Open()->Load().good, IsEmpty());
  EXPECT_TRUE(fs::exists(StrCat(File(), ".version-9-1")));
}

TEST_F(StoreTest, AFolderThatCannotBeMadeIsAnError) {
  std::ofstream(StrCat(temp_, "/file")) << "x";
  const auto store = Store::Open(StrCat(temp_, "/file/state"));
  ASSERT_FALSE(store.ok());
  EXPECT_THAT(std::string(store.status().message()), HasSubstr(StrCat("cannot make the state directory ", temp_)));
}

// A process that is killed at any moment leaves whole commits.
TEST_F(StoreTest, WhatWasWrittenSurvivesAKill) {
  int64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    int pipes[2];
    ASSERT_EQ(pipe(pipes), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto store = Store::Open(folder_);
      if (!store.ok()) _exit(1);
      for (int64_t i = last + 1;; ++i) {
        (*store)->Put({.good = {Upstream("a", i), Upstream("b", i)}});
        (*store)->Flush();
        if (write(pipes[1], &i, sizeof i) != sizeof i) _exit(1);
      }
    }
    close(pipes[1]);
    int64_t told = 0;
    for (int i = 0; i < 20; ++i) ASSERT_EQ(read(pipes[0], &told, sizeof told), static_cast<ssize_t>(sizeof told));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    waitpid(child, &status, 0);
    // It may have told more than we had read.
    for (int64_t more = 0; read(pipes[0], &more, sizeof more) == sizeof more;) told = more;
    close(pipes[0]);
    auto store = Open();
    ASSERT_NE(store, nullptr);
    const auto generations = Generations(store->Load());
    ASSERT_EQ(generations.size(), 2u);
    EXPECT_GE(generations.at("a"), told);
    EXPECT_EQ(generations.at("a"), generations.at("b"));
    last = generations.at("a");
  }
}

// A file that may not grow stands for a full disk.
class NoGrowth {
 public:
  NoGrowth() {
    getrlimit(RLIMIT_FSIZE, &old_);
    signal(SIGXFSZ, SIG_IGN);
    const rlimit none{0, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  ~NoGrowth() { setrlimit(RLIMIT_FSIZE, &old_); }

 private:
  rlimit old_{};
};

TEST_F(StoreTest, WhatCannotBeWrittenIsToldOnceAndWrittenLater) {
  auto store = Open();
  std::vector<std::string> told;
  {
    const NoGrowth full;
    store->Put({.good = {Upstream("a", 1)}});
    store->Flush();
    // Also to who asks later, and once however often it fails.
    store->SetWriteListener([&](const absl::Status& status) { told.push_back(std::string(status.message())); });
    store->Put({.good = {Upstream("a", 2)}});
    store->Flush();
    store->Put({.good = {Upstream("b", 1)}});
    store->Flush();
  }
  // Nobody needs to put anything for it to be tried again.
  store->Flush();
  EXPECT_THAT(told, ElementsAre("disk I/O error", ""));
  store->SetWriteListener(nullptr);
  store = nullptr;
  EXPECT_EQ(Generations(Open()->Load()), (std::map<std::string, int64_t>{{"a", 2}, {"b", 1}}));
}

TEST_F(StoreTest, ManyThreadsMayPut) {
  auto store = Open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        store->Put({.good = {Upstream(StrCat("t", t, "-", i))}});
        if (i % 25 == 0) store->Flush();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(store->Load().good, SizeIs(400));
}

TEST_F(StoreTest, HoldsManyObjects) {
  auto store = Open();
  Write write;
  for (int i = 0; i < 10'000; ++i) {
    write.good.push_back(Upstream(StrCat("upstream-", i)));
    write.statuses.push_back(Status(StrCat("upstream-", i), "Accepted"));
  }
  const absl::Time start = absl::Now();
  store->Put(std::move(write));
  store->Flush();
  const absl::Time written = absl::Now();
  store.reset();
  const absl::Time reopened = absl::Now();
  store = Open();
  EXPECT_THAT(store->Load().good, SizeIs(10'000));
  RecordProperty("write_ms", std::to_string(absl::ToDoubleMilliseconds(written - start)));
  RecordProperty("open_and_load_ms", std::to_string(absl::ToDoubleMilliseconds(absl::Now() - reopened)));
  std::printf("10,000 objects: written in %.1f ms, opened and loaded in %.1f ms\n",
              absl::ToDoubleMilliseconds(written - start), absl::ToDoubleMilliseconds(absl::Now() - reopened));
}

}  // namespace
}  // namespace gloo::state
