// A loop on which several pieces of work run at once, driven by the test.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "core/async/task.hpp"
#include "storage/database.hpp"

namespace easyflow::test {

/// How a spawned task ended.
struct Outcome {
  bool done = false;
  std::exception_ptr error;

  /// The text of a StorageDown; "" when the task succeeded, "other: ..." for another failure.
  std::string storage_down() const {
    try {
      if (error) std::rethrow_exception(error);
      return "";
    } catch (const storage::StorageDown& e) {
      return e.what();
    } catch (const std::exception& e) {
      return std::string("other: ") + e.what();
    }
  }
};

class Loop {
 public:
  boost::asio::io_context& io() { return io_; }
  boost::asio::any_io_executor executor() { return io_.get_executor(); }

  std::shared_ptr<Outcome> spawn(Task<> task) {
    auto outcome = std::make_shared<Outcome>();
    boost::asio::co_spawn(io_, std::move(task), [outcome](std::exception_ptr error) {
      outcome->error = error;
      outcome->done = true;
    });
    return outcome;
  }

  /// Runs the loop until `condition` holds; a failure of the test after 20 seconds.
  void run_until(const std::function<bool()>& condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << "the awaited did not happen";
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(5));
    }
  }

  void finish(const std::shared_ptr<Outcome>& outcome) {
    run_until([&] { return outcome->done; });
  }

  /// Runs one task to its end and returns its value, or throws what it throws.
  template <class T>
  T run(Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    const auto outcome = spawn(keep(std::move(task), result));
    finish(outcome);
    if (outcome->error) std::rethrow_exception(outcome->error);
    return std::move(**result);
  }
  void run(Task<> task) {
    const auto outcome = spawn(std::move(task));
    finish(outcome);
    if (outcome->error) std::rethrow_exception(outcome->error);
  }

 private:
  template <class T>
  static Task<> keep(Task<T> task, std::shared_ptr<std::optional<T>> result) {
    auto value = co_await std::move(task);
    result->emplace(std::move(value));
  }

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
};

/// Holds database threads until released; work calls wait().
class Gate {
 public:
  std::function<void(storage::Tx&)> work() {
    return [this](storage::Tx&) {
      ++arrived_;
      opened_.wait();
    };
  }
  int arrived() const { return arrived_; }
  void open() {
    if (!open_) promise_.set_value();
    open_ = true;
  }
  ~Gate() { open(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> opened_ = promise_.get_future().share();
  std::atomic<int> arrived_{0};
  bool open_ = false;
};

}  // namespace easyflow::test
