// The coroutine type of the hub. Only core/async spawns coroutines; everything else returns or awaits a Task.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace easyflow {

template <class T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace easyflow
