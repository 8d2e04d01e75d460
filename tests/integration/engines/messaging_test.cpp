// Messages in, by webhook and by poll, and messages out.
#include <pqxx/pqxx>

#include "core/platforms/credentials.hpp"
#include "tests/integration/engines/engines_fixture.hpp"

namespace easyflow::test {
namespace {

using testing::HasSubstr;

/// The bytes Telegram would send for a text message.
std::string update(int id, std::int64_t chat, const std::string& text) {
  json person = {{"id", chat}, {"is_bot", false}, {"first_name", "Buyer"}, {"language_code", "ru"}};
  json room = {{"id", chat}, {"first_name", "Buyer"}, {"type", "private"}};
  return json{
      {"update_id", id},
      {"message", {{"message_id", id}, {"from", person}, {"chat", room}, {"date", 1760000000 + id}, {"text", text}}}}
      .dump();
}

class MessagingTest : public EnginesTest {
 protected:
  ~MessagingTest() override {
    loop.run(tasks.close());
    loop.run(batcher.close());
  }

  storage::Delivery delivery(const platforms::OpenAccount& account, const std::string& body) {
    return ingest::make_delivery(account, vault, loop.run(readers.for_messages(user.tenant_id)), body,
                                 account.connector->webhooks()->decode(body), clock.now())
        .value();
  }

  HttpResponse post(const storage::Integration& integration, std::string body, std::string secret) {
    HttpRequest request("POST", "/hooks/telegram/" + integration.webhook_path);
    request.headers.add("X-Telegram-Bot-Api-Secret-Token", std::move(secret));
    request.body = std::move(body);
    return loop.run(webhooks.handle("telegram", integration.webhook_path, std::move(request)));
  }

  /// A conversation with a buyer of the sandbox who has written.
  storage::Conversation conversation(const storage::Integration& integration) {
    control("POST", "/sandbox/messages", {{"count", 1}, {"text", "Здравствуйте"}});
    ingest::Reception reception(loop.executor(), integrations, inbound, accounts, readers, caller, vault, connectors,
                                clock, "", "node-1");
    TaskGroup polling(loop.executor());
    polling.spawn("reception", reception.run());
    loop.run_until([&] { return ask("select count(*) from conversations") != "0"; });
    loop.run(polling.close());
    loop.run(reception.close());
    auto all = loop.run(conversations.list(user.tenant_id, "", "", storage::PageRequest(10, ""))).value();
    EXPECT_EQ(all.items.front().integration_id, integration.id);
    return all.items.front();
  }

  storage::Outbound queue(const storage::Conversation& to, std::string text) {
    messaging::SendRequest request;
    request.conversation_id = to.id;
    request.text = std::move(text);
    return loop.run(send.send(user.tenant_id, std::move(request))).value();
  }
  std::string state_of(const storage::Outbound& message) {
    return loop.run(outbound.find(user.tenant_id, message.id)).value().state;
  }
  void start_dispatcher() { tasks.spawn("dispatcher", dispatcher.run()); }
  static messaging::DispatcherOptions options() {
    messaging::DispatcherOptions chosen;
    chosen.node = "node";
    chosen.poll_interval = 200ms;
    return chosen;
  }

