// How inbound events reach the hub: registered webhooks where it has a public address, polling where it has none.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <map>
#include <memory>
#include <string>

#include "core/async/task_group.hpp"
#include "core/base/clock.hpp"
#include "core/platforms/accounts.hpp"
#include "core/platforms/caller.hpp"
#include "core/understanding/directory.hpp"
#include "crypto/vault.hpp"
#include "storage/repositories/inbound.hpp"

namespace easyflow::ingest {

/// Keeps every connected messenger account either registered for webhooks or polled. Looks again when an integration
/// changes and every few minutes (somebody else may have taken the webhook). Of several hubs on one database one polls
/// an account, under a lease; the others take over within a minute when it dies. Thread: the I/O thread.
class Reception {
 public:
  Reception(boost::asio::any_io_executor executor, storage::IntegrationRepository& integrations,
            storage::InboundRepository& inbound, platforms::AccountDirectory& accounts,
            understanding::ReaderDirectory& readers, platforms::PlatformCaller& caller, crypto::Vault& vault,
            const sdk::Registry& connectors, const Clock& clock, std::string public_url, std::string node);

  /// Runs until cancelled.
  Task<> run();
  /// Something changed: look at the integrations now.
  void wake();
  /// Ends polling and gives the leases back.
  Task<> close();

 private:
  Task<> reconcile();
  Task<> poll(storage::IntegrationKey key, std::shared_ptr<bool> keep_on);
  Task<Result<void>> poll_once(platforms::AccountPtr account, storage::PollLease lease);
  Task<> keep_registered(storage::IntegrationKey key);
  Task<> register_webhook(platforms::AccountPtr account);
  /// False when the database was out of reach.
  Task<bool> note_refusal(storage::IntegrationKey key, std::string reason);

  storage::IntegrationRepository& integrations_;
  storage::InboundRepository& inbound_;
  platforms::AccountDirectory& accounts_;
  understanding::ReaderDirectory& readers_;
  platforms::PlatformCaller& caller_;
  crypto::Vault& vault_;
  const sdk::Registry& connectors_;
  const Clock& clock_;
  std::string public_url_;
  std::string owner_;  ///< of this hub's leases
  TaskGroup pollers_;
  TaskGroup registrations_;
  Signal changed_;
  std::map<std::string, std::shared_ptr<bool>> polling_;  ///< by integration; false ends the poller
  std::map<std::string, storage::PollLease> leases_;      ///< by integration, those this hub holds
  std::map<std::string, Timestamp> tried_;  ///< by integration: when its webhook was last confirmed or refused
};

}  // namespace easyflow::ingest
