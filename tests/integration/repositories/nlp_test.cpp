// What decides how messages are read: models, labels, rules, actions. Each tenant has its own.
#include "storage/repositories/nlp.hpp"

#include "tests/integration/repositories/fixture.hpp"

namespace easyflow::storage {
namespace {

class NlpTest : public test::RepositoryTest {
 protected:
  NlpModelRow model(std::string version) {
    NlpModelRow row;
    row.version = std::move(version);
    row.metrics_json = R"({"accuracy":0.9})";
    row.data_fingerprint = std::string(64, 'a');
    return row;
  }
  std::string said(const test::Shop& shop, std::string text) {
    loop.run(inbound.store(std::vector{delivery(shop, {message("k" + text, "100", text, text)})}));
    return value(shop, "select id from messages order by created_at desc, id desc limit 1");
  }
  std::vector<NlpExample> examples_of(const test::Shop& shop) {
    return loop.run(nlp.examples(shop.tenant_id, PageRequest(200, ""))).value().items;
  }
};

TEST_F(NlpTest, ATenantWithoutAnythingUsesWhatShips) {
  const auto settings = loop.run(nlp.settings(a.tenant_id, ""));
  EXPECT_EQ(settings.model_version, "");
  EXPECT_EQ(settings.model, "");
  EXPECT_EQ(settings.rules_csv, "");
  EXPECT_EQ(settings.time_zone, "Europe/Moscow");
  EXPECT_TRUE(settings.actions.empty());
}

TEST_F(NlpTest, OneModelIsActiveAndFiveAreKept) {
  const std::string bytes("\0model\xff", 7);
  for (int i = 0; i < 7; ++i) loop.run(nlp.put_model(a.tenant_id, model("shop-" + std::to_string(i)), bytes));
  const auto models = loop.run(nlp.models(a.tenant_id));
  ASSERT_EQ(models.size(), 5u);
  EXPECT_EQ(models[0].version, "shop-6");
  EXPECT_TRUE(models[0].active);
  EXPECT_FALSE(models[1].active);
  EXPECT_EQ(loop.run(nlp.settings(a.tenant_id, "")).model, bytes);
  EXPECT_EQ(loop.run(nlp.settings(a.tenant_id, "shop-6")).model, "") << "what is known is not sent again";

  EXPECT_TRUE(loop.run(nlp.activate(a.tenant_id, "shop-4")));
  EXPECT_EQ(loop.run(nlp.settings(a.tenant_id, "")).model_version, "shop-4");
  EXPECT_FALSE(loop.run(nlp.activate(a.tenant_id, "shop-99")));
  EXPECT_EQ(loop.run(nlp.settings(a.tenant_id, "")).model_version, "shop-4");
  EXPECT_TRUE(loop.run(nlp.activate(a.tenant_id, "")));
  EXPECT_EQ(loop.run(nlp.settings(a.tenant_id, "")).model_version, "");

  EXPECT_TRUE(loop.run(nlp.models(b.tenant_id)).empty());
  EXPECT_FALSE(loop.run(nlp.model(b.tenant_id, "shop-6")));
  EXPECT_FALSE(loop.run(nlp.activate(b.tenant_id, "shop-6")));
}

TEST_F(NlpTest, WhatAModelWasTrainedOnIsKeptButNotListed) {
  auto row = model("shop-1");
  row.provenance_json = R"({"seen": "00ff00ff"})";
  loop.run(nlp.put_model(a.tenant_id, row, "bytes"));
  loop.run(nlp.put_model(a.tenant_id, model("shop-2"), "bytes"));
  EXPECT_EQ(loop.run(nlp.provenance(a.tenant_id, "shop-1")), row.provenance_json);
  EXPECT_EQ(loop.run(nlp.provenance(a.tenant_id, "shop-2")), "");
  EXPECT_EQ(loop.run(nlp.provenance(a.tenant_id, "shop-3")), "");
  EXPECT_EQ(loop.run(nlp.provenance(b.tenant_id, "shop-1")), "");
  for (const auto& listed : loop.run(nlp.models(a.tenant_id))) EXPECT_EQ(listed.metrics_json, R"({"accuracy": 0.9})");
}

TEST_F(NlpTest, CountsWhatReadingBrought) {
  const auto first = said(a, "где мой заказ");
  change(a, "update messages set intent = 'greeting', confidence = 0.41, nlp_model = 'default-1'");
  said(a, "мяу");
  change(a,
         R"(update messages set intent = 'out_of_scope', nlp_model = 'default-1', metadata = '{"nlp":{"rejected":true}}'
               where nlp_model is null)");
  said(a, "nobody read this");
  change(a, "update messages set nlp_model = null where content like 'nobody%'");
  ASSERT_TRUE(loop.run(nlp.label_message(a.tenant_id, first, "order_status", a.user_id)));

  const auto counts = loop.run(nlp.counts(a.tenant_id, Timestamp()));
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts[0].intent, "order_status");
  EXPECT_EQ(counts[0].model, "operator");
  EXPECT_EQ(counts[0].messages, 1);
  EXPECT_EQ(counts[0].rejected, 0);
  EXPECT_EQ(counts[0].corrected, 1);
  EXPECT_EQ(counts[1].intent, "out_of_scope");
  EXPECT_EQ(counts[1].model, "default-1");
  EXPECT_EQ(counts[1].rejected, 1);
  EXPECT_EQ(counts[1].corrected, 0);
  EXPECT_TRUE(loop.run(nlp.counts(a.tenant_id, SystemClock().now() + std::chrono::hours(1))).empty());
  EXPECT_TRUE(loop.run(nlp.counts(b.tenant_id, Timestamp())).empty());
}

TEST_F(NlpTest, AnOperatorsLabelIsAnExample) {
  const auto id = said(a, "где мой заказ");
  change(a, "update messages set intent = 'greeting', confidence = 0.41, nlp_model = 'default-1'");
  ASSERT_TRUE(loop.run(nlp.label_message(a.tenant_id, id, "order_status", a.user_id)));
  ASSERT_TRUE(loop.run(nlp.label_message(a.tenant_id, id, "order_status", a.user_id)));
  EXPECT_EQ(value(a, "select intent || ' ' || confidence || ' ' || nlp_model from messages"),
            "order_status 1.00 operator");
  EXPECT_EQ(value(a, "select metadata->'nlp'->'before'->>'intent' from messages"), "greeting");
  EXPECT_EQ(value(a, "select metadata->'nlp'->>'corrected_by' from messages"), a.user_id);
  ASSERT_EQ(examples_of(a).size(), 1u);
  EXPECT_EQ(examples_of(a)[0].text, "где мой заказ");
  EXPECT_EQ(examples_of(a)[0].intent, "order_status");
  EXPECT_EQ(examples_of(a)[0].message_id, id);

  ASSERT_TRUE(loop.run(nlp.label_message(a.tenant_id, id, "delivery_time", a.user_id))) << "a second thought";
  ASSERT_EQ(examples_of(a).size(), 1u);
  EXPECT_EQ(examples_of(a)[0].intent, "delivery_time");

  EXPECT_EQ(loop.run(nlp.label_message(b.tenant_id, id, "spam", b.user_id)).error().kind(), ErrorKind::not_found);
  EXPECT_EQ(loop.run(nlp.label_message(a.tenant_id, "nonsense", "spam", a.user_id)).error().kind(),
            ErrorKind::not_found);
  EXPECT_EQ(value(a, "select intent from messages"), "delivery_time");
}

TEST_F(NlpTest, ImportedExamplesAreKnownByTheirText) {
  NlpExample one;
  one.text = "when does it ship";
  one.intent = "delivery_time";
  one.source = "import";
  auto two = one;
  two.text = "refund please";
  two.intent = "refund_status";
  EXPECT_EQ(loop.run(nlp.put_examples(a.tenant_id, {one, two})), 2);
  EXPECT_EQ(loop.run(nlp.put_examples(a.tenant_id, {one, two})), 0);
  one.intent = "order_status";
  EXPECT_EQ(loop.run(nlp.put_examples(a.tenant_id, {one})), 1);
  ASSERT_EQ(examples_of(a).size(), 2u);
  EXPECT_TRUE(examples_of(b).empty());
  EXPECT_FALSE(loop.run(nlp.remove_example(b.tenant_id, examples_of(a)[0].id)));
  EXPECT_TRUE(loop.run(nlp.remove_example(a.tenant_id, examples_of(a)[0].id)));
  EXPECT_EQ(examples_of(a).size(), 1u);
  EXPECT_EQ(loop.run(nlp.example_intents(b.tenant_id)), std::vector<std::string>());
}

TEST_F(NlpTest, RulesAndActionsAreReplacedAndRemoved) {
  loop.run(nlp.put_rules(a.tenant_id, "kind,type,pattern,value\n"));
  loop.run(nlp.put_rules(a.tenant_id, "kind,type,pattern,value\nlookup,brand,acme,\n"));
  EXPECT_EQ(loop.run(nlp.rules(a.tenant_id)), "kind,type,pattern,value\nlookup,brand,acme,\n");
  EXPECT_EQ(loop.run(nlp.rules(b.tenant_id)), "");
  loop.run(nlp.put_rules(a.tenant_id, ""));
  EXPECT_EQ(loop.run(nlp.rules(a.tenant_id)), "");

  IntentAction action;
  action.intent = "order_status";
  action.min_confidence = 0.85;
  action.reply = "We are looking into it.";
  action.tag = "where";
  action.quiet_from = "22:00";
  action.quiet_until = "08:30";
  loop.run(nlp.put_action(a.tenant_id, action));
  action.escalate = true;
  action.reply.clear();
  loop.run(nlp.put_action(a.tenant_id, action));
  const auto actions = loop.run(nlp.settings(a.tenant_id, "")).actions;
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].intent, "order_status");
  EXPECT_DOUBLE_EQ(actions[0].min_confidence, 0.85);
  EXPECT_TRUE(actions[0].escalate);
  EXPECT_EQ(actions[0].reply, "");
  EXPECT_EQ(actions[0].quiet_from, "22:00");
  EXPECT_EQ(actions[0].quiet_until, "08:30");
  EXPECT_FALSE(loop.run(nlp.remove_action(b.tenant_id, "order_status")));
  EXPECT_TRUE(loop.run(nlp.remove_action(a.tenant_id, "order_status")));
  EXPECT_TRUE(loop.run(nlp.actions(a.tenant_id)).empty());
}

}  // namespace
}  // namespace easyflow::storage
