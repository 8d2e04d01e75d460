#include "storage/repositories/inbound.hpp"

#include "tests/integration/repositories/fixture.hpp"

namespace easyflow::storage {
namespace {

using sdk::EventKind;

class InboundTest : public test::RepositoryTest {
 protected:
  IngestCounts store(std::vector<Delivery> deliveries) { return loop.run(inbound.store(std::move(deliveries))); }
  IngestCounts store_events(std::vector<sdk::InboundEvent> told) {
    std::vector<Delivery> deliveries;
    deliveries.push_back(delivery(a, std::move(told)));
    return store(std::move(deliveries));
  }
  std::string event_types() {
    return value(a, "select coalesce(string_agg(type, ' ' order by xid, id), '') from outbox_events");
  }
};

TEST_F(InboundTest, StoresEverythingAMessageCauses) {
  const auto counts = store_events({message("u1", "4000000000", "11", "Здравствуйте 🙂")});
  EXPECT_EQ(counts.fresh, 1);
  const auto found = conversations_of(a);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].title, "Buyer 4000000000");
  EXPECT_EQ(found[0].platform, "chat");
  EXPECT_EQ(found[0].chat_id, "4000000000");
  EXPECT_EQ(found[0].messages_count, 1);
  EXPECT_EQ(found[0].last_message, "Здравствуйте 🙂");
  const auto messages = messages_of(a, found[0].id);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].role, "user");
  EXPECT_EQ(messages[0].direction, "inbound");
  EXPECT_EQ(messages[0].platform_message_id, "11");
  EXPECT_EQ(messages[0].sent_at, from_unix_seconds(1'790'000'000));
  EXPECT_EQ(value(a, "select session_id from conversations"), a.chat_account + ":4000000000");
  EXPECT_EQ(value(a, "select telegram_id || ' ' || username || ' ' || language_code from contacts"),
            "4000000000 user4000000000 ru");
  EXPECT_EQ(value(a, "select count(*) from messages m join contacts c on c.id = m.contact_id"), "1");
  EXPECT_EQ(event_types(), "message.received");
  EXPECT_EQ(value(a, "select payload->>'conversation_id' from outbox_events"), found[0].id);
  EXPECT_EQ(value(a, "select payload->>'message_id' from outbox_events"), messages[0].id);
  EXPECT_EQ(
      value(a, "select encode(b.sealed, 'escape') from inbound_bodies b join inbound_events e on e.body_id = b.id"),
      "sealed\\000bytes");
  EXPECT_FALSE(loop.run(inbound.body(a.tenant_id, value(a, "select body_id from inbound_events"))))
      << "only what is in quarantine is shown";
}

TEST_F(InboundTest, ARepeatedEventDoesNothing) {
  EXPECT_EQ(store_events({message("u1", "5", "11", "one")}).fresh, 1);
  const auto version = value(a, "select xmin from conversations");
  const auto again = store_events({message("u1", "5", "11", "one")});
  EXPECT_EQ(again.fresh, 0);
  EXPECT_EQ(again.duplicates, 1);
  EXPECT_EQ(value(a, "select xmin from conversations"), version);
  EXPECT_EQ(value(a, "select count(*) from messages"), "1");
  EXPECT_EQ(value(a, "select count(*) from inbound_bodies"), "1");
  EXPECT_EQ(value(a, "select count(*) from outbox_events"), "1");
}

TEST_F(InboundTest, ARepetitionInsideABatchCountsOnce) {
  const auto counts =
      store_events({message("u1", "5", "11", "one"), message("u1", "5", "11", "one"), message("u2", "5", "12", "two")});
  EXPECT_EQ(counts.fresh, 2);
  EXPECT_EQ(counts.duplicates, 1);
  EXPECT_EQ(conversations_of(a).at(0).messages_count, 2);
}

TEST_F(InboundTest, ARepetitionBesideNewEventsChangesNothing) {
  store_events({event(EventKind::contact_blocked, "u1", "5", "", ""), message("u2", "6", "11", "one")});
  store_events({event(EventKind::contact_unblocked, "u3", "5", "", "")});
  const auto counts =
      store_events({message("u4", "5", "12", "two"), event(EventKind::contact_blocked, "u1", "5", "", ""),
                    message("u2", "6", "11", "one"), message("u5", "6", "13", "three")});
  EXPECT_EQ(counts.fresh, 2);
  EXPECT_EQ(counts.duplicates, 2);
  EXPECT_EQ(value(a, "select string_agg(content, ' ' order by content) from messages"), "one three two");
  EXPECT_EQ(value(a, "select string_agg(messages_count::text, ' ' order by chat_id) from conversations"), "1 2");
  EXPECT_EQ(value(a, "select bool_and(is_active) from contacts"), "t") << "an old event says nothing about today";
  EXPECT_EQ(value(a, "select count(*) from inbound_bodies"), "3");
}

TEST_F(InboundTest, TenantsOfOneBatchStayApart) {
  std::vector<Delivery> deliveries;
  deliveries.push_back(delivery(a, {message("u1", "5", "11", "for a")}));
  deliveries.push_back(delivery(b, {message("u1", "5", "11", "for b")}));
  deliveries.push_back(delivery(a, {message("u2", "5", "12", "again for a")}));
  EXPECT_EQ(store(deliveries).fresh, 3);
  EXPECT_EQ(conversations_of(a).at(0).messages_count, 2);
  EXPECT_EQ(conversations_of(b).at(0).messages_count, 1);
  EXPECT_EQ(value(b, "select string_agg(content, ',') from messages"), "for b");
  const auto conversation = conversations_of(a).at(0).id;
  EXPECT_FALSE(loop.run(conversations.find(b.tenant_id, conversation)));
  EXPECT_TRUE(messages_of(b, conversation).empty());
  EXPECT_FALSE(loop.run(conversations.set_status(b.tenant_id, conversation, "closed")));
  EXPECT_FALSE(loop.run(inbound.body(b.tenant_id, deliveries[0].body_id)));
}

TEST_F(InboundTest, OddTextsDoNotFailTheirBatch) {
  auto odd = message("u\xff", "5", "11", std::string("nul \0 and \xf0\x9f broken", 20));
  odd.metadata_json = R"({"a":"\u0000","b":"\ud83d","c":"\\u0000"})";
  auto garbage = message("u2", "5", "12", std::string(100'000, 'x'));
  garbage.metadata_json = "no json";
  garbage.content_type = std::string(80, 't');
  auto long_chat = message("u3", "5", "13", "unreachable");
  long_chat.chat_id = std::string(300, '7');
  EXPECT_EQ(store_events({odd, garbage, long_chat}).fresh, 3);
  EXPECT_EQ(value(a, "select count(*) from messages"), "2");
  EXPECT_EQ(value(a, "select max(length(content)) from messages"), "100000");
  EXPECT_EQ(value(a, "select metadata->>'c' from messages where platform_message_id = '11'"), "\\u0000");
  EXPECT_EQ(value(a, "select state from inbound_events where dedup_key = 'u3'"), "ignored");
}

TEST_F(InboundTest, ContactsAreWrittenOnlyWhenTheyChange) {
  store_events({message("u1", "5", "11", "one")});
  const auto version = value(a, "select xmin from contacts");
  store_events({message("u2", "5", "12", "two")});
  EXPECT_EQ(value(a, "select xmin from contacts"), version);
  auto renamed = message("u3", "5", "13", "three");
  renamed.sender.full_name = "New name";
  renamed.sender.username = "";
  store_events({renamed});
  EXPECT_EQ(value(a, "select full_name || coalesce(username, '-') from contacts"), "New name-");
  EXPECT_EQ(conversations_of(a).at(0).title, "New name");
}

TEST_F(InboundTest, BlockedAndBackAgain) {
  store_events({message("u1", "5", "11", "one")});
  store_events({event(EventKind::contact_blocked, "u2", "5", "", "")});
  EXPECT_EQ(value(a, "select is_active from contacts"), "f");
  EXPECT_FALSE(conversations_of(a).at(0).contact_active);
  store_events({event(EventKind::contact_unblocked, "u3", "5", "", "")});
  EXPECT_EQ(value(a, "select is_active from contacts"), "t");
  store_events({event(EventKind::contact_blocked, "u4", "5", "", ""), message("u5", "5", "12", "back")});
  EXPECT_EQ(value(a, "select is_active from contacts"), "t");
  EXPECT_EQ(event_types(), "message.received contact.blocked contact.unblocked contact.blocked message.received");
  EXPECT_EQ(value(a, "select count(distinct payload->>'conversation_id') from outbox_events"), "1");
  EXPECT_EQ(conversations_of(a).at(0).messages_count, 2);
}

TEST_F(InboundTest, CallbacksAreMessagesAndIgnoredEventsOnlyLedger) {
  auto ignored = event(EventKind::ignored, "u2", "5", "", "");
  EXPECT_EQ(store_events({event(EventKind::callback, "u1", "5", "cb1", "yes"), ignored}).fresh, 2);
  EXPECT_EQ(value(a, "select content_type || ' ' || content from messages"), "callback yes");
  EXPECT_EQ(event_types(), "callback.received");
  EXPECT_EQ(value(a, "select string_agg(state::text, ' ' order by dedup_key) from inbound_events"),
            "processed ignored");
  EXPECT_EQ(value(a, "select count(*) from inbound_bodies"), "1");
}

TEST_F(InboundTest, AnEditChangesItsMessageAndOlderEditsDoNot) {
  auto edit = [](std::string key, std::string text, int at) {
    auto out = event(EventKind::message_edited, std::move(key), "5", "11", std::move(text));
    out.metadata_json = "{\"edit_date\":" + std::to_string(at) + "}";
    return out;
  };
  // the edit stands before its original in the batch, as parallel deliveries may
  store_events({edit("u2", "second", 1'790'000'100), message("u1", "5", "11", "first")});
  EXPECT_EQ(value(a, "select content || '<' || (metadata->>'previous') from messages"), "second<first");
  store_events({edit("u4", "fourth", 1'790'000'300)});
  store_events({edit("u3", "third", 1'790'000'200)});
  EXPECT_EQ(value(a, "select content from messages"), "fourth");
  EXPECT_EQ(conversations_of(a).at(0).messages_count, 1);
  EXPECT_EQ(event_types(), "message.received message.edited message.edited");
}

TEST_F(InboundTest, AnOriginalAfterItsEditIsNotDoubled) {
  store_events({event(EventKind::message_edited, "u2", "5", "11", "edited")});
  EXPECT_EQ(value(a, "select content || (metadata->>'edited') from messages"), "editedtrue");
  EXPECT_EQ(conversations_of(a).at(0).messages_count, 1);
  EXPECT_EQ(store_events({message("u1", "5", "11", "original"), message("u3", "5", "12", "next")}).fresh, 2);
  EXPECT_EQ(value(a, "select string_agg(content, ',' order by created_at) from messages"), "edited,next");
  EXPECT_EQ(conversations_of(a).at(0).messages_count, 2);
}

TEST_F(InboundTest, GroupsKeepTheirTitleAndNoContact) {
  auto in_group = message("u1", "5", "11", "hi");
  in_group.chat_id = "-100";
  in_group.chat_type = "group";
  in_group.metadata_json = R"({"chat_title":"Wholesale"})";
  store_events({in_group});
  const auto group = conversations_of(a).at(0);
  EXPECT_EQ(group.title, "Wholesale");
  EXPECT_EQ(group.contact_id, "");
  EXPECT_EQ(value(a, "select count(*) from messages where contact_id is not null"), "1");
}

TEST_F(InboundTest, QuarantineAndReplay) {
  auto strange = delivery(a, {});
  strange.quarantine_reason = "update has no update_id";
  strange.quarantine_key = "body:1";
  EXPECT_EQ(store({strange}).quarantined, 1);
  EXPECT_EQ(store({strange}).duplicates, 1);
  auto listed = loop.run(inbound.quarantine(a.tenant_id, PageRequest())).value();
  ASSERT_EQ(listed.items.size(), 1u);
  EXPECT_EQ(listed.items[0].body_id, strange.body_id);
  EXPECT_EQ(listed.items[0].reason, "update has no update_id");
  EXPECT_EQ(listed.items[0].platform_id, "chat");
  EXPECT_TRUE(loop.run(inbound.quarantine(b.tenant_id, PageRequest())).value().items.empty());

  auto understood = strange;
  understood.quarantine_reason.clear();
  understood.events = {message("u1", "5", "11", "understood now")};
  EXPECT_TRUE(loop.run(inbound.replay(understood)));
  EXPECT_FALSE(loop.run(inbound.replay(understood)));
  EXPECT_EQ(value(a, "select content from messages"), "understood now");
  EXPECT_EQ(value(a, "select count(*) from quarantined_bodies"), "1");
  EXPECT_EQ(value(a, "select state from inbound_events where dedup_key = 'body:1'"), "replayed");
  EXPECT_TRUE(loop.run(inbound.quarantine(a.tenant_id, PageRequest())).value().items.empty());
}

TEST_F(InboundTest, WhatIsInQuarantineStaysUntilItIsReplayed) {
  auto junk = delivery(a, {});
  junk.quarantine_reason = "no meaning";
  junk.quarantine_key = "body:1";
  loop.run(inbound.store({junk, delivery(a, {message("u1", "5", "11", "understood")})}));
  const auto much_later = junk.received_at + std::chrono::hours(24 * 400);
  PruneBefore all;
  all.ledger = all.outbox = all.sync_logs = all.outbound = much_later;
  EXPECT_GT(loop.run(upkeep.drop_inbound_bodies(much_later)), 0);
  loop.run(upkeep.prune(all, 100));
  EXPECT_EQ(value(a, "select count(*) from inbound_bodies"), "0");
  ASSERT_EQ(loop.run(inbound.quarantine(a.tenant_id, PageRequest())).value().items.size(), 1u);
  ASSERT_TRUE(loop.run(inbound.body(a.tenant_id, junk.body_id)));
  EXPECT_EQ(loop.run(inbound.body(a.tenant_id, junk.body_id))->sealed, junk.sealed_body);
  EXPECT_FALSE(loop.run(inbound.body(b.tenant_id, junk.body_id)));

  loop.run(upkeep.make_partitions(junk.received_at));
  auto understood = junk;
  understood.quarantine_reason.clear();
  understood.events = {message("u2", "5", "12", "understood now")};
  EXPECT_TRUE(loop.run(inbound.replay(understood)));
  loop.run(upkeep.prune(all, 100));
  EXPECT_EQ(value(a, "select count(*) from quarantined_bodies"), "0");
}

TEST_F(InboundTest, PollPositionMovesWithItsEvents) {
  const auto lease = loop.run(inbound.claim_poll(a.tenant_id, a.chat_account, "node", std::chrono::seconds(60)));
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->cursor, "");
  std::vector<Delivery> deliveries{delivery(a, {message("u1", "5", "11", "one")})};
  EXPECT_EQ(loop.run(inbound.store_poll(*lease, deliveries, "101")).value().fresh, 1);
  const auto again = loop.run(inbound.claim_poll(a.tenant_id, a.chat_account, "node", std::chrono::seconds(60)));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->cursor, "101");
  EXPECT_EQ(again->fencing, lease->fencing) << "taken on, not over";
  for (const auto& due : loop.run(sync.claim_due("node", 10, std::chrono::seconds(60))))
    EXPECT_NE(due.stream, "@updates");
  for (const auto& stream : loop.run(sync.status(a.tenant_id))) EXPECT_NE(stream.stream, "@updates");
  EXPECT_EQ(loop.run(sync.request(a.tenant_id, a.chat_account, "", true)), 0);
  EXPECT_FALSE(loop.run(sync.claim(a.tenant_id, a.chat_account, "@updates", "node", std::chrono::seconds(60))));
}

TEST_F(InboundTest, OnlyTheHolderOfTheLeaseMovesThePollPosition) {
  const auto claim = [&](std::string owner) {
    return loop.run(inbound.claim_poll(a.tenant_id, a.chat_account, std::move(owner), std::chrono::seconds(60)));
  };
  const auto first = claim("one");
  ASSERT_TRUE(first);
  EXPECT_FALSE(claim("two"));
  change(a, "update sync_cursors set lease_until = now() - interval '1 second'");  // "one" died
  const auto second = claim("two");
  ASSERT_TRUE(second);
  std::vector<Delivery> deliveries{delivery(a, {message("u1", "5", "11", "one")})};
  EXPECT_EQ(loop.run(inbound.store_poll(*first, deliveries, "101")).error().kind(), ErrorKind::conflict);
  EXPECT_EQ(value(a, "select count(*) from messages"), "0");
  EXPECT_EQ(loop.run(inbound.store_poll(*second, deliveries, "101")).value().fresh, 1);
  loop.run(inbound.release_poll(*first));
  EXPECT_FALSE(claim("one")) << "a lease that was lost can't be given back";
  loop.run(inbound.release_poll(*second));
  EXPECT_TRUE(claim("one"));
}

TEST_F(InboundTest, AFailedBatchStoresNothing) {
  auto orphan = delivery(a, {message("u2", "6", "12", "orphan")});
  orphan.integration_id = new_uuid();
  std::vector<Delivery> deliveries{delivery(a, {message("u1", "5", "11", "good")}), orphan};
  EXPECT_THROW(store(deliveries), pqxx::sql_error);
  EXPECT_EQ(value(a, "select count(*) from messages"), "0");
  EXPECT_EQ(value(a, "select count(*) from inbound_events"), "0");
}

TEST_F(InboundTest, ParallelBatchesOnTheSameChatsCountExactly) {
  constexpr int kBatches = 24;
  constexpr int kChats = 20;
  std::vector<std::shared_ptr<test::Outcome>> outcomes;
  auto store_batch = [](InboundRepository& repository, std::vector<Delivery> deliveries) -> Task<> {
    co_await repository.store(std::move(deliveries));
  };
  for (int batch = 0; batch < kBatches; ++batch) {
    std::vector<Delivery> deliveries;
    for (int i = 0; i < kChats; ++i) {
      const int chat = batch % 2 == 0 ? i : kChats - 1 - i;  // half of them the other way round
      const auto& shop = i % 2 == 0 ? a : b;
      auto said = message("u" + std::to_string(batch * kChats + chat), std::to_string(100 + chat),
                          std::to_string(batch), "hello");
      said.sender.full_name = "Name " + std::to_string(batch);  // every batch changes every contact
      deliveries.push_back(delivery(shop, {said}));
      deliveries.push_back(
          delivery(shop, {message("shared" + std::to_string(chat), "99", "m" + std::to_string(chat), "once")}));
    }
    outcomes.push_back(loop.spawn(store_batch(inbound, std::move(deliveries))));
  }
  for (const auto& outcome : outcomes) {
    loop.finish(outcome);
    EXPECT_EQ(outcome->storage_down(), "");
  }
  EXPECT_EQ(value_in(Scope::hub(), "select deadlocks from pg_stat_database where datname = current_database()"), "0");
  for (const auto* shop : {&a, &b}) {
    EXPECT_EQ(value(*shop, "select sum(messages_count) from conversations"),
              value(*shop, "select count(*) from messages"));
    EXPECT_EQ(
        value(*shop, "select count(*) from (select dedup_key from inbound_events group by 1 having count(*) > 1) d"),
        "0");
    EXPECT_EQ(value(*shop, "select count(*) from messages"), value(*shop, "select count(*) from inbound_events"));
    EXPECT_EQ(value(*shop, "select count(*) from messages"), value(*shop, "select count(*) from outbox_events"));
  }
  const auto total =
      std::stoi(value(a, "select count(*) from messages")) + std::stoi(value(b, "select count(*) from messages"));
  // batches of both directions give a chat to either shop: 24 * 20 own messages, and each shop meets all shared ones
  EXPECT_EQ(total, kBatches * kChats + 2 * kChats);
}

TEST_F(InboundTest, RowsOfAnotherTenantAreRefused) {
  auto foreign = delivery(b, {message("u1", "5", "11", "x")});
  foreign.integration_id = a.chat_account;
  // stored for b under a's integration: a sees nothing of it
  store({foreign});
  EXPECT_EQ(value(a, "select count(*) from messages"), "0");
  EXPECT_TRUE(conversations_of(a).empty());
  EXPECT_EQ(value_in(Scope::hub(), "select count(*) from messages"), "0");
  EXPECT_ANY_THROW(
      change(a, "insert into outbox_events (tenant_id, type, payload) values ('" + b.tenant_id + "', 'x', '{}')"));
  EXPECT_EQ(value(b, "select count(*) from outbox_events where type = 'x'"), "0");
}

}  // namespace
}  // namespace easyflow::storage
