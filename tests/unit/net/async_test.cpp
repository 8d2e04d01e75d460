#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "core/async/deadline.hpp"
#include "core/async/task_group.hpp"
#include "tests/support/run_task.hpp"

namespace easyflow {
namespace {

using namespace std::chrono_literals;
using boost::asio::any_io_executor;
using test::run_task;
using Clock = std::chrono::steady_clock;

constexpr auto kForever = 24h;

struct NotDefaultConstructible {
  explicit NotDefaultConstructible(int v) : value(v) {}
  int value;
};

Task<NotDefaultConstructible> answer(int value) { co_return NotDefaultConstructible(value); }

Task<int> failing() {
  co_await sleep_for(1ms);
  throw std::runtime_error("broken");
}

Task<> wait_forever() { co_await sleep_for(kForever); }

Task<int> wait_forever_for_int() {
  co_await sleep_for(kForever);
  co_return 1;
}

TEST(RunTaskTest, ReturnsTheValueOrThrowsWhatTheTaskThrows) {
  EXPECT_EQ(run_task(answer(3)).value, 3);
  EXPECT_EQ(run_task([](any_io_executor) { return answer(4); }).value, 4);
  EXPECT_THROW(run_task(failing()), std::runtime_error);
}

TEST(DeadlineTest, LetsTheValueThrough) {
  EXPECT_EQ(run_task(with_deadline(answer(5), Clock::now() + 1h)).value, 5);
  run_task(with_deadline(sleep_for(1ms), Clock::now() + 1h));
}

TEST(DeadlineTest, EndsWhatTakesTooLong) {
  EXPECT_THROW(run_task(with_deadline(wait_forever_for_int(), Clock::now() + 5ms)), DeadlinePassed);
  EXPECT_THROW(run_task(with_deadline(wait_forever(), Clock::now() + 5ms)), DeadlinePassed);
}

TEST(DeadlineTest, AnErrorIsNotTakenForATimeout) {
  EXPECT_THROW(run_task(with_deadline(failing(), Clock::now() + 1h)), std::runtime_error);
}

TEST(DeadlineTest, NestedDeadlinesEndAtTheFirst) {
  EXPECT_THROW(run_task(with_deadline(with_deadline(wait_forever(), Clock::now() + 1h), Clock::now() + 5ms)),
               DeadlinePassed);
}

Task<> set_when_cancelled(bool& cancelled) {
  try {
    co_await sleep_for(kForever);
  } catch (const boost::system::system_error& e) {
    cancelled = e.code() == boost::asio::error::operation_aborted;
    throw;
  }
}

Task<> close_group_with_waiting_tasks(any_io_executor executor, bool& first, bool& second) {
  TaskGroup group(executor);
  EXPECT_TRUE(group.spawn("first", set_when_cancelled(first)));
  EXPECT_TRUE(group.spawn("second", set_when_cancelled(second)));
  EXPECT_EQ(group.size(), 2U);
  co_await sleep_for(1ms);
  co_await group.close();
  EXPECT_EQ(group.size(), 0U);
  EXPECT_FALSE(group.spawn("late", wait_forever()));
}

TEST(TaskGroupTest, CloseCancelsWaitsAndRefusesNewTasks) {
  bool first = false;
  bool second = false;
  ::testing::internal::CaptureStderr();
  run_task([&](any_io_executor executor) { return close_group_with_waiting_tasks(executor, first, second); });
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << "cancellation is not a failure";
}

Task<> throw_at_once() {
  throw std::runtime_error("broken pipe organ");
  co_return;
}

Task<> group_with_a_failing_task(any_io_executor executor) {
  TaskGroup group(executor);
  group.spawn("organ", throw_at_once());
  while (group.size() != 0) co_await sleep_for(1ms);
  co_await group.close();
}

TEST(TaskGroupTest, LogsAFailureWithTheTasksName) {
  ::testing::internal::CaptureStderr();
  run_task([](any_io_executor executor) { return group_with_a_failing_task(executor); });
  auto text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("task.failed task=organ error=\"broken pipe organ\""), std::string::npos) << text;
}

Task<> leave_a_task(any_io_executor executor) {
  TaskGroup group(executor);
  group.spawn("left", wait_forever());
  co_await sleep_for(1ms);
}

TEST(TaskGroupDeathTest, AbortsWhenDestroyedWithRunningTasks) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run_task([](any_io_executor executor) { return leave_a_task(executor); }),
               "task_group.destroyed_with_task task=left");
}

