#include "core/async/task_group.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <list>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/log.hpp"

namespace easyflow {
namespace asio = boost::asio;
namespace {

/// Keeps now + duration representable whatever the caller asks for.
std::chrono::milliseconds clamped(std::chrono::milliseconds duration) {
  return std::clamp<std::chrono::milliseconds>(duration, std::chrono::milliseconds(0), std::chrono::hours(24 * 365));
}

void log_failure(const std::string& name, std::exception_ptr failure) {
  try {
    std::rethrow_exception(std::move(failure));
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) return;
    log::error("task.failed", {{"task", name}, {"error", e.what()}});
  } catch (const std::exception& e) {
    log::error("task.failed", {{"task", name}, {"error", e.what()}});
  } catch (...) {
    log::error("task.failed", {{"task", name}, {"error", "an exception that is no std::exception"}});
  }
}

}  // namespace

struct TaskGroup::State {
  struct Entry {
    std::string name;
    asio::cancellation_signal cancel;
  };

  explicit State(asio::any_io_executor ex) : executor(std::move(ex)), emptied(executor) {
    // never expires: cancel() is what wakes those who wait for the end
    emptied.expires_at(asio::steady_timer::time_point::max());
  }

  asio::any_io_executor executor;
  asio::steady_timer emptied;
  std::list<std::shared_ptr<Entry>> running;
  bool closing = false;

  static Task<> close(std::shared_ptr<State> state) {
    state->closing = true;
    // cancelling a task may end it or another one at once, so no iterator is kept over an emit
    std::vector<std::shared_ptr<Entry>> all(state->running.begin(), state->running.end());
    for (auto& entry : all) entry->cancel.emit(asio::cancellation_type::terminal);
    while (!state->running.empty()) {
      boost::system::error_code woken;
      co_await state->emptied.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
  }
};

TaskGroup::TaskGroup(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() {
  if (state_->running.empty()) return;
  for (const auto& entry : state_->running) log::error("task_group.destroyed_with_task", {{"task", entry->name}});
  std::abort();
}

bool TaskGroup::spawn(std::string name, Task<> task) {
  if (state_->closing) return false;
  auto entry = std::make_shared<State::Entry>();
  entry->name = std::move(name);
  auto place = state_->running.insert(state_->running.end(), entry);
  // holds the entry: the signal must live until the task's last handler is gone
  auto finished = [state = state_, entry, place](std::exception_ptr failure) {
    if (failure) log_failure(entry->name, failure);
    state->running.erase(place);
    if (state->running.empty()) state->emptied.cancel();
  };
  asio::co_spawn(state_->executor, std::move(task),
                 asio::bind_cancellation_slot(entry->cancel.slot(), std::move(finished)));
  return true;
}

std::size_t TaskGroup::size() const noexcept { return state_->running.size(); }

Task<> TaskGroup::close() { return State::close(state_); }

Task<> sleep_for(std::chrono::milliseconds duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, clamped(duration));
  co_await timer.async_wait(asio::use_awaitable);
}

struct Signal::State {
  struct Waiter {
    Waiter(State& s, std::chrono::milliseconds timeout) : state(s), timer(s.executor, clamped(timeout)) {
      state.waiters.push_back(this);
    }
    ~Waiter() { state.waiters.remove(this); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    State& state;
    asio::steady_timer timer;
    bool notified = false;
  };

  explicit State(asio::any_io_executor ex) : executor(std::move(ex)) {}

  asio::any_io_executor executor;
  std::list<Waiter*> waiters;
  bool remembered = false;

  static Task<bool> wait(std::shared_ptr<State> state, std::chrono::milliseconds timeout) {
    if (std::exchange(state->remembered, false)) co_return true;
    Waiter waiter(*state, timeout);
    boost::system::error_code woken;
    co_await waiter.timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (waiter.notified) co_return true;
    if (woken) throw boost::system::system_error(woken);
    co_return false;
  }
};

Signal::Signal(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

void Signal::notify() {
  if (state_->waiters.empty()) state_->remembered = true;
  for (auto* waiter : state_->waiters) {
    waiter->notified = true;
    waiter->timer.cancel();
  }
}

Task<bool> Signal::wait(std::chrono::milliseconds timeout) { return State::wait(state_, timeout); }

namespace {

/// Calls `on_stop` at the first signal and ends the program at one that comes `insist_after` later.
class StopSignals {
 public:
  StopSignals(asio::io_context& io, std::function<void()> on_stop, std::chrono::milliseconds insist_after)
      : signals_(io, SIGINT, SIGTERM), on_stop_(std::move(on_stop)), insist_after_(insist_after) {
    listen();
  }

 private:
  void listen() {
    signals_.async_wait([this](boost::system::error_code error, int number) {
      if (error) return;
      const auto now = std::chrono::steady_clock::now();
      if (first_ && now - *first_ >= insist_after_) std::_Exit(130);
      listen();
      if (first_) return;
      first_ = now;
      log::info("process.stopping", {{"signal", number}});
      on_stop_();
    });
  }

  asio::signal_set signals_;
  std::function<void()> on_stop_;
  const std::chrono::milliseconds insist_after_;
  std::optional<std::chrono::steady_clock::time_point> first_;
};

}  // namespace

int run_loop(std::function<Task<int>(asio::any_io_executor)> main, std::function<void()> on_stop,
             std::chrono::milliseconds insist_after) {
  // a reader of our output that goes away must not end the hub
  std::signal(SIGPIPE, SIG_IGN);
  asio::io_context io(1);
  StopSignals signals(io, std::move(on_stop), insist_after);
  int code = 1;
  std::exception_ptr failure;
  asio::co_spawn(io, main(io.get_executor()), [&](std::exception_ptr thrown, int returned) {
    failure = std::move(thrown);
    code = returned;
    // a forgotten timer must not keep a program alive whose main has returned
    io.stop();
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return code;
}

}  // namespace easyflow
