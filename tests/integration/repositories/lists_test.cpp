// Paged lists and the feed of events.
#include <set>

#include "tests/integration/repositories/fixture.hpp"

namespace easyflow::storage {
namespace {

class ListsTest : public test::RepositoryTest {
 protected:
  /// Follows the cursors to the end and returns the ids in order.
  template <class T, class Ask>
  std::vector<std::string> walk(Ask ask) {
    std::vector<std::string> ids;
    PageRequest page(3, "");
    for (int pages = 0; pages < 100; ++pages) {
      Result<Paged<T>> answer = loop.run(ask(page));
      for (const auto& item : answer.value().items) ids.push_back(item.id);
      page.cursor = answer.value().next;
      if (page.cursor.empty()) break;
    }
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size()) << "nothing comes twice";
    return ids;
  }
};

TEST_F(ListsTest, ConversationsAndMessages) {
  std::vector<Delivery> deliveries;
  for (int i = 0; i < 10; ++i) {
    deliveries.push_back(delivery(a, {message("u" + std::to_string(i), std::to_string(100 + i), "1", "x")}));
    deliveries.push_back(
        delivery(a, {message("v" + std::to_string(i), "100", std::to_string(50 + i), std::to_string(i))}));
    // the same moment for several rows: the id decides then
    deliveries.back().received_at = deliveries.front().received_at;
  }
  loop.run(inbound.store(deliveries));
  EXPECT_EQ(walk<Conversation>([&](PageRequest p) { return conversations.list(a.tenant_id, "", "", p); }).size(), 10u);
  EXPECT_EQ(
      walk<Conversation>([&](PageRequest p) { return conversations.list(a.tenant_id, "chat", "active", p); }).size(),
      10u);
  EXPECT_EQ(walk<Conversation>([&](PageRequest p) { return conversations.list(a.tenant_id, "other", "", p); }).size(),
            0u);
  EXPECT_EQ(walk<Conversation>([&](PageRequest p) { return conversations.list(b.tenant_id, "", "", p); }).size(), 0u);
  const auto busy = value(a, "select id from conversations where chat_id = '100'");
  EXPECT_EQ(walk<Message>([&](PageRequest p) { return conversations.messages(a.tenant_id, busy, p); }).size(), 11u);
  EXPECT_EQ(walk<Message>([&](PageRequest p) { return conversations.messages(b.tenant_id, busy, p); }).size(), 0u);
  EXPECT_TRUE(loop.run(conversations.set_status(a.tenant_id, busy, "closed")));
  EXPECT_EQ(walk<Conversation>([&](PageRequest p) { return conversations.list(a.tenant_id, "", "closed", p); }).size(),
            1u);
}

TEST_F(ListsTest, OrdersProductsAndRuns) {
  std::vector<sdk::Record> records;
  for (int i = 0; i < 10; ++i) {
    sdk::OrderRecord order;
    order.external_id = std::to_string(i);
    order.ordered_at = from_unix_seconds(1'790'000'000 + i / 4);
    order.source_updated_at = order.ordered_at;
    order.raw_json = R"({"n":1})";
    records.emplace_back(order);
    sdk::ProductRecord product;
    product.external_id = std::to_string(i);
    product.sku = i < 5 ? "" : "sku" + std::to_string(i);
    product.source_updated_at = order.ordered_at;
    product.raw_json = "{}";
    records.emplace_back(product);
  }
  for (int i = 0; i < 4; ++i) {
    const auto lease =
        loop.run(sync.claim(a.tenant_id, a.market_account, "orders", "n", std::chrono::seconds(60))).value();
    const auto run = loop.run(sync.begin(lease, "orders")).value();
    ASSERT_TRUE(loop.run(sync.store_page(lease, run.run_id, records, {}, "")));
    SyncEnd end;
    end.status = "success";
    loop.run(sync.finish(lease, run.run_id, end, "{}"));
  }
  const auto orders = walk<StoredOrder>([&](PageRequest p) { return catalog.orders(a.tenant_id, "", p); });
  ASSERT_EQ(orders.size(), 10u);
  EXPECT_EQ(walk<StoredOrder>([&](PageRequest p) { return catalog.orders(a.tenant_id, a.chat_account, p); }).size(),
            0u);
  EXPECT_EQ(walk<StoredOrder>([&](PageRequest p) { return catalog.orders(b.tenant_id, "", p); }).size(), 0u);
  EXPECT_EQ(walk<StoredProduct>([&](PageRequest p) { return catalog.products(a.tenant_id, "", p); }).size(), 10u);
  EXPECT_EQ(walk<SyncRun>([&](PageRequest p) { return sync.runs(a.tenant_id, "", "", p); }).size(), 4u);
  EXPECT_EQ(walk<SyncRun>([&](PageRequest p) { return sync.runs(a.tenant_id, a.market_account, "success", p); }).size(),
            4u);
  EXPECT_EQ(walk<SyncRun>([&](PageRequest p) { return sync.runs(a.tenant_id, "", "failed", p); }).size(), 0u);
  EXPECT_EQ(loop.run(catalog.order(a.tenant_id, orders[0]))->second, R"({"n": 1})");
  EXPECT_FALSE(loop.run(catalog.order(b.tenant_id, orders[0])));
  const auto products = walk<StoredProduct>([&](PageRequest p) { return catalog.products(a.tenant_id, "", p); });
  const std::vector<std::string> ids = {orders[3], products[7], orders[3], new_uuid(), "no id", ""};
  const auto found = loop.run(catalog.find(a.tenant_id, ids));
  ASSERT_EQ(found.orders.size(), 1u);
  EXPECT_EQ(found.orders[0].id, orders[3]);
  ASSERT_EQ(found.products.size(), 1u);
  EXPECT_EQ(found.products[0].id, products[7]);
  const auto foreign = loop.run(catalog.find(b.tenant_id, ids));
  EXPECT_TRUE(foreign.orders.empty() && foreign.products.empty());
}

TEST_F(ListsTest, ForeignCursorsAreRefusedByName) {
  for (const char* cursor : {"zz", "00", "abc", "5b5d", "5b22612c2262225d"}) {
    const auto answer = loop.run(conversations.list(a.tenant_id, "", "", PageRequest(3, cursor)));
    ASSERT_FALSE(answer) << cursor;
    EXPECT_EQ(answer.error().kind(), ErrorKind::invalid_input);
    EXPECT_EQ(answer.error().field(), "cursor");
  }
  for (const char* cursor : {"x", "1", ".", "1.", ".1", "1.2.3", "99999999999999999999.1", "1.-1"}) {
    EXPECT_EQ(loop.run(events.after(a.tenant_id, PageRequest(3, cursor))).error().field(), "cursor") << cursor;
  }
}

TEST_F(ListsTest, EventsComeOnceEvenWhenATransactionCommitsLate) {
  auto announce = [&](pqxx::transaction_base& tx, const std::string& type) {
    tx.exec("insert into outbox_events (tenant_id, type, payload) values ('" + a.tenant_id + "', '" + type +
            "', '{}')");
  };
  std::vector<std::string> seen;
  PageRequest page(2, "");
  auto read = [&] {
    for (;;) {
      auto answer = loop.run(events.after(a.tenant_id, page)).value();
      for (const auto& event : answer.items) seen.push_back(event.type);
      if (answer.items.empty()) return;
      page.cursor = answer.next;
    }
  };
  pqxx::connection slow_connection(database.app_dsn());
  pqxx::work slow(slow_connection);
  slow.exec("set local app.tenant_id = '" + a.tenant_id + "'");
  announce(slow, "late");
  for (int i = 0; i < 3; ++i)
    loop.run(inbound.store({delivery(a, {message("u" + std::to_string(i), "5", std::to_string(i), "x")})}));
  read();
  EXPECT_TRUE(seen.empty()) << "nothing after a transaction that may still commit before it";
  slow.commit();
  read();
  EXPECT_EQ(seen, (std::vector<std::string>{"late", "message.received", "message.received", "message.received"}));
  loop.run(inbound.store({delivery(a, {message("u9", "5", "9", "x")})}));
  read();
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_TRUE(loop.run(events.after(b.tenant_id, PageRequest())).value().items.empty());
}

}  // namespace
}  // namespace easyflow::storage
