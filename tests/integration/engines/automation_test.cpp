// From a message to its automatic answer, and what must not happen in between.
#include <gmock/gmock.h>

#include "core/automation/worker.hpp"
#include "core/base/ids.hpp"
#include "storage/repositories/automation.hpp"
#include "storage/repositories/nlp.hpp"
#include "tests/integration/engines/engines_fixture.hpp"

namespace easyflow::test {
namespace {

using testing::HasSubstr;

class SetClock final : public Clock {
 public:
  Timestamp now() const override { return time; }
  Timestamp time = SystemClock().now();
};

class AutomationEngineTest : public EnginesTest {
 protected:
  ~AutomationEngineTest() override { loop.run(tasks.close()); }

  void on(const std::string& intent, const std::function<void(storage::IntentAction&)>& say) {
    storage::IntentAction action;
    action.intent = intent;
    say(action);
    loop.run(nlp.put_action(user.tenant_id, action));
  }

  /// One and the same person writes.
  void person_writes(const std::string& text) {
    ++written;
    json person = {{"id", 100}, {"is_bot", false}, {"first_name", "Anna"}};
    json message = {{"message_id", written},
                    {"from", person},
                    {"chat", {{"id", 100}, {"first_name", "Anna"}, {"type", "private"}}},
                    {"date", 1790000000 + written},
                    {"text", text}};
    const auto body = json{{"update_id", written}, {"message", message}}.dump();
    auto account = loop.run(accounts.open(user.tenant_id, ask("select id from integrations"))).value();
    auto told = account->connector->webhooks()->decode(body);
    loop.run(
        inbound.store(std::vector{ingest::make_delivery(*account, vault, nullptr, body, told, clock.now()).value()}));
  }
  /// A buyer of the sandbox writes.
  void buyer_writes(const std::string& text) {
    const auto before = ask("select count(*) from messages where direction = 'inbound'");
    control("POST", "/sandbox/messages", {{"count", 1}, {"text", text}});
    ingest::Reception reception(loop.executor(), integrations, inbound, accounts, unread, caller, vault, connectors,
                                clock, "", "node");
    TaskGroup polling(loop.executor());
    polling.spawn("reception", reception.run());
    loop.run_until([&] { return ask("select count(*) from messages where direction = 'inbound'") != before; });
    loop.run(polling.close());
    loop.run(reception.close());
  }
  /// The newest message asks for an act; its id.
  std::string asked(const std::string& intent) {
    const auto id = new_uuid();
    ask("with m as (update messages set intent = '" + intent +
        "' where id = (select id from messages where direction = 'inbound' order by created_at desc, id desc limit 1) "
        "returning *) insert into automatic_acts (id, tenant_id, integration_id, conversation_id, message_id, "
        "message_created_at, intent, confidence) select '" +
        id + "', tenant_id, integration_id, conversation_id, id, created_at, '" + intent + "', 0.93 from m");
    return id;
  }
  storage::AutomaticAct act(const std::string& id) { return loop.run(acts.find(user.tenant_id, id)).value(); }
  void until_settled() {
    loop.run_until([&] { return ask("select count(*) from automatic_acts where state = 'pending'") == "0"; });
  }

