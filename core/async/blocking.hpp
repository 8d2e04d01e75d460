// A thread for work that blocks (password hashing, starting PostgreSQL), awaited from coroutines.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "core/async/task.hpp"

namespace easyflow {

/// Thread: run() on the I/O thread; the work on this object's own thread, one piece after another.
class BlockingThread {
 public:
  explicit BlockingThread(boost::asio::any_io_executor home);
  /// Waits for the piece that runs, drops the others.
  ~BlockingThread();

  /// Runs `work` there and comes back. What it throws comes out of the await. Not cancellable: it returns when done.
  Task<> run(std::function<void()> work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace easyflow