  ingest::IngestBatcher batcher{loop.executor(), inbound, ingest::BatcherOptions{}};
  ingest::WebhookHandler webhooks{accounts, readers, batcher, vault, clock};
  messaging::Dispatcher dispatcher{loop.executor(), outbound, budgets, accounts, client, clock, options()};
  TaskGroup tasks{loop.executor()};
};

TEST_F(MessagingTest, ConcurrentWebhooksShareTransactions) {
  auto integration = connect_telegram();
  auto account = loop.run(accounts.open(user.tenant_id, integration.id)).value();
  const auto before = db.stats().transactions;
  std::vector<std::shared_ptr<Outcome>> outcomes;
  int refused = 0;
  auto record = [](ingest::IngestBatcher& to, storage::Delivery one, int& failures) -> Task<> {
    auto recorded = co_await to.record(std::move(one));
    if (!recorded) ++failures;
  };
  for (int i = 0; i < 200; ++i)
    outcomes.push_back(loop.spawn(record(batcher, delivery(*account, update(i + 1, 100 + i % 7, "text")), refused)));
  for (auto& outcome : outcomes) loop.finish(outcome);
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(ask("select count(*) from messages"), "200");
  EXPECT_EQ(ask("select sum(messages_count) from conversations"), "200");
  const auto transactions = db.stats().transactions - before;
  EXPECT_GE(transactions, 2u) << "none takes all, so that the database works for two at a time";
  EXPECT_LT(transactions, 20u);
}

TEST_F(MessagingTest, OneDeliveryThatCannotBeStoredTakesNoOtherWithIt) {
  auto integration = connect_telegram();
  auto account = loop.run(accounts.open(user.tenant_id, integration.id)).value();
  auto orphan = std::make_shared<platforms::OpenAccount>(*account);
  orphan->integration.id = "00000000-0000-7000-8000-000000000000";
  int refused = 0;
  auto record = [](ingest::IngestBatcher& to, storage::Delivery one, int& failures) -> Task<> {
    auto recorded = co_await to.record(std::move(one));
    if (!recorded) ++failures;
  };
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int i = 0; i < 10; ++i)
    outcomes.push_back(
        loop.spawn(record(batcher, delivery(i == 4 ? *orphan : *account, update(i + 1, 100, "text")), refused)));
  for (auto& outcome : outcomes) loop.finish(outcome);
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(ask("select count(*) from messages"), "9");
}

TEST_F(MessagingTest, AFullQueueAsksThePlatformToComeAgain) {
  auto integration = connect_telegram();
  auto account = loop.run(accounts.open(user.tenant_id, integration.id)).value();
  ingest::BatcherOptions none;
  none.max_waiting = 0;
  ingest::IngestBatcher full(loop.executor(), inbound, none);
  auto recorded = loop.run(full.record(delivery(*account, update(1, 100, "text"))));
  ASSERT_FALSE(recorded);
  EXPECT_EQ(recorded.error().kind(), ErrorKind::unavailable);
}

TEST_F(MessagingTest, AWebhookWhoseAccountCannotBeLookedUpIsToComeAgain) {
  auto options = database_options();
  options.dsn = "host=/nowhere";
  storage::Database away(loop.executor(), options);
  storage::IntegrationRepository rows(away);
  platforms::AccountDirectory unknown(rows, vault, connectors, base_urls());
  ingest::WebhookHandler handler(unknown, readers, batcher, vault, clock);
  const auto answer = loop.run(handler.handle("telegram", "path", HttpRequest("POST", "/hooks/telegram/path")));
  EXPECT_EQ(answer.status, 503);
  EXPECT_FALSE(answer.headers.get("Retry-After").empty());
}

TEST_F(MessagingTest, OnlyThePlatformIsHeardAndEachUpdateOnce) {
  auto integration = connect_telegram();
  auto account = loop.run(accounts.open(user.tenant_id, integration.id)).value();
  const auto secret = account->account.hub_secret("webhook_secret");
  ASSERT_GE(secret.size(), 32u);
  EXPECT_EQ(post(integration, update(1, 100, "hello"), "wrong").status, 401);
  EXPECT_EQ(post(integration, update(1, 100, "hello"), "").status, 401);
  EXPECT_EQ(ask("select count(*) from inbound_events"), "0");

  EXPECT_EQ(post(integration, update(1, 100, "hello"), secret).status, 200);
  EXPECT_EQ(post(integration, update(1, 100, "hello"), secret).status, 200);
  EXPECT_EQ(ask("select count(*) from messages"), "1");

  auto unknown =
      loop.run(webhooks.handle("telegram", "no-such-path", HttpRequest("POST", "/hooks/telegram/no-such-path")));
  EXPECT_EQ(unknown.status, 404);
}

TEST_F(MessagingTest, JunkIsQuarantinedWithItsBytesAndCanBeLookedAt) {
  auto integration = connect_telegram();
  auto account = loop.run(accounts.open(user.tenant_id, integration.id)).value();
  const auto secret = account->account.hub_secret("webhook_secret");
  EXPECT_EQ(post(integration, "{\"not\":\"an update", secret).status, 200);
  EXPECT_EQ(post(integration, "{\"not\":\"an update", secret).status, 200);
  auto held = loop.run(inbound.quarantine(user.tenant_id, storage::PageRequest(10, ""))).value();
  ASSERT_EQ(held.items.size(), 1u) << "the same junk again is the same event";
  EXPECT_FALSE(held.items[0].reason.empty());

  ingest::Quarantine quarantine(inbound, accounts, readers, vault, clock);
  EXPECT_EQ(loop.run(quarantine.body(user.tenant_id, held.items[0].body_id)).value(), "{\"not\":\"an update");
  auto replayed = loop.run(quarantine.replay(user.tenant_id, held.items[0].body_id));
  ASSERT_FALSE(replayed);
  EXPECT_EQ(replayed.error().kind(), ErrorKind::protocol);
}

TEST_F(MessagingTest, APollDeliversWhatAWebhookWould) {
  auto integration = connect_telegram();
  auto with = conversation(integration);
  EXPECT_EQ(with.last_message, "Здравствуйте");
  EXPECT_NE(ask("select cursor from sync_cursors where stream = '@updates'"), "");
}

TEST_F(MessagingTest, AQueuedMessageGoesOutOnce) {
  auto integration = connect_telegram();
  auto with = conversation(integration);
  start_dispatcher();
  auto first = queue(with, "first");
  auto second = queue(with, "second");
  dispatcher.wake();
  loop.run_until([&] { return state_of(second) == "sent"; });
  EXPECT_EQ(state_of(first), "sent");
  auto sent = state()["telegram"]["sent"];
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0]["text"], "first");
  EXPECT_EQ(sent[1]["text"], "second");
  EXPECT_EQ(ask("select metadata->>'delivery' from messages where direction = 'outbound' limit 1"), "sent");
}

