#include "core/app/core.hpp"

#include "storage/migrations.hpp"

namespace easyflow::app {

storage::DatabaseOptions database_options(const Config& config, const Installation& installation) {
  storage::DatabaseOptions options;
  options.dsn = installation.app_dsn();
  options.pool_size = config.database.pool_size;
  options.max_overflow = config.database.max_overflow;
  options.acquire_timeout = config.database.acquire_timeout;
  options.recycle_after = config.database.recycle_after;
  options.pre_ping_after = config.database.pre_ping_after;
  options.statement_timeout = config.database.statement_timeout;
  return options;
}

platforms::BaseUrls base_urls(const Config& config) {
  platforms::BaseUrls urls;
  for (const auto& [platform, settings] : config.platforms)
    if (!settings.base_url.empty()) urls[platform] = settings.base_url;
  return urls;
}

understanding::ProviderOptions provider_options(const Config& config) {
  understanding::ProviderOptions options;
  options.kind = config.nlp.enabled ? config.nlp.provider : "embedded";
  options.url = config.nlp.provider_url;
  options.token = config.nlp.provider_token;
  options.model = config.nlp.provider_model;
  options.timeout = config.nlp.provider_timeout;
  return options;
}

const char* version() { return EASYFLOW_VERSION; }

Task<Result<crypto::MasterKeys>> open_master_keys(boost::asio::any_io_executor executor, const Config& config,
                                                  const Installation& installation) {
  storage::Database database(executor, database_options(config, installation));
  storage::KeyRepository rows(database);
  std::optional<bool> sealed_before;
  bool denied = false;
  try {
    auto known = co_await rows.master_keys();
    sealed_before = !known.empty();
  } catch (const pqxx::undefined_table&) {
    // said below, outside of the handler
  } catch (const pqxx::insufficient_privilege&) {
    denied = true;
  }
  if (denied) {
    storage::UpkeepRepository upkeep(database);
    auto facts = co_await upkeep.facts();
    // the migrations grant what the hub needs, and the last of them come after the tables
    if (facts.newest_migration > 0)
      co_return Error(ErrorKind::invalid_input, "The database role '" + facts.role +
                                                    "' may not read the hub's tables. Let their owner run: grant "
                                                    "easyflow_app to \"" +
                                                    facts.role + "\"")
          .with_field("database.dsn");
  }
  if (!sealed_before)
    co_return Error(ErrorKind::conflict, "The database has not been set up yet. Run: easyflow migrate up");
  co_return installation.master_keys(config, /*create=*/!*sealed_before);
}

Core::Core(boost::asio::any_io_executor executor, const Config& config, const Installation& installation,
           crypto::MasterKeys master_keys)
    : public_url(config.server.public_url),
      connectors(easyflow::connectors::make_registry()),
      vault(std::move(master_keys)),
      database(executor, database_options(config, installation)),
      users(database),
      key_rows(database),
      integrations(database),
      sync(database),
      catalog(database),
      inbound(database),
      conversations(database),
      outbound(database),
      budgets(database),
      nlp(database),
      automation(database),
      rescores(database),
      nlp_requests(database),
      events(database),
      upkeep(database),
      client(executor),
      caller(client, budgets),
      accounts(integrations, vault, connectors, base_urls(config)),
      readers(executor, nlp, clock, config.nlp.enabled, provider_options(config).kind != "embedded"),
      rescorer(rescores, readers),
      trainer(executor, nlp, clock),
      integration_service(integrations, vault, connectors, accounts, caller, base_urls(config)),
      keys(key_rows, integrations, users, vault),
      auth(users, clock),
      send(conversations, outbound, connectors),
      quarantine(inbound, accounts, readers, vault, clock) {}

Task<Result<void>> Core::open() {
  auto facts = co_await upkeep.facts();
  if (facts.role_is_privileged)
    co_return Error(
        ErrorKind::invalid_input,
        "The database role '" + facts.role +
            "' is a superuser, may bypass row-level security, or owns tables: tenants would not be isolated. "
            "Connect as a member of easyflow_app that owns nothing, and give the owner's DSN as "
            "database.owner_dsn for migrations.")
        .with_field("database.dsn");
  const int newest = storage::embedded_migrations().empty() ? 0 : storage::embedded_migrations().back().version;
  if (facts.newest_migration != newest)
    co_return Error(ErrorKind::conflict,
                    facts.newest_migration < newest
                        ? "The database is at migration " + std::to_string(facts.newest_migration) +
                              ", this program needs " + std::to_string(newest) + ". Run: easyflow migrate up"
                        : "The database is at migration " + std::to_string(facts.newest_migration) +
                              ", which is newer than this program knows (" + std::to_string(newest) +
                              "). Install the newer program.");
  auto opened = co_await keys.open_all();
  if (!opened) co_return opened.error();
  std::vector<sdk::Manifest> manifests;
  for (const auto& connector : connectors.all()) manifests.push_back(connector->manifest());
  co_await integrations.put_platforms(std::move(manifests));
  co_return Result<void>();
}

api::Services Core::services() {
  return api::Services{clock,         connectors, database,   integrations, sync,   catalog,
                       conversations, inbound,    outbound,   events,       upkeep, integration_service,
                       send,          quarantine, auth,       keys,         nlp,    readers,
                       trainer,       automation, public_url, version()};
}

}  // namespace easyflow::app
