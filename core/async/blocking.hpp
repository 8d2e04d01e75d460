// A thread for work that blocks (password hashing, starting PostgreSQL), awaited from coroutines.
#pragma once

#include <functional>
#include <memory>

#include "core/async/task.hpp"

namespace easyflow {

/// The work runs on this object's own thread, one piece after another; the caller goes on where it was.
class BlockingThread {
 public:
  BlockingThread();
  /// Waits for the piece that runs, drops the others.
  ~BlockingThread();

  /// Runs `work` there and comes back. What it throws comes out of the await. Not cancellable: it returns when done.
  Task<> run(std::function<void()> work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace easyflow
