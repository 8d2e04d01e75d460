// Finds the streams that are due and has them run.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <string>

#include "core/async/task_group.hpp"
#include "core/sync/runner.hpp"
#include "storage/repositories/sync.hpp"

namespace easyflow::sync {

struct SchedulerOptions {
  std::string node;                                 ///< who holds the leases of this hub
  std::chrono::milliseconds poll_interval{10'000};  ///< behind NOTIFY
  int max_parallel = 4;
  std::chrono::seconds lease{60};  ///< a dead node's streams are picked up after this
};

/// Thread: the I/O thread.
class SyncScheduler {
 public:
  SyncScheduler(boost::asio::any_io_executor executor, storage::SyncRepository& sync, SyncRunner& runner,
                SchedulerOptions options);
  /// Runs until cancelled. First takes back what this node held when it died.
  Task<> run();
  /// Something became due.
  void wake();
  /// Ends the runs (each keeps its committed pages) and gives the leases back.
  Task<> close();

 private:
  Task<> run_one(storage::SyncLease lease);

  storage::SyncRepository& sync_;
  SyncRunner& runner_;
  SchedulerOptions options_;
  TaskGroup runs_;
  Signal changed_;
};

}  // namespace easyflow::sync
