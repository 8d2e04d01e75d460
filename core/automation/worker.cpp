#include "core/automation/worker.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/automation/plan.hpp"
#include "core/base/log.hpp"
#include "core/base/metrics.hpp"

namespace easyflow::automation {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kAgainAfterFault = 5s;

void count(const std::string& outcome) {
  metrics::counter("easyflow_automation_acts_total", "Automatic acts by outcome", {{"outcome", outcome}}).increment();
}

}  // namespace

Worker::Worker(boost::asio::any_io_executor executor, storage::AutomationRepository& acts,
               const sdk::Registry& connectors, const Clock& clock, WorkerOptions options)
    : acts_(acts), connectors_(connectors), clock_(clock), options_(options), changed_(executor) {}

void Worker::wake() { changed_.notify(); }

Task<> Worker::run() {
  for (;;) {
    bool more = false;
    auto wait = options_.poll_interval;
    try {
      more = co_await look();
    } catch (const storage::StorageDown&) {
      // the pool has said so; the acts wait in the database
      wait = std::min(wait, kAgainAfterFault);
    } catch (const boost::system::system_error&) {
      throw;  // cancelled
    } catch (const std::exception& fault) {
      log::error("automation.look_failed", {{"error", fault.what()}});
    }
    if (!more) co_await changed_.wait(wait);
  }
}

/// True when there may be more to do right now.
Task<bool> Worker::look() {
  auto waiting = co_await acts_.pending(options_.batch);
  const bool full = static_cast<int>(waiting.size()) >= options_.batch;
  bool progress = false;
  for (auto& key : waiting) {
    const bool taken = co_await carry_out(std::move(key));
    progress = progress || taken;
  }
  // a page of acts that others hold is no reason to ask again at once
  const bool again = full && progress;
  co_return again;
}

/// False when somebody else has it.
Task<bool> Worker::carry_out(storage::ActKey key) {
  const auto now = clock_.now();
  std::function<storage::ActPlan(const storage::ActFacts&)> decide = [this, now](const storage::ActFacts& facts) {
    return plan(facts, connectors_, now);
  };
  std::optional<std::string> fault;
  std::string outcome;
  try {
    outcome = co_await acts_.carry_out(key, now, std::move(decide));
  } catch (const storage::StorageDown&) {
    throw;
  } catch (const boost::system::system_error&) {
    throw;  // cancelled
  } catch (const pqxx::sql_error& refused) {
    // its text may hold the values of a row
    fault = "database refused a statement, SQLSTATE " + refused.sqlstate();
  } catch (const std::exception& failure) {
    fault = failure.what();
  }
  if (fault) {
    // given up, as one act must not hold up all that come after it
    log::error("automation.act_failed", {{"act", key.id}, {"error", *fault}});
    co_await acts_.skip(std::move(key), now, "The hub failed to carry this out; its log tells why.");
    outcome = "failed";
  }
  if (outcome.empty()) co_return false;
  count(outcome);
  co_return true;
}

}  // namespace easyflow::automation
