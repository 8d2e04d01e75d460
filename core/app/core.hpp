// Everything the hub is made of but its loops: database, repositories, keys, connectors, services. Built in one
// readable list; the hub and the CLI's commands stand on the same.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <string>

#include "connectors/sdk/registry.hpp"
#include "core/api/services.hpp"
#include "core/app/installation.hpp"
#include "core/auth/auth.hpp"
#include "core/base/clock.hpp"
#include "core/config/config.hpp"
#include "core/ingest/intake.hpp"
#include "core/keys/key_service.hpp"
#include "core/messaging/sending.hpp"
#include "core/net/client.hpp"
#include "core/platforms/accounts.hpp"
#include "core/platforms/caller.hpp"
#include "core/platforms/integrations.hpp"
#include "core/training/trainer.hpp"
#include "core/understanding/directory.hpp"
#include "core/understanding/provider.hpp"
#include "core/understanding/rescore.hpp"
#include "storage/database.hpp"
#include "storage/repositories/automation.hpp"
#include "storage/repositories/budgets.hpp"
#include "storage/repositories/catalog.hpp"
#include "storage/repositories/conversations.hpp"
#include "storage/repositories/events.hpp"
#include "storage/repositories/inbound.hpp"
#include "storage/repositories/integrations.hpp"
#include "storage/repositories/keys.hpp"
#include "storage/repositories/nlp.hpp"
#include "storage/repositories/nlp_requests.hpp"
#include "storage/repositories/outbound.hpp"
#include "storage/repositories/rescore.hpp"
#include "storage/repositories/sync.hpp"
#include "storage/repositories/upkeep.hpp"
#include "storage/repositories/users.hpp"

namespace easyflow::app {

/// The pool's settings out of the configuration.
storage::DatabaseOptions database_options(const Config& config, const Installation& installation);
/// Where the configuration says platforms are.
platforms::BaseUrls base_urls(const Config& config);
/// Who reads messages besides the hub's own model, as the configuration says.
understanding::ProviderOptions provider_options(const Config& config);
/// The program's version.
const char* version();

/// The master keys. The key file is made only where the database holds nothing sealed yet: a lost key file is an
/// error, not a fresh start. Errors: those of MasterKeys; conflict when the database is not migrated.
Task<Result<crypto::MasterKeys>> open_master_keys(boost::asio::any_io_executor executor, const Config& config,
                                                  const Installation& installation);

struct Core {
  Core(boost::asio::any_io_executor executor, const Config& config, const Installation& installation,
       crypto::MasterKeys master_keys);

  /// Proves that the database fits: reachable, migrated, an unprivileged role, the right keys; brings the platform
  /// rows up to date. Errors say what to do.
  Task<Result<void>> open();
  api::Services services();

  SystemClock clock;
  std::string public_url;
  sdk::Registry connectors;
  crypto::Vault vault;
  storage::Database database;
  storage::UserRepository users;
  storage::KeyRepository key_rows;
  storage::IntegrationRepository integrations;
  storage::SyncRepository sync;
  storage::CatalogRepository catalog;
  storage::InboundRepository inbound;
  storage::ConversationRepository conversations;
  storage::OutboundRepository outbound;
  storage::BudgetRepository budgets;
  storage::NlpRepository nlp;
  storage::AutomationRepository automation;
  storage::RescoreRepository rescores;
  storage::NlpRequestRepository nlp_requests;
  storage::EventRepository events;
  storage::UpkeepRepository upkeep;
  net::HttpClient client;
  platforms::PlatformCaller caller;
  platforms::AccountDirectory accounts;
  understanding::ReaderDirectory readers;
  understanding::Rescorer rescorer;
  training::Trainer trainer;
  platforms::IntegrationService integration_service;
  keys::KeyService keys;
  auth::AuthService auth;
  messaging::SendService send;
  ingest::Quarantine quarantine;
};

}  // namespace easyflow::app
