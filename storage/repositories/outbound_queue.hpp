// Queueing and cancelling messages inside somebody else's transaction.
#pragma once

#include <string>

#include "connectors/sdk/connector.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"
#include "storage/repositories/outbound.hpp"

namespace easyflow::storage {

/// OutboundRepository::enqueue as part of `tx`. `metadata_json`, an object, is added to the message's metadata.
Result<Outbound> enqueue_in(Tx& tx, std::string conversation_id, const sdk::OutboundMessage& message,
                            std::string idempotency_key, std::string metadata_json = "{}");

/// Fails a message that is still queued with the error code "cancelled", so that it is never sent. Returns the state it
/// was found in: "queued" means that it was cancelled now; empty: there is no such message. Locks its row.
std::string cancel_in(Tx& tx, const std::string& outbound_id, const std::string& reason);

}  // namespace easyflow::storage
