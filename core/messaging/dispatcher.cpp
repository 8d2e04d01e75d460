#include "core/messaging/dispatcher.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <exception>

#include "core/base/log.hpp"
#include "core/base/metrics.hpp"

namespace easyflow::messaging {
namespace {

using namespace std::chrono_literals;

constexpr auto kSettleEvery = 60s;
constexpr std::chrono::milliseconds kAccountAgain = 5s;
constexpr std::chrono::milliseconds kGraceForSends = 15s;
constexpr std::chrono::milliseconds kRecordAgain = 500ms;
constexpr std::chrono::milliseconds kLongestPause = 30s;

const char* name_of(sdk::SendState state) {
  switch (state) {
    case sdk::SendState::sent: return "sent";
    case sdk::SendState::failed: return "failed";
    case sdk::SendState::contact_blocked: return "contact_blocked";
    case sdk::SendState::retry_later: return "retry_later";
    case sdk::SendState::unknown: return "unknown";
  }
  return "unknown";
}

}  // namespace

Dispatcher::Dispatcher(boost::asio::any_io_executor executor, storage::OutboundRepository& outbound,
                       storage::BudgetRepository& budgets, platforms::AccountDirectory& accounts,
                       net::HttpClient& client, const Clock& clock, DispatcherOptions options)
    : outbound_(outbound),
      budgets_(budgets),
      accounts_(accounts),
      client_(client),
      clock_(clock),
      options_(std::move(options)),
      sends_(executor),
      changed_(executor) {}

void Dispatcher::wake() { changed_.notify(); }

Task<> Dispatcher::close() {
  // no new ones come, as the loop has ended; those on their way get the time a platform may take to answer
  for (auto waited = 0ms; !in_flight_.empty() && waited < kGraceForSends; waited += 50ms) co_await sleep_for(50ms);
  co_await sends_.close();
}

void Dispatcher::wake_after(std::chrono::milliseconds wait) { next_look_ = std::min(next_look_, clock_.now() + wait); }

Task<> Dispatcher::run() {
  bool started = false;
  for (;;) {
    next_look_ = clock_.now() + options_.poll_interval;
    try {
      if (!started || clock_.now() >= next_settle_) {
        // only at the start can it be said that whoever bears this name is dead
        std::string dead_node;
        if (!started) dead_node = options_.node;
        int unknown = co_await outbound_.settle_abandoned(std::move(dead_node));
        if (unknown > 0)
          log::warn("outbound.unknown", {{"messages", unknown}, {"reason", "the hub stopped while sending"}});
        started = true;
        next_settle_ = clock_.now() + kSettleEvery;
      }
      co_await look();
    } catch (const storage::StorageDown&) {
      // the pool has said so; the queue waits in the database
    } catch (const boost::system::system_error&) {
      throw;  // cancelled
    } catch (const std::exception& fault) {
      // one look that fails must not be the last one
      log::error("outbound.look_failed", {{"error", fault.what()}});
    }
    auto wait = std::chrono::ceil<std::chrono::milliseconds>(next_look_ - clock_.now());
    co_await changed_.wait(std::max<std::chrono::milliseconds>(wait, 1ms));
  }
}

Task<> Dispatcher::look() {
  auto room = options_.max_parallel - static_cast<int>(in_flight_.size());
  if (room <= 0) co_return;  // the next send to end wakes us
  auto due = co_await outbound_.due(room + static_cast<int>(in_flight_.size()));
  for (auto& key : due) {
    if (room <= 0) break;
    if (!in_flight_.insert(key.id).second) continue;
    --room;
    sends_.spawn("outbound.send", send(std::move(key)));
  }
}

Task<> Dispatcher::send(storage::OutboundKey key) {
  const std::string id = key.id;
  try {
    co_await attempt(std::move(key));
  } catch (const storage::StorageDown& down) {
    // an intent that was committed stays `sending` until it is settled as `unknown`
    log::warn("outbound.storage_down", {{"outbound", id}, {"error", down.what()}});
    wake_after(5s);
  } catch (...) {
    in_flight_.erase(id);
    throw;
  }
  in_flight_.erase(id);
  changed_.notify();
}

Task<> Dispatcher::attempt(storage::OutboundKey key) {
  auto queued = co_await outbound_.find(key.tenant_id, key.id);
  if (!queued) co_return;
  if (clock_.now() - queued->created_at > options_.give_up_after) {
    co_await outbound_.fail(key, "It could not be delivered for 24 hours. Last reason: " + queued->error);
    co_return;
  }
  auto account = co_await accounts_.open(key.tenant_id, key.integration_id);
  if (!account) {
    const auto& error = account.error();
    if (error.kind() == ErrorKind::not_found) {
      co_await outbound_.fail(key, error.message());
      co_return;
    }
    // credentials under a key that another node made just now, most likely: it will be here soon
    log::warn("outbound.account_not_open", {{"integration", key.integration_id}, {"error", error.message()}});
    co_await outbound_.postpone(key, kAccountAgain, error.message());
    wake_after(kAccountAgain);
    co_return;
  }
  const auto& open = **account;
  const auto* sender = open.connector->sender();
  if (sender == nullptr) {
    co_await outbound_.fail(key, "This platform takes no messages.");
    co_return;
  }

  auto request = sender->request(open.account, queued->message);
  auto buckets = storage::buckets_json(open.connector->manifest(), request);
  auto claim = co_await outbound_.claim(key, options_.node, request.timeout + 60s, buckets);
  if (!claim.claimed) {
    if (claim.wait > 0ms) wake_after(claim.wait);
    co_return;
  }

  // From here on the intent is durable: whatever happens to this process, the message is not sent again.
  auto timeout = std::chrono::milliseconds(request.timeout);
  auto fetched = co_await client_.fetch(std::move(request.http), timeout, /*safe_to_repeat=*/false);
  sdk::SendOutcome outcome;
  if (fetched.response)
    outcome = sender->outcome(*fetched.response);
  else
    outcome = outcome_without_answer(fetched, queued->attempts);
  co_await record(key, claim.attempt, outcome);
  metrics::counter("easyflow_outbound_messages_total", "Sends by outcome",
                   {{"platform", open.integration.platform_id}, {"outcome", name_of(outcome.state)}})
      .increment();
  if (outcome.state == sdk::SendState::retry_later) {
    if (outcome.whole_account)
      co_await budgets_.block(key.tenant_id, key.integration_id, std::move(buckets), outcome.retry_after);
    wake_after(outcome.retry_after);
  } else if (outcome.state != sdk::SendState::sent) {
    log::warn("outbound.not_sent", {{"outbound", key.id},
                                    {"integration", key.integration_id},
                                    {"state", name_of(outcome.state)},
                                    {"reason", outcome.reason}});
  }
}

Task<> Dispatcher::record(storage::OutboundKey key, int attempt, sdk::SendOutcome outcome) {
  for (auto pause = kRecordAgain;; pause = std::min(pause * 2, kLongestPause)) {
    try {
      co_await outbound_.finish(key, attempt, outcome);
      co_return;
    } catch (const storage::StorageDown& down) {
      log::warn("outbound.not_recorded",
                {{"outbound", key.id}, {"state", name_of(outcome.state)}, {"error", down.what()}});
    }
    co_await sleep_for(pause);
  }
}

sdk::SendOutcome Dispatcher::outcome_without_answer(const net::FetchResult& fetched, int attempts) const {
  sdk::SendOutcome outcome;
  outcome.reason = fetched.error ? fetched.error->message() : "no answer";
  if (fetched.may_have_arrived) {
    outcome.state = sdk::SendState::unknown;
  } else {
    outcome.state = sdk::SendState::retry_later;
    outcome.retry_after = std::min<std::chrono::seconds>(60s, std::chrono::seconds(2) * (1 << std::min(attempts, 5)));
  }
  return outcome;
}

}  // namespace easyflow::messaging
