// The thread of the file source.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "sources/file/config_index.h"
#include "sources/file/data_index.h"
#include "sources/file/file_source.h"
#include "sources/file/read_file.h"
#include "sources/file/tree_watcher.h"

namespace gloo::sources {

class FileSource::Worker {
 public:
  Worker(const Options& options, Sink& sink);
  // Stops and joins.
  ~Worker();

  absl::Status Start();

 private:
  struct Reading {
    std::string path;
    file::ReadOutcome outcome;
    std::string hash;
    // The text is what it was.
    bool same = false;
    // There is no text at all.
    bool empty = false;
    model::FileResult result;
  };
  // One folder of data: its files and their meaning.
  struct DataTree {
    std::string folder;
    file::TreeWatcher watcher;
    file::DataIndex index;
  };
  struct Instruments {
    runtime::Counter* reads = nullptr;
    runtime::Counter* overflows = nullptr;
    runtime::Gauge* files = nullptr;
    runtime::Gauge* objects = nullptr;
    runtime::Histogram* seconds = nullptr;
  };

  void Run();
  // Waits for something to do; false: stop.
  bool Wait();
  void Round();
  void RoundOfConfig(Batch& batch);
  void RoundOfData(DataTree& tree, Batch& batch);
  void ReadConfig(Reading& reading) const;
  // A file that held objects and is empty now was perhaps only truncated, to be written in a moment: true until it has
  // been so for the removal grace.
  bool MayBeFilled(const Reading& reading);
  void Count(uint64_t reads);

  const Options& options_;
  Sink& sink_;
  int stop_fd_ = -1;
  int epoll_fd_ = -1;
  std::atomic<bool> stop_{false};
  Instruments instruments_;

  // The thread's own from here on.
  file::TreeWatcher config_;
  file::ConfigIndex index_;
  // Hashes of the texts that the index holds.
  std::unordered_map<std::string, std::string> hashes_;
  // Files found empty, and when that is believed.
  std::map<std::string, std::chrono::steady_clock::time_point> emptied_;
  std::vector<std::unique_ptr<DataTree>> data_;
  bool synced_ = false;
  uint64_t overflows_counted_ = 0;

  std::thread thread_;
};

}  // namespace gloo::sources
