// Automatic acts: each carried out once, shown, and taken back.
#include "storage/repositories/automation.hpp"

#include <atomic>
#include <nlohmann/json.hpp>

#include "tests/integration/repositories/fixture.hpp"

namespace easyflow::storage {
namespace {

using nlohmann::json;

class AutomationTest : public test::RepositoryTest {
 protected:
  /// Somebody writes, and an action applies to it.
  std::string asked(const test::Shop& shop, std::string chat, std::string text, std::string chat_type = "private") {
    auto event = message("k" + chat + text, chat, text, text);
    event.chat_type = std::move(chat_type);
    loop.run(inbound.store(std::vector{delivery(shop, {std::move(event)})}));
    const auto message_id = value(shop, "select id from messages where direction = 'inbound' order by id desc limit 1");
    change(shop, "update messages set intent = 'order_status', confidence = 0.91 where id = '" + message_id + "'");
    const auto id = new_uuid();
    change(shop,
           "insert into automatic_acts (id, tenant_id, integration_id, conversation_id, message_id, "
           "message_created_at, intent, confidence) select '" +
               id +
               "', tenant_id, integration_id, conversation_id, id, created_at, intent, confidence from messages "
               "where id = '" +
               message_id + "'");
    return id;
  }

  static ActPlan everything() {
    ActPlan plan;
    plan.reply = "We are looking into it.";
    plan.escalate = true;
    plan.tag = "where";
    plan.state = "tracking";
    return plan;
  }
  static std::function<ActPlan(const ActFacts&)> always(ActPlan plan) {
    return [plan = std::move(plan)](const ActFacts&) { return plan; };
  }
  std::string carry_out(const test::Shop& shop, const std::string& id, ActPlan plan) {
    return loop.run(acts.carry_out(key(shop, id), now, always(std::move(plan))));
  }
  static ActKey key(const test::Shop& shop, const std::string& id) {
    ActKey out;
    out.tenant_id = shop.tenant_id;
    out.id = id;
    return out;
  }
  ActFacts facts_of(const test::Shop& shop, const std::string& id) {
    ActFacts seen;
    auto look = [&seen](const ActFacts& facts) {
      seen = facts;
      ActPlan plan;
      plan.skip = "only looking";
      return plan;
    };
    EXPECT_EQ(loop.run(acts.carry_out(key(shop, id), now, look)), "skipped");
    return seen;
  }
  AutomaticAct act(const test::Shop& shop, const std::string& id) {
    return loop.run(acts.find(shop.tenant_id, id)).value();
  }
  AutomaticAct undone(const test::Shop& shop, const std::string& id) {
    return loop.run(acts.undo(shop.tenant_id, id, shop.user_id, now)).value();
  }
  static json undo_of(const AutomaticAct& act) { return json::parse(act.acts_json)["undo"]; }
  void send(const test::Shop& shop) {
    for (const auto& due : loop.run(outbound.due(10))) {
      if (due.tenant_id != shop.tenant_id) continue;
      const auto claim = loop.run(outbound.claim(due, "node", std::chrono::seconds(60), "[]"));
      ASSERT_TRUE(claim.claimed);
      sdk::SendOutcome outcome;
      outcome.state = sdk::SendState::sent;
      outcome.platform_message_id = "900";
      loop.run(outbound.finish(due, claim.attempt, outcome));
    }
  }
  std::string conversation(const test::Shop& shop, const std::string& columns) {
    return value(shop, "select " + columns + " from conversations");
  }

  void owner(const std::string& sql) {
    pqxx::connection connection(database.owner_dsn());
    pqxx::work work(connection);
    work.exec(sql);
    work.commit();
  }

  AutomationRepository acts{db};
  Timestamp now = SystemClock().now();
};

TEST_F(AutomationTest, AnActIsCarriedOutOnce) {
  const auto id = asked(a, "100", "where is it");
  const auto waiting = loop.run(acts.pending(10));
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].id, id);
  EXPECT_EQ(waiting[0].tenant_id, a.tenant_id);

