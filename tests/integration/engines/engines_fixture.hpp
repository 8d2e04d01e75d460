// The engines over a database of their own and the sandbox platforms, all on one loop that the test drives.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "connectors/sdk/registry.hpp"
#include "core/auth/auth.hpp"
#include "core/ingest/batcher.hpp"
#include "core/ingest/intake.hpp"
#include "core/ingest/reception.hpp"
#include "core/ingest/webhooks.hpp"
#include "core/keys/key_service.hpp"
#include "core/messaging/dispatcher.hpp"
#include "core/messaging/sending.hpp"
#include "core/platforms/integrations.hpp"
#include "core/sync/runner.hpp"
#include "core/sync/scheduler.hpp"
#include "core/understanding/directory.hpp"
#include "crypto/tokens.hpp"
#include "sandbox/sandbox.hpp"
#include "storage/repositories/catalog.hpp"
#include "storage/repositories/conversations.hpp"
#include "storage/repositories/events.hpp"
#include "storage/repositories/inbound.hpp"
#include "storage/repositories/keys.hpp"
#include "storage/repositories/nlp.hpp"
#include "storage/repositories/outbound.hpp"
#include "storage/repositories/sync.hpp"
#include "storage/repositories/users.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/pg_fixture.hpp"

namespace easyflow::test {

using namespace std::chrono_literals;
using nlohmann::json;

class EnginesTest : public testing::Test {
 protected:
  EnginesTest() : master_keys((crypto::initialize(), folder.path() + "/master.key")) {
    loop.run(integrations.put_platforms(manifests()));
    auth::NewUser owner;
    owner.email = "owner@shop.example";
    owner.name = "Owner";
    user = loop.run(auth.add_user(owner)).value();
    EXPECT_TRUE(loop.run(keys.open_all()));
    EXPECT_TRUE(loop.run(keys.ensure_tenant_key(user.tenant_id)));
    sandbox.start();
  }
  ~EnginesTest() override { loop.run(sandbox.stop()); }

  static sandbox::SandboxOptions quiet() {
    sandbox::SandboxOptions options;
    options.order_every = 0ms;
    options.message_every = 0ms;
    options.initial_messages = 0;
    options.react_after = 0ms;
    return options;
  }

  storage::DatabaseOptions database_options() const {
    storage::DatabaseOptions options;
    options.dsn = database.app_dsn();
    return options;
  }

  std::vector<sdk::Manifest> manifests() const {
    std::vector<sdk::Manifest> all;
    for (const auto& connector : connectors.all()) all.push_back(connector->manifest());
    return all;
  }

  static std::string local(std::uint16_t port) { return "http://127.0.0.1:" + std::to_string(port); }

  platforms::BaseUrls base_urls() const {
    return {{"wildberries", local(sandbox.wildberries_port())}, {"telegram", local(sandbox.telegram_port())}};
  }

  Result<platforms::CheckedIntegration> connect(const std::string& platform, const std::string& field,
                                                std::string secret) {
    platforms::NewIntegration request;
    request.user_id = user.id;
    request.platform_id = platform;
    request.credentials[field] = Secret(std::move(secret));
    return loop.run(service.add(user.tenant_id, std::move(request)));
  }
  storage::Integration connect_wildberries() {
    return connect("wildberries", "api_key", sandbox.wildberries_token()).value().integration;
  }
  storage::Integration connect_telegram() {
    return connect("telegram", "bot_token", sandbox.telegram_token()).value().integration;
  }

  /// Talks to the sandbox's control API.
  json control(const std::string& method, const std::string& path, const json& body = nullptr) {
    HttpRequest request(method, local(sandbox.telegram_port()) + path);
    if (!body.is_null()) request.body = body.dump();
    auto fetched = loop.run(client.fetch(std::move(request), 10s, /*safe_to_repeat=*/false));
    if (!fetched.response || fetched.response->status >= 300)
      throw std::runtime_error("control " + path + ": " + (fetched.response ? fetched.response->body : "no answer"));
    return json::parse(fetched.response->body);
  }
  json state() { return control("GET", "/sandbox/state"); }

  /// What a statement finds among the tenant's rows: the first column of the first row, as text.
  std::string ask(const std::string& sql) {
    pqxx::connection connection(database.app_dsn());
    pqxx::work work(connection);
    work.exec("select set_config('app.tenant_id', " + work.quote(user.tenant_id) + ", true)");
    auto rows = work.exec(sql);
    work.commit();
    return rows.empty() || rows[0][0].is_null() ? std::string() : rows[0][0].as<std::string>();
  }

  Loop loop;
  SystemClock clock;
  TempFolder folder;
  TestDatabase database;
  struct Keys {
    explicit Keys(const std::string& path) : value(crypto::MasterKeys::load_file(path, /*create=*/true).value()) {}
    crypto::MasterKeys value;
  } master_keys;
  crypto::Vault vault{std::move(master_keys.value)};
  sdk::Registry connectors = easyflow::connectors::make_registry();
  sandbox::Sandbox sandbox{loop.executor(), quiet(), clock};
  storage::Database db{loop.executor(), database_options()};
  storage::UserRepository users{db};
  storage::KeyRepository key_rows{db};
  storage::IntegrationRepository integrations{db};
  storage::SyncRepository sync{db};
  storage::CatalogRepository catalog{db};
  storage::InboundRepository inbound{db};
  storage::ConversationRepository conversations{db};
  storage::OutboundRepository outbound{db};
  storage::NlpRepository nlp{db};
  storage::BudgetRepository budgets{db};
  net::HttpClient client{loop.executor()};
  platforms::PlatformCaller caller{client, budgets};
  platforms::AccountDirectory accounts{integrations, vault, connectors, base_urls()};
  understanding::ReaderDirectory readers{loop.executor(), nlp, clock, /*enabled=*/true};
  platforms::IntegrationService service{integrations, vault, connectors, accounts, caller, base_urls()};
  keys::KeyService keys{key_rows, integrations, users, vault};
  auth::AuthService auth{users, clock};
  messaging::SendService send{conversations, outbound, connectors};
  storage::User user;
};

}  // namespace easyflow::test