TEST_F(MessagingTest, AnAmbiguousOutcomeIsShownAndNeverRepeated) {
  auto integration = connect_telegram();
  auto with = conversation(integration);
  control("POST", "/sandbox/faults",
          {{"platform", "telegram"},
           {"kind", "status_500"},
           {"processed", true},
           {"path_prefix", "/sendMessage"},
           {"count", 1}});
  start_dispatcher();
  auto doubtful = queue(with, "did it arrive?");
  dispatcher.wake();
  loop.run_until([&] { return state_of(doubtful) == "unknown"; });
  auto after = queue(with, "the next one");
  dispatcher.wake();
  loop.run_until([&] { return state_of(after) == "sent"; });
  EXPECT_EQ(state_of(doubtful), "unknown");
  EXPECT_EQ(state()["telegram"]["sent"].size(), 2u);
}

TEST_F(MessagingTest, ACutConnectionIsAmbiguousToo) {
  auto integration = connect_telegram();
  auto with = conversation(integration);
  control("POST", "/sandbox/faults",
          {{"platform", "telegram"}, {"kind", "cut"}, {"path_prefix", "/sendMessage"}, {"count", 1}});
  start_dispatcher();
  auto doubtful = queue(with, "cut");
  dispatcher.wake();
  loop.run_until([&] { return state_of(doubtful) == "unknown"; });
  EXPECT_EQ(state()["telegram"]["sent"].size(), 1u);
}

TEST_F(MessagingTest, AnOutcomeIsKeptUntilTheDatabaseTakesIt) {
  auto integration = connect_telegram();
  auto with = conversation(integration);
  // the first two commits of a sent message lose their connection
  pqxx::connection owner(database.owner_dsn());
  pqxx::nontransaction(owner).exec(
      "create sequence losses; grant usage, select on sequence losses to public;"
      "create function lose() returns trigger language plpgsql as $$ begin if nextval('losses') <= 2 then "
      "perform pg_terminate_backend(pg_backend_pid()); end if; return null; end $$;"
      "create constraint trigger lose after update on outbound_messages deferrable initially deferred for each row "
      "when (new.state = 'sent') execute function lose()");
  start_dispatcher();
  auto message = queue(with, "sent, whatever the database does");
  dispatcher.wake();
  loop.run_until([&] { return state_of(message) == "sent" || state_of(message) == "unknown"; });
  EXPECT_EQ(state_of(message), "sent");
  EXPECT_EQ(ask("select last_value from losses"), "3");
  EXPECT_EQ(state()["telegram"]["sent"].size(), 1u);
}

TEST_F(MessagingTest, A429IsADelay) {
  auto integration = connect_telegram();
  auto with = conversation(integration);
  control("POST", "/sandbox/faults",
          {{"platform", "telegram"},
           {"kind", "status_429"},
           {"path_prefix", "/sendMessage"},
           {"count", 1},
           {"retry_after", 1}});
  start_dispatcher();
  auto message = queue(with, "patience");
  dispatcher.wake();
  loop.run_until([&] { return state_of(message) == "sent"; });
  EXPECT_EQ(state()["telegram"]["sent"].size(), 1u);
}

TEST_F(MessagingTest, AContactWhoBlockedUsIsLeftAlone) {
  auto integration = connect_telegram();
  auto with = conversation(integration);
  control("POST", "/sandbox/buyers/" + with.chat_id + "/block");
  start_dispatcher();
  auto message = queue(with, "hello?");
  dispatcher.wake();
  loop.run_until([&] { return state_of(message) == "failed"; });
  EXPECT_FALSE(loop.run(conversations.find(user.tenant_id, with.id)).value().contact_active);
  messaging::SendRequest again;
  again.conversation_id = with.id;
  again.text = "hello??";
  auto refused = loop.run(send.send(user.tenant_id, again));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::conflict);
}

