// Sends grants to token endpoints, a few at a time, off the loop.
#pragma once

#include <string>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "runtime/loop.h"

namespace gloo::credentials {

class Exchange {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::string>)>;
  virtual ~Exchange() = default;
  // Posts a form; `done` gets the answer's body, on the loop thread.
  virtual void Send(std::string url, std::string form, Done done) = 0;
};

class HttpExchange final : public Exchange {
 public:
  explicit HttpExchange(runtime::Loop& loop);
  // Waits for what is on its way, which is bounded. The loop must be there, or stopped.
  ~HttpExchange() override;
  void Send(std::string url, std::string form, Done done) override;

 private:
  struct Job {
    std::string url;
    std::string form;
    Done done;
  };
  void Work();

  runtime::Loop& loop_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;  // guarded by mutex_
  bool stopped_ = false;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace gloo::credentials
