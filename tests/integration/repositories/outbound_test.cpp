#include "storage/repositories/outbound.hpp"

#include "tests/integration/repositories/fixture.hpp"

namespace easyflow::storage {
namespace {

using std::chrono::seconds;

class OutboundTest : public test::RepositoryTest {
 protected:
  OutboundTest() {
    loop.run(inbound.store(
        {delivery(a, {message("u1", "5", "11", "one")}), delivery(a, {message("u2", "6", "12", "two")})}));
    for (const auto& conversation : conversations_of(a))
      (conversation.chat_id == "5" ? first : second) = conversation.id;
  }

  Result<Outbound> enqueue(const std::string& conversation, std::string text, std::string key = "") {
    sdk::OutboundMessage message;
    message.text = std::move(text);
    sdk::Button button;
    button.text = "Да";
    button.data = "yes";
    message.keyboard = {{button}};
    return loop.run(outbound.enqueue(a.tenant_id, conversation, message, std::move(key)));
  }
  OutboundClaim claim(const OutboundKey& key, std::string buckets = "[]") {
    return loop.run(outbound.claim(key, "node-1", seconds(60), std::move(buckets)));
  }
  /// Takes the only due message.
  OutboundKey claim_only() {
    const auto due = loop.run(outbound.due(10));
    EXPECT_EQ(due.size(), 1u);
    EXPECT_TRUE(claim(due.at(0)).claimed);
    return due.at(0);
  }
  int attempts(const OutboundKey& key) { return loop.run(outbound.find(key.tenant_id, key.id))->attempts; }
  void finish(const OutboundKey& key, sdk::SendState state) {
    sdk::SendOutcome outcome;
    outcome.state = state;
    outcome.platform_message_id = state == sdk::SendState::sent ? "77" : "";
    outcome.error_code = state == sdk::SendState::sent ? "" : "403";
    outcome.reason = state == sdk::SendState::sent ? "" : "refused";
    loop.run(outbound.finish(key, attempts(key), outcome));
  }
  std::string state(const std::string& id) { return loop.run(outbound.find(a.tenant_id, id))->state; }
  std::string delivery_of(const Outbound& sent) {
    return value(a, "select metadata->>'delivery' from messages where id = '" + sent.message_id + "'");
  }
  std::string last_event() { return value(a, "select type from outbox_events order by xid desc, id desc limit 1"); }

