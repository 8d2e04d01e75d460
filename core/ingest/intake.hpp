// From received bytes to a delivery, for webhooks, polls and replays alike.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/platforms/accounts.hpp"
#include "core/understanding/directory.hpp"
#include "crypto/vault.hpp"
#include "storage/repositories/inbound.hpp"

namespace easyflow::ingest {

/// Seals the body and attaches its events and who shall read their texts; a body that can't be understood goes to
/// quarantine with the reason. Errors: those of Vault::seal.
Result<storage::Delivery> make_delivery(const platforms::OpenAccount& account, const crypto::Vault& vault,
                                        std::shared_ptr<const storage::MessageReader> reader, std::string_view body,
                                        Result<std::vector<sdk::InboundEvent>> events, Timestamp received_at);

/// Adds to the metrics what storing deliveries brought.
void count_events(const storage::IngestCounts& counts);

/// Bodies in quarantine: look at them, decode them again.
class Quarantine {
 public:
  Quarantine(storage::InboundRepository& inbound, platforms::AccountDirectory& accounts,
             understanding::ReaderDirectory& readers, crypto::Vault& vault, const Clock& clock);
  /// The body's plain bytes. Error: not_found.
  Task<Result<std::string>> body(std::string tenant_id, std::string body_id);
  /// Decodes the body again. Errors: not_found; protocol when it still can't be understood (it stays in quarantine).
  Task<Result<void>> replay(std::string tenant_id, std::string body_id);

 private:
  storage::InboundRepository& inbound_;
  platforms::AccountDirectory& accounts_;
  understanding::ReaderDirectory& readers_;
  crypto::Vault& vault_;
  const Clock& clock_;
};

}  // namespace easyflow::ingest
