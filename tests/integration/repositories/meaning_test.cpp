// What messages mean goes with them: in the same rows, of the same tenant, in the same transaction.
#include "storage/repositories/meaning.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/integration/repositories/fixture.hpp"

namespace easyflow::storage {
namespace {

using sdk::EventKind;

const std::string kCard = "4242424242424242";

/// The first word is the intent; "#x" is an order number, "@x" an article, "~x" a code of which nothing is said, which
/// may hold colours as "~x=red" does; "!" asks for an act.
class WordReader final : public MessageReader {
 public:
  explicit WordReader(std::string model = "words-1", std::function<void(const std::string&)> on_read = {})
      : model_(std::move(model)), on_read_(std::move(on_read)) {}

  ReadText read(std::string text, Timestamp) const override {
    if (on_read_) on_read_(text);
    ReadText out;
    StoredMeaning meaning;
    meaning.intent = text.substr(0, text.find(' '));
    meaning.hundredths = 93;
    meaning.model = model_;
    meaning.details_json = R"({"source":"model"})";
    meaning.has_action = text.find('!') != std::string::npos;
    std::size_t at = 0;
    const std::map<char, std::string> types = {{'#', "order_number"}, {'@', "sku"}, {'~', ""}, {'=', "color"}};
    while ((at = text.find_first_of("#@~=", at)) != std::string::npos) {
      StoredEntity entity;
      entity.type = types.at(text[at]);
      entity.value = text.substr(at + 1, text.find(' ', at) - at - 1);
      entity.json = entity.type.empty() ? "{" : R"({"type":")" + entity.type + R"(",)";
      entity.json += R"("value":")" + entity.value + R"("})";
      if (text[at] == '~') entity.holds = static_cast<int>(std::count(entity.value.begin(), entity.value.end(), '='));
      meaning.entities.push_back(std::move(entity));
      ++at;
    }
    out.meaning = std::move(meaning);
    out.text = mask(std::move(text));
    return out;
  }
  std::string mask(std::string text) const override {
    const auto at = text.find(kCard);
    if (at != std::string::npos) text.replace(at, kCard.size(), "****");
    return text;
  }

 private:
  std::string model_;
  std::function<void(const std::string&)> on_read_;
};

class MeaningTest : public test::RepositoryTest {
 protected:
  Delivery read_by(Delivery told, std::shared_ptr<const MessageReader> reader = std::make_shared<WordReader>()) {
    told.reader = std::move(reader);
    return told;
  }
  IngestCounts store(Delivery told) { return loop.run(inbound.store(std::vector{std::move(told)})); }
  IngestCounts said(const test::Shop& shop, std::string key, std::string text) {
    return store(read_by(delivery(shop, {message(key, "100", key, std::move(text))})));
  }

