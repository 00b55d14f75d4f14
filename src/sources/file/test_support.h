// A folder of its own and a sink that remembers, for the tests of the file source.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/strings.h"
#include "sources/file/file_source.h"

namespace gloo::sources::file {

namespace fs = std::filesystem;

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (fs::temp_directory_path() / "gloo-files-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempFolder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

// Written in place, closed.
inline void Write(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::trunc | std::ios::binary) << text;
}

// As editors and deployment tools do: a hidden file, then rename.
inline void WriteAtomically(const std::string& path, const std::string& text) {
  const fs::path target(path);
  const fs::path hidden = target.parent_path() / StrCat(".", target.filename().string(), ".new");
  Write(hidden.string(), text);
  fs::rename(hidden, target);
}

// A small valid object.
inline std::string Role(const std::string& name, int port = 8080) {
  return StrCat("apiVersion: gloo.solo.io/v1\nkind: Role\nmetadata:\n  name: ", name,
                "\nspec:\n  listeners:\n  - name: http\n    port: ", port, "\n");
}

inline model::ObjectKey RoleKey(const std::string& name) { return {model::Kind::kRole, "default", name}; }

// No plugins.
class NoParts final : public model::PartSchemas {
 public:
  const google::protobuf::Descriptor* FindMessage(v1::OpenPart, std::string_view) const override { return nullptr; }
  const google::protobuf::FieldDescriptor* FindExtension(std::string_view) const override { return nullptr; }
  std::vector<std::string> Known(v1::OpenPart) const override { return {}; }
};

// What a sink has been told so far.
struct World {
  std::map<model::ObjectKey, ObjectEvent> objects;  // last event, removals left out
  std::map<std::pair<DataKind, model::DataKey>, model::NamedDataPtr> data;
  std::map<std::string, std::vector<Issue>> places;  // with issues
  std::vector<std::string> log;                      // every event, in a word
  size_t batches = 0;
  bool synced = false;

  int Port(const std::string& role) const {
    auto it = objects.find(RoleKey(role));
    if (it == objects.end() || !it->second.object) return 0;
    return static_cast<int>(it->second.object->role().listeners(0).port());
  }
  std::string FileOf(const std::string& role) const {
    auto it = objects.find(RoleKey(role));
    return it == objects.end() || !it->second.object ? "" : it->second.object->origin.location;
  }
  std::string Value(DataKind kind, const std::string& ns, const std::string& name, const std::string& key) const {
    auto it = data.find({kind, {ns, name}});
    if (it == data.end()) return "(none)";
    auto value = it->second->data.find(key);
    return value == it->second->data.end() ? "(no key)" : value->second;
  }
  bool Logged(const std::string& word) const {
    for (const std::string& entry : log) {
      if (entry == word) return true;
    }
    return false;
  }
  std::string Reason(const std::string& place) const {
    auto it = places.find(place);
    return it == places.end() ? "" : it->second.front().reason;
  }
};

class RecordingSink final : public Sink {
 public:
  void Push(Batch batch) override {
    std::lock_guard lock(mutex_);
    changed_.notify_all();
    ++world_.batches;
    world_.synced = batch.synced;
    for (ObjectEvent& event : batch.objects) {
      const std::string name = event.key.name;
      world_.log.push_back(StrCat(event.removed ? "removed " : event.object ? "good " : "wrong ", name));
      if (event.removed) {
        world_.objects.erase(event.key);
      } else {
        world_.objects[event.key] = std::move(event);
      }
    }
    for (auto& [kind, event] : batch.data) {
      world_.log.push_back(StrCat(event.data ? "data " : "no data ", event.key.name));
      if (event.data) {
        world_.data[{kind, event.key}] = event.data;
      } else {
        world_.data.erase({kind, event.key});
      }
    }
    for (PlaceEvent& event : batch.places) {
      world_.log.push_back(StrCat(event.issues.empty() ? "well " : "ill ", event.place));
      if (event.issues.empty()) {
        world_.places.erase(event.place);
      } else {
        world_.places[event.place] = std::move(event.issues);
      }
    }
  }

  // Until it holds; false after ten seconds.
  [[nodiscard]] bool Wait(const std::function<bool(const World&)>& holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return holds(world_); });
  }
  World world() const {
    std::lock_guard lock(mutex_);
    return world_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  World world_;
};

// A source on a folder `config` below a temporary one.
class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() { fs::create_directory(config()); }

  std::string config() const { return temp_ / "config"; }
  std::string In(const std::string& name) const { return StrCat(config(), "/", name); }

  void Start() {
    options_.config_dir = config();
    options_.schemas = &parts_;
    source_ = std::make_unique<FileSource>(options_, sink_);
    ASSERT_TRUE(source_->Start().ok());
  }
  void StartAndSync() {
    Start();
    ASSERT_TRUE(sink_.Wait([](const World& w) { return w.synced; }));
  }
  bool WaitForPort(const std::string& role, int port) {
    return sink_.Wait([&](const World& w) { return w.Port(role) == port; });
  }
  bool WaitForPlace(const std::string& place, const std::string& reason) {
    return sink_.Wait([&](const World& w) { return w.Reason(place) == reason; });
  }
  // Everything that was done before has been told, removals too.
  void Settle() {
    const std::string name = StrCat("settle", ++settled_);
    WriteAtomically(In(name + ".yaml"), Role(name));
    ASSERT_TRUE(sink_.Wait([&](const World& w) { return w.Logged(StrCat("good ", name)); }));
    fs::remove(In(name + ".yaml"));
    ASSERT_TRUE(sink_.Wait([&](const World& w) { return w.Logged(StrCat("removed ", name)); }));
  }

  TempFolder temp_;
  NoParts parts_;
  RecordingSink sink_;
  FileSource::Options options_;
  std::unique_ptr<FileSource> source_;
  int settled_ = 0;
};

}  // namespace gloo::sources::file
