#include "credentials/exchange.h"

#include <chrono>
#include <utility>

#include "net/fetch.h"

namespace gloo::credentials {
namespace {

// An endpoint that does not answer holds up one of them for the timeout.
constexpr int kThreads = 4;
constexpr net::FetchLimits kLimits{.max_bytes = 64 << 10, .timeout = std::chrono::seconds(5), .max_redirects = 0};

}  // namespace

HttpExchange::HttpExchange(runtime::Loop& loop) : loop_(loop) {}

HttpExchange::~HttpExchange() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void HttpExchange::Send(std::string url, std::string form, Done done) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(url), std::move(form), std::move(done)});
  }
  // Most gateways fetch no token, and have no thread for it.
  if (threads_.size() < kThreads) threads_.emplace_back([this] { Work(); });
  wake_.notify_one();
}

void HttpExchange::Work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
    if (stopped_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    loop_.Post([done = std::move(job.done), answer = net::Post(job.url, "application/x-www-form-urlencoded", job.form,
                                                               kLimits)]() mutable { done(std::move(answer)); });
  }
}

}  // namespace gloo::credentials
