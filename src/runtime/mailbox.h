// Hands values from any thread to the loop, merging what arrives while the loop is busy.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "runtime/loop.h"

namespace gloo::runtime {

// At most one wake-up is posted at a time; `merge` folds a value into the one that waits, so that a slow loop finds
// the latest state and not a backlog. The mailbox must outlive the senders; the loop must outlive the mailbox.
template <typename T>
class Mailbox {
 public:
  using Merge = std::function<void(T& waiting, T arrived)>;
  using Receive = std::function<void(T)>;

  Mailbox(Loop& loop, Merge merge, Receive receive)
      : loop_(loop), state_(std::make_shared<State>(std::move(merge), std::move(receive))) {}

  void Push(T value) {
    {
      std::lock_guard lock(state_->mutex);
      if (state_->waiting) {
        state_->merge(*state_->waiting, std::move(value));
        return;
      }
      state_->waiting = std::make_unique<T>(std::move(value));
    }
    loop_.Post([state = state_] {
      std::unique_ptr<T> value;
      {
        std::lock_guard lock(state->mutex);
        value = std::move(state->waiting);
      }
      if (value) state->receive(std::move(*value));
    });
  }

 private:
  struct State {
    State(Merge m, Receive r) : merge(std::move(m)), receive(std::move(r)) {}
    const Merge merge;
    const Receive receive;
    std::mutex mutex;
    std::unique_ptr<T> waiting;  // guarded by mutex
  };

  Loop& loop_;
  std::shared_ptr<State> state_;
};

}  // namespace gloo::runtime
