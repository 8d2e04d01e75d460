#include "core/async/blocking.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

namespace easyflow {

namespace asio = boost::asio;

struct BlockingThread::State {
  explicit State(asio::any_io_executor home_) : home(std::move(home_)) {}
  asio::any_io_executor home;
  asio::thread_pool pool{1};
};

BlockingThread::BlockingThread(asio::any_io_executor home) : state_(std::make_unique<State>(std::move(home))) {}

BlockingThread::~BlockingThread() {
  state_->pool.stop();
  state_->pool.join();
}

Task<> BlockingThread::run(std::function<void()> work) {
  // a coroutine spawned on the pool would abort under cancellation: only the work itself goes there
  return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
      [state = state_.get()](auto handler, std::function<void()> job) {
        auto guard = asio::make_work_guard(state->home);
        asio::post(state->pool, [state, handler = std::move(handler), job = std::move(job), guard]() mutable {
          std::exception_ptr failure;
          try {
            job();
          } catch (...) {
            failure = std::current_exception();
          }
          asio::post(state->home, [handler = std::move(handler), failure]() mutable { std::move(handler)(failure); });
        });
      },
      asio::use_awaitable, std::move(work));
}

}  // namespace easyflow
