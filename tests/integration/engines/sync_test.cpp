// One stream of one account, from the platform to the tables.
#include "tests/integration/engines/engines_fixture.hpp"

namespace easyflow::test {
namespace {

using testing::HasSubstr;

class SyncTest : public EnginesTest {
 protected:
  ~SyncTest() override { loop.run(runner.close()); }

  sync::RunReport run(const storage::Integration& integration, const std::string& stream) {
    auto lease = loop.run(sync.claim(user.tenant_id, integration.id, stream, "test", 60s));
    if (!lease) throw std::runtime_error(lease.error().message());
    return loop.run(runner.run(*lease));
  }
  storage::SyncRun log_of(const sync::RunReport& report) {
    return loop.run(sync.run(user.tenant_id, report.run_id)).value();
  }
  std::string stored_orders() { return ask("select count(*) || '/' || count(distinct external_id) from orders"); }
  std::string all_orders() {
    auto count = std::to_string(state()["wildberries"]["order_ids"].size());
    return count + "/" + count;
  }

  sync::SyncRunner runner{loop.executor(), sync, integrations, accounts, caller, clock, 60s};
};

TEST_F(SyncTest, ReadsEverythingOnceAndThenOnlyWhatIsNew) {
  auto integration = connect_wildberries();
  auto first = run(integration, "orders");
  EXPECT_EQ(first.status, "success") << first.error;
  EXPECT_EQ(stored_orders(), all_orders());

  control("POST", "/sandbox/orders", {{"count", 5}});
  auto second = run(integration, "orders");
  EXPECT_EQ(second.status, "success") << second.error;
  EXPECT_EQ(stored_orders(), all_orders());
  EXPECT_EQ(ask("select count(*) from outbox_events where type = 'order.created'"),
            std::to_string(state()["wildberries"]["order_ids"].size()));

  auto products = run(integration, "products");
  EXPECT_EQ(products.stored, 40);
  EXPECT_EQ(run(integration, "products").stored, 0);
  auto log = log_of(products);
  EXPECT_EQ(log.status, "success");
  EXPECT_EQ(log.sync_type, "products");
  EXPECT_EQ(log.records_synced, 40);
}

TEST_F(SyncTest, AFailedPageKeepsTheCursorBehindIt) {
  auto integration = connect_wildberries();
  // the first request of the walk works, then the platform fails for longer than the runner's patience
  control("POST", "/sandbox/faults",
          {{"platform", "wildberries"}, {"kind", "malformed"}, {"path_prefix", "/api/v3/orders/status"}, {"count", 1}});
  auto broken = run(integration, "orders");
  EXPECT_NE(broken.status, "success");
  EXPECT_EQ(log_of(broken).status, broken.status);
  EXPECT_FALSE(log_of(broken).error_message.empty());

  control("DELETE", "/sandbox/faults");
  EXPECT_EQ(run(integration, "orders").status, "success");
  EXPECT_EQ(stored_orders(), all_orders());
}

TEST_F(SyncTest, WaitsAsLongAsThePlatformSaysAndCountsNoFailure) {
  auto integration = connect_wildberries();
  control("POST", "/sandbox/faults",
          {{"platform", "wildberries"},
           {"kind", "status_429"},
           {"path_prefix", "/api/v3/orders"},
           {"count", 1},
           {"retry_after", 1}});
  auto report = run(integration, "orders");
  EXPECT_EQ(report.status, "success") << report.error;
  auto metadata = json::parse(log_of(report).metadata_json);
  EXPECT_EQ(metadata["rate_limited"], 1);
  EXPECT_GE(metadata["waited_ms"].get<int>(), 1000);
  EXPECT_EQ(ask("select failures from sync_cursors where stream = 'orders'"), "0");
}

TEST_F(SyncTest, ALongWaitEndsTheRunAndTheNextBeginsWhenItIsOver) {
  auto integration = connect_wildberries();
  control(
      "POST", "/sandbox/faults",
      {{"platform", "wildberries"}, {"kind", "status_429"}, {"path_prefix", "/api/v3/orders"}, {"retry_after", 900}});
  auto report = run(integration, "orders");
  EXPECT_EQ(report.status, "failed");
  EXPECT_EQ(ask("select failures from sync_cursors where stream = 'orders'"), "0");
  EXPECT_EQ(ask("select (next_run_at between now() + interval '850 seconds' and now() + interval '950 seconds') "
                "from sync_cursors where stream = 'orders'"),
            "t");
}

TEST_F(SyncTest, RefusedCredentialsStopTheIntegrationAndSayWhy) {
  auto integration = connect_wildberries();
  auto narrow = control("POST", "/sandbox/tokens", {{"categories", {1}}, {"expires_in_days", 10}});
  sdk::Account account;
  account.credentials["api_key"] = Secret(narrow["wildberries_token"].get<std::string>());
  auto before = loop.run(integrations.credentials(user.tenant_id, integration.id)).value();
  crypto::SealContext context(user.tenant_id, integration.id, "credentials");
  storage::SealedCredentials after;
  after.sealed =
      vault
          .seal(context,
                json{{"credentials", {{"api_key", narrow["wildberries_token"]}}}, {"hub", json::object()}}.dump())
          .value();
  after.key_id = crypto::Vault::key_id_of(after.sealed);
  ASSERT_TRUE(loop.run(integrations.replace_credentials(user.tenant_id, integration.id, before, after)));
  accounts.forget(integration.id);

  auto report = run(integration, "orders");
  EXPECT_EQ(report.status, "failed");
  auto row = loop.run(integrations.find(user.tenant_id, integration.id)).value();
  EXPECT_EQ(row.status, "error");
  EXPECT_FALSE(row.status_message.empty());
  EXPECT_THAT(row.status_message, testing::Not(HasSubstr(narrow["wildberries_token"].get<std::string>())));
  EXPECT_TRUE(loop.run(sync.claim_due("test", 10, 60s)).empty()) << "an account in error is not read";
}

TEST_F(SyncTest, ARunnerThatLostItsLeaseStoresNothing) {
  auto integration = connect_wildberries();
  auto stale = loop.run(sync.claim(user.tenant_id, integration.id, "orders", "dead node", 1s)).value();
  loop.run_until([&] { return ask("select lease_until < now() from sync_cursors where stream = 'orders'") == "t"; });
  auto fresh = loop.run(sync.claim(user.tenant_id, integration.id, "orders", "other node", 60s));
  ASSERT_TRUE(fresh) << fresh.error().message();

  auto late = loop.run(runner.run(stale));
  EXPECT_EQ(late.stored, 0);
  EXPECT_EQ(ask("select count(*) from orders"), "0");
  EXPECT_EQ(loop.run(runner.run(*fresh)).status, "success");
  EXPECT_EQ(stored_orders(), all_orders());
}

TEST_F(SyncTest, TheSchedulerReadsWhatIsDueAndTakesBackWhatItsNodeHeld) {
  connect_wildberries();
  auto held = loop.run(sync.claim_due("node", 10, 3600s));
  EXPECT_EQ(held.size(), 2u);
  EXPECT_TRUE(loop.run(sync.claim_due("another", 10, 60s)).empty());

  sync::SchedulerOptions options;
  options.node = "node";
  sync::SyncScheduler scheduler(loop.executor(), sync, runner, options);
  TaskGroup tasks(loop.executor());
  tasks.spawn("scheduler", scheduler.run());
  loop.run_until([&] { return ask("select count(*) from sync_logs where status = 'success'") == "2"; });
  loop.run(tasks.close());
  loop.run(scheduler.close());
  EXPECT_EQ(stored_orders(), all_orders());
}

TEST(SyncInterval, FollowsTheIntegrationForItsFastestStreams) {
  auto registry = easyflow::connectors::make_registry();
  const auto& manifest = registry.find("wildberries")->manifest();
  const auto orders = manifest.find_stream("orders")->default_interval;
  const auto products = manifest.find_stream("products")->default_interval;
  ASSERT_LT(orders, products);
  EXPECT_EQ(sync::interval_of(manifest, "orders", 1), 1min);
  EXPECT_EQ(sync::interval_of(manifest, "products", 1), products);
  EXPECT_EQ(sync::interval_of(manifest, "products", 1000), 1000min);
}

}  // namespace
}  // namespace easyflow::test
