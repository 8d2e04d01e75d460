// The outbound queue. The intent is committed before the call, so nothing is ever sent twice by us.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "connectors/sdk/connector.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"
#include "storage/repositories/paging.hpp"

namespace easyflow::storage {

struct Outbound {
  std::string id;
  std::string tenant_id;
  std::string integration_id;
  std::string conversation_id;
  std::string message_id;
  sdk::OutboundMessage message;
  std::string state;  ///< queued, sending, sent, failed, unknown
  int attempts = 0;
  std::string platform_message_id;
  std::string error_code;  ///< the platform's, or "cancelled": taken back before it was sent
  std::string error;
  Timestamp created_at;
  Timestamp updated_at;
};

/// A queued message that may go now.
struct OutboundKey {
  std::string tenant_id;
  std::string integration_id;
  std::string id;
  std::string chat_id;
};

/// The answer to "may I send this now?".
struct OutboundClaim {
  bool claimed = false;               ///< state is `sending` and committed: send it
  int attempt = 0;                    ///< which one this is, 1 for the first
  std::chrono::milliseconds wait{0};  ///< not claimed because of the budget: it is due again after this
};

class OutboundRepository {
 public:
  explicit OutboundRepository(Database& db) : db_(db) {}

  /// Queues a message to a conversation and records it there; wakes the dispatcher (NOTIFY outbound). Repeating an
  /// `idempotency_key` with the same content returns the first one; with other content it is Error conflict
  /// (field "idempotency_key"). Errors: not_found; conflict when the integration is gone or the person blocked us.
  Task<Result<Outbound>> enqueue(std::string tenant_id, std::string conversation_id, sdk::OutboundMessage message,
                                 std::string idempotency_key);
  Task<std::optional<Outbound>> find(std::string tenant_id, std::string id);
  /// Newest first; `state` filters when not empty.
  Task<Result<Paged<Outbound>>> list(std::string tenant_id, std::string state, PageRequest page);

  /// Messages of all tenants that may go now: at most one of each chat, its oldest unfinished one.
  Task<std::vector<OutboundKey>> due(int wanted);
  /// Takes the message's budgets and commits the intent to send, or leaves it queued and tells how long to wait.
  /// `buckets_json` is as take_budget of migrations/0003 describes.
  Task<OutboundClaim> claim(OutboundKey key, std::string owner, std::chrono::seconds lease, std::string buckets_json);
  /// Records how an attempt ended: message state, conversation, contact, outbox event, in one transaction. Safe to
  /// repeat: an attempt that is no longer the latest changes nothing.
  Task<> finish(OutboundKey key, int attempt, sdk::SendOutcome outcome);
  /// Has a queued message wait, with the reason why.
  Task<> postpone(OutboundKey key, std::chrono::milliseconds wait, std::string reason);
  /// Fails a queued message that can't be sent at all (account unreadable, integration disconnected).
  Task<> fail(OutboundKey key, std::string error);
  /// Marks as `unknown` what a dead node was sending (lease over, or held by `dead_owner`). Returns how many.
  Task<int> settle_abandoned(std::string dead_owner);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