TEST_F(MessagingTest, WhatADeadNodeWasSendingIsUnknown) {
  auto integration = connect_telegram();
  auto with = conversation(integration);
  auto message = queue(with, "interrupted");
  auto due = loop.run(outbound.due(10));
  ASSERT_EQ(due.size(), 1u);
  auto claim = loop.run(outbound.claim(due[0], "node", 60s, "[]"));
  ASSERT_TRUE(claim.claimed);
  // the process ends here; the same node starts again
  start_dispatcher();
  loop.run_until([&] { return state_of(message) == "unknown"; });
  EXPECT_TRUE(state()["telegram"]["sent"].empty());
}

TEST_F(MessagingTest, RemovingAnIntegrationTellsWhatBecomesOfItsQueue) {
  auto integration = connect_telegram();
  auto with = conversation(integration);
  queue(with, "under way");
  auto due = loop.run(outbound.due(10));
  ASSERT_EQ(due.size(), 1u);
  ASSERT_TRUE(loop.run(outbound.claim(due[0], "node", 60s, "[]")).claimed);
  queue(with, "never sent");
  ASSERT_TRUE(loop.run(service.remove(user.tenant_id, integration.id)));
  EXPECT_EQ(ask("select string_agg(content || ': ' || (metadata->>'delivery'), ', ' order by created_at) from messages "
                "where direction = 'outbound'"),
            "under way: unknown, never sent: failed");
  EXPECT_EQ(ask("select string_agg(type, ' ' order by xid, id) from outbox_events where type like 'message.%' and "
                "type not in ('message.received', 'message.queued')"),
            "message.unknown message.failed");
}

TEST_F(MessagingTest, WithAPublicAddressTheWebhookIsRegistered) {
  auto integration = connect_telegram();
  ingest::Reception reception(loop.executor(), integrations, inbound, accounts, readers, caller, vault, connectors,
                              clock, "http://127.0.0.1:9", "node-1");
  TaskGroup group(loop.executor());
  group.spawn("reception", reception.run());
  loop.run_until([&] {
    HttpRequest info("POST", local(sandbox.telegram_port()) + "/bot" + sandbox.telegram_token() + "/getWebhookInfo");
    auto fetched = loop.run(client.fetch(std::move(info), 5s, /*safe_to_repeat=*/true));
    return json::parse(fetched.response->body)["result"]["url"] ==
           "http://127.0.0.1:9/hooks/telegram/" + integration.webhook_path;
  });
  loop.run(group.close());
  loop.run(reception.close());
}

TEST_F(MessagingTest, AWebhookThatCannotBeRegisteredIsNotedOnceAndNotTriedWithoutEnd) {
  auto first = connect_telegram();
  ingest::Reception reception(loop.executor(), integrations, inbound, accounts, readers, caller, vault, connectors,
                              clock, "ftp://not-an-address", "node-1");
  TaskGroup group(loop.executor());
  group.spawn("reception", reception.run());
  auto noted = [&](const storage::Integration& row) {
    return ask("select coalesce(status_message, '') from integrations where id = '" + row.id + "'") != "";
  };
  auto changed = [&] { return ask("select updated_at from integrations where id = '" + first.id + "'"); };
  loop.run_until([&] { return noted(first); });
  const auto before = changed();

  // the notification of that very change wakes the loop; integrations are looked at in the order of their ids.
  // The sandbox has one bot only, so the first integration is made to look like another one's.
  ask("update integrations set external_account_id = 'another bot' returning id");
  platforms::NewIntegration request;
  request.user_id = user.id;
  request.platform_id = "telegram";
  request.account = "second";
  request.credentials["bot_token"] = Secret(sandbox.telegram_token());
  auto second = loop.run(service.add(user.tenant_id, std::move(request))).value().integration;
  accounts.forget({});
  reception.wake();
  loop.run_until([&] { return noted(second); });
  EXPECT_EQ(changed(), before);
  loop.run(group.close());
  loop.run(reception.close());
}

