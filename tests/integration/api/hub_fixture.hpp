// The API over a real server, the real repositories and a database of its own.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "connectors/sdk/registry.hpp"
#include "core/api/routes.hpp"
#include "core/api/services.hpp"
#include "core/automation/plan.hpp"
#include "core/base/ids.hpp"
#include "core/net/server.hpp"
#include "storage/repositories/budgets.hpp"
#include "storage/repositories/keys.hpp"
#include "tests/support/pg_fixture.hpp"
#include "tests/support/raw_socket.hpp"

namespace easyflow::test {

struct Reply {
  int status = 0;
  std::string head;
  std::string body;

  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
  /// The value of a header, written as the hub writes its name.
  std::string header(const std::string& name) const {
    auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

class ApiHub {
 public:
  explicit ApiHub(const std::string& dsn)
      : io_(1),
        work_(boost::asio::make_work_guard(io_)),
        connectors(connectors::make_registry()),
        vault(crypto::MasterKeys::load_file(folder_.path() + "/master.key", /*create=*/true).value()),
        database(io_.get_executor(), options(dsn)),
        users(database),
        key_rows(database),
        integrations(database),
        sync(database),
        catalog(database),
        inbound(database),
        conversations(database),
        outbound(database),
        budgets(database),
        events(database),
        upkeep(database),
        client(io_.get_executor()),
        caller(client, budgets),
        // port 1 refuses connections: platforms are out of reach here
        accounts(integrations, vault, connectors,
                 {{"telegram", "http://127.0.0.1:1"}, {"wildberries", "http://127.0.0.1:1"}}),
        integration_service(integrations, vault, connectors, accounts, caller,
                            {{"telegram", "http://127.0.0.1:1"}, {"wildberries", "http://127.0.0.1:1"}}),
        nlp(database),
        automation(database),
        readers(io_.get_executor(), nlp, clock, /*enabled=*/true),
        trainer(io_.get_executor(), nlp, clock),
        keys(key_rows, integrations, users, vault),
        auth(users, clock),
        send(conversations, outbound, connectors),
        quarantine(inbound, accounts, readers, vault, clock),
        services{clock,         connectors, database,
                 integrations,  sync,       catalog,
                 conversations, inbound,    outbound,
                 events,        upkeep,     integration_service,
                 send,          quarantine, auth,
                 keys,          nlp,        readers,
                 trainer,       automation, "https://hub.example",
                 "1.2.3"},
        server_(io_.get_executor(), "127.0.0.1", 0, {},
                [this](HttpRequest request) { return api::answer(router, std::move(request)); }) {
    api::add_routes(router, services);
    server_.start();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~ApiHub() {
    run(server_.stop(std::chrono::seconds(5)));
    run(trainer.close());
    work_.reset();
    io_.stop();
    thread_.join();
  }
  ApiHub(const ApiHub&) = delete;
  ApiHub& operator=(const ApiHub&) = delete;

  template <class T>
  T run(Task<T> task) {
    return boost::asio::co_spawn(io_, std::move(task), boost::asio::use_future).get();
  }

  Reply ask(const std::string& method, const std::string& target, const std::string& extra_headers = {},
            const std::string& body = {}) {
    auto socket = RawSocket::connected_to(server_.port());
    socket.send(method + " " + target + " HTTP/1.1\r\nHost: " + host() + "\r\nConnection: close\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n" + extra_headers + "\r\n" + body);
    Reply reply;
    auto whole = socket.read_to_end();
    auto end = whole.find("\r\n\r\n");
    reply.head = whole.substr(0, end + 2);
    reply.body = end == std::string::npos ? "" : whole.substr(end + 4);
    reply.status = whole.size() > 12 ? std::stoi(whole.substr(9, 3)) : 0;
    return reply;
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(server_.port()); }

 private:
  static storage::DatabaseOptions options(const std::string& dsn) {
    storage::DatabaseOptions out;
    out.dsn = dsn;
    out.pool_size = 4;
    out.max_overflow = 0;
    return out;
  }

  TempFolder folder_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;

 public:
  SystemClock clock;
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
  storage::EventRepository events;
  storage::UpkeepRepository upkeep;
  net::HttpClient client;
  platforms::PlatformCaller caller;
  platforms::AccountDirectory accounts;
  platforms::IntegrationService integration_service;
  storage::NlpRepository nlp;
  storage::AutomationRepository automation;
  understanding::ReaderDirectory readers;
  training::Trainer trainer;
  keys::KeyService keys;
  auth::AuthService auth;
  messaging::SendService send;
  ingest::Quarantine quarantine;
  api::Services services;
  net::Router router;

 private:
  net::HttpServer server_;
  std::thread thread_;
};

constexpr const char* kPassword = "correct horse battery";

/// A hub for all tests of the binary, and a tenant of its own for each test.
class ApiTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { (void)hub(); }

  static ApiHub& hub() {
    static TestDatabase database;
    static ApiHub shared(database.app_dsn());
    static bool prepared = [] {
      shared.run(shared.keys.open_all()).value();
      std::vector<sdk::Manifest> manifests;
      for (const auto& connector : shared.connectors.all()) manifests.push_back(connector->manifest());
      shared.run(shared.integrations.put_platforms(std::move(manifests)));
      return true;
    }();
    (void)prepared;
    return shared;
  }

  void SetUp() override {
    owner = add_user("owner", "");
    token = token_of(owner, {});
  }

  storage::User add_user(const std::string& role, const std::string& tenant_id) {
    auth::NewUser wanted;
    wanted.email = new_uuid() + "@Shop.example";
    wanted.name = "Shop";
    wanted.role = role;
    wanted.tenant_id = tenant_id;
    wanted.password = Secret(kPassword);
    auto user = hub().run(hub().auth.add_user(std::move(wanted))).value();
    hub().run(hub().keys.ensure_tenant_key(user.tenant_id)).value();
    return user;
  }
  std::string token_of(const storage::User& user, std::vector<std::string> scopes) {
    auth::NewToken wanted;
    wanted.name = "test";
    wanted.scopes = std::move(scopes);
    return hub().run(hub().auth.issue_token(user, std::move(wanted))).value().plain.reveal();
  }

  storage::Integration connect(const std::string& platform, std::vector<std::string> streams) {
    storage::Integration integration;
    integration.tenant_id = owner.tenant_id;
    integration.user_id = owner.id;
    integration.platform_id = platform;
    integration.status = "connected";
    integration.display_name = "@shop_bot";
    integration.webhook_path = new_uuid();
    storage::SealedCredentials sealed;
    sealed.sealed = "sealed";
    sealed.key_id = "dk_1";
    return hub().run(hub().integrations.add(integration, sealed, std::move(streams))).value();
  }

  /// One finished run.
  void run_stream(const storage::Integration& integration, const std::string& stream, std::vector<sdk::Record> records,
                  std::vector<sdk::RecordFailure> failures, const std::string& status) {
    auto& sync = hub().sync;
    auto lease =
        hub().run(sync.claim(owner.tenant_id, integration.id, stream, "test", std::chrono::seconds(60))).value();
    auto start = hub().run(sync.begin(lease, stream)).value();
    hub().run(sync.store_page(lease, start.run_id, std::move(records), std::move(failures), "{}")).value();
    storage::SyncEnd end;
    end.status = status;
    end.next_run_in = std::chrono::minutes(5);
    hub().run(sync.finish(lease, start.run_id, end, R"({"pages":1})"));
  }

  storage::Delivery delivery(const storage::Integration& integration) {
    storage::Delivery out;
    out.tenant_id = owner.tenant_id;
    out.user_id = owner.id;
    out.integration_id = integration.id;
    out.platform_id = integration.platform_id;
    out.body_id = new_uuid();
    out.sealed_body =
        hub().vault.seal(crypto::SealContext(owner.tenant_id, out.body_id, "inbound.body"), "{\"raw\":true}").value();
    out.received_at = hub().clock.now();
    return out;
  }

  /// A person writes; returns the conversation's id. Without a reader the message has no meaning.
  std::string person_writes(const storage::Integration& integration, const std::string& chat, const std::string& name,
                            const std::string& text, std::shared_ptr<const storage::MessageReader> reader = nullptr) {
    auto whole = delivery(integration);
    whole.reader = std::move(reader);
    sdk::InboundEvent event;
    event.dedup_key = new_uuid();
    event.kind = sdk::EventKind::message;
    event.chat_id = chat;
    event.chat_type = "private";
    event.platform_message_id = new_uuid();
    event.sender.platform_user_id = chat;
    event.sender.full_name = name;
    event.text = text;
    whole.events.push_back(std::move(event));
    std::vector<storage::Delivery> deliveries;
    deliveries.push_back(std::move(whole));
    hub().run(hub().inbound.store(std::move(deliveries)));
    auto list = hub().run(hub().conversations.list(owner.tenant_id, "", "", storage::PageRequest(200, ""))).value();
    for (const auto& conversation : list.items)
      if (conversation.chat_id == chat) return conversation.id;
    return {};
  }

  /// What a message that asks for an act leaves behind; returns the act's id.
  std::string act_asked(const std::string& conversation, const std::string& intent) {
    auto id = new_uuid();
    auto work = [id, conversation, intent](storage::Tx& tx) {
      tx.raw().exec_params(
          "insert into automatic_acts (id, tenant_id, integration_id, conversation_id, message_id, message_created_at, "
          "intent, confidence) select $1, tenant_id, integration_id, conversation_id, id, created_at, $3, 0.93 "
          "from messages where conversation_id = $2 and direction = 'inbound' order by created_at desc limit 1",
          id, conversation, intent);
    };
    hub().run(hub().database.run(storage::Lane::interactive, storage::Scope::tenant(owner.tenant_id), work));
    return id;
  }
  /// Carries it out as the hub does; returns what became of it.
  std::string carry_out(const std::string& act) {
    storage::ActKey key;
    key.tenant_id = owner.tenant_id;
    key.id = act;
    auto decide = [now = hub().clock.now()](const storage::ActFacts& facts) {
      return automation::plan(facts, hub().connectors, now);
    };
    return hub().run(hub().automation.carry_out(key, hub().clock.now(), decide));
  }

  static std::string bearer(const std::string& plain) { return "Authorization: Bearer " + plain + "\r\n"; }
  Reply get(const std::string& target) { return hub().ask("GET", target, bearer(token)); }
  Reply send_json(const std::string& method, const std::string& target, const std::string& body) {
    return hub().ask(method, target, bearer(token) + "Content-Type: application/json\r\n", body);
  }

  storage::User owner;
  std::string token;
};

/// A problem body with the members every one has.
inline void expect_problem(const Reply& reply, int status) {
  EXPECT_EQ(reply.status, status) << reply.body;
  EXPECT_EQ(reply.header("Content-Type"), "application/problem+json");
  auto body = reply.json();
  ASSERT_TRUE(body.is_object()) << reply.body;
  EXPECT_EQ(body.value("status", 0), status);
  EXPECT_FALSE(body.value("detail", "").empty());
  EXPECT_EQ(body.value("request_id", ""), reply.header("X-Request-Id"));
}

}  // namespace easyflow::test