  EXPECT_EQ(carry_out(a, id, everything()), "done");
  EXPECT_EQ(carry_out(a, id, everything()), "") << "it does not wait any more";
  EXPECT_TRUE(loop.run(acts.pending(10)).empty());

  EXPECT_EQ(value(a, "select count(*) from outbound_messages"), "1");
  EXPECT_EQ(value(a, "select content from messages where direction = 'outbound'"), "We are looking into it.");
  EXPECT_EQ(value(a, "select metadata->'automatic'->>'act_id' from messages where direction = 'outbound'"), id);
  EXPECT_EQ(value(a, "select metadata->>'delivery' from messages where direction = 'outbound'"), "queued");
  EXPECT_EQ(conversation(a, "status || ' ' || tags::text || ' ' || current_state || ' ' || messages_count"),
            "escalated {where} tracking 2");

  const auto done = act(a, id);
  EXPECT_EQ(done.state, "done");
  EXPECT_EQ(done.reason, "");
  EXPECT_EQ(done.outbound_state, "queued");
  EXPECT_EQ(done.done_at, now);
  EXPECT_EQ(json::parse(done.acts_json),
            (json{{"reply", "We are looking into it."}, {"escalate", true}, {"tag", "where"}, {"state", "tracking"}}));
  EXPECT_EQ(
      json::parse(done.before_json),
      (json{{"status", "active"}, {"closed_at", nullptr}, {"tags", json::array()}, {"current_state", "initial"}}));
  EXPECT_EQ(value(a, "select payload->>'act_id' from outbox_events where type = 'automation.done'"), id);
  EXPECT_EQ(value(a, "select count(*) from outbox_events where type = 'automation.done'"), "1");
}

TEST_F(AutomationTest, ManyAtOnceDoItOnce) {
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(asked(a, std::to_string(200 + i % 2), "text " + std::to_string(i)));
  std::atomic<int> done{0};
  auto work = [](AutomationRepository& to, ActKey which, Timestamp at, ActPlan plan,
                 std::atomic<int>& count) -> Task<> {
    auto decide = always(std::move(plan));
    auto outcome = co_await to.carry_out(std::move(which), at, std::move(decide));
    if (outcome == "done") ++count;
  };
  ActPlan plan;
  plan.reply = "hello";
  std::vector<std::shared_ptr<test::Outcome>> outcomes;
  for (int round = 0; round < 4; ++round)
    for (const auto& id : ids) outcomes.push_back(loop.spawn(work(acts, key(a, id), now, plan, done)));
  for (auto& outcome : outcomes) {
    loop.finish(outcome);
    EXPECT_FALSE(outcome->error);
  }
  EXPECT_EQ(done, 6);
  EXPECT_EQ(value(a, "select count(*) from outbound_messages"), "6");
  EXPECT_EQ(value(a, "select count(distinct idempotency_key) from outbound_messages"), "6");
}

TEST_F(AutomationTest, WhatFailsHalfwayHasDoneNothing) {
  const auto id = asked(a, "100", "where is it");
  auto fail = [](const ActFacts&) -> ActPlan { throw std::logic_error("killed"); };
  EXPECT_THROW(loop.run(acts.carry_out(key(a, id), now, fail)), std::logic_error);
  // the last statement but one fails, after the answer was queued and the conversation changed
  owner("alter table automatic_acts add constraint stop check (state <> 'done')");
  EXPECT_THROW(carry_out(a, id, everything()), pqxx::sql_error);
  EXPECT_EQ(act(a, id).state, "pending");
  EXPECT_EQ(value(a, "select count(*) from outbound_messages"), "0");
  EXPECT_EQ(conversation(a, "status || ' ' || messages_count"), "active 1");

  owner("alter table automatic_acts drop constraint stop");
  EXPECT_EQ(carry_out(a, id, everything()), "done");
  EXPECT_EQ(value(a, "select count(*) from outbound_messages"), "1");
}

