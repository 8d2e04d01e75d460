// Inbound events: the dedup ledger, raw bodies, and the conversation, message and outbox rows they cause.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/sdk/connector.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"
#include "storage/repositories/meaning.hpp"
#include "storage/repositories/paging.hpp"

namespace easyflow::storage {

/// One received body and what it means. All of it is stored, or nothing.
struct Delivery {
  std::string tenant_id;
  std::string user_id;
  std::string integration_id;
  std::string platform_id;
  std::string body_id;  ///< UUID made by the hub; the body is sealed for it
  std::string sealed_body;
  Timestamp received_at;
  std::vector<sdk::InboundEvent> events;
  /// Not empty: the body could not be understood. It is kept in quarantine under `quarantine_key`.
  std::string quarantine_reason;
  std::string quarantine_key;
  /// Says what the messages mean, when it was asked to; null: nobody.
  std::shared_ptr<const MessageReader> reader;
};

struct IngestCounts {
  int fresh = 0;  ///< events seen for the first time
  int duplicates = 0;
  int quarantined = 0;
};

struct QuarantinedEvent {
  std::string body_id;
  std::string integration_id;
  std::string platform_id;
  std::string reason;
  Timestamp received_at;
};

/// A sealed body, to be opened by the vault under SealContext(tenant, body_id, "inbound.body").
struct StoredBody {
  std::string integration_id;
  std::string sealed;
};

/// The right to poll one account, held by one hub at a time: platforms answer only one of two pollers.
struct PollLease {
  std::string tenant_id;
  std::string integration_id;
  std::string owner;
  std::int64_t fencing = 0;
  std::string cursor;  ///< where polling stands; empty at first
};

class InboundRepository {
 public:
  explicit InboundRepository(Database& db) : db_(db) {}

  /// Stores deliveries of any tenants in ONE transaction. Safe to repeat: an event is known by
  /// (integration, dedup_key).
  Task<IngestCounts> store(std::vector<Delivery> deliveries);
  /// The same for a caller that keeps them, to store them one by one when the batch is refused.
  Task<IngestCounts> store(std::shared_ptr<const std::vector<Delivery>> deliveries);

  /// Takes the lease, or takes it on for `duration` when `owner` has it. Nothing while another owner holds it.
  Task<std::optional<PollLease>> claim_poll(std::string tenant_id, std::string integration_id, std::string owner,
                                            std::chrono::seconds duration);
  /// Stores what one poll brought and moves the cursor, all in one transaction. Error: conflict when the lease was
  /// lost; nothing is stored then, and the new holder gets the same updates.
  Task<Result<IngestCounts>> store_poll(PollLease lease, std::vector<Delivery> deliveries, std::string cursor);
  /// Gives the lease back at once.
  Task<> release_poll(PollLease lease);

  Task<Result<Paged<QuarantinedEvent>>> quarantine(std::string tenant_id, PageRequest page);
  Task<std::optional<StoredBody>> body(std::string tenant_id, std::string body_id);
  /// Stores what a quarantined body turned out to mean and marks it replayed. False when it is not in quarantine.
  Task<bool> replay(Delivery delivery);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
