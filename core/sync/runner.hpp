// Runs one stream of one integration, page by page.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "core/async/task_group.hpp"
#include "core/base/clock.hpp"
#include "core/platforms/accounts.hpp"
#include "core/platforms/caller.hpp"
#include "storage/repositories/sync.hpp"

namespace easyflow::sync {

/// How a run went.
struct RunReport {
  std::string run_id;  ///< empty when the lease was lost before the run began
  std::string status;  ///< success, partial, failed
  int pages = 0;
  int stored = 0;
  int unchanged = 0;
  int failed_rows = 0;
  std::string error;  ///< empty on success
};

/// Thread: the I/O thread.
class SyncRunner {
 public:
  SyncRunner(boost::asio::any_io_executor executor, storage::SyncRepository& sync,
             storage::IntegrationRepository& integrations, platforms::AccountDirectory& accounts,
             platforms::PlatformCaller& caller, const Clock& clock, std::chrono::seconds lease);

  /// Runs the leased stream to its end, keeps the lease alive meanwhile, and closes run and lease. Each page commits
  /// together with its cursor, so a killed run resumes after its last page.
  Task<RunReport> run(storage::SyncLease lease);
  Task<> close();

 private:
  struct Progress;
  Task<Result<void>> walk(storage::SyncLease lease, platforms::AccountPtr account, std::shared_ptr<Progress> progress);
  Task<> keep_lease(storage::SyncLease lease, std::shared_ptr<Progress> progress);
  storage::SyncEnd ending(const storage::SyncLease& lease, const platforms::OpenAccount* account,
                          const Progress& progress, const std::optional<Error>& failure) const;

  boost::asio::any_io_executor executor_;
  storage::SyncRepository& sync_;
  storage::IntegrationRepository& integrations_;
  platforms::AccountDirectory& accounts_;
  platforms::PlatformCaller& caller_;
  const Clock& clock_;
  std::chrono::seconds lease_;
  TaskGroup keepers_;
};

/// When a stream runs next: the integration's interval governs its fastest streams, slower ones keep their own pace
/// unless the integration is slower still.
std::chrono::minutes interval_of(const sdk::Manifest& manifest, const std::string& stream, int sync_interval_minutes);

}  // namespace easyflow::sync