TEST_F(AutomationTest, FactsAreThoseOfNow) {
  IntentAction action;
  action.intent = "order_status";
  action.min_confidence = 0.75;
  action.reply = "hello";
  action.quiet_from = "22:00";
  action.quiet_until = "08:00";
  loop.run(nlp.put_action(a.tenant_id, action));
  IntentAction others = action;
  others.reply = "of another shop";
  loop.run(nlp.put_action(b.tenant_id, others));

  auto facts = facts_of(a, asked(a, "100", "one"));
  EXPECT_EQ(facts.intent, "order_status");
  EXPECT_EQ(facts.message_intent, "order_status");
  EXPECT_DOUBLE_EQ(facts.confidence, 0.91);
  EXPECT_TRUE(facts.message_found);
  EXPECT_EQ(facts.platform, "chat");
  EXPECT_EQ(facts.chat_id, "100");
  EXPECT_EQ(facts.status, "active");
  EXPECT_EQ(facts.contact_name, "Buyer 100");
  EXPECT_TRUE(facts.contact_active);
  EXPECT_FALSE(facts.opted_out);
  EXPECT_FALSE(facts.answered);
  EXPECT_TRUE(facts.recent_answers.empty());
  EXPECT_EQ(facts.time_zone, "Europe/Moscow");
  ASSERT_TRUE(facts.action);
  EXPECT_EQ(facts.action->reply, "hello");
  EXPECT_DOUBLE_EQ(facts.action->min_confidence, 0.75);
  EXPECT_EQ(facts.action->quiet_from, "22:00");

  const auto answered = asked(a, "100", "two");
  sdk::OutboundMessage answer;
  answer.text = "a person writes";
  ASSERT_TRUE(loop.run(outbound.enqueue(a.tenant_id, conversation(a, "id"), answer, "")));
  change(a, "update contacts set opt_out = true");
  facts = facts_of(a, answered);
  EXPECT_TRUE(facts.answered);
  EXPECT_TRUE(facts.opted_out);

  const auto later = asked(a, "100", "three");
  EXPECT_FALSE(facts_of(a, later).answered) << "the answer was before this message";
}

TEST_F(AutomationTest, AGroupIsNobodysConversation) {
  EXPECT_TRUE(facts_of(a, asked(a, "100", "one")).is_private);
  EXPECT_FALSE(facts_of(a, asked(a, "-200", "two", "group")).is_private);
}

TEST_F(AutomationTest, AnswersOfTheLastHourAreKnown) {
  ActPlan plan;
  plan.reply = "hello";
  ASSERT_EQ(carry_out(a, asked(a, "100", "one"), plan), "done");
  auto facts = facts_of(a, asked(a, "100", "two"));
  EXPECT_EQ(facts.recent_answers, std::vector<std::string>{"hello"});
  EXPECT_FALSE(facts.answered) << "an automatic answer is no person's";
  EXPECT_TRUE(facts_of(a, asked(a, "101", "three")).recent_answers.empty()) << "another conversation";
  now += std::chrono::minutes(61);
  EXPECT_TRUE(facts_of(a, asked(a, "100", "four")).recent_answers.empty());
}

TEST_F(AutomationTest, WhatIsNotDoneSaysWhy) {
  ActPlan plan;
  plan.skip = "The action is switched off.";
  auto id = asked(a, "100", "one");
  EXPECT_EQ(carry_out(a, id, plan), "skipped");
  EXPECT_EQ(act(a, id).reason, "The action is switched off.");

  plan = ActPlan();
  plan.withheld = "No answer was sent: quiet hours.";
  plan.tag = "where";
  id = asked(a, "100", "two");
  EXPECT_EQ(carry_out(a, id, plan), "done");
  EXPECT_EQ(act(a, id).reason, "No answer was sent: quiet hours.");
  EXPECT_EQ(conversation(a, "tags::text"), "{where}");

  id = asked(a, "100", "three");
  EXPECT_EQ(carry_out(a, id, plan), "skipped") << "the tag is there already";
  EXPECT_EQ(act(a, id).reason, "No answer was sent: quiet hours.");
  plan.withheld.clear();
  id = asked(a, "100", "four");
  EXPECT_EQ(carry_out(a, id, plan), "skipped");
  EXPECT_NE(act(a, id).reason.find("nothing to do"), std::string::npos);
  EXPECT_EQ(conversation(a, "tags::text"), "{where}");

  plan.reply = "hello";
  id = asked(a, "100", "five");
  change(a, "update contacts set is_active = false");
  EXPECT_EQ(carry_out(a, id, plan), "skipped");
  EXPECT_NE(act(a, id).reason.find("blocked"), std::string::npos);
  EXPECT_EQ(value(a, "select count(*) from outbound_messages"), "0");

  id = asked(a, "100", "six");
  loop.run(acts.skip(key(a, id), now, "It failed."));
  EXPECT_EQ(act(a, id).state, "skipped");
  EXPECT_EQ(act(a, id).reason, "It failed.");
}

