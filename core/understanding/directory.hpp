// Who reads the messages of which tenant.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "core/async/blocking.hpp"
#include "core/async/task.hpp"
#include "core/async/task_group.hpp"
#include "core/base/clock.hpp"
#include "core/understanding/reader.hpp"
#include "storage/repositories/nlp.hpp"

namespace easyflow::understanding {

/// Loads each tenant's reader when it is first asked for, and again after forget(). What is being stored meanwhile is
/// read by the reader it was given. Settings that can't be loaded change nothing: the reader in use stays (at first:
/// the model that ships with the hub). Models are read on a thread of their own. Thread: the I/O thread.
class ReaderDirectory {
 public:
  /// With `enabled` false messages are stored without a meaning.
  /// `asks_provider`: what is stored shall be read by a remote provider as well.
  ReaderDirectory(boost::asio::any_io_executor executor, storage::NlpRepository& settings, const Clock& clock,
                  bool enabled, bool asks_provider = false);

  bool is_enabled() const noexcept { return enabled_; }
  /// Always gives a reader, whether messages are read or not.
  Task<ReaderPtr> open(std::string tenant_id);
  /// What deliveries take with them.
  Task<std::shared_ptr<const storage::MessageReader>> for_messages(std::string tenant_id);
  /// Something changed: called on NOTIFY nlp.
  void forget();

 private:
  struct Slot;
  class Loading;
  Task<> load(std::string tenant_id, std::shared_ptr<Slot> slot);

  boost::asio::any_io_executor executor_;
  storage::NlpRepository& settings_;
  const Clock& clock_;
  const bool enabled_;
  const bool asks_provider_;
  const std::shared_ptr<const storage::MessageReader> masking_;
  BlockingThread thread_;
  std::map<std::string, std::shared_ptr<Slot>> slots_;  ///< by tenant
  std::uint64_t generation_ = 1;                        ///< grows with every forget
};

}  // namespace easyflow::understanding
