// Messages are read on their way in, each tenant's by its own model, rules and actions.
#include <pqxx/pqxx>

#include "core/base/metrics.hpp"
#include "core/nlp/training.hpp"
#include "core/understanding/rescore.hpp"
#include "tests/integration/engines/engines_fixture.hpp"

namespace easyflow::test {
namespace {

using understanding::ReaderDirectory;
using understanding::ReaderPtr;

class SettableClock final : public Clock {
 public:
  Timestamp now() const override { return time; }
  Timestamp time = from_unix_seconds(1'790'000'000);
};

std::string update(int id, const std::string& text) {
  json person = {{"id", 100}, {"is_bot", false}, {"first_name", "Buyer"}, {"language_code", "ru"}};
  json room = {{"id", 100}, {"first_name", "Buyer"}, {"type", "private"}};
  return json{{"update_id", id},
              {"message", {{"message_id", id}, {"from", person}, {"chat", room}, {"date", 1760000000}, {"text", text}}}}
      .dump();
}

class UnderstandingTest : public EnginesTest {
 protected:
  ~UnderstandingTest() override { loop.run(batcher.close()); }

  /// A model that knows two intents of its own.
  static std::shared_ptr<const nlp::Model> small_model(const std::string& name) {
    std::vector<nlp::Example> examples;
    for (const char* thing : {"sea", "wind", "rain", "forest", "road", "river", "winter", "home", "moon", "fire"}) {
      for (const char* wish : {"sing ", "sing me a song about the ", "a song of the ", "let us sing of the "})
        examples.push_back({std::string(wish) + thing, "wants_song", "en"});
      for (const char* wish : {"recite ", "recite a poem about the ", "a poem of the ", "let us recite the "})
        examples.push_back({std::string(wish) + thing, "wants_poem", "en"});
    }
    nlp::TrainingOptions options;
    options.name = name;
    return nlp::train(examples, options).value();
  }
  void install(const std::string& version, std::string bytes) {
    storage::NlpModelRow row;
    row.version = version;
    row.data_fingerprint = std::string(64, 'a');
    loop.run(nlp.put_model(user.tenant_id, row, std::move(bytes)));
  }
  std::string install(const nlp::Model& model) {
    install(model.version(), model.bytes());
    return model.version();
  }

  storage::Delivery delivery(const std::string& body) {
    return ingest::make_delivery(*account, vault, loop.run(readers.for_messages(user.tenant_id)), body,
                                 account->connector->webhooks()->decode(body), clock.now())
        .value();
  }
  /// By the webhook, as the platform would.
  void said(const std::string& text) {
    if (!account) account = loop.run(accounts.open(user.tenant_id, connect_telegram().id)).value();
    HttpRequest request("POST", "/hooks/telegram/" + account->integration.webhook_path);
    request.headers.add("X-Telegram-Bot-Api-Secret-Token", account->account.hub_secret("webhook_secret"));
    request.body = update(++last_update, text);
    EXPECT_EQ(loop.run(webhooks.handle("telegram", account->integration.webhook_path, std::move(request))).status, 200);
  }
  std::string newest(const std::string& what) {
    return ask("select " + what + " from messages order by created_at desc, id desc limit 1");
  }
  std::string version_of(ReaderDirectory& directory) {
    return loop.run(directory.open(user.tenant_id))->model()->version();
  }
  static double loads(const char* outcome) {
    return metrics::counter("easyflow_nlp_loads_total", "Loads of what decides how a tenant's messages are read",
                            {{"outcome", outcome}})
        .value();
  }

