#include "storage/repositories/sync.hpp"

#include <set>

#include "tests/integration/repositories/fixture.hpp"

namespace easyflow::storage {
namespace {

using std::chrono::seconds;

class SyncTest : public test::RepositoryTest {
 protected:
  static Timestamp at(int minute) { return from_unix_seconds(1'790'000'000 + 60 * minute); }

  static sdk::OrderRecord order(std::string id, std::string status, int minute) {
    sdk::OrderRecord out;
    out.external_id = std::move(id);
    out.external_number = "N" + out.external_id;
    out.status = std::move(status);
    sdk::Money total;
    total.minor = 12'345;
    total.currency = "RUB";
    out.total = total;
    out.ordered_at = at(0);
    out.source_updated_at = at(minute);
    sdk::OrderItem item;
    item.sku = "sku-1";
    item.name = "Льняное платье";
    item.quantity = 2;
    item.price = total;
    out.items = {item};
    out.raw_json = R"({"id":)" + out.external_id + "}";
    return out;
  }
  static sdk::ProductRecord product(std::string id, std::string title, int minute) {
    sdk::ProductRecord out;
    out.external_id = std::move(id);
    out.sku = "sku-" + out.external_id;
    out.title = std::move(title);
    out.barcodes = {"2000000000017", R"(odd "one\)", ""};
    out.source_updated_at = at(minute);
    out.raw_json = "{}";
    return out;
  }

  SyncLease claim(const std::string& stream = "orders", const std::string& owner = "node-1") {
    return loop.run(sync.claim(a.tenant_id, a.market_account, stream, owner, seconds(60))).value();
  }
  SyncStart begin(const SyncLease& lease) { return loop.run(sync.begin(lease, lease.stream)).value(); }
  Result<PageResult> store(const SyncLease& lease, const SyncStart& run, std::vector<sdk::Record> records,
                           std::string cursor = "c") {
    return loop.run(sync.store_page(lease, run.run_id, std::move(records), {}, std::move(cursor)));
  }
  void finish(const SyncLease& lease, const SyncStart& run, std::string status, bool failure,
              std::string integration_error = "") {
    SyncEnd end;
    end.status = std::move(status);
    end.counts_as_failure = failure;
    if (failure) end.error_message = "the platform is down";
    end.error_kind = failure ? "unavailable" : "";
    end.next_run_in = std::chrono::minutes(5);
    end.integration_error = std::move(integration_error);
    loop.run(sync.finish(lease, run.run_id, end, R"({"pages":2})"));
  }
  StreamStatus stream(const std::string& name) {
    for (auto& status : loop.run(sync.status(a.tenant_id))) {
      if (status.integration_id == a.market_account && status.stream == name) return status;
    }
    return {};
  }
};

TEST_F(SyncTest, ARunFromClaimToFinish) {
  const auto lease = claim();
  const auto run = begin(lease);
  EXPECT_EQ(run.cursor, "");
  EXPECT_FALSE(run.resumed);
  EXPECT_EQ(stream("orders").state, "running");
  sdk::RecordFailure failure;
  failure.external_id = "9";
  failure.reason = "price is no number";
  const auto page =
      loop.run(sync.store_page(lease, run.run_id, {order("1", "new", 0), order("2", "new", 0)}, {failure}, "p1"));
  EXPECT_EQ(page.value().stored, 2);
  finish(lease, run, "partial", false);

  const auto log = loop.run(sync.run(a.tenant_id, run.run_id));
  ASSERT_TRUE(log);
  EXPECT_EQ(log->status, "partial");
  EXPECT_EQ(log->stream, "orders");
  EXPECT_EQ(log->records_requested, 3);
  EXPECT_EQ(log->records_synced, 2);
  EXPECT_EQ(log->records_failed, 1);
  EXPECT_EQ(log->errors_json, R"([{"reason": "price is no number", "external_id": "9"}])");
  EXPECT_TRUE(log->completed_at);
  EXPECT_EQ(stream("orders").state, "fresh");
  EXPECT_EQ(stream("orders").rows, 2);
  EXPECT_EQ(stream("products").state, "due");
  const auto stored = loop.run(catalog.orders(a.tenant_id, "", PageRequest())).value();
  ASSERT_EQ(stored.items.size(), 2u);
  ASSERT_EQ(stored.items[0].items.size(), 1u);
  EXPECT_EQ(stored.items[0].items[0].name, "Льняное платье");
  EXPECT_EQ(stored.items[0].total_minor, 12'345);
  EXPECT_EQ(begin(claim()).cursor, "p1");
  EXPECT_FALSE(loop.run(sync.run(b.tenant_id, run.run_id)));
  EXPECT_TRUE(loop.run(catalog.orders(b.tenant_id, "", PageRequest())).value().items.empty());
}

TEST_F(SyncTest, ARunThatWasBrokenOffIsNoSuccess) {
  const auto lease = claim();
  const auto run = begin(lease);
  store(lease, run, {order("1", "new", 0)}).value();
  SyncEnd end;
  end.status = "partial";
  end.error_kind = "rate_limited";
  end.error_message = "come back later";
  end.next_run_in = std::chrono::minutes(5);
  loop.run(sync.finish(lease, run.run_id, end, "{}"));
  EXPECT_FALSE(stream("orders").last_success_at) << "the rest of the stream was not read";
  EXPECT_EQ(stream("orders").failures, 0);
  EXPECT_EQ(value(a, "select count(*) from integrations where last_sync_at is not null"), "0");
}

TEST_F(SyncTest, AnOlderVersionNeverOverwritesANewerOne) {
  const auto lease = claim();
  const auto run = begin(lease);
  store(lease, run, {order("1", "new", 5)}).value();
  auto older = order("1", "ancient", 4);
  EXPECT_EQ(store(lease, run, {older}).value().unchanged, 1);
  EXPECT_EQ(value(a, "select status from orders"), "new");
  EXPECT_EQ(store(lease, run, {order("1", "confirm", 5)}).value().stored, 1) << "equal times: the later answer wins";
  auto statusless = order("1", "", 6);
  statusless.items.clear();
  statusless.external_number = "renumbered";
  EXPECT_EQ(store(lease, run, {statusless}).value().stored, 1);
  EXPECT_EQ(value(a, "select status || external_number from orders"), "confirmrenumbered");
  EXPECT_EQ(value(a, "select count(*) from order_items"), "0");
  EXPECT_EQ(value(a, "select string_agg(type, ' ' order by xid, id) from outbox_events"),
            "order.created order.updated order.updated");
}

TEST_F(SyncTest, UnchangedRowsAreNotWrittenAgain) {
  const auto lease = claim();
  const auto run = begin(lease);
  store(lease, run, {order("1", "new", 0), product("7", "Dress", 0)}).value();
  const auto version = value(a, "select o.xmin || ' ' || p.xmin from orders o, products p");
  const auto again = store(lease, run, {order("1", "new", 9), order("1", "", 9), product("7", "Dress", 9)}).value();
  EXPECT_EQ(again.stored, 0);
  EXPECT_EQ(again.unchanged, 3);
  EXPECT_EQ(value(a, "select o.xmin || ' ' || p.xmin from orders o, products p"), version);
  const auto products = loop.run(catalog.products(a.tenant_id, a.market_account, PageRequest())).value();
  EXPECT_EQ(products.items.at(0).barcodes, (std::vector<std::string>{"2000000000017", R"(odd "one\)", ""}));
}

TEST_F(SyncTest, DuplicatesOfAPageKeepTheNewest) {
  const auto lease = claim();
  const auto run = begin(lease);
  const auto page = store(lease, run, {order("1", "b", 2), order("1", "c", 3), order("1", "a", 1)}).value();
  EXPECT_EQ(page.stored, 1);
  EXPECT_EQ(page.unchanged, 2);
  EXPECT_EQ(value(a, "select status from orders"), "c");
}

TEST_F(SyncTest, StatusesChangeOnlyWhatIsKnownAndNewer) {
  const auto lease = claim();
  const auto run = begin(lease);
  auto status = [](std::string id, std::string word, int minute) {
    sdk::OrderStatusRecord out;
    out.external_id = std::move(id);
    out.status = std::move(word);
    out.source_updated_at = at(minute);
    return out;
  };
  store(lease, run, {order("1", "new", 5)}).value();
  EXPECT_EQ(store(lease, run, {status("1", "sold", 6), status("404", "sold", 6)}).value().stored, 1);
  EXPECT_EQ(store(lease, run, {status("1", "old", 4)}).value().stored, 0);
  EXPECT_EQ(store(lease, run, {status("1", "sold", 7)}).value().stored, 0);
  EXPECT_EQ(store(lease, run, {status("1", "", 8)}).value().stored, 0);
  EXPECT_EQ(value(a, "select status from orders"), "sold");
}

TEST_F(SyncTest, ALostLeaseStoresNothing) {
  const auto lost = claim();
  const auto run = begin(lost);
  EXPECT_EQ(loop.run(sync.claim(a.tenant_id, a.market_account, "orders", "node-2", seconds(60))).error().kind(),
            ErrorKind::conflict);
  change(a, "update sync_cursors set lease_until = now() - interval '1 second'");
  const auto taken = claim("orders", "node-2");
  EXPECT_GT(taken.fencing, lost.fencing);
  EXPECT_EQ(store(lost, run, {order("1", "new", 0)}, "from the dead").error().kind(), ErrorKind::conflict);
  EXPECT_FALSE(loop.run(sync.heartbeat(lost, seconds(60))));
  EXPECT_TRUE(loop.run(sync.heartbeat(taken, seconds(60))));
  EXPECT_EQ(loop.run(sync.begin(lost, "orders")).error().kind(), ErrorKind::conflict);
  finish(lost, run, "success", false);
  EXPECT_EQ(value(a, "select count(*) from orders"), "0");
  EXPECT_EQ(stream("orders").state, "running");
  const auto resumed = begin(taken);
  EXPECT_TRUE(resumed.resumed);
  EXPECT_EQ(resumed.cursor, "");
  EXPECT_EQ(loop.run(sync.run(a.tenant_id, run.run_id))->status, "failed");
}

TEST_F(SyncTest, AKilledRunGoesOnAfterItsLastPage) {
  const auto first = claim();
  const auto run = begin(first);
  store(first, run, {order("1", "new", 0)}, "page 1").value();
  store(first, run, {order("2", "new", 0)}, "page 2").value();
  EXPECT_EQ(loop.run(sync.release_all("node-1")), 1);
  const auto leases = loop.run(sync.claim_due("node-2", 10, seconds(60)));
  for (const auto& lease : leases) {
    if (lease.integration_id != a.market_account || lease.stream != "orders") continue;
    const auto next = begin(lease);
    EXPECT_TRUE(next.resumed);
    EXPECT_EQ(next.cursor, "page 2");
    EXPECT_EQ(store(lease, next, {order("2", "new", 0), order("3", "new", 0)}, "page 3").value().stored, 1);
  }
  EXPECT_EQ(value(a, "select count(*) from orders"), "3");
}

TEST_F(SyncTest, TenantsTakeTurnsAndNobodyGetsALeaseTwice) {
  for (int i = 0; i < 5; ++i) connect(a, "market", {"orders", "products"}, "more " + std::to_string(i));
  const auto first = loop.run(sync.claim_due("node-1", 4, seconds(60)));
  ASSERT_EQ(first.size(), 4u);
  int of_b = 0;
  for (const auto& lease : first) of_b += lease.tenant_id == b.tenant_id ? 1 : 0;
  EXPECT_EQ(of_b, 2) << "two streams are due for b, twelve for a";

  std::set<std::string> seen;
  for (const auto& lease : first) seen.insert(lease.integration_id + lease.stream);
  auto claim_all = [](SyncRepository& repository, std::string owner, std::vector<SyncLease>* out) -> Task<> {
    auto leases = co_await repository.claim_due(std::move(owner), 3, seconds(60));
    for (auto& lease : leases) out->push_back(lease);
  };
  std::vector<SyncLease> claimed;
  std::vector<std::shared_ptr<test::Outcome>> outcomes;
  for (int node = 0; node < 6; ++node)
    outcomes.push_back(loop.spawn(claim_all(sync, "n" + std::to_string(node), &claimed)));
  for (const auto& outcome : outcomes) loop.finish(outcome);
  const auto rest = loop.run(sync.claim_due("last", 100, seconds(60)));
  claimed.insert(claimed.end(), rest.begin(), rest.end());
  for (const auto& lease : claimed) EXPECT_TRUE(seen.insert(lease.integration_id + lease.stream).second);
  EXPECT_EQ(seen.size(), 14u);
  change(a, "update sync_cursors set lease_until = now() - interval '1 second'");
  EXPECT_EQ(loop.run(sync.claim_due("heir", 100, seconds(60))).size(), 12u);
}

TEST_F(SyncTest, FailuresCountAndSuccessForgetsThem) {
  auto lease = claim();
  finish(lease, begin(lease), "failed", true);
  EXPECT_EQ(stream("orders").failures, 1);
  EXPECT_EQ(stream("orders").state, "failing");
  EXPECT_EQ(stream("orders").last_error, "the platform is down");
  lease = claim();
  const auto second = begin(lease);
  EXPECT_EQ(second.failures, 1);
  finish(lease, second, "failed", true, "the token was refused");
  EXPECT_EQ(loop.run(integrations.find(a.tenant_id, a.market_account))->status, "error");
  EXPECT_EQ(stream("orders").state, "error");
  EXPECT_TRUE(loop.run(integrations.set_status(a.tenant_id, a.market_account, "connected", "")));
  lease = claim();
  finish(lease, begin(lease), "success", false);
  EXPECT_EQ(stream("orders").failures, 0);
  EXPECT_TRUE(loop.run(integrations.find(a.tenant_id, a.market_account))->last_sync_at);
}

TEST_F(SyncTest, ARequestedStartFromTheBeginningStopsTheRunUnderWay) {
  const auto lease = claim();
  const auto run = begin(lease);
  store(lease, run, {order("1", "new", 0)}, "far").value();
  EXPECT_EQ(loop.run(sync.request(a.tenant_id, a.market_account, "orders", true)), 1);
  EXPECT_EQ(store(lease, run, {order("2", "new", 0)}, "further").error().kind(), ErrorKind::conflict);
  EXPECT_EQ(begin(claim()).cursor, "");
  EXPECT_EQ(loop.run(sync.request(b.tenant_id, a.market_account, "", false)), 0);
  EXPECT_EQ(loop.run(sync.request(a.tenant_id, "no uuid", "", false)), 0);
}

TEST_F(SyncTest, ARunRequestedDuringARunFollowsIt) {
  auto lease = claim();
  auto run = begin(lease);
  EXPECT_EQ(loop.run(sync.request(a.tenant_id, a.market_account, "orders", false)), 1);
  EXPECT_EQ(store(lease, run, {order("1", "new", 0)}).value().stored, 1) << "the run under way goes on";
  finish(lease, run, "success", false);
  EXPECT_EQ(stream("orders").state, "due");
  lease = claim();
  finish(lease, begin(lease), "success", false);
  EXPECT_EQ(stream("orders").state, "fresh");
}

TEST_F(SyncTest, ALargePageWithOddRows) {
  const auto lease = claim();
  const auto run = begin(lease);
  std::vector<sdk::Record> records;
  for (int i = 0; i < 1000; ++i) records.push_back(order(std::to_string(i), "new", 0));
  auto odd = order("x", "new", 0);
  odd.raw_json = R"({"text":"nul \u0000"} and more)";
  odd.items[0].name = std::string("a\0b", 3);
  records.push_back(odd);
  std::vector<sdk::RecordFailure> failures(250);
  for (auto& failure : failures) failure.reason = "broken \xff";
  const auto page = loop.run(sync.store_page(lease, run.run_id, records, failures, "p")).value();
  EXPECT_EQ(page.stored, 1001);
  EXPECT_EQ(value(a, "select count(*) from order_items"), "1001");
  EXPECT_EQ(value(a, "select jsonb_array_length(errors) from sync_logs"), "100");
  EXPECT_EQ(value(a, "select records_failed from sync_logs"), "250");
}

}  // namespace
}  // namespace easyflow::storage