TEST_F(MessagingTest, OfSeveralHubsOnePollsAndTheNextTakesOver) {
  connect_telegram();
  ingest::Reception first(loop.executor(), integrations, inbound, accounts, readers, caller, vault, connectors, clock,
                          "", "node-1");
  ingest::Reception second(loop.executor(), integrations, inbound, accounts, readers, caller, vault, connectors, clock,
                           "", "node-2");
  const auto holder = [&] { return ask("select lease_owner from sync_cursors where stream = '@updates'"); };
  TaskGroup one(loop.executor());
  one.spawn("first", first.run());
  loop.run_until([&] { return holder() == "node-1/poll"; });
  TaskGroup two(loop.executor());
  const auto transactions = db.stats().transactions;
  two.spawn("second", second.run());
  loop.run_until([&] { return db.stats().transactions > transactions + 1; });
  control("POST", "/sandbox/messages", {{"count", 1}, {"text", "who hears me?"}});
  loop.run_until([&] { return ask("select count(*) from messages") == "1"; });
  EXPECT_EQ(holder(), "node-1/poll");

  loop.run(one.close());
  loop.run(first.close());
  EXPECT_NE(holder(), "node-1/poll") << "a hub that stops gives its lease back at once";
  loop.run(two.close());
  loop.run(second.close());
  TaskGroup again(loop.executor());
  ingest::Reception successor(loop.executor(), integrations, inbound, accounts, readers, caller, vault, connectors,
                              clock, "", "node-2");
  again.spawn("successor", successor.run());
  control("POST", "/sandbox/messages", {{"count", 1}, {"text", "and now?"}});
  loop.run_until([&] { return ask("select count(*) from messages") == "2"; });
  EXPECT_EQ(holder(), "node-2/poll");
  loop.run(again.close());
  loop.run(successor.close());
}

TEST_F(MessagingTest, AFaultDoesNotEndPollingForGood) {
  connect_telegram();
  pqxx::connection owner(database.owner_dsn());
  pqxx::nontransaction(owner).exec("alter table sync_cursors rename to sync_cursors_away");
  ingest::Reception reception(loop.executor(), integrations, inbound, accounts, readers, caller, vault, connectors,
                              clock, "", "node-1");
  TaskGroup group(loop.executor());
  const auto failures = db.stats().failures;
  group.spawn("reception", reception.run());
  loop.run_until([&] { return db.stats().failures > failures; });
  pqxx::nontransaction(owner).exec("alter table sync_cursors_away rename to sync_cursors");
  control("POST", "/sandbox/messages", {{"count", 1}, {"text", "still there?"}});
  loop.run_until([&] { return ask("select count(*) from messages") == "1"; });
  loop.run(group.close());
  loop.run(reception.close());
}

TEST_F(MessagingTest, AFaultDoesNotEndTheDispatcherForGood) {
  auto integration = connect_telegram();
  auto with = conversation(integration);
  pqxx::connection owner(database.owner_dsn());
  pqxx::nontransaction(owner).exec("alter table outbound_messages rename to outbound_away");
  const auto failures = db.stats().failures;
  start_dispatcher();
  loop.run_until([&] { return db.stats().failures > failures; });
  pqxx::nontransaction(owner).exec("alter table outbound_away rename to outbound_messages");
  auto message = queue(with, "after the fault");
  dispatcher.wake();
  loop.run_until([&] { return state_of(message) == "sent"; });
}

TEST_F(MessagingTest, AMessageWaitsForAKeyThatIsNotHereYet) {
  auto integration = connect_telegram();
  auto with = conversation(integration);
  const auto sealed = loop.run(integrations.credentials(user.tenant_id, integration.id)).value();
  // sealed by another hub under a key this one has not adopted yet
  crypto::Vault other(crypto::MasterKeys::load_file(folder.path() + "/other.key", true).value());
  auto key = other.make_tenant_key(user.tenant_id);
  ASSERT_TRUE(other.adopt(key, /*current=*/true));
  sdk::Account account;
  ASSERT_TRUE(platforms::open_credentials(vault, integration, sealed, account));
  auto elsewhere = platforms::seal_credentials(other, integration, account).value();
  ASSERT_TRUE(loop.run(integrations.replace_credentials(user.tenant_id, integration.id, sealed, elsewhere)));
  accounts.forget({});
  auto message = queue(with, "patience");
  start_dispatcher();
  loop.run_until([&] { return ask("select error from outbound_messages") != ""; });
  EXPECT_EQ(state_of(message), "queued");

  ASSERT_TRUE(loop.run(integrations.replace_credentials(user.tenant_id, integration.id, elsewhere, sealed)));
  accounts.forget({});
  loop.run_until([&] { return state_of(message) == "sent"; });
}

}  // namespace
}  // namespace easyflow::test
