#include "core/sync/scheduler.hpp"

#include <boost/system/system_error.hpp>
#include <exception>

#include "core/base/log.hpp"

namespace easyflow::sync {

SyncScheduler::SyncScheduler(boost::asio::any_io_executor executor, storage::SyncRepository& sync, SyncRunner& runner,
                             SchedulerOptions options)
    : sync_(sync), runner_(runner), options_(std::move(options)), runs_(executor), changed_(executor) {}

void SyncScheduler::wake() { changed_.notify(); }

Task<> SyncScheduler::run() {
  bool released = false;
  for (;;) {
    try {
      if (!released) {
        int streams = co_await sync_.release_all(options_.node);
        if (streams > 0) log::info("sync.taken_back", {{"streams", streams}});
        released = true;
      }
      int room = options_.max_parallel - static_cast<int>(runs_.size());
      if (room > 0) {
        auto leases = co_await sync_.claim_due(options_.node, room, options_.lease);
        for (auto& lease : leases) runs_.spawn("sync.run", run_one(std::move(lease)));
      }
    } catch (const storage::StorageDown&) {
      // the pool has said so; due streams wait in the database
    } catch (const boost::system::system_error&) {
      throw;  // cancelled
    } catch (const std::exception& fault) {
      // one look that fails must not be the last one
      log::error("sync.look_failed", {{"error", fault.what()}});
    }
    co_await changed_.wait(options_.poll_interval);
  }
}

Task<> SyncScheduler::run_one(storage::SyncLease lease) {
  try {
    co_await runner_.run(std::move(lease));
  } catch (const storage::StorageDown&) {
    // the end of the run could not be written: the lease ends by itself and the next run closes this one
  }
  changed_.notify();  // there is room for another
}

Task<> SyncScheduler::close() {
  co_await runs_.close();
  try {
    co_await sync_.release_all(options_.node);
  } catch (const storage::StorageDown&) {
    // the leases end by themselves
  }
}

}  // namespace easyflow::sync
