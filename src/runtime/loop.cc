#include "runtime/loop.h"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

namespace gloo::runtime {
namespace {

// Shared with the pending wait: a timer that has fired may already stand in the queue when its handle is destroyed,
// and must not run then.
struct TimerState {
  TimerState(boost::asio::io_context& context, absl::AnyInvocable<void()> f) : timer(context), fn(std::move(f)) {}
  boost::asio::steady_timer timer;
  absl::AnyInvocable<void()> fn;
};

class AsioTimer final : public Timer {
 public:
  explicit AsioTimer(std::shared_ptr<TimerState> state) : state_(std::move(state)) {}
  ~AsioTimer() override {
    state_->fn = nullptr;
    state_->timer.cancel();
  }

 private:
  std::shared_ptr<TimerState> state_;
};

class AsioLoop final : public Loop {
 public:
  // One thread runs the context: it needs no lock of its own between handlers.
  AsioLoop() : context_(1), work_(boost::asio::make_work_guard(context_)) {}

  void Post(absl::AnyInvocable<void()> fn) override {
    if (context_.stopped()) return;
    boost::asio::post(context_, [fn = std::move(fn)]() mutable { fn(); });
  }

  std::unique_ptr<Timer> After(absl::Duration delay, absl::AnyInvocable<void()> fn) override {
    auto state = std::make_shared<TimerState>(context_, std::move(fn));
    state->timer.expires_after(absl::ToChronoNanoseconds(delay));
    state->timer.async_wait([state](const boost::system::error_code& error) {
      if (error || !state->fn) return;
      // The function may destroy its own timer.
      auto run = std::move(state->fn);
      state->fn = nullptr;
      run();
    });
    return std::make_unique<AsioTimer>(std::move(state));
  }

  bool InLoop() const override { return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }

  void Run() override {
    thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    context_.run();
    thread_.store(std::thread::id(), std::memory_order_relaxed);
  }

  void Stop() override { context_.stop(); }

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::atomic<std::thread::id> thread_;
};

}  // namespace

std::unique_ptr<Loop> Loop::Create() { return std::make_unique<AsioLoop>(); }

}  // namespace gloo::runtime
