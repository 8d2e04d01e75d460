// Takes queued messages to the platforms: in order within a chat, within the account's budget, never twice.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <set>
#include <string>

#include "core/async/task_group.hpp"
#include "core/base/clock.hpp"
#include "core/net/client.hpp"
#include "core/platforms/accounts.hpp"
#include "storage/repositories/budgets.hpp"
#include "storage/repositories/outbound.hpp"

namespace easyflow::messaging {

struct DispatcherOptions {
  std::string node;                                 ///< who holds the leases of this hub
  std::chrono::milliseconds poll_interval{10'000};  ///< behind NOTIFY, for what it missed
  int max_parallel = 16;
  std::chrono::hours give_up_after{24};  ///< a message that could not be delivered for so long has failed
};

/// Thread: the I/O thread.
class Dispatcher {
 public:
  Dispatcher(boost::asio::any_io_executor executor, storage::OutboundRepository& outbound,
             storage::BudgetRepository& budgets, platforms::AccountDirectory& accounts, net::HttpClient& client,
             const Clock& clock, DispatcherOptions options);

  /// Runs until cancelled. First settles as `unknown` what this node was sending when it died.
  Task<> run();
  /// Something was queued.
  void wake();
  /// Waits for the sends in flight: a call that has begun is never cut.
  Task<> close();

 private:
  Task<> look();
  Task<> send(storage::OutboundKey key);
  Task<> attempt(storage::OutboundKey key);
  /// Stores an outcome, however long the database is away: only this process knows it.
  Task<> record(storage::OutboundKey key, int attempt, sdk::SendOutcome outcome);
  sdk::SendOutcome outcome_without_answer(const net::FetchResult& fetched, int attempts) const;
  void wake_after(std::chrono::milliseconds wait);

  storage::OutboundRepository& outbound_;
  storage::BudgetRepository& budgets_;
  platforms::AccountDirectory& accounts_;
  net::HttpClient& client_;
  const Clock& clock_;
  DispatcherOptions options_;
  TaskGroup sends_;
  Signal changed_;
  std::set<std::string> in_flight_;  ///< outbound message ids
  Timestamp next_look_;              ///< earliest time at which a waiting message becomes due
  Timestamp next_settle_;
};

}  // namespace easyflow::messaging
