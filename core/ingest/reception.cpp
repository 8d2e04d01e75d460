#include "core/ingest/reception.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <exception>
#include <set>
#include <utility>

#include "core/base/log.hpp"
#include "core/ingest/intake.hpp"

namespace easyflow::ingest {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookAgain = 5min;  ///< somebody else may have taken the webhook
constexpr auto kPollHold = 25s;
constexpr auto kPollLease = 45s;  ///< taken on before each poll; outlasts one, with its time behind the hold
constexpr auto kAfterFailure = 10s;

/// 1, 2, 4, 8, 10, 10 ... seconds after failures in a row.
std::chrono::milliseconds pause_after(int failures) {
  return std::min<std::chrono::milliseconds>(kAfterFailure, 1s * (1 << std::min(failures - 1, 4)));
}

}  // namespace

Reception::Reception(boost::asio::any_io_executor executor, storage::IntegrationRepository& integrations,
                     storage::InboundRepository& inbound, platforms::AccountDirectory& accounts,
                     understanding::ReaderDirectory& readers, platforms::PlatformCaller& caller, crypto::Vault& vault,
                     const sdk::Registry& connectors, const Clock& clock, std::string public_url, std::string node)
    : integrations_(integrations),
      inbound_(inbound),
      accounts_(accounts),
      readers_(readers),
      caller_(caller),
      vault_(vault),
      connectors_(connectors),
      clock_(clock),
      public_url_(std::move(public_url)),
      owner_(std::move(node) + "/poll"),
      pollers_(executor),
      registrations_(executor),
      changed_(executor) {}

void Reception::wake() { changed_.notify(); }

Task<> Reception::close() {
  for (auto& [id, keep_on] : polling_) *keep_on = false;
  co_await registrations_.close();
  co_await pollers_.close();
  auto leases = std::exchange(leases_, {});
  for (auto& [id, lease] : leases) {
    try {
      co_await inbound_.release_poll(std::move(lease));
    } catch (const std::exception& fault) {
      // they end by themselves, and a database that is away would keep us for each of them
      log::warn("ingest.leases_not_released", {{"error", fault.what()}});
      co_return;
    }
  }
}

Task<> Reception::run() {
  for (;;) {
    bool failed = false;
    try {
      co_await reconcile();
    } catch (const storage::StorageDown&) {
      failed = true;  // the next look may find it back
    } catch (const boost::system::system_error&) {
      throw;  // cancelled
    } catch (const std::exception& fault) {
      // one look that fails must not be the last one
      failed = true;
      log::error("ingest.look_failed", {{"error", fault.what()}});
    }
    co_await changed_.wait(failed ? std::chrono::milliseconds(kAfterFailure) : std::chrono::milliseconds(kLookAgain));
  }
}

Task<> Reception::reconcile() {
  std::vector<std::string> platforms;
  for (const auto& connector : connectors_.all())
    if (connector->webhooks() != nullptr || connector->poller() != nullptr)
      platforms.push_back(connector->manifest().id);
  auto connected = co_await integrations_.connected(std::move(platforms));

  std::set<std::string> wanted;
  for (const auto& key : connected) {
    const auto* connector = connectors_.find(key.platform_id);
    const bool by_webhook = connector->webhooks() != nullptr && !public_url_.empty();
    if (by_webhook) {
      auto last = tried_.find(key.integration_id);
      if (last != tried_.end() && clock_.now() - last->second < kLookAgain) continue;
      // Side by side: one slow platform must not hold up the others. Marked before, and failures too: the status
      // that is written wakes this loop, which would try again at once and without end.
      tried_[key.integration_id] = clock_.now();
      registrations_.spawn("ingest.register_webhook", keep_registered(key));
    } else if (connector->poller() != nullptr) {
      wanted.insert(key.integration_id);
      if (polling_.count(key.integration_id) > 0) continue;
      auto keep_on = std::make_shared<bool>(true);
      polling_[key.integration_id] = keep_on;
      pollers_.spawn("ingest.poll", poll(key, keep_on));
    }
  }
  for (auto at = polling_.begin(); at != polling_.end();) {
    if (wanted.count(at->first) > 0) {
      ++at;
    } else {
      *at->second = false;
      at = polling_.erase(at);
    }
  }
}

Task<> Reception::keep_registered(storage::IntegrationKey key) {
  try {
    auto account = co_await accounts_.open(key.tenant_id, key.integration_id);
    if (account) co_await register_webhook(std::move(*account));
  } catch (const storage::StorageDown&) {
    // the hub is woken when the database is back, and tries again then
    tried_.erase(key.integration_id);
  }
}

