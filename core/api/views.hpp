// The JSON of everything the API answers with. The CLI's --json prints the same.
//
// Times are RFC 3339 in UTC, money is {"minor", "currency"}, what is absent is null. No secret has a view.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "connectors/sdk/manifest.hpp"
#include "core/auth/auth.hpp"
#include "core/keys/key_service.hpp"
#include "core/platforms/integrations.hpp"
#include "core/training/trainer.hpp"
#include "storage/repositories/automation.hpp"
#include "storage/repositories/catalog.hpp"
#include "storage/repositories/conversations.hpp"
#include "storage/repositories/events.hpp"
#include "storage/repositories/inbound.hpp"
#include "storage/repositories/keys.hpp"
#include "storage/repositories/nlp.hpp"
#include "storage/repositories/outbound.hpp"
#include "storage/repositories/sync.hpp"
#include "storage/repositories/users.hpp"

namespace easyflow::api {

nlohmann::json view(const sdk::Manifest& manifest);
/// `public_url` is the hub's own; without one "webhook_url" is null.
nlohmann::json view(const storage::Integration& integration, const std::string& public_url);
nlohmann::json view(const platforms::CheckReport& report);
/// {"integration", "check"}
nlohmann::json view(const platforms::CheckedIntegration& checked, const std::string& public_url);
nlohmann::json view(const storage::StreamStatus& status);
nlohmann::json view(const storage::SyncRun& run);
nlohmann::json view(const storage::StoredOrder& order);
/// The order with "raw", its row as the platform sent it.
nlohmann::json view(const storage::StoredOrder& order, const std::string& raw_json);
nlohmann::json view(const storage::StoredProduct& product);
nlohmann::json view(const storage::Conversation& conversation);
/// The conversation with "acts", what the hub did by itself in it, newest first.
nlohmann::json view(const storage::Conversation& conversation, const std::vector<storage::AutomaticAct>& acts);
nlohmann::json view(const storage::Message& message);
nlohmann::json view(const storage::IntentAction& action);
nlohmann::json view(const storage::AutomaticAct& act);
nlohmann::json view(const storage::Outbound& outbound);
nlohmann::json view(const storage::OutboxEvent& event);
nlohmann::json view(const storage::QuarantinedEvent& event);
nlohmann::json view(const storage::ApiToken& token);
/// The token with "token", its plain text: shown once, where it is made.
nlohmann::json view(const auth::IssuedToken& issued);
nlohmann::json view(const storage::User& user);
nlohmann::json view(const storage::NlpExample& example);
/// The tenant's models, then the one that ships; a page.
nlohmann::json view(const std::vector<storage::NlpModelRow>& models);
/// What reading the messages since then brought, and how far the confidence can be trusted.
nlohmann::json view(const std::vector<storage::NlpIntentCount>& counts, Timestamp since,
                    const training::TenantTest& tested);
nlohmann::json view(const training::State& state);
nlohmann::json view(const storage::MasterKeyRow& key);
nlohmann::json view(const keys::RotationReport& report);

/// {"items": [...], "next": cursor or null}
nlohmann::json paged(std::vector<nlohmann::json> items, const std::string& next);

template <class T>
nlohmann::json view(const storage::Paged<T>& page);

/// Where the platform delivers webhooks of this integration; empty without a public URL.
std::string webhook_url(const storage::Integration& integration, const std::string& public_url);

}  // namespace easyflow::api