TEST_F(AutomationTest, UndoneBeforeItIsSentItIsNeverSent) {
  const auto id = asked(a, "100", "one");
  change(a, "update conversations set status = 'closed', closed_at = '2026-01-02', tags = '{vip}'");
  ASSERT_EQ(carry_out(a, id, everything()), "done");
  EXPECT_EQ(conversation(a, "status || ' ' || (closed_at is null) || ' ' || tags::text"), "escalated true {vip,where}");

  const auto after = undone(a, id);
  EXPECT_EQ(after.state, "undone");
  EXPECT_EQ(after.undone_by, a.user_id);
  EXPECT_EQ(after.undone_at, now);
  EXPECT_EQ(undo_of(after)["restored"], (json{"escalate", "tag", "state", "reply"}));
  EXPECT_TRUE(undo_of(after)["left"].empty());
  EXPECT_EQ(conversation(a,
                         "status || ' ' || to_char(closed_at, 'YYYY-MM-DD') || ' ' || tags::text || ' ' || "
                         "current_state"),
            "closed 2026-01-02 {vip} initial");
  EXPECT_EQ(after.outbound_state, "failed");
  EXPECT_EQ(value(a, "select error_code from outbound_messages"), "cancelled");
  EXPECT_EQ(value(a, "select metadata->>'error_code' from messages where direction = 'outbound'"), "cancelled");
  EXPECT_TRUE(loop.run(outbound.due(10)).empty());
  EXPECT_EQ(value(a, "select count(*) from outbox_events where type = 'automation.undone'"), "1");

  now += std::chrono::minutes(1);
  const auto again = undone(a, id);
  EXPECT_EQ(again.undone_at, after.undone_at);
  EXPECT_EQ(again.acts_json, after.acts_json);
  EXPECT_EQ(value(a, "select count(*) from outbox_events where type = 'automation.undone'"), "1");
}

TEST_F(AutomationTest, WhatWasSentOrChangedSinceStaysAndIsSaid) {
  const auto id = asked(a, "100", "one");
  ASSERT_EQ(carry_out(a, id, everything()), "done");
  send(a);
  ASSERT_TRUE(loop.run(conversations.set_status(a.tenant_id, conversation(a, "id"), "paused")));
  change(a, "update conversations set tags = '{other}', current_state = 'elsewhere'");

  const auto after = undone(a, id);
  EXPECT_EQ(after.state, "undone");
  EXPECT_EQ(after.outbound_state, "sent");
  EXPECT_TRUE(undo_of(after)["restored"].empty());
  ASSERT_EQ(undo_of(after)["left"].size(), 4u);
  EXPECT_EQ(undo_of(after)["left"][0]["part"], "escalate");
  EXPECT_NE(undo_of(after)["left"][0]["reason"].get<std::string>().find("paused"), std::string::npos);
  EXPECT_EQ(undo_of(after)["left"][3]["part"], "reply");
  EXPECT_NE(undo_of(after)["left"][3]["reason"].get<std::string>().find("sent already"), std::string::npos);
  EXPECT_EQ(conversation(a, "status || ' ' || tags::text || ' ' || current_state"), "paused {other} elsewhere");
}