Task<> Reception::register_webhook(platforms::AccountPtr account) {
  const auto& row = account->integration;
  const auto url = public_url_ + "/hooks/" + row.platform_id + "/" + row.webhook_path;
  std::shared_ptr<sdk::Exchange<std::monostate>> exchange =
      account->connector->webhooks()->register_webhook(account->account, url);
  auto done = co_await caller_.run<std::monostate>(account, exchange, platforms::Patience());
  std::string status = "connected";
  std::string message;
  if (done) {
    log::debug("ingest.webhook_registered", {{"integration", row.id}});
  } else {
    log::error("ingest.webhook_not_registered", {{"integration", row.id}, {"error", done.error().message()}});
    if (done.error().kind() == ErrorKind::unauthorized) status = "error";
    message = "The webhook could not be registered: " + done.error().message();
  }
  if (status == row.status && message == row.status_message) co_return;
  co_await integrations_.set_status(row.tenant_id, row.id, std::move(status), std::move(message));
}

Task<> Reception::poll(storage::IntegrationKey key, std::shared_ptr<bool> keep_on) {
  bool webhook_removed = false;
  int failures = 0;
  while (*keep_on) {
    std::optional<Error> failure;
    try {
      auto lease = co_await inbound_.claim_poll(key.tenant_id, key.integration_id, owner_, kPollLease);
      if (!lease) {
        leases_.erase(key.integration_id);
        webhook_removed = false;
        co_await sleep_for(kAfterFailure);
        continue;
      }
      leases_[key.integration_id] = *lease;
      auto account = co_await accounts_.open(key.tenant_id, key.integration_id);
      if (!account) {
        failure = account.error();
      } else {
        if (!webhook_removed && (*account)->connector->webhooks() != nullptr) {
          std::shared_ptr<sdk::Exchange<std::monostate>> exchange =
              (*account)->connector->webhooks()->remove_webhook((*account)->account);
          auto removed = co_await caller_.run<std::monostate>(*account, exchange, platforms::Patience());
          if (!removed) failure = removed.error();
          webhook_removed = removed.has_value();
        }
        if (!failure) {
          auto polled = co_await poll_once(*account, std::move(*lease));
          if (!polled) failure = polled.error();
        }
      }
    } catch (const storage::StorageDown& down) {
      failure = Error(ErrorKind::unavailable, down.what());
    } catch (const boost::system::system_error&) {
      throw;  // cancelled
    } catch (const std::exception& fault) {
      // an end here would leave the account deaf until the hub starts again
      failure = Error(ErrorKind::internal, fault.what());
    }
    if (!failure) {
      failures = 0;
      continue;
    }
    if (!*keep_on) break;
    log::warn("ingest.poll_failed", {{"integration", key.integration_id},
                                     {"kind", std::string(to_string(failure->kind()))},
                                     {"error", failure->message()}});
    if (failure->kind() == ErrorKind::not_found) break;
    if (failure->kind() == ErrorKind::unauthorized) {
      bool noted = co_await note_refusal(key, failure->message());
      if (noted) break;
    }
    webhook_removed = webhook_removed && failure->kind() != ErrorKind::conflict;
    auto told = std::chrono::milliseconds(failure->retry_after().value_or(0s));
    co_await sleep_for(std::max(pause_after(++failures), told));
  }
  // reconcile may have started a successor already: only this poller's own entry goes
  auto mine = polling_.find(key.integration_id);
  if (mine != polling_.end() && mine->second == keep_on) polling_.erase(mine);
  // the lease stays until it ends: a successor of this hub takes it on
}

Task<bool> Reception::note_refusal(storage::IntegrationKey key, std::string reason) {
  try {
    co_await integrations_.set_status(key.tenant_id, key.integration_id, "error", std::move(reason));
    co_return true;
  } catch (const storage::StorageDown&) {
    co_return false;  // asked again, refused again, and noted then
  }
}

Task<Result<void>> Reception::poll_once(platforms::AccountPtr account, storage::PollLease lease) {
  std::shared_ptr<sdk::Exchange<sdk::PollBatch>> exchange =
      account->connector->poller()->poll(account->account, lease.cursor, kPollHold);
  auto batch = co_await caller_.run<sdk::PollBatch>(account, exchange, platforms::Patience());
  if (!batch) co_return batch.error();
  if (batch->events.empty() && batch->cursor == lease.cursor) co_return Result<void>();

  auto reader = co_await readers_.for_messages(account->integration.tenant_id);
  std::vector<storage::Delivery> deliveries;
  for (auto& polled : batch->events) {
    auto delivery = make_delivery(*account, vault_, reader, polled.body, std::move(polled.events), clock_.now());
    if (!delivery) co_return delivery.error();
    deliveries.push_back(std::move(*delivery));
  }
  auto counts = co_await inbound_.store_poll(std::move(lease), std::move(deliveries), std::move(batch->cursor));
  if (!counts) co_return counts.error();
  count_events(*counts);
  co_return Result<void>();
}

}  // namespace easyflow::ingest
