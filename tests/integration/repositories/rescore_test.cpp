// Older messages are read again page by page; a run that was broken off goes on where it was.
#include "storage/repositories/rescore.hpp"

#include "tests/integration/repositories/fixture.hpp"

namespace easyflow::storage {
namespace {

/// The first word is the intent.
class WordReader final : public MessageReader {
 public:
  explicit WordReader(std::string model) : model_(std::move(model)) {}
  ReadText read(std::string text, Timestamp) const override {
    ++reads;
    ReadText out;
    StoredMeaning meaning;
    meaning.intent = text.substr(0, text.find(' '));
    meaning.hundredths = 88;
    meaning.model = model_;
    meaning.details_json = R"({"source":"model"})";
    meaning.has_action = true;
    const auto code = last_word ? text.substr(text.rfind(' ') + 1) : number;
    if (!code.empty()) meaning.entities.push_back({"", code, R"({"value":")" + code + R"("})", 0, ""});
    out.meaning = std::move(meaning);
    out.text = mask(std::move(text));
    return out;
  }
  std::string mask(std::string text) const override {
    const auto at = text.find("4242");
    if (at != std::string::npos) text.replace(at, 4, "****");
    return text;
  }
  mutable int reads = 0;
  std::string number;      ///< a code in each message
  bool last_word = false;  ///< is a code, too

 private:
  std::string model_;
};

class RescoreTest : public test::RepositoryTest {
 protected:
  /// `count` messages, each by a delivery of its own, all at the same moment in pairs.
  void said(const test::Shop& shop, int count) {
    std::vector<Delivery> told;
    const auto now = delivery(shop, {}).received_at;
    for (int i = 0; i < count; ++i) {
      const auto key = std::to_string(i);
      auto next = delivery(shop, {message("k" + key, "100", key, "intent" + key + " text 4242")});
      next.received_at = now + std::chrono::milliseconds(i / 2);
      told.push_back(std::move(next));
    }
    loop.run(inbound.store(std::move(told)));
  }
  void add_order(const test::Shop& shop, const std::string& external_id) {
    change(shop,
           "insert into orders (id, tenant_id, integration_id, external_id, ordered_at, source_updated_at, raw) values "
           "(gen_random_uuid(), '" +
               shop.tenant_id + "', '" + shop.market_account + "', '" + external_id + "', now(), now(), '{}')");
  }
  Rescore page(const test::Shop& shop, std::string model, std::shared_ptr<const MessageReader> reader, int limit) {
    return loop.run(rescores.page(shop.tenant_id, std::move(model), std::move(reader), limit)).value();
  }
  std::shared_ptr<WordReader> one = std::make_shared<WordReader>("m1");
  std::shared_ptr<WordReader> two = std::make_shared<WordReader>("m2");
};

TEST_F(RescoreTest, WalksAllMessagesOnceAndResumes) {
  said(a, 7);
  said(b, 2);
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  auto state = page(a, "m1", one, 3);
  EXPECT_EQ(state.seen, 3);
  EXPECT_EQ(state.changed, 3);
  EXPECT_FALSE(state.finished_at);
  EXPECT_EQ(value(a, "select count(*) from messages where nlp_model = 'm1'"), "3");

  // another process goes on
  state = loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  EXPECT_EQ(state.seen, 3);
  state = page(a, "m1", one, 3);
  state = page(a, "m1", one, 3);
  ASSERT_TRUE(state.finished_at);
  EXPECT_EQ(state.seen, 7);
  EXPECT_EQ(state.changed, 7);
  EXPECT_EQ(one->reads, 7) << "none twice, though pairs share their time";
  EXPECT_EQ(value(a, "select count(*) from messages where intent || ' text ****' = content and confidence = 0.88"),
            "7");
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "0");
  EXPECT_EQ(value(b, "select count(*) from messages where nlp_model is null"), "2");
  EXPECT_EQ(page(a, "m1", one, 3).seen, 7) << "what is finished stays finished";
  EXPECT_EQ(loop.run(rescores.find(a.tenant_id))->changed, 7);
  EXPECT_FALSE(loop.run(rescores.find(b.tenant_id)));
}

TEST_F(RescoreTest, WhatReadsTheSameAndWhatOperatorsSaidStays) {
  said(a, 3);
  const auto labelled = value(a, "select id from messages where content like 'intent1 %'");
  loop.run(nlp.label_message(a.tenant_id, labelled, "thanks", a.user_id)).value();
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  auto state = page(a, "m1", one, 10);
  ASSERT_TRUE(state.finished_at);
  EXPECT_EQ(state.seen, 3);
  EXPECT_EQ(state.changed, 3) << "the card in the labelled message is masked";
  EXPECT_EQ(state.labelled, 1);
  EXPECT_EQ(value(a, "select intent || ' ' || nlp_model from messages where id = '" + labelled + "'"),
            "thanks operator");

  EXPECT_EQ(loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt)).seen, 0) << "a finished run begins anew";
  EXPECT_EQ(page(a, "m1", one, 10).changed, 0);
  EXPECT_EQ(loop.run(rescores.begin(a.tenant_id, "m2", std::nullopt)).seen, 0);
  EXPECT_EQ(page(a, "m2", two, 10).changed, 2);
}

