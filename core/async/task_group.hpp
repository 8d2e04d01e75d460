// Long-lived coroutines with a common end. The only place that spawns (docs/coroutines.md).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "core/async/task.hpp"

namespace easyflow {

/// Runs named tasks until they end or the group closes. A task that throws is logged with its name; cancellation is
/// not a failure. Thread: all on the given executor (one thread).
class TaskGroup {
 public:
  explicit TaskGroup(boost::asio::any_io_executor executor);
  /// Aborts the program when tasks are left: close() must have been awaited.
  ~TaskGroup();

  /// Starts `task`. False, and the task is dropped, once the group is closing.
  bool spawn(std::string name, Task<> task);
  std::size_t size() const noexcept;
  /// Refuses new tasks, cancels the running ones and waits for them.
  Task<> close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Waits for `duration` on the current executor. Throws system_error(operation_aborted) on cancellation.
Task<> sleep_for(std::chrono::milliseconds duration);

/// Thrown by with_deadline.
class DeadlinePassed : public std::exception {
 public:
  const char* what() const noexcept override { return "deadline passed"; }
};

/// Wakes waiting coroutines of the same thread. A notify without a waiter is remembered once.
class Signal {
 public:
  explicit Signal(boost::asio::any_io_executor executor);
  void notify();
  /// Returns true when notified, false after `timeout`. Throws operation_aborted on cancellation.
  Task<bool> wait(std::chrono::milliseconds timeout);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Runs `main` on a fresh single-threaded loop and returns its exit code. SIGINT and SIGTERM call `on_stop` once. One
/// that comes `insist_after` or later after the first ends the program at once with code 130; those before it are the
/// same wish told twice, as when make and its caller both pass a signal on.
int run_loop(std::function<Task<int>(boost::asio::any_io_executor)> main, std::function<void()> on_stop,
             std::chrono::milliseconds insist_after = std::chrono::seconds(1));

}  // namespace easyflow