  std::string add_order(const test::Shop& shop, std::string external_id, std::string number,
                        std::string ordered_at = "2026-01-01") {
    const auto id = new_uuid();
    change(shop,
           "insert into orders (id, tenant_id, integration_id, external_id, external_number, ordered_at, "
           "source_updated_at, raw) values ('" +
               id + "', '" + shop.tenant_id + "', '" + shop.market_account + "', '" + external_id + "', '" + number +
               "', '" + ordered_at + "', now(), '{}')");
    return id;
  }
  std::string add_product(const test::Shop& shop, std::string external_id, std::string sku) {
    const auto id = new_uuid();
    change(shop,
           "insert into products (id, tenant_id, integration_id, external_id, sku, source_updated_at, raw) values ('" +
               id + "', '" + shop.tenant_id + "', '" + shop.market_account + "', '" + external_id + "', '" + sku +
               "', now(), '{}')");
    return id;
  }
  std::string entity(const test::Shop& shop, int index, std::string member) {
    return value(shop, "select entities->" + std::to_string(index) + "->>'" + member +
                           "' from messages order by created_at desc, id desc limit 1");
  }
};

TEST_F(MeaningTest, IsStoredWithTheMessage) {
  EXPECT_EQ(said(a, "1", "order_status where is #66102 it").fresh, 1);
  EXPECT_EQ(value(a, "select intent || ' ' || confidence || ' ' || nlp_model from messages"),
            "order_status 0.93 words-1");
  EXPECT_EQ(entity(a, 0, "value"), "66102");
  EXPECT_EQ(value(a, "select metadata->'nlp'->>'source' from messages"), "model");
  EXPECT_EQ(value(a, "select payload->>'intent' || ' ' || (payload->>'confidence') from outbox_events"),
            "order_status 0.93");
  EXPECT_EQ(value(a, "select jsonb_typeof(payload->'confidence') from outbox_events"), "number");
}

TEST_F(MeaningTest, MetadataOfThePlatformStays) {
  auto one = message("1", "100", "1", "greeting");
  one.metadata_json = R"({"reply_to":7,"quote":"my card )" + kCard + R"( please"})";
  store(read_by(delivery(a, {one})));
  EXPECT_EQ(value(a, "select metadata->>'reply_to' from messages"), "7");
  EXPECT_EQ(value(a, "select metadata->>'quote' from messages"), "my card **** please");
  EXPECT_EQ(value(a, "select metadata->'nlp'->>'source' from messages"), "model");
}

TEST_F(MeaningTest, OnlyWhatPeopleWriteIsRead) {
  int reads = 0;
  auto reader = std::make_shared<WordReader>("words-1", [&](const std::string&) { ++reads; });
  store(read_by(delivery(a, {event(EventKind::callback, "1", "100", "1", "buy " + kCard),
                             event(EventKind::contact_blocked, "2", "100", "", "")}),
                reader));
  EXPECT_EQ(reads, 0);
  EXPECT_EQ(value(a, "select intent is null and confidence is null and nlp_model is null from messages"), "t");
  EXPECT_EQ(value(a, "select entities from messages"), "[]");
  EXPECT_EQ(value(a, "select content from messages"), "buy " + kCard) << "a button's data is the shop's own";

  store(delivery(a, {message("3", "100", "3", "nobody was asked")}));
  EXPECT_EQ(value(a, "select count(*) from messages where intent is null and nlp_model is null"), "2");
  EXPECT_EQ(value(a, "select payload ? 'intent' from outbox_events where type = 'message.received'"), "f");
}

TEST_F(MeaningTest, ARepetitionLeavesTheFirstMeaning) {
  auto told = read_by(delivery(a, {message("1", "100", "1", "greeting")}), std::make_shared<WordReader>("words-1"));
  store(told);
  told.reader = std::make_shared<WordReader>("words-2");
  EXPECT_EQ(store(told).duplicates, 1);
  EXPECT_EQ(value(a, "select string_agg(nlp_model, ' ') from messages"), "words-1");
}

TEST_F(MeaningTest, TheReaderSeesCleanTextAndOffsetsFitIt) {
  std::string seen;
  auto reader = std::make_shared<WordReader>("words-1", [&](const std::string& text) { seen = text; });
  store(read_by(delivery(a, {message("1", "100", "1", std::string("a\0b\xff", 4))}), reader));
  EXPECT_EQ(seen,
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  EXPECT_EQ(value(a, "select content from messages"), seen);
}

TEST_F(MeaningTest, NumbersLeadToTheTenantsOwnRows) {
  const auto order = add_order(a, "ext-1", "66102");
  const auto foreign = add_order(b, "ext-1", "66102");
  const auto product = add_product(a, "prod-1", "AB-77");
  add_product(b, "prod-1", "CD-88");

  said(a, "1", "order_status #66102 @AB-77");
  EXPECT_EQ(entity(a, 0, "order_id"), order);
  EXPECT_EQ(entity(a, 0, "value"), "66102");
  EXPECT_EQ(entity(a, 1, "product_id"), product);
  said(a, "2", "order_status #EXT-1 #ab-77 @ab-77 #99999");
  EXPECT_EQ(entity(a, 0, "order_id"), "") << "as written, or in capitals";
  EXPECT_EQ(entity(a, 1, "product_id"), product) << "an article that was taken for an order number";
  EXPECT_EQ(entity(a, 2, "product_id"), product);
  EXPECT_EQ(entity(a, 3, "order_id"), "");
  said(a, "2b", "order_status #ext-1 #EXT-1");
  EXPECT_EQ(entity(a, 0, "order_id"), order);
  EXPECT_EQ(entity(a, 1, "order_id"), "") << "whatever else is looked up beside it";
  const auto russian = add_product(a, "prod-2", "АРТ-Ё7");
  said(a, "2c", "order_status @арт-ё7");
  EXPECT_EQ(entity(a, 0, "product_id"), russian);
  said(a, "3", "order_status @CD-88");
  EXPECT_EQ(entity(a, 0, "product_id"), "") << "of another tenant";
  said(b, "1", "order_status #66102 @CD-88 #ext-1");
  EXPECT_EQ(entity(b, 0, "order_id"), foreign);
  EXPECT_EQ(entity(b, 2, "order_id"), foreign);

  // both tenants in one transaction
  std::vector<Delivery> both;
  both.push_back(read_by(delivery(a, {message("9", "100", "9", "order_status #66102")})));
  both.push_back(read_by(delivery(b, {message("9", "100", "9", "order_status #66102")})));
  loop.run(inbound.store(std::move(both)));
  EXPECT_EQ(entity(a, 0, "order_id"), order);
  EXPECT_EQ(entity(b, 0, "order_id"), foreign);
}

TEST_F(MeaningTest, ACodeAloneIsAnEntityWhereTheTenantHasIt) {
  const auto order = add_order(a, "1794183753", "");
  const auto product = add_product(a, "prod-1", "TX500-WOOL");
  add_order(b, "70662815", "");
  const auto both = add_order(a, "881203377", "");
  add_product(a, "prod-2", "881203377");

  said(a, "1", "order_status ~1111111 #66102 ~1794183753 ~tx500-wool ~70662815 ~881203377");
  EXPECT_EQ(value(a, "select jsonb_array_length(entities) from messages"), "4")
      << "neither what nobody has, nor what another tenant has";
  EXPECT_EQ(entity(a, 0, "value"), "66102");
  EXPECT_EQ(entity(a, 1, "type"), "order_number");
  EXPECT_EQ(entity(a, 1, "value"), "1794183753");
  EXPECT_EQ(entity(a, 1, "order_id"), order);
  EXPECT_EQ(entity(a, 2, "type"), "sku");
  EXPECT_EQ(entity(a, 2, "product_id"), product);
  EXPECT_EQ(entity(a, 3, "order_id"), both) << "people write of their orders more often";

  said(a, "2", "order_status ~1111111");
  EXPECT_EQ(value(a, "select entities from messages order by created_at desc, id desc limit 1"), "[]");
}

TEST_F(MeaningTest, AKnownCodeIsStoredInPlaceOfWhatItHolds) {
  const auto product = add_product(a, "prod-1", "tx500=red");
  said(a, "1", "availability =blue ~tx500=red =white");
  EXPECT_EQ(value(a, "select jsonb_path_query_array(entities, '$[*].value') from messages"),
            R"(["blue", "tx500=red", "white"])");
  EXPECT_EQ(entity(a, 1, "product_id"), product);
  said(a, "2", "availability =blue ~tx600=red");
  EXPECT_EQ(entity(a, 1, "type") + " " + entity(a, 1, "value"), "color red") << "the code is nothing to the tenant";
}

TEST_F(MeaningTest, WhatComesInAfterItsMessageIsFoundWhenTheMessageIsShown) {
  add_order(b, "ext-1", "66102");
  said(a, "1", "order_status #66102 @ab-77 #4 =red");
  const auto shown = [this] {
    const auto conversation = value(a, "select id from conversations");
    return loop.run(conversations.messages(a.tenant_id, conversation, {10, ""})).value().items.at(0).entities_json;
  };
  EXPECT_EQ(shown().find("_id"), std::string::npos) << "of another tenant";
  const auto order = add_order(a, "ext-1", "66102");
  const auto product = add_product(a, "prod-1", "AB-77");
  const auto entities = nlohmann::json::parse(shown());
  ASSERT_EQ(entities.size(), 4U);
  EXPECT_EQ(entities[0]["order_id"], order);
  EXPECT_EQ(entities[1]["product_id"], product);
  EXPECT_FALSE(entities[2].contains("order_id"));
  EXPECT_EQ(entities[3]["value"], "red");

  EXPECT_EQ(value(a, "select entities->0->>'order_id' from messages"), "") << "it is shown, not stored";
  for (const char* odd : {"{}", "[1]", "[{}]", R"([{"type":1,"value":2}])"}) {
    change(a, std::string("update messages set entities = '") + odd + "'");
    EXPECT_EQ(nlohmann::json::parse(shown()), nlohmann::json::parse(odd)) << "nothing is lost";
  }
}

TEST_F(MeaningTest, AMessageKeepsItsOrderAsLongAsThatIsThere) {
  const auto order = add_order(a, "old", "500", "2024-01-01");
  said(a, "1", "order_status #500");
  const auto shown = [this] {
    const auto conversation = value(a, "select id from conversations");
    const auto page = loop.run(conversations.messages(a.tenant_id, conversation, {10, ""})).value();
    return nlohmann::json::parse(page.items.at(0).entities_json)[0].value("order_id", "");
  };
  const auto newer = add_order(a, "new", "500", "2026-01-01");
  EXPECT_EQ(shown(), order);
  change(a, "delete from orders where id = '" + order + "'");
  EXPECT_EQ(shown(), newer) << "an account was removed and connected again";
  change(a, "delete from orders");
  EXPECT_EQ(shown(), "");
}

TEST_F(MeaningTest, AnArticleDoesNotTakeTheOrderOfTheSameNumber) {
  const auto order = add_order(a, "500", "");
  const auto product = add_product(a, "prod-1", "500");
  said(a, "1", "order_status #500 @500");
  EXPECT_EQ(entity(a, 1, "product_id"), product);
  const auto conversation = value(a, "select id from conversations");
  const auto page = loop.run(conversations.messages(a.tenant_id, conversation, {10, ""})).value();
  const auto entities = nlohmann::json::parse(page.items.at(0).entities_json);
  EXPECT_EQ(entities[0].value("order_id", ""), order);
  EXPECT_EQ(entities[1].value("product_id", ""), product);
  EXPECT_FALSE(entities[1].contains("order_id"));

  StoredMeaning again;
  for (const char* type : {"sku", "order_number", ""}) again.entities.push_back({type, "500", "{}", 0, ""});
  remember_rows(again, value(a, "select entities from messages"));
  EXPECT_EQ(again.entities[0].row, product);
  EXPECT_EQ(again.entities[1].row, order);
  EXPECT_EQ(again.entities[2].row, order);
}

TEST_F(MeaningTest, OfSeveralOrdersWithANumberTheNewestIsMeant) {
  add_order(a, "old", "500", "2024-01-01");
  const auto newest = add_order(a, "new", "500", "2026-05-01");
  add_order(a, "middle", "500", "2025-01-01");
  said(a, "1", "order_status #500");
  EXPECT_EQ(entity(a, 0, "order_id"), newest);
}

TEST_F(MeaningTest, AnEditIsReadAgain) {
  const auto order = add_order(a, "ext-1", "66102");
  said(a, "1", "greeting my card is " + kCard);
  EXPECT_EQ(value(a, "select content from messages"), "greeting my card is ****");
  loop.run(nlp.label_message(a.tenant_id, value(a, "select id from messages"), "thanks", a.user_id)).value();
  store(read_by(delivery(a, {event(EventKind::message_edited, "e1", "100", "1", "order_status #66102 !")})));
  EXPECT_EQ(value(a, "select intent || ' ' || nlp_model from messages"), "order_status words-1");
  EXPECT_EQ(entity(a, 0, "order_id"), order);
  EXPECT_EQ(value(a, "select metadata->>'previous' from messages"), "greeting my card is ****");
  EXPECT_EQ(value(a, "select metadata->'nlp' from messages"), R"({"source": "model"})");
  EXPECT_EQ(value(a, "select payload->>'intent' from outbox_events where type = 'message.edited'"), "order_status");
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "0") << "acts answer new messages";

  store(delivery(a, {event(EventKind::message_edited, "e2", "100", "1", "nobody was asked")}));
  EXPECT_EQ(value(a, "select intent is null and confidence is null and nlp_model is null from messages"), "t")
      << "the old meaning was of another text";
  EXPECT_EQ(value(a, "select metadata ? 'nlp' from messages"), "f");
}

TEST_F(MeaningTest, AnEditBeforeItsOriginalHasItsMeaning) {
  store(read_by(delivery(a, {event(EventKind::message_edited, "e1", "100", "7", "refund_status please !")})));
  EXPECT_EQ(value(a, "select intent from messages"), "refund_status");
  EXPECT_EQ(value(a, "select payload->>'confidence' from outbox_events"), "0.93");
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "1");
  said(a, "7", "greeting !");
  EXPECT_EQ(value(a, "select count(*) || ' ' || max(intent) from messages"), "1 refund_status");
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "1") << "what was not stored has no act";
  said(a, "8", "thanks !");
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "2") << "in a conversation with early edits, too";
}