TEST_F(RescoreTest, WhoeverSaidTheIntentTheEntitiesAreReadAgain) {
  said(a, 3);
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  page(a, "m1", one, 10);
  const auto labelled = value(a, "select id from messages where content like 'intent1 %'");
  loop.run(nlp.label_message(a.tenant_id, labelled, "thanks", a.user_id)).value();
  change(a, R"(update messages set intent = 'spam', nlp_model = 'rasa', metadata = '{"nlp":{"embedded":{"intent":"x"}}}'
                where content like 'intent2 %')");
  const auto intents =
      "select string_agg(intent || confidence || nlp_model || metadata, ' ' order by content) from messages";
  const auto before = value(a, intents);
  one->number = "66102";
  add_order(a, "66102");
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  const auto state = page(a, "m1", one, 10);
  EXPECT_EQ(state.changed, 3);
  EXPECT_EQ(state.labelled, 1);
  EXPECT_EQ(value(a, "select count(*) from messages, orders where entities->0->>'order_id' = orders.id::text"), "3");
  EXPECT_EQ(value(a, intents), before);
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  EXPECT_EQ(page(a, "m1", one, 10).changed, 0);
}

TEST_F(RescoreTest, WhatOtherRulesOrOrdersMakeOfAMessageIsStored) {
  said(a, 3);
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  EXPECT_EQ(page(a, "m1", one, 10).changed, 3);
  change(a, R"(update messages set entities = '[{"type":"older"}]' where content like 'intent1 %')");
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  EXPECT_EQ(page(a, "m1", one, 10).changed, 1) << "all are read, one has changed";
  EXPECT_EQ(value(a, "select count(*) from messages where entities = '[]'"), "3");

  change(a, R"(update messages set metadata = '{"nlp":{"fallback":"timeout"}}' where content like 'intent1 %')");
  one->number = "66102";
  add_order(a, "66102");
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  EXPECT_EQ(page(a, "m1", one, 10).changed, 3);
  EXPECT_EQ(value(a, "select count(*) from messages, orders where entities->0->>'order_id' = orders.id::text"), "3");
  EXPECT_EQ(value(a, "select count(*) from messages where metadata->'nlp'->>'fallback' = 'timeout'"), "1");

  change(a,
         "insert into orders (id, tenant_id, integration_id, external_id, external_number, ordered_at, "
         "source_updated_at, raw) values (gen_random_uuid(), '" +
             a.tenant_id + "', '" + a.market_account + "', 'newer', '66102', now() + interval '1 day', now(), '{}')");
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  EXPECT_EQ(page(a, "m1", one, 10).changed, 0) << "they keep their order";
}