Task<> wait_on(Signal& signal, int& woken) {
  bool notified = co_await signal.wait(kForever);
  if (notified) ++woken;
}

Task<int> notify_two_waiters(any_io_executor executor) {
  Signal signal(executor);
  TaskGroup group(executor);
  int woken = 0;
  group.spawn("a", wait_on(signal, woken));
  group.spawn("b", wait_on(signal, woken));
  co_await sleep_for(1ms);
  signal.notify();
  while (group.size() != 0) co_await sleep_for(1ms);
  co_await group.close();
  co_return woken;
}

TEST(SignalTest, WakesAllWhoWait) { EXPECT_EQ(run_task(notify_two_waiters), 2); }

Task<> remember_one_notify(any_io_executor executor) {
  Signal signal(executor);
  signal.notify();
  signal.notify();
  bool first = co_await signal.wait(0ms);
  bool second = co_await signal.wait(1ms);
  EXPECT_TRUE(first);
  EXPECT_FALSE(second) << "two notifies without a waiter are remembered as one";
}

TEST(SignalTest, RemembersOneNotifyAndTimesOut) { run_task(remember_one_notify); }

Task<> cancel_a_waiter(any_io_executor executor) {
  Signal signal(executor);
  bool cut = false;
  try {
    co_await with_deadline(signal.wait(kForever), Clock::now() + 2ms);
  } catch (const DeadlinePassed&) {
    cut = true;
  }
  EXPECT_TRUE(cut);
  signal.notify();
  bool remembered = co_await signal.wait(0ms);
  EXPECT_TRUE(remembered) << "a cancelled waiter must not swallow the next notify";
}

TEST(SignalTest, ACancelledWaiterIsForgotten) { run_task(cancel_a_waiter); }

Task<int> until_stopped(Signal& stop) {
  // make and its caller may both pass on the same wish
  ::raise(SIGTERM);
  co_await sleep_for(1ms);
  ::raise(SIGTERM);
  co_await sleep_for(1ms);
  co_await stop.wait(kForever);
  co_return 7;
}

TEST(RunLoopTest, ASignalCallsOnStopOnceAndMainsCodeIsReturned) {
  std::optional<Signal> stop;
  int calls = 0;
  auto main = [&](any_io_executor executor) {
    stop.emplace(executor);
    return until_stopped(*stop);
  };
  auto on_stop = [&] {
    ++calls;
    stop->notify();
  };
  EXPECT_EQ(run_loop(main, on_stop, kForever), 7);
  EXPECT_EQ(calls, 1);
}

Task<int> ignore_signals() {
  ::raise(SIGINT);
  co_await sleep_for(1ms);
  ::raise(SIGINT);
  co_await sleep_for(kForever);
  co_return 0;
}

TEST(RunLoopDeathTest, AnInsistingSignalEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_loop([](any_io_executor) { return ignore_signals(); }, [] {}, 0ms), ::testing::ExitedWithCode(130),
              "");
}

Task<int> fail_at_start() {
  throw std::runtime_error("no database");
  co_return 0;
}

TEST(RunLoopTest, AnErrorOfMainIsThrown) {
  EXPECT_THROW(run_loop([](any_io_executor) { return fail_at_start(); }, [] {}), std::runtime_error);
}

}  // namespace
}  // namespace easyflow