TEST_F(MeaningTest, AnActIsWrittenOnceWithItsMessage) {
  const auto told = read_by(delivery(a, {message("1", "100", "1", "order_status !"),
                                         message("2", "100", "2", "greeting"), message("3", "101", "3", "thanks !")}));
  store(told);
  store(told);
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "2");
  EXPECT_EQ(value(a, R"sql(
    select count(*) from automatic_acts t
      join messages m on m.id = t.message_id and m.created_at = t.message_created_at
                     and m.conversation_id = t.conversation_id and m.integration_id = t.integration_id
                     and m.intent = t.intent and m.confidence = t.confidence
     where t.state = 'pending')sql"),
            "2");
  EXPECT_EQ(value(b, "select count(*) from automatic_acts"), "0");
  auto pending = [](Tx& tx) { return tx.raw().exec("select * from hub_pending_acts(10)").size(); };
  EXPECT_EQ(loop.run(db.run(Lane::interactive, Scope::hub(), std::move(pending))), 2u);
}

TEST_F(MeaningTest, AnActsWakesItsWorkers) {
  pqxx::connection connection(database.app_dsn());
  struct Woken : pqxx::notification_receiver {
    using pqxx::notification_receiver::notification_receiver;
    void operator()(const std::string&, int) override { ++times; }
    int times = 0;
  } woken(connection, "automation");
  said(a, "1", "greeting");
  connection.get_notifs();
  EXPECT_EQ(woken.times, 0);
  said(a, "2", "greeting !");
  connection.await_notification(60, 0);  // it comes a little after the commit
  EXPECT_EQ(woken.times, 1);
}

TEST_F(MeaningTest, APollStoresTheSame) {
  std::vector<Delivery> polled;
  polled.push_back(read_by(delivery(a, {message("1", "100", "1", "order_status !")})));
  const auto lease = loop.run(inbound.claim_poll(a.tenant_id, a.chat_account, "node", std::chrono::seconds(60)));
  EXPECT_TRUE(loop.run(inbound.store_poll(lease.value(), std::move(polled), "17")));
  EXPECT_EQ(value(a, "select intent from messages"), "order_status");
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "1");
}

TEST_F(MeaningTest, ACardIsNowhereInTheDatabase) {
  said(a, "1", "payment_issue card " + kCard + " was charged");
  store(read_by(
      delivery(a, {event(EventKind::message_edited, "e1", "100", "1", "payment_issue card " + kCard + " twice")})));
  store(read_by(
      delivery(a, {event(EventKind::message_edited, "e2", "100", "2", "payment_issue card " + kCard + " first")})));
  for (const char* table : {"messages", "outbox_events", "conversations", "contacts", "inbound_events"})
    EXPECT_EQ(value(a, std::string("select count(*) from ") + table + " t where t::text like '%" + kCard + "%'"), "0")
        << table;
}

}  // namespace
}  // namespace easyflow::storage
