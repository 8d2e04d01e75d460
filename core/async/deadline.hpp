// The one way to limit the time of an awaited operation.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/async/task.hpp"
#include "core/async/task_group.hpp"

namespace easyflow {
namespace detail {

/// Gives every result a form that is cheap to make when there is none.
template <class T>
Task<std::optional<T>> boxed(Task<T> inner) {
  co_return co_await std::move(inner);
}

inline Task<std::optional<bool>> boxed(Task<> inner) {
  co_await std::move(inner);
  co_return true;
}

}  // namespace detail

/// Ends `op` at `deadline` by cancellation and waits until it has noticed. Throws DeadlinePassed when that ended it; an
/// `op` that still returns a value or throws before the deadline has its way.
/// Not `op || timer`: that reports an error of `op` as a timeout.
template <class T>
Task<T> with_deadline(Task<T> op, std::chrono::steady_clock::time_point deadline) {
  namespace asio = boost::asio;
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, deadline);
  auto [order, failure, value, timer_error] =
      co_await asio::experimental::make_parallel_group(
          asio::co_spawn(executor, detail::boxed(std::move(op)), asio::deferred), timer.async_wait(asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] == 1 && !timer_error && !value) throw DeadlinePassed();
  if (failure) std::rethrow_exception(failure);
  if constexpr (!std::is_void_v<T>) co_return *std::move(value);
}

}  // namespace easyflow