TEST_F(RescoreTest, ManyNumbersAreLookedUp) {
  constexpr int kMany = 450;
  std::vector<Delivery> told;
  for (int i = 0; i < kMany; ++i) {
    const auto key = std::to_string(i);
    told.push_back(delivery(a, {message("k" + key, "100", key, "intent number" + key)}));
  }
  loop.run(inbound.store(std::move(told)));
  // each number is borne by nine orders: together more than mentioned() tells at once
  change(a,
         "insert into orders (id, tenant_id, integration_id, external_id, external_number, ordered_at, "
         "source_updated_at, raw) select gen_random_uuid(), '" +
             a.tenant_id + "', '" + a.market_account +
             "', n || '-' || part, 'number' || n, now(), now(), '{}' from generate_series(0, 449) n, "
             "generate_series(1, 9) part");
  one->last_word = true;
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  EXPECT_EQ(page(a, "m1", one, 1000).changed, kMany);
  EXPECT_EQ(value(a, "select count(*) from messages where entities->0 ? 'order_id'"), std::to_string(kMany));
}

TEST_F(RescoreTest, RulesThatChangeMidwayBeginTheRunAnew) {
  said(a, 4);
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  EXPECT_EQ(page(a, "m1", one, 2).seen, 2);
  EXPECT_EQ(loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt)).seen, 2) << "nothing has changed yet";
  loop.run(nlp.put_rules(a.tenant_id, "kind,type,pattern,value\nlookup,ware,text,\n"));
  EXPECT_EQ(loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt)).seen, 0);
  EXPECT_EQ(page(a, "m1", one, 2).seen, 2);
  EXPECT_EQ(loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt)).seen, 2) << "by these rules it goes on";
}

TEST_F(RescoreTest, AMessageLabelledOrEditedMeanwhileIsLeftAlone) {
  said(a, 2);
  class Meddler final : public MessageReader {
   public:
    Meddler(std::string dsn, std::string tenant_id) : dsn_(std::move(dsn)), tenant_id_(std::move(tenant_id)) {}
    ReadText read(std::string text, Timestamp at) const override {
      pqxx::connection other(dsn_);
      pqxx::work work(other);
      work.exec("select set_config('app.tenant_id', " + work.quote(tenant_id_) + ", true)");
      if (text.substr(0, 7) == "intent0")
        work.exec("update messages set content = 'changed' where content = " + work.quote(text));
      else
        work.exec("update messages set intent = 'thanks', nlp_model = 'operator' where content = " + work.quote(text));
      work.commit();
      return WordReader("m1").read(std::move(text), at);
    }
    std::string mask(std::string text) const override { return text; }

   private:
    std::string dsn_;
    std::string tenant_id_;
  };
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  const auto state = page(a, "m1", std::make_shared<Meddler>(database.app_dsn(), a.tenant_id), 10);
  EXPECT_EQ(state.changed, 0);
  EXPECT_EQ(value(a, "select count(*) from messages where nlp_model = 'm1'"), "0");
  EXPECT_EQ(value(a, "select count(*) from messages where content = 'changed' or nlp_model = 'operator'"), "2");
}

TEST_F(RescoreTest, OnlyMessagesSinceAMoment) {
  said(a, 4);
  const auto since = parse_rfc3339(value(a, "select max(created_at) from messages"));
  loop.run(rescores.begin(a.tenant_id, "m1", since));
  const auto state = page(a, "m1", one, 10);
  EXPECT_EQ(state.seen, 2);
  EXPECT_EQ(state.since, since);
  EXPECT_EQ(loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt)).seen, 0);
}

TEST_F(RescoreTest, ARunOfAnotherModelTakesOver) {
  said(a, 4);
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  page(a, "m1", one, 2);
  EXPECT_EQ(loop.run(rescores.begin(a.tenant_id, "m2", std::nullopt)).seen, 0);
  const auto refused = loop.run(rescores.page(a.tenant_id, "m1", one, 2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::conflict);
  EXPECT_EQ(page(a, "m2", two, 10).changed, 4);
}

TEST_F(RescoreTest, ButtonsAndOurOwnMessagesAreNotRead) {
  loop.run(inbound.store(std::vector{
      delivery(a, {event(sdk::EventKind::callback, "1", "100", "1", "buy"), message("2", "100", "2", "")})}));
  loop.run(rescores.begin(a.tenant_id, "m1", std::nullopt));
  EXPECT_EQ(page(a, "m1", one, 10).seen, 0);
}

}  // namespace
}  // namespace easyflow::storage
