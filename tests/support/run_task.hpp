// Drives one coroutine to its end on a loop of its own.
#pragma once

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "core/async/task.hpp"

namespace easyflow::test {
namespace detail {

template <class T>
T drive(boost::asio::io_context& io, Task<T> task) {
  namespace asio = boost::asio;
  using Value = std::conditional_t<std::is_void_v<T>, bool, T>;
  constexpr std::chrono::seconds kLimit{10};
  asio::cancellation_signal cancel;
  std::exception_ptr failure;
  std::optional<Value> value;
  bool done = false;
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(io, std::move(task), asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr thrown) {
                     failure = std::move(thrown);
                     done = true;
                     io.stop();
                   }));
  } else {
    // boxed, so that T needs no default constructor
    auto boxed = [](Task<T> inner) -> Task<std::optional<T>> { co_return co_await std::move(inner); };
    asio::co_spawn(io, boxed(std::move(task)),
                   asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr thrown, std::optional<T> result) {
                     failure = std::move(thrown);
                     value = std::move(result);
                     done = true;
                     io.stop();
                   }));
  }
  // work may come back from another thread (database, resolver), so an empty queue is no end
  auto work = asio::make_work_guard(io);
  io.run_for(kLimit);
  if (!done) {
    cancel.emit(asio::cancellation_type::terminal);
    io.restart();
    io.run_for(std::chrono::seconds(1));
    throw std::runtime_error("the task did not end within 10 seconds");
  }
  if (failure) std::rethrow_exception(failure);
  if constexpr (!std::is_void_v<T>) return *std::move(value);
}

}  // namespace detail

/// The result of `task`, or what it throws; throws when it has not ended after ten seconds.
template <class T>
T run_task(Task<T> task) {
  boost::asio::io_context io(1);
  return detail::drive<T>(io, std::move(task));
}

/// The same for a function that takes the loop's executor: `run_task([&](auto executor) { return talk(executor); })`.
template <class Function>
requires std::invocable<Function&, boost::asio::any_io_executor>
auto run_task(Function function) {
  boost::asio::io_context io(1);
  using TaskType = std::invoke_result_t<Function&, boost::asio::any_io_executor>;
  return detail::drive<typename TaskType::value_type>(io, function(io.get_executor()));
}

}  // namespace easyflow::test
