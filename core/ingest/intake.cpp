#include "core/ingest/intake.hpp"

#include "core/base/ids.hpp"
#include "core/base/metrics.hpp"
#include "crypto/tokens.hpp"

namespace easyflow::ingest {
namespace {

Error not_in_quarantine() { return Error(ErrorKind::not_found, "There is no such body in quarantine."); }

crypto::SealContext context_of(std::string tenant_id, std::string body_id) {
  return {std::move(tenant_id), std::move(body_id), "inbound.body"};
}

}  // namespace

Result<storage::Delivery> make_delivery(const platforms::OpenAccount& account, const crypto::Vault& vault,
                                        std::shared_ptr<const storage::MessageReader> reader, std::string_view body,
                                        Result<std::vector<sdk::InboundEvent>> events, Timestamp received_at) {
  const auto& integration = account.integration;
  storage::Delivery delivery;
  delivery.tenant_id = integration.tenant_id;
  delivery.user_id = integration.user_id;
  delivery.integration_id = integration.id;
  delivery.platform_id = integration.platform_id;
  delivery.body_id = new_uuid();
  delivery.received_at = received_at;
  EASYFLOW_TRY(sealed, vault.seal(context_of(delivery.tenant_id, delivery.body_id), body));
  delivery.sealed_body = std::move(sealed);
  if (events) {
    delivery.events = std::move(*events);
    delivery.reader = std::move(reader);
  } else {
    delivery.quarantine_reason = events.error().message();
    // the same junk delivered again is the same event
    delivery.quarantine_key = "body:" + crypto::hash_token(body);
  }
  return delivery;
}

void count_events(const storage::IngestCounts& counts) {
  constexpr const char* kName = "easyflow_ingest_events_total";
  constexpr const char* kHelp = "Inbound events, from webhooks and polls";
  static auto& fresh = metrics::counter(kName, kHelp, {{"outcome", "fresh"}});
  static auto& duplicate = metrics::counter(kName, kHelp, {{"outcome", "duplicate"}});
  static auto& quarantined = metrics::counter(kName, kHelp, {{"outcome", "quarantined"}});
  fresh.increment(counts.fresh);
  duplicate.increment(counts.duplicates);
  quarantined.increment(counts.quarantined);
}

Quarantine::Quarantine(storage::InboundRepository& inbound, platforms::AccountDirectory& accounts,
                       understanding::ReaderDirectory& readers, crypto::Vault& vault, const Clock& clock)
    : inbound_(inbound), accounts_(accounts), readers_(readers), vault_(vault), clock_(clock) {}

Task<Result<std::string>> Quarantine::body(std::string tenant_id, std::string body_id) {
  auto stored = co_await inbound_.body(tenant_id, body_id);
  if (!stored) co_return not_in_quarantine();
  auto plain = vault_.open(context_of(tenant_id, body_id), stored->sealed);
  if (!plain) co_return plain.error();
  co_return plain->reveal();
}

Task<Result<void>> Quarantine::replay(std::string tenant_id, std::string body_id) {
  auto stored = co_await inbound_.body(tenant_id, body_id);
  if (!stored) co_return not_in_quarantine();
  auto account = co_await accounts_.open(tenant_id, stored->integration_id);
  if (!account) co_return account.error();
  auto plain = vault_.open(context_of(tenant_id, body_id), stored->sealed);
  if (!plain) co_return plain.error();
  const auto* webhooks = (*account)->connector->webhooks();
  if (webhooks == nullptr) co_return Error(ErrorKind::conflict, "The platform of this integration sends no webhooks.");
  auto events = webhooks->decode(plain->reveal());
  if (!events) co_return events.error();
  auto reader = co_await readers_.for_messages(std::move(tenant_id));
  auto delivery = make_delivery(**account, vault_, std::move(reader), plain->reveal(), std::move(events), clock_.now());
  if (!delivery) co_return delivery.error();
  delivery->body_id = std::move(body_id);
  bool replayed = co_await inbound_.replay(std::move(*delivery));
  if (!replayed) co_return not_in_quarantine();
  co_return Result<void>();
}

}  // namespace easyflow::ingest