  understanding::ReaderDirectory unread{loop.executor(), nlp, clock,
                                        /*enabled=*/false};  ///< acts are asked for by asked()
  storage::AutomationRepository acts{db};
  SetClock set_clock;
  automation::Worker worker{loop.executor(), acts, connectors, set_clock, automation::WorkerOptions{}};
  automation::Worker second{loop.executor(), acts, connectors, set_clock, automation::WorkerOptions{}};
  TaskGroup tasks{loop.executor()};
  int written = 0;
};

TEST_F(AutomationEngineTest, AnAnswerReachesThePersonOnce) {
  connect_telegram();
  on("order_status", [](auto& action) {
    action.reply = "Hello, {name}! Order {order_number} is being looked for.";
    action.tag = "order";
  });
  buyer_writes("where is it");
  const auto id = asked("order_status");

  messaging::DispatcherOptions options;
  options.node = "node";
  options.poll_interval = 200ms;
  messaging::Dispatcher dispatcher(loop.executor(), outbound, budgets, accounts, client, clock, options);
  TaskGroup sending(loop.executor());  // its loop must not outlive the dispatcher
  // two hubs on one database
  tasks.spawn("worker", worker.run());
  tasks.spawn("second", second.run());
  sending.spawn("dispatcher", dispatcher.run());
  loop.run_until([&] { return ask("select state from outbound_messages") == "sent"; });
  loop.run(sending.close());
  loop.run(dispatcher.close());
  EXPECT_EQ(act(id).state, "done");
  EXPECT_EQ(act(id).outbound_state, "sent");
  const auto text = ask("select content from messages where direction = 'outbound'");
  EXPECT_THAT(text, HasSubstr("Hello, "));
  EXPECT_THAT(text, HasSubstr("! Order is being looked for."));
  EXPECT_EQ(ask("select count(*) from messages where direction = 'outbound'"), "1");

  // once it is sent it stays, and that is said
  const auto undone = loop.run(acts.undo(user.tenant_id, id, "", set_clock.now())).value();
  EXPECT_EQ(undone.state, "undone");
  EXPECT_EQ(json::parse(undone.acts_json)["undo"]["left"][0]["part"], "reply");
  EXPECT_EQ(ask("select tags::text from conversations"), "{}");
}

TEST_F(AutomationEngineTest, TheSameMessageAgainAsksForNothing) {
  connect_telegram();
  on("order_status", [](auto& action) { action.reply = "We are looking."; });
  person_writes("where is it");
  const auto id = asked("order_status");
  EXPECT_THROW(asked("order_status"), pqxx::unique_violation) << "one act for a message";
  tasks.spawn("worker", worker.run());
  until_settled();
  tasks.spawn("second", second.run());
  EXPECT_EQ(act(id).state, "done");

  person_writes("where is it?");
  const auto again = asked("order_status");
  worker.wake();
  until_settled();
  EXPECT_EQ(act(again).state, "skipped");
  EXPECT_THAT(act(again).reason, HasSubstr("within the last hour"));

  set_clock.time += 61min;
  person_writes("hello?");
  const auto later = asked("order_status");
  worker.wake();
  until_settled();
  EXPECT_EQ(act(later).state, "done");
  EXPECT_EQ(ask("select count(*) from outbound_messages"), "2");
}

TEST_F(AutomationEngineTest, QuietHoursAreTheOwnersAndHoldBackOnlyTheAnswer) {
  connect_telegram();
  on("order_status", [](auto& action) {
    action.reply = "We are looking.";
    action.tag = "order";
    action.quiet_from = "22:00";
    action.quiet_until = "08:00";
  });
  ask("update users set timezone = 'Asia/Vladivostok'");  // UTC+10, no summer time
  // the coming 13:30 UTC is 23:30 there
  const auto today = std::chrono::floor<std::chrono::days>(SystemClock().now());
  set_clock.time = today + 13h + 30min;
  if (set_clock.time < SystemClock().now()) set_clock.time += 24h;
  person_writes("where is it");
  const auto id = asked("order_status");
  ask("update automatic_acts set created_at = '" + format_rfc3339(set_clock.time) + "'");
  tasks.spawn("worker", worker.run());
  until_settled();
  EXPECT_EQ(act(id).state, "done");
  EXPECT_THAT(act(id).reason, HasSubstr("22:00 to 08:00 (Asia/Vladivostok)"));
  EXPECT_EQ(ask("select tags::text from conversations"), "{order}");
  EXPECT_EQ(ask("select count(*) from outbound_messages"), "0");
}

TEST_F(AutomationEngineTest, APersonsConversationIsLeftToThePerson) {
  connect_telegram();
  on("order_status", [](auto& action) { action.reply = "We are looking."; });
  on("operator_request", [](auto& action) {
    action.reply = "A person will write soon.";
    action.escalate = true;
  });
  tasks.spawn("worker", worker.run());
  person_writes("call a person");
  const auto first = asked("operator_request");
  worker.wake();
  until_settled();
  EXPECT_EQ(act(first).state, "done");
  EXPECT_EQ(ask("select status from conversations"), "escalated");
  EXPECT_EQ(ask("select count(*) from outbound_messages"), "1") << "the answer goes with the escalation";

  person_writes("where is it");
  const auto second_act = asked("order_status");
  worker.wake();
  until_settled();
  EXPECT_EQ(act(second_act).state, "skipped");
  EXPECT_THAT(act(second_act).reason, HasSubstr("a person handles"));

  ask("update conversations set status = 'active'");
  person_writes("and now?");
  messaging::SendRequest answer;
  answer.conversation_id = ask("select id from conversations");
  answer.text = "I am on it.";
  ASSERT_TRUE(loop.run(send.send(user.tenant_id, answer)));
  const auto third = asked("order_status");  // only now: the worker may look at any time
  worker.wake();
  until_settled();
  EXPECT_THAT(act(third).reason, HasSubstr("has answered already"));
  EXPECT_EQ(ask("select count(*) from outbound_messages"), "2");
}

TEST_F(AutomationEngineTest, OneActThatFailsHoldsUpNoOther) {
  connect_telegram();
  on("order_status", [](auto& action) { action.tag = "order"; });
  person_writes("one");
  const auto first = asked("order_status");
  person_writes("two");
  const auto second_act = asked("order_status");
  // only this one cannot be stored as done
  {
    pqxx::connection connection(database.owner_dsn());
    pqxx::work work(connection);
    work.exec("alter table automatic_acts add constraint stop check (state <> 'done' or id <> '" + first + "')");
    work.commit();
  }
  tasks.spawn("worker", worker.run());
  until_settled();
  EXPECT_EQ(act(first).state, "skipped");
  EXPECT_THAT(act(first).reason, HasSubstr("failed to carry this out"));
  EXPECT_EQ(act(second_act).state, "done");
  EXPECT_EQ(ask("select tags::text from conversations"), "{order}");
}

TEST_F(AutomationEngineTest, IdleItAsksNothing) {
  const auto before = db.stats().transactions + 1;  // its first look
  tasks.spawn("worker", worker.run());
  loop.run_until([&] { return db.stats().transactions == before; });
  for (int i = 0; i < 50; ++i) {
    loop.io().restart();
    loop.io().poll();
  }
  EXPECT_EQ(db.stats().transactions, before);
  worker.wake();
  loop.run_until([&] { return db.stats().transactions == before + 1; });
}

}  // namespace
}  // namespace easyflow::test
