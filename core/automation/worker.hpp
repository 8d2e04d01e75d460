// Carries out what messages have asked for: each act once, in one transaction.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>

#include "connectors/sdk/registry.hpp"
#include "core/async/task_group.hpp"
#include "core/base/clock.hpp"
#include "storage/repositories/automation.hpp"

namespace easyflow::automation {

struct WorkerOptions {
  std::chrono::milliseconds poll_interval{30'000};  ///< behind NOTIFY, for what it missed
  int batch = 100;                                  ///< acts asked for at a time
};

/// Any number of them may run on one database: an act is taken by one. Thread: the I/O thread.
class Worker {
 public:
  Worker(boost::asio::any_io_executor executor, storage::AutomationRepository& acts, const sdk::Registry& connectors,
         const Clock& clock, WorkerOptions options);

  /// Runs until cancelled; the act under way is finished first. Idle, it asks once every poll_interval.
  Task<> run();
  /// An act was recorded.
  void wake();

 private:
  Task<bool> look();
  Task<bool> carry_out(storage::ActKey key);

  storage::AutomationRepository& acts_;
  const sdk::Registry& connectors_;
  const Clock& clock_;
  WorkerOptions options_;
  Signal changed_;
};

}  // namespace easyflow::automation