  const std::string embedded = nlp::Model::embedded()->version();
  platforms::AccountPtr account;
  int last_update = 0;
  ingest::IngestBatcher batcher{loop.executor(), inbound, ingest::BatcherOptions{}};
  ingest::WebhookHandler webhooks{accounts, readers, batcher, vault, clock};
};

TEST_F(UnderstandingTest, AWebhooksMessageIsReadInTheSameTransaction) {
  said("Здравствуйте! Где мой заказ №66102? Оформил его 3 недели назад");
  EXPECT_EQ(newest("intent"), "order_status");
  EXPECT_EQ(newest("nlp_model"), embedded);
  EXPECT_EQ(newest("confidence between 0.2 and 1"), "t");
  EXPECT_EQ(newest("metadata ? 'nlp'"), "f") << "nothing to add of what the hub's own model is sure of";
  EXPECT_EQ(newest("jsonb_path_query_first(entities, '$[*] ? (@.type == \"order_number\").value') #>> '{}'"), "66102");
  EXPECT_EQ(ask("select payload->>'intent' from outbox_events where type = 'message.received'"), "order_status");
}

TEST_F(UnderstandingTest, APollsMessageIsReadToo) {
  connect_telegram();
  control("POST", "/sandbox/messages", {{"count", 1}, {"text", "Здравствуйте"}});
  ingest::Reception reception(loop.executor(), integrations, inbound, accounts, readers, caller, vault, connectors,
                              clock, "", "node-1");
  TaskGroup polling(loop.executor());
  polling.spawn("reception", reception.run());
  loop.run_until([&] { return ask("select count(*) from messages") != "0"; });
  loop.run(polling.close());
  loop.run(reception.close());
  EXPECT_EQ(newest("intent"), "greeting");
  EXPECT_EQ(newest("nlp_model"), embedded);
}

TEST_F(UnderstandingTest, WhatIsDoubtfulKeepsItsRanking) {
  nlp::Meaning meaning;
  meaning.intent = "out_of_scope";
  meaning.confidence = 0.996;
  meaning.model = "shop-1";
  meaning.ranking.resize(2);
  meaning.ranking[0].intent = "wants_song";
  meaning.ranking[0].confidence = 0.31111;
  meaning.ranking[1].intent = "wants_poem";
  meaning.ranking[1].confidence = 0.3;
  auto stored = understanding::to_stored(meaning);
  EXPECT_EQ(stored.hundredths, 100);
  EXPECT_EQ(stored.model, "shop-1");
  EXPECT_EQ(json::parse(stored.details_json), json::object());
  meaning.rejected = true;
  EXPECT_EQ(json::parse(understanding::to_stored(meaning).details_json),
            json::parse(R"({"rejected":true,"ranking":{"wants_song":0.31,"wants_poem":0.3}})"));
  meaning.rejected = false;
  meaning.ambiguous = true;
  EXPECT_TRUE(json::parse(understanding::to_stored(meaning).details_json).contains("ranking"));
}

TEST_F(UnderstandingTest, CodesStandAmongTheEntities) {
  const auto text = "а 2345678901 едет в Тверь? и tx500-wool тоже";
  const auto stored = understanding::to_stored(nlp::Model::embedded()->parse(text, {clock.now()}, nullptr));
  std::string line;
  for (const auto& entity : stored.entities) {
    line += entity.type + ' ' + entity.value + ' ' + entity.json + '\n';
    EXPECT_EQ(entity.holds, 0);
  }
  EXPECT_EQ(line, R"( 2345678901 {"text":"2345678901","start":2,"end":12,"value":"2345678901","confidence":1}
city Тверь {"type":"city","text":"Тверь","start":20,"end":25,"value":"Тверь","confidence":0.9}
 tx500-wool {"text":"tx500-wool","start":29,"end":39,"value":"tx500-wool","confidence":1}
)");
}

TEST_F(UnderstandingTest, ACodeStandsBeforeWhatItHolds) {
  const auto text = "белый чехол white-9042 или tx500-black-42-black есть?";
  const auto stored = understanding::to_stored(nlp::Model::embedded()->parse(text, {clock.now()}, nullptr));
  std::string line;
  for (const auto& entity : stored.entities)
    line += entity.type + ' ' + entity.value + ' ' + std::to_string(entity.holds) + '\n';
  EXPECT_EQ(line,
            "color white 0\n white-9042 1\ncolor white 0\n tx500-black-42-black 2\ncolor black 0\ncolor black 0\n");
}

TEST_F(UnderstandingTest, CardsAreNotStored) {
  said("списали дважды с карты 4242 4242 4242 4242, верните");
  EXPECT_EQ(newest("content"), "списали дважды с карты **** **** **** 4242, верните");
  EXPECT_EQ(newest("jsonb_path_query_first(entities, '$[*] ? (@.type == \"payment_card\").value') #>> '{}'"),
            "**** 4242");
  EXPECT_EQ(newest("entities::text like '%4242 4242%'"), "f");
  auto opened = loop.run(conversations.list(user.tenant_id, "", "", storage::PageRequest(10, ""))).value();
  EXPECT_EQ(opened.items.at(0).last_message.find("4242 4242"), std::string::npos);
}

TEST_F(UnderstandingTest, SwitchedOffNothingIsReadAndCardsAreStillNotStored) {
  ReaderDirectory off(loop.executor(), nlp, clock, /*enabled=*/false);
  ingest::WebhookHandler handler(accounts, off, batcher, vault, clock);
  account = loop.run(accounts.open(user.tenant_id, connect_telegram().id)).value();
  HttpRequest request("POST", "/hooks/telegram/" + account->integration.webhook_path);
  request.headers.add("X-Telegram-Bot-Api-Secret-Token", account->account.hub_secret("webhook_secret"));
  request.body = update(1, "карта 4242 4242 4242 4242");
  EXPECT_EQ(loop.run(handler.handle("telegram", account->integration.webhook_path, std::move(request))).status, 200);
  EXPECT_EQ(newest("intent is null and nlp_model is null"), "t");
  EXPECT_EQ(newest("content"), "карта **** **** **** 4242");

  storage::RescoreRepository rescores(db);
  understanding::Rescorer rescorer(rescores, off);
  auto refused = loop.run(rescorer.run(user.tenant_id, std::nullopt, {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::conflict);
}

TEST_F(UnderstandingTest, ATenantsModelRulesAndActionsAreItsOwn) {
  const auto version = install(*small_model("shop"));
  loop.run(nlp.put_rules(user.tenant_id, "kind,type,pattern,value\nlookup,brand,acme,ACME\n"));
  storage::IntentAction action;
  action.intent = "wants_song";
  action.min_confidence = 0.01;
  action.tag = "song";
  loop.run(nlp.put_action(user.tenant_id, action));
  action.intent = "wants_poem";
  action.enabled = false;
  loop.run(nlp.put_action(user.tenant_id, action));

  said("sing a song about acme");
  EXPECT_EQ(newest("nlp_model"), version);
  EXPECT_EQ(newest("jsonb_path_query_first(entities, '$[*] ? (@.type == \"brand\").value') #>> '{}'"), "ACME");
  const bool known = newest("intent") == "wants_song";
  EXPECT_EQ(ask("select count(*) from automatic_acts"), known ? "1" : "0");
  EXPECT_TRUE(known) << newest("intent || confidence || metadata");
  said("recite a poem");
  EXPECT_EQ(ask("select count(*) from automatic_acts where intent <> 'wants_song'"), "0") << "that one is switched off";

  EXPECT_EQ(loop.run(readers.open("00000000-0000-7000-8000-000000000000"))->model()->version(), embedded);
}

TEST_F(UnderstandingTest, AnActionNeedsItsConfidence) {
  auto reader_with = [](double least) {
    storage::IntentAction action;
    action.intent = "wants_song";
    action.min_confidence = least;
    return understanding::Reader(small_model("shop"), nullptr, {action}, understanding::TimeZone("Europe/Moscow"));
  };
  const auto sure = reader_with(0).read("sing a song", clock.now());
  ASSERT_EQ(sure.meaning->intent, "wants_song");
  EXPECT_TRUE(sure.meaning->has_action);
  const auto exactly = reader_with(sure.meaning->hundredths / 100.0).read("sing a song", clock.now());
  EXPECT_TRUE(exactly.meaning->has_action) << "by the confidence that is shown";
  const auto beyond = reader_with((sure.meaning->hundredths + 1) / 100.0).read("sing a song", clock.now());
  EXPECT_FALSE(beyond.meaning->has_action);
}

TEST_F(UnderstandingTest, AModelIsSwappedWhileMessagesComeAndNoneIsLost) {
  account = loop.run(accounts.open(user.tenant_id, connect_telegram().id)).value();
  storage::Listener listener(loop.executor(), database.app_dsn(), {"nlp"},
                             [this](const std::string&) { readers.forget(); });
  int refused = 0;
  auto record = [](ingest::WebhookHandler& to, platforms::AccountPtr from, int id, int& failures) -> Task<> {
    HttpRequest request("POST", "/hooks/telegram/" + from->integration.webhook_path);
    request.headers.add("X-Telegram-Bot-Api-Secret-Token", from->account.hub_secret("webhook_secret"));
    request.body = update(id, "sing a song");
    auto answer = co_await to.handle("telegram", from->integration.webhook_path, std::move(request));
    if (answer.status != 200) ++failures;
  };
  const auto model = small_model("shop");
  std::vector<std::shared_ptr<Outcome>> outcomes;
  auto deliver = [&](int count) {
    for (int i = 0; i < count; ++i) outcomes.push_back(loop.spawn(record(webhooks, account, ++last_update, refused)));
  };
  deliver(50);
  loop.finish(outcomes.front());  // the model before is in use
  install(*model);
  deliver(50);
  loop.run_until([&] {
    deliver(1);
    loop.finish(outcomes.back());
    return newest("nlp_model") == model->version();
  });
  for (auto& outcome : outcomes) loop.finish(outcome);
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(ask("select count(*) from messages where nlp_model is not null"), std::to_string(last_update));
  EXPECT_EQ(ask("select count(distinct nlp_model) from messages"), "2");
}

TEST_F(UnderstandingTest, ManyWhoAskAtOnceLoadOnce) {
  const auto before = db.stats().transactions;
  std::vector<std::shared_ptr<Outcome>> outcomes;
  auto ask_for = [](ReaderDirectory& from, std::string tenant_id) -> Task<> {
    auto reader = co_await from.open(std::move(tenant_id));
    EXPECT_TRUE(reader);
  };
  for (int i = 0; i < 20; ++i) outcomes.push_back(loop.spawn(ask_for(readers, user.tenant_id)));
  for (auto& outcome : outcomes) loop.finish(outcome);
  EXPECT_EQ(db.stats().transactions - before, 1u);
  loop.run(readers.open(user.tenant_id));
  EXPECT_EQ(db.stats().transactions - before, 1u);
}

TEST_F(UnderstandingTest, ABrokenModelKeepsTheOldOne) {
  install("broken-0", "no model at all");
  const auto refused = loads("refused");
  EXPECT_EQ(version_of(readers), embedded) << "from the beginning";
  EXPECT_EQ(loads("refused") - refused, 1);

  const auto version = install(*small_model("shop"));
  readers.forget();
  EXPECT_EQ(version_of(readers), version);

  auto damaged = nlp::Model::embedded()->bytes();
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  install("broken-1", damaged);
  loop.run(nlp.put_rules(user.tenant_id, "kind,type,pattern,value\nlookup,brand,acme,\n"));
  readers.forget();
  EXPECT_EQ(version_of(readers), version);
  EXPECT_EQ(loads("refused") - refused, 2);
  const auto reader = loop.run(readers.open(user.tenant_id));
  EXPECT_NE(reader->rules(), nullptr) << "what can be read is taken";
  said("sing a song");
  EXPECT_EQ(newest("nlp_model"), version);

  loop.run(nlp.put_rules(user.tenant_id, "nonsense"));
  readers.forget();
  EXPECT_EQ(loop.run(readers.open(user.tenant_id))->rules(), reader->rules());
  loop.run(nlp.put_rules(user.tenant_id, ""));
  loop.run(nlp.activate(user.tenant_id, ""));
  readers.forget();
  EXPECT_EQ(version_of(readers), embedded);
  EXPECT_EQ(loop.run(readers.open(user.tenant_id))->rules(), nullptr);
}

TEST_F(UnderstandingTest, SettingsOutOfReachKeepTheOldOnes) {
  SettableClock time;
  ReaderDirectory directory(loop.executor(), nlp, time, /*enabled=*/true);
  const auto version = install(*small_model("shop"));
  EXPECT_EQ(version_of(directory), version);
  pqxx::connection owner(database.owner_dsn());
  pqxx::nontransaction(owner).exec("alter table nlp_models rename to nlp_models_away");
  const auto failed = loads("failed");
  directory.forget();
  EXPECT_EQ(version_of(directory), version);
  EXPECT_EQ(version_of(directory), version);
  EXPECT_EQ(loads("failed") - failed, 1) << "the database is not asked for each message";
  ReaderDirectory fresh(loop.executor(), nlp, time, /*enabled=*/true);
  EXPECT_EQ(version_of(fresh), embedded);

  pqxx::nontransaction(owner).exec("alter table nlp_models_away rename to nlp_models");
  EXPECT_EQ(version_of(fresh), embedded);
  time.time += 11s;
  EXPECT_EQ(version_of(fresh), version);
}

TEST_F(UnderstandingTest, RelativeDatesAreOfTheUsersDay) {
  using std::chrono::minutes;
  const auto at = parse_rfc3339("2026-07-01T20:00:00Z").value();
  EXPECT_EQ(understanding::TimeZone("Asia/Vladivostok").utc_offset(at), minutes(600));
  EXPECT_EQ(understanding::TimeZone("Europe/Berlin").utc_offset(at), minutes(120));
  EXPECT_EQ(understanding::TimeZone("Europe/Berlin").utc_offset(at + 24h * 180), minutes(60));
  EXPECT_EQ(understanding::TimeZone("Nowhere/Nowhere").utc_offset(at), minutes(180));
  EXPECT_EQ(understanding::TimeZone("").utc_offset(at), minutes(180));

  {
    pqxx::connection connection(database.app_dsn());
    pqxx::work work(connection);
    work.exec("select set_config('app.tenant_id', " + work.quote(user.tenant_id) + ", true)");
    work.exec("update users set timezone = 'Asia/Vladivostok'");
    work.commit();
  }
  // 2025-10-09T08:53:20Z is the same day in Vladivostok; eight hours later it is the next one there
  said("можно доставить завтра?");
  EXPECT_EQ(newest("jsonb_path_query_first(entities, '$[*] ? (@.type == \"datetime\").value') #>> '{}'"), "2025-10-10");
  const auto reader = loop.run(readers.open(user.tenant_id));
  const auto later = reader->understand("можно доставить завтра?", from_unix_seconds(1760000000) + 8h);
  ASSERT_FALSE(later.entities.empty());
  EXPECT_EQ(later.entities[0].value, "2025-10-11");
}

TEST_F(UnderstandingTest, OlderMessagesAreReadAgain) {
  account = loop.run(accounts.open(user.tenant_id, connect_telegram().id)).value();
  for (int i = 0; i < 3; ++i) {
    auto unread = delivery(update(++last_update, "sing a song " + std::to_string(i)));
    unread.reader = nullptr;
    EXPECT_TRUE(loop.run(batcher.record(std::move(unread))));
  }
  EXPECT_EQ(ask("select count(*) from messages where nlp_model is null"), "3");
  storage::RescoreRepository rescores(db);
  understanding::Rescorer rescorer(rescores, readers);
  EXPECT_FALSE(loop.run(rescorer.status(user.tenant_id)));
  int pages = 0;
  auto done = loop.run(rescorer.run(user.tenant_id, std::nullopt, [&](const storage::Rescore&) { ++pages; })).value();
  EXPECT_EQ(done.changed, 3);
  EXPECT_EQ(pages, 1);
  EXPECT_EQ(ask("select count(*) from messages where nlp_model = '" + embedded + "'"), "3");
  EXPECT_EQ(loop.run(rescorer.run(user.tenant_id, std::nullopt, {})).value().changed, 0);
  const auto version = install(*small_model("shop"));
  readers.forget();
  EXPECT_EQ(loop.run(rescorer.run(user.tenant_id, std::nullopt, {})).value().changed, 3);
  EXPECT_EQ(loop.run(rescorer.status(user.tenant_id))->model, version);
}

TEST_F(UnderstandingTest, WhatIsReadAgainByTheSameModelSaysTheSame) {
  for (const char* text : {"списали дважды с карты 4242 4242 4242 4242, верните", "где заказ 66102? завтра уезжаю",
                           "а tx500-black ещё есть?", "привет 👋🏽"})
    said(text);
  storage::RescoreRepository rescores(db);
  understanding::Rescorer rescorer(rescores, readers);
  const auto done = loop.run(rescorer.run(user.tenant_id, std::nullopt, {})).value();
  EXPECT_EQ(done.seen, 4);
  EXPECT_EQ(done.changed, 0);
}

}  // namespace
}  // namespace easyflow::test
