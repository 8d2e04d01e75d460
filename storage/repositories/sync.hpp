// Sync cursors, leases, runs (sync_logs) and the rows that pages bring.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "connectors/sdk/records.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"
#include "storage/repositories/paging.hpp"

namespace easyflow::storage {

/// A stream that one node may run until the lease ends.
struct SyncLease {
  std::string tenant_id;
  std::string integration_id;
  std::string stream;
  std::string partition;
  std::string owner;
  std::int64_t fencing = 0;  ///< a write with an older number is refused
};

/// A run that has begun.
struct SyncStart {
  std::string run_id;
  std::string cursor;    ///< empty on the first run
  bool resumed = false;  ///< an earlier run of this stream was interrupted
  int failures = 0;      ///< failed runs in a row before this one
};

struct PageResult {
  int stored = 0;     ///< rows new or newer than what was there
  int unchanged = 0;  ///< rows already there in this or a newer version
};

/// How a run ended.
struct SyncEnd {
  std::string status;         ///< success, partial, failed
  std::string error_message;  ///< empty on success
  std::string error_kind;     ///< name of the ErrorKind; empty when the stream was read to its end
  std::chrono::milliseconds next_run_in{0};
  bool counts_as_failure = false;  ///< rate limits and lost leases do not
  std::string integration_error;   ///< not empty: the integration becomes `error` with this message
};

struct StreamStatus {
  std::string integration_id;
  std::string platform_id;
  std::string display_name;
  std::string stream;
  std::string state;  ///< running, fresh, due, late, failing, paused, error
  std::optional<Timestamp> last_success_at;
  std::optional<Timestamp> next_run_at;
  std::string last_error;
  int failures = 0;
  std::int64_t rows = 0;  ///< orders or products stored
};

struct SyncRun {
  std::string id;
  std::string integration_id;
  std::string platform_id;
  std::string stream;
  std::string sync_type;
  std::string status;  ///< running, success, partial, failed
  std::optional<int> records_requested;
  int records_synced = 0;
  int records_failed = 0;
  std::string errors_json = "[]";  ///< [{"external_id", "reason"}], at most 100 a run
  std::string error_message;
  Timestamp started_at;
  std::optional<Timestamp> completed_at;
  std::optional<int> duration_seconds;
  std::string metadata_json = "{}";  ///< stream, pages, requests, waits
};

class SyncRepository {
 public:
  explicit SyncRepository(Database& db) : db_(db) {}

  /// Leases at most `wanted` due streams of any tenant, tenants taking turns.
  Task<std::vector<SyncLease>> claim_due(std::string owner, int wanted, std::chrono::seconds lease);
  /// Leases one stream now, due or not. Errors: not_found; conflict while somebody else runs it (names until when).
  Task<Result<SyncLease>> claim(std::string tenant_id, std::string integration_id, std::string stream,
                                std::string owner, std::chrono::seconds lease);
  /// Prolongs a lease. False when it was lost: the runner must stop.
  Task<bool> heartbeat(SyncLease lease, std::chrono::seconds duration);
  /// Gives back every lease of `owner`; its streams are due at once. Returns how many.
  Task<int> release_all(std::string owner);

  /// Opens the run: closes an interrupted one (`failed`, "interrupted"), writes sync_logs `running`.
  /// Error: conflict when the lease was lost.
  Task<Result<SyncStart>> begin(SyncLease lease, std::string sync_type);
  /// Stores one page: rows, cursor, counters, failures and outbox events, in one transaction.
  /// Error: conflict when the lease was lost; nothing is stored then.
  Task<Result<PageResult>> store_page(SyncLease lease, std::string run_id, std::vector<sdk::Record> records,
                                      std::vector<sdk::RecordFailure> failures, std::string cursor);
  /// Closes the run and the lease and sets when the stream runs next. Does nothing when the lease was lost.
  Task<> finish(SyncLease lease, std::string run_id, SyncEnd end, std::string metadata_json);

  /// Makes a stream (all streams when empty) due now and wakes the scheduler (NOTIFY sync).
  /// `from_start` also forgets the cursor: the rows stay and are compared again. Returns how many streams.
  Task<int> request(std::string tenant_id, std::string integration_id, std::string stream, bool from_start);

  Task<std::vector<StreamStatus>> status(std::string tenant_id);
  /// Newest first; `integration_id` and `status` filter when not empty.
  Task<Result<Paged<SyncRun>>> runs(std::string tenant_id, std::string integration_id, std::string status,
                                    PageRequest page);
  Task<std::optional<SyncRun>> run(std::string tenant_id, std::string run_id);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
