// What the API's handlers work with. Built in core/app, one object for the life of the hub.
#pragma once

#include <functional>
#include <string>

#include "connectors/sdk/registry.hpp"
#include "core/auth/auth.hpp"
#include "core/base/clock.hpp"
#include "core/ingest/intake.hpp"
#include "core/keys/key_service.hpp"
#include "core/messaging/sending.hpp"
#include "core/platforms/integrations.hpp"
#include "core/training/trainer.hpp"
#include "core/understanding/directory.hpp"
#include "storage/repositories/automation.hpp"
#include "storage/repositories/catalog.hpp"
#include "storage/repositories/conversations.hpp"
#include "storage/repositories/events.hpp"
#include "storage/repositories/inbound.hpp"
#include "storage/repositories/nlp.hpp"
#include "storage/repositories/outbound.hpp"
#include "storage/repositories/sync.hpp"
#include "storage/repositories/upkeep.hpp"

namespace easyflow::api {

/// References only; everything outlives the server.
struct Services {
  const Clock& clock;
  const sdk::Registry& connectors;
  storage::Database& database;
  storage::IntegrationRepository& integrations;
  storage::SyncRepository& sync;
  storage::CatalogRepository& catalog;
  storage::ConversationRepository& conversations;
  storage::InboundRepository& inbound;
  storage::OutboundRepository& outbound;
  storage::EventRepository& events;
  storage::UpkeepRepository& upkeep;
  platforms::IntegrationService& integration_service;
  messaging::SendService& send;
  ingest::Quarantine& quarantine;
  auth::AuthService& auth;
  keys::KeyService& keys;
  storage::NlpRepository& nlp;
  understanding::ReaderDirectory& readers;
  training::Trainer& trainer;
  storage::AutomationRepository& automation;
  std::string public_url;  ///< empty: webhooks can't be received, messengers are polled
  std::string version;
};

}  // namespace easyflow::api