  std::string first;
  std::string second;
};

TEST_F(OutboundTest, FromQueueToSent) {
  const auto queued = enqueue(first, "hello").value();
  EXPECT_EQ(queued.state, "queued");
  EXPECT_EQ(queued.message.chat_id, "5");
  ASSERT_EQ(queued.message.keyboard.size(), 1u);
  EXPECT_EQ(queued.message.keyboard[0][0].data, "yes");
  EXPECT_EQ(delivery_of(queued), "queued");
  EXPECT_EQ(last_event(), "message.queued");
  EXPECT_EQ(loop.run(conversations.find(a.tenant_id, first))->messages_count, 2);
  const auto key = claim_only();
  EXPECT_EQ(key.id, queued.id);
  EXPECT_EQ(delivery_of(queued), "sending");
  EXPECT_TRUE(loop.run(outbound.due(10)).empty());
  EXPECT_FALSE(claim(key).claimed) << "a message is claimed once";
  finish(key, sdk::SendState::sent);
  EXPECT_EQ(state(queued.id), "sent");
  EXPECT_EQ(delivery_of(queued), "sent");
  EXPECT_EQ(value(a, "select platform_message_id from messages where role = 'assistant'"), "77");
  EXPECT_EQ(last_event(), "message.sent");
  finish(key, sdk::SendState::failed);
  EXPECT_EQ(state(queued.id), "sent") << "a settled message stays settled";
  EXPECT_FALSE(loop.run(outbound.find(b.tenant_id, queued.id)));
}

TEST_F(OutboundTest, AnIdempotencyKeyQueuesOnce) {
  const auto queued = enqueue(first, "hello", "k1").value();
  EXPECT_EQ(enqueue(first, "hello", "k1").value().id, queued.id);
  EXPECT_EQ(value(a, "select count(*) from outbound_messages"), "1");
  const auto other_text = enqueue(first, "bye", "k1");
  EXPECT_EQ(other_text.error().kind(), ErrorKind::conflict);
  EXPECT_EQ(other_text.error().field(), "idempotency_key");
  EXPECT_EQ(enqueue(second, "hello", "k1").error().kind(), ErrorKind::conflict);
  EXPECT_EQ(enqueue(first, "hello", std::string(256, 'k')).error().kind(), ErrorKind::invalid_input);
}

TEST_F(OutboundTest, WhereNothingCanBeSent) {
  EXPECT_EQ(enqueue(new_uuid(), "hello").error().kind(), ErrorKind::not_found);
  EXPECT_EQ(enqueue("no uuid", "hello").error().kind(), ErrorKind::not_found);
  sdk::OutboundMessage message;
  message.text = "hello";
  EXPECT_EQ(loop.run(outbound.enqueue(b.tenant_id, first, message, "")).error().kind(), ErrorKind::not_found);
  loop.run(inbound.store({delivery(a, {event(sdk::EventKind::contact_blocked, "u9", "5", "", "")})}));
  EXPECT_EQ(enqueue(first, "hello").error().kind(), ErrorKind::conflict);
  loop.run(integrations.remove(a.tenant_id, a.chat_account));
  EXPECT_EQ(enqueue(second, "hello").error().kind(), ErrorKind::conflict);
  EXPECT_EQ(value(a, "select count(*) from messages"), "2") << "the history outlives the connection";
}

TEST_F(OutboundTest, AChatKeepsItsOrder) {
  const auto one = enqueue(first, "1").value();
  const auto two = enqueue(first, "2").value();
  const auto other = enqueue(second, "3").value();
  auto due = loop.run(outbound.due(10));
  ASSERT_EQ(due.size(), 2u);
  for (const auto& key : due) EXPECT_TRUE(key.id == one.id || key.id == other.id);
  const auto first_key = due[0].id == one.id ? due[0] : due[1];
  ASSERT_TRUE(claim(first_key).claimed);
  for (const auto& key : loop.run(outbound.due(10))) EXPECT_NE(key.id, two.id);
  sdk::SendOutcome later;
  later.state = sdk::SendState::retry_later;
  later.retry_after = seconds(3600);
  loop.run(outbound.finish(first_key, 1, later));
  EXPECT_EQ(state(one.id), "queued");
  for (const auto& key : loop.run(outbound.due(10))) EXPECT_NE(key.id, two.id) << "the first one still waits";
  change(a, "update outbound_messages set next_attempt_at = now()");
  ASSERT_TRUE(claim(first_key).claimed);
  finish(first_key, sdk::SendState::sent);
  bool second_is_due = false;
  for (const auto& key : loop.run(outbound.due(10))) second_is_due = second_is_due || key.id == two.id;
  EXPECT_TRUE(second_is_due);
  EXPECT_EQ(loop.run(outbound.find(a.tenant_id, one.id))->attempts, 2);
}

TEST_F(OutboundTest, TheEndOfAnEarlierAttemptChangesNothing) {
  const auto one = enqueue(first, "1").value();
  const auto key = claim_only();
  sdk::SendOutcome later;
  later.state = sdk::SendState::retry_later;
  loop.run(outbound.finish(key, 1, later));
  ASSERT_EQ(claim(key).attempt, 2);
  // told again, because nobody knew whether the first time was committed
  loop.run(outbound.finish(key, 1, later));
  EXPECT_EQ(state(one.id), "sending") << "queued again it would be sent twice";
  finish(key, sdk::SendState::sent);
  EXPECT_EQ(state(one.id), "sent");
}

TEST_F(OutboundTest, ABlockedContactFailsWhatWaits) {
  const auto one = enqueue(first, "1").value();
  const auto two = enqueue(first, "2").value();
  const auto other = enqueue(second, "3").value();
  for (const auto& key : loop.run(outbound.due(10))) {
    if (key.id != one.id) continue;
    ASSERT_TRUE(claim(key).claimed);
    finish(key, sdk::SendState::contact_blocked);
  }
  EXPECT_EQ(state(one.id), "failed");
  EXPECT_EQ(state(two.id), "failed");
  EXPECT_EQ(state(other.id), "queued");
  EXPECT_EQ(delivery_of(two), "failed");
  EXPECT_EQ(loop.run(outbound.find(a.tenant_id, two.id))->error, "refused");
  EXPECT_FALSE(loop.run(conversations.find(a.tenant_id, first))->contact_active);
  EXPECT_EQ(last_event(), "message.failed");
}

TEST_F(OutboundTest, AMovedChatTakesItsQueueAlong) {
  const auto one = enqueue(first, "1").value();
  const auto two = enqueue(first, "2").value();
  const auto key = claim_only();
  sdk::SendOutcome moved;
  moved.state = sdk::SendState::retry_later;
  moved.new_chat_id = "-100500";
  loop.run(outbound.finish(key, 1, moved));
  EXPECT_EQ(loop.run(outbound.find(a.tenant_id, one.id))->message.chat_id, "-100500");
  EXPECT_EQ(loop.run(outbound.find(a.tenant_id, two.id))->message.chat_id, "-100500");
  EXPECT_EQ(loop.run(conversations.find(a.tenant_id, first))->chat_id, "-100500");
  auto later = message("u7", "5", "20", "from the moved chat");
  later.chat_id = "-100500";
  loop.run(inbound.store({delivery(a, {later})}));
  EXPECT_EQ(messages_of(a, first).size(), 4u);
}

TEST_F(OutboundTest, ADeadNodesSendsBecomeUnknownAndAreNotRepeated) {
  const auto queued = enqueue(first, "1").value();
  const auto key = claim_only();
  EXPECT_EQ(loop.run(outbound.settle_abandoned("somebody else")), 0);
  EXPECT_EQ(loop.run(outbound.settle_abandoned("node-1")), 1);
  EXPECT_EQ(state(queued.id), "unknown");
  EXPECT_EQ(delivery_of(queued), "unknown");
  EXPECT_EQ(last_event(), "message.unknown");
  EXPECT_TRUE(loop.run(outbound.due(10)).empty());
  finish(key, sdk::SendState::sent);
  EXPECT_EQ(state(queued.id), "sent") << "the truth is welcome later";
  const auto expired = enqueue(first, "2").value();
  claim_only();
  change(a, "update outbound_messages set lease_until = now() - interval '1 second' where state = 'sending'");
  EXPECT_EQ(loop.run(outbound.settle_abandoned("")), 1);
  EXPECT_EQ(state(expired.id), "unknown");
}

TEST_F(OutboundTest, WithoutBudgetItWaits) {
  enqueue(first, "1").value();
  enqueue(second, "2").value();
  const std::string buckets = R"([{"bucket":"send","scope":"","interval_ms":3600000,"burst":1}])";
  const auto due = loop.run(outbound.due(10));
  ASSERT_EQ(due.size(), 2u);
  EXPECT_TRUE(claim(due[0], buckets).claimed);
  const auto refused = claim(due[1], buckets);
  EXPECT_FALSE(refused.claimed);
  EXPECT_GT(refused.wait, std::chrono::minutes(30));
  EXPECT_EQ(state(due[1].id), "queued");
  EXPECT_TRUE(loop.run(outbound.due(10)).empty());
}

TEST_F(OutboundTest, FailsWhatCannotBeSent) {
  const auto queued = enqueue(first, "1").value();
  const auto key = loop.run(outbound.due(10)).at(0);
  loop.run(outbound.fail(key, "the credentials can't be opened"));
  EXPECT_EQ(state(queued.id), "failed");
  EXPECT_EQ(delivery_of(queued), "failed");
}

}  // namespace
}  // namespace easyflow::storage
