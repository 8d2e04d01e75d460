#include "core/sync/runner.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/log.hpp"
#include "core/base/metrics.hpp"

namespace easyflow::sync {
namespace {

using namespace std::chrono_literals;

/// 1, 2, 4 ... minutes after failed runs in a row, never longer than an hour.
std::chrono::minutes after_failures(int failures) {
  return std::min<std::chrono::minutes>(60min, 1min * (1 << std::min(failures, 6)));
}

Error lease_lost() { return Error(ErrorKind::conflict, "Another node has taken over this stream."); }

}  // namespace

struct SyncRunner::Progress {
  explicit Progress(boost::asio::any_io_executor executor)
      : totals(std::make_shared<platforms::CallTotals>()), ended(std::move(executor)) {}
  RunReport report;
  std::string cursor;
  int failures_before = 0;
  std::shared_ptr<platforms::CallTotals> totals;
  bool lease_lost = false;
  bool done = false;
  Signal ended;
};

std::chrono::minutes interval_of(const sdk::Manifest& manifest, const std::string& stream, int sync_interval_minutes) {
  const std::chrono::minutes wanted(sync_interval_minutes);
  const auto* spec = manifest.find_stream(stream);
  if (spec == nullptr) return wanted;
  auto fastest = std::min_element(manifest.streams.begin(), manifest.streams.end(),
                                  [](const auto& a, const auto& b) { return a.default_interval < b.default_interval; });
  return spec->default_interval <= fastest->default_interval ? wanted : std::max(wanted, spec->default_interval);
}

SyncRunner::SyncRunner(boost::asio::any_io_executor executor, storage::SyncRepository& sync,
                       storage::IntegrationRepository& integrations, platforms::AccountDirectory& accounts,
                       platforms::PlatformCaller& caller, const Clock& clock, std::chrono::seconds lease)
    : executor_(executor),
      sync_(sync),
      integrations_(integrations),
      accounts_(accounts),
      caller_(caller),
      clock_(clock),
      lease_(lease),
      keepers_(executor) {}

Task<> SyncRunner::close() { co_await keepers_.close(); }

Task<RunReport> SyncRunner::run(storage::SyncLease lease) {
  auto progress = std::make_shared<Progress>(executor_);
  keepers_.spawn("sync.keep_lease", keep_lease(lease, progress));

  std::optional<Error> failure;
  platforms::AccountPtr account;
  std::exception_ptr unforeseen;
  try {
    auto opened = co_await accounts_.open(lease.tenant_id, lease.integration_id);
    std::string sync_type = "incremental";
    if (opened)
      if (const auto* spec = (*opened)->connector->manifest().find_stream(lease.stream)) sync_type = spec->sync_type;
    auto begun = co_await sync_.begin(lease, std::move(sync_type));
    if (!begun) {
      failure = begun.error();
      progress->lease_lost = true;
    } else {
      progress->report.run_id = begun->run_id;
      progress->cursor = begun->cursor;
      progress->failures_before = begun->failures;
      if (!opened) {
        failure = opened.error();
      } else {
        account = *opened;
        auto walked = co_await walk(lease, account, progress);
        if (!walked) failure = walked.error();
      }
    }
  } catch (const storage::StorageDown& down) {
    failure = Error(ErrorKind::unavailable, down.what());
  } catch (const boost::system::system_error&) {
    unforeseen = std::current_exception();  // cancelled: the lease is given back by whoever cancels
  } catch (const std::exception& bug) {
    log::error("sync.internal",
               {{"integration", lease.integration_id}, {"stream", lease.stream}, {"error", bug.what()}});
    failure = Error(ErrorKind::internal, "An internal fault ended this run; the log has its details.");
  }
  progress->done = true;
  progress->ended.notify();
  if (unforeseen) std::rethrow_exception(unforeseen);

  auto& report = progress->report;
  auto end = ending(lease, account.get(), *progress, failure);
  report.status = end.status;
  report.error = end.error_message;
  if (!progress->lease_lost) {
    nlohmann::json metadata = {{"pages", report.pages},
                               {"requests", progress->totals->requests},
                               {"rate_limited", progress->totals->rate_limited},
                               {"waited_ms", progress->totals->waited.count()}};
    co_await sync_.finish(lease, report.run_id, end, metadata.dump());
    if (!end.integration_error.empty()) accounts_.forget(lease.integration_id);
  }
  metrics::counter("easyflow_sync_runs_total", "Sync runs by outcome",
                   {{"stream", lease.stream}, {"outcome", end.status}})
      .increment();
  if (failure)
    log::warn("sync.ended", {{"integration", lease.integration_id},
                             {"stream", lease.stream},
                             {"status", end.status},
                             {"kind", to_string(failure->kind())},
                             {"error", failure->message()}});
  else
    log::info("sync.ended", {{"integration", lease.integration_id},
                             {"stream", lease.stream},
                             {"status", end.status},
                             {"stored", report.stored},
                             {"pages", report.pages}});
  co_return report;
}

Task<Result<void>> SyncRunner::walk(storage::SyncLease lease, platforms::AccountPtr account,
                                    std::shared_ptr<Progress> progress) {
  const auto* streams = account->connector->streams();
  if (streams == nullptr) co_return Error(ErrorKind::internal, "This platform has no streams.");
  auto started = streams->read(account->account, lease.stream, progress->cursor, clock_.now());
  if (!started) co_return started.error();
  std::unique_ptr<sdk::StreamWalk> walk = std::move(*started);

  std::optional<HttpResponse> reply;
  for (;;) {
    auto step = co_await caller_.advance(account, *walk, reply, platforms::Patience(), progress->totals);
    if (!step) co_return step.error();
    if (std::holds_alternative<sdk::EndOfStream>(*step)) co_return Result<void>();
    auto page = std::get<sdk::Page>(std::move(*step));
    if (progress->lease_lost) co_return lease_lost();
    const auto failed = static_cast<int>(page.failures.size());
    auto stored = co_await sync_.store_page(lease, progress->report.run_id, std::move(page.records),
                                            std::move(page.failures), std::move(page.cursor));
    if (!stored) {
      progress->lease_lost = true;
      co_return stored.error();
    }
    auto& report = progress->report;
    ++report.pages;
    report.stored += stored->stored;
    report.unchanged += stored->unchanged;
    report.failed_rows += failed;
  }
}

Task<> SyncRunner::keep_lease(storage::SyncLease lease, std::shared_ptr<Progress> progress) {
  while (!progress->done) {
    co_await progress->ended.wait(std::chrono::milliseconds(lease_) / 3);
    if (progress->done) co_return;
    try {
      bool kept = co_await sync_.heartbeat(lease, lease_);
      if (!kept) {
        progress->lease_lost = true;
        co_return;
      }
    } catch (const storage::StorageDown&) {
      // the page that is stored next will tell whether the lease survived
    }
  }
}

storage::SyncEnd SyncRunner::ending(const storage::SyncLease& lease, const platforms::OpenAccount* account,
                                    const Progress& progress, const std::optional<Error>& failure) const {
  storage::SyncEnd end;
  const auto& report = progress.report;
  std::chrono::minutes interval{60};
  if (account != nullptr)
    interval = interval_of(account->connector->manifest(), lease.stream, account->integration.sync_interval_minutes);
  if (!failure) {
    end.status = report.failed_rows > 0 ? "partial" : "success";
    if (report.failed_rows > 0)
      end.error_message =
          std::to_string(report.failed_rows) + " rows could not be understood; they are listed in errors.";
    end.next_run_in = interval;
    return end;
  }
  end.status = report.pages > 0 ? "partial" : "failed";
  end.error_message = failure->message();
  end.error_kind = to_string(failure->kind());
  switch (failure->kind()) {
    case ErrorKind::rate_limited: end.next_run_in = failure->retry_after().value_or(60s); break;
    case ErrorKind::unauthorized:
      end.counts_as_failure = true;
      end.integration_error = failure->message();
      end.next_run_in = interval;
      break;
    default:
      end.counts_as_failure = true;
      end.next_run_in = std::min<std::chrono::minutes>(interval, after_failures(progress.failures_before));
  }
  return end;
}

}  // namespace easyflow::sync
