#include "core/async/blocking.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

namespace easyflow {

namespace asio = boost::asio;

struct BlockingThread::State {
  asio::thread_pool pool{1};
};

BlockingThread::BlockingThread() : state_(std::make_unique<State>()) {}

BlockingThread::~BlockingThread() {
  state_->pool.stop();
  state_->pool.join();
}

Task<> BlockingThread::run(std::function<void()> work) {
  // a coroutine spawned on the pool would abort under cancellation: only the work itself goes there
  return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
      [state = state_.get()](auto handler, std::function<void()> job) {
        auto guard = asio::make_work_guard(asio::get_associated_executor(handler));
        asio::post(
            state->pool, [handler = std::move(handler), job = std::move(job), guard = std::move(guard)]() mutable {
              std::exception_ptr failure;
              try {
                job();
              } catch (...) {
                failure = std::current_exception();
              }
              auto home = guard.get_executor();
              asio::post(home, [handler = std::move(handler), failure]() mutable { std::move(handler)(failure); });
            });
      },
      asio::use_awaitable, std::move(work));
}

}  // namespace easyflow