TEST_F(AutomationTest, OnlyWhatTheActDidIsTakenBack) {
  ActPlan first;
  first.tag = "where";
  const auto id = asked(a, "100", "one");
  ASSERT_EQ(carry_out(a, id, first), "done");
  ActPlan second = everything();
  second.reply.clear();
  const auto other = asked(a, "100", "two");
  ASSERT_EQ(carry_out(a, other, second), "done");
  EXPECT_FALSE(json::parse(act(a, other).acts_json).contains("tag")) << "it was there";
  undone(a, other);
  EXPECT_EQ(conversation(a, "status || ' ' || tags::text"), "active {where}");
  undone(a, id);
  EXPECT_EQ(conversation(a, "tags::text"), "{}");
}

TEST_F(AutomationTest, AWaitingActIsUndoneByNotDoingIt) {
  const auto id = asked(a, "100", "one");
  EXPECT_EQ(undone(a, id).state, "undone");
  EXPECT_EQ(carry_out(a, id, everything()), "");
  EXPECT_TRUE(loop.run(acts.pending(10)).empty());
  EXPECT_EQ(value(a, "select count(*) from outbound_messages"), "0");

  const auto skipped = asked(a, "100", "two");
  loop.run(acts.skip(key(a, skipped), now, "Quiet hours."));
  const auto refused = loop.run(acts.undo(a.tenant_id, skipped, a.user_id, now));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::conflict);
  EXPECT_NE(refused.error().message().find("Quiet hours."), std::string::npos);
}

TEST_F(AutomationTest, OtherTenantsSeeAndTouchNothing) {
  const auto id = asked(a, "100", "one");
  EXPECT_EQ(carry_out(b, id, everything()), "") << "b's worker with a's act";
  ASSERT_EQ(carry_out(a, id, everything()), "done");
  EXPECT_FALSE(loop.run(acts.find(b.tenant_id, id)));
  EXPECT_TRUE(loop.run(acts.list(b.tenant_id, "", "", PageRequest(10, ""))).value().items.empty());
  const auto refused = loop.run(acts.undo(b.tenant_id, id, b.user_id, now));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::not_found);
  EXPECT_EQ(refused.error().field(), "id");
  EXPECT_EQ(loop.run(acts.undo(a.tenant_id, "nonsense", a.user_id, now)).error().kind(), ErrorKind::not_found);
  EXPECT_EQ(act(a, id).state, "done");
  EXPECT_EQ(conversation(a, "status"), "escalated");
}

TEST_F(AutomationTest, ActsAreListedNewestFirst) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(asked(a, i == 2 ? "101" : "100", "text " + std::to_string(i)));
  ASSERT_EQ(carry_out(a, ids[0], everything()), "done");
  std::vector<std::string> seen;
  std::string cursor;
  do {
    auto page = loop.run(acts.list(a.tenant_id, "", "", PageRequest(2, cursor))).value();
    for (const auto& item : page.items) seen.push_back(item.id);
    cursor = page.next;
  } while (!cursor.empty());
  EXPECT_EQ(seen, std::vector<std::string>(ids.rbegin(), ids.rend()));

  const auto conversation_id = act(a, ids[2]).conversation_id;
  auto its = loop.run(acts.list(a.tenant_id, conversation_id, "", PageRequest(10, ""))).value();
  ASSERT_EQ(its.items.size(), 1u);
  EXPECT_EQ(its.items[0].id, ids[2]);
  EXPECT_EQ(loop.run(acts.list(a.tenant_id, "", "done", PageRequest(10, ""))).value().items.size(), 1u);
  EXPECT_EQ(loop.run(acts.list(a.tenant_id, "", "pending", PageRequest(10, ""))).value().items.size(), 4u);
  EXPECT_TRUE(loop.run(acts.list(a.tenant_id, "nonsense", "", PageRequest(10, ""))).value().items.empty());
  EXPECT_EQ(loop.run(acts.list(a.tenant_id, "", "", PageRequest(10, "x"))).error().field(), "cursor");
}

}  // namespace
}  // namespace easyflow::storage
