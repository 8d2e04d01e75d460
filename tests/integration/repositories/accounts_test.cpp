// Users, tokens, keys, integrations, budgets and upkeep.
#include "tests/integration/repositories/fixture.hpp"

namespace easyflow::storage {
namespace {

using std::chrono::milliseconds;

class AccountsTest : public test::RepositoryTest {
 protected:
  milliseconds take(const std::string& buckets) {
    return loop.run(budgets.take(Lane::interactive, a.tenant_id, a.chat_account, buckets));
  }
};

TEST_F(AccountsTest, AnAddressIsTakenOnceWhateverItsCase) {
  User user;
  user.email = "A@Shop.Example";
  user.name = "Second";
  user.role = "owner";
  const auto refused = loop.run(users.add(user, "Other"));
  EXPECT_EQ(refused.error().kind(), ErrorKind::conflict);
  EXPECT_EQ(refused.error().field(), "email");
  EXPECT_EQ(loop.run(users.tenants()).size(), 2u) << "the refused user leaves no tenant behind";
  user.email = "colleague@shop.example";
  user.tenant_id = a.tenant_id;
  user.role = "viewer";
  user.password_hash = "$argon2id$x";
  EXPECT_EQ(loop.run(users.add(user, "ignored")).value().tenant_id, a.tenant_id);
  EXPECT_EQ(loop.run(users.list(a.tenant_id)).size(), 2u);
  EXPECT_EQ(loop.run(users.list(b.tenant_id)).size(), 1u);
  const auto login = loop.run(users.find_login("Colleague@shop.example"));
  ASSERT_TRUE(login);
  EXPECT_EQ(login->password_hash, "$argon2id$x");
  EXPECT_EQ(login->role, "viewer");
  EXPECT_FALSE(loop.run(users.find_login("nobody@shop.example")));
  change(a, "update users set is_active = false where role = 'viewer'");
  EXPECT_FALSE(loop.run(users.find_login("colleague@shop.example")));
}

TEST_F(AccountsTest, TokensOpenUntilRevokedOrExpired) {
  const std::string hash(64, 'a');
  ApiToken token;
  token.name = "script";
  token.kind = "api";
  token.scopes = {"read", "send"};
  const auto added = loop.run(users.add_token(a.tenant_id, a.user_id, token, hash));
  EXPECT_FALSE(added.last_used_at);
  const auto principal = loop.run(users.principal(hash));
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->tenant_id, a.tenant_id);
  EXPECT_EQ(principal->user_id, a.user_id);
  EXPECT_TRUE(principal->may("send"));
  EXPECT_FALSE(principal->may("admin"));
  EXPECT_FALSE(loop.run(users.principal(std::string(64, 'b'))));
  const auto listed = loop.run(users.tokens(a.tenant_id));
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_TRUE(listed[0].last_used_at);
  EXPECT_EQ(listed[0].scopes, token.scopes);
  EXPECT_TRUE(loop.run(users.tokens(b.tenant_id)).empty());
  EXPECT_FALSE(loop.run(users.revoke_token(b.tenant_id, added.id)));
  EXPECT_TRUE(loop.run(users.revoke_token(a.tenant_id, added.id)));
  EXPECT_FALSE(loop.run(users.principal(hash)));
  token.expires_at = from_unix_seconds(1'000'000'000);
  loop.run(users.add_token(a.tenant_id, a.user_id, token, hash));
  EXPECT_FALSE(loop.run(users.principal(hash)));
}

TEST_F(AccountsTest, OneAccountNameForEachPlatform) {
  Integration again;
  again.tenant_id = a.tenant_id;
  again.user_id = a.user_id;
  again.platform_id = "chat";
  again.webhook_path = new_uuid();
  const auto refused = loop.run(integrations.add(again, SealedCredentials(), {}));
  EXPECT_EQ(refused.error().kind(), ErrorKind::conflict);
  EXPECT_EQ(refused.error().field(), "account");
  EXPECT_EQ(connect(a, "chat", {}, "second").account, "second");
  EXPECT_EQ(loop.run(integrations.list(a.tenant_id)).size(), 3u);
  EXPECT_EQ(loop.run(integrations.list(b.tenant_id)).size(), 2u);
}

TEST_F(AccountsTest, IntegrationsAreSeenByTheirTenantOnly) {
  const auto found = loop.run(integrations.find(a.tenant_id, a.chat_account));
  ASSERT_TRUE(found);
  const auto key = loop.run(integrations.by_webhook_path(found->webhook_path));
  ASSERT_TRUE(key);
  EXPECT_EQ(key->integration_id, a.chat_account);
  EXPECT_EQ(key->tenant_id, a.tenant_id);
  EXPECT_FALSE(loop.run(integrations.by_webhook_path("unknown")));
  EXPECT_FALSE(loop.run(integrations.find(b.tenant_id, a.chat_account)));
  EXPECT_FALSE(loop.run(integrations.find(a.tenant_id, "no uuid")));
  EXPECT_FALSE(loop.run(integrations.credentials(b.tenant_id, a.chat_account)));
  EXPECT_FALSE(loop.run(integrations.set_paused(b.tenant_id, a.chat_account, true)));
  EXPECT_FALSE(loop.run(integrations.remove(b.tenant_id, a.chat_account)));
  EXPECT_EQ(loop.run(integrations.connected({"chat"})).size(), 2u);
  EXPECT_TRUE(loop.run(integrations.set_paused(a.tenant_id, a.chat_account, true)));
  EXPECT_EQ(loop.run(integrations.connected({"chat"})).size(), 1u);
  EXPECT_TRUE(loop.run(integrations.set_account_info(a.tenant_id, a.chat_account, "42", "@shop_bot")));
  EXPECT_EQ(loop.run(integrations.find(a.tenant_id, a.chat_account))->display_name, "@shop_bot");
}

TEST_F(AccountsTest, CredentialsAreReplacedOnlyFromWhatWasRead) {
  const auto old = loop.run(integrations.credentials(a.tenant_id, a.chat_account));
  ASSERT_TRUE(old);
  EXPECT_EQ(old->sealed, std::string("\x01\x00sealed", 8));
  SealedCredentials next;
  next.sealed = "new";
  next.key_id = "dk_2";
  EXPECT_TRUE(loop.run(integrations.replace_credentials(a.tenant_id, a.chat_account, *old, next)));
  EXPECT_FALSE(loop.run(integrations.replace_credentials(a.tenant_id, a.chat_account, *old, next)));
  EXPECT_EQ(loop.run(integrations.credentials(a.tenant_id, a.chat_account))->key_id, "dk_2");
}

TEST_F(AccountsTest, PlatformsFollowTheirManifests) {
  auto renamed = manifest("chat", "messaging");
  renamed.display_name = "Chat!";
  renamed.capabilities = {"send", "webhooks"};
  loop.run(integrations.put_platforms({renamed}));
  EXPECT_EQ(value(a, "select display_name || capabilities::text from platforms where id = 'chat'"),
            "Chat!{send,webhooks}");
  const auto version = value(a, "select xmin from platforms where id = 'chat'");
  loop.run(integrations.put_platforms({renamed}));
  EXPECT_EQ(value(a, "select xmin from platforms where id = 'chat'"), version);
}

TEST_F(AccountsTest, ABudgetGivesItsBurstThenMakesWait) {
  const std::string buckets = R"([{"bucket":"send","scope":"chat:5","interval_ms":3600000,"burst":3}])";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(take(buckets).count(), 0);
  const auto wait = take(buckets);
  EXPECT_GT(wait, std::chrono::minutes(50));
  EXPECT_LE(wait, std::chrono::minutes(60));
}

TEST_F(AccountsTest, AllBudgetsOrNone) {
  const std::string narrow = R"({"bucket":"chat","scope":"5","interval_ms":3600000,"burst":1})";
  const std::string wide = R"({"bucket":"all","scope":"","interval_ms":3600000,"burst":2})";
  EXPECT_EQ(take("[" + narrow + "]").count(), 0);
  EXPECT_GT(take("[" + wide + "," + narrow + "]").count(), 0);
  EXPECT_EQ(take("[" + wide + "]").count(), 0);
  EXPECT_EQ(take("[" + wide + "]").count(), 0) << "the refused call took nothing";
}

TEST_F(AccountsTest, ABlockedBudgetWaitsAsLongAsThePlatformSaid) {
  const std::string buckets = R"([{"bucket":"send","scope":"","interval_ms":1,"burst":100}])";
  loop.run(budgets.block(a.tenant_id, a.chat_account, buckets, std::chrono::hours(2)));
  loop.run(budgets.block(a.tenant_id, a.chat_account, buckets, std::chrono::seconds(1)));
  EXPECT_GT(take(buckets), std::chrono::minutes(119));
  change(a, "update budgets set blocked_until = now() - interval '1 second'");
  EXPECT_EQ(take(buckets).count(), 0);
}

TEST_F(AccountsTest, BucketsOfARequest) {
  auto platform = manifest("chat", "messaging");
  sdk::BudgetSpec all;
  all.name = "all";
  all.interval = milliseconds(100);
  all.burst = 10;
  sdk::BudgetSpec chat = all;
  chat.name = "chat";
  chat.per_scope = true;
  platform.budgets = {all, chat};
  const sdk::Request request(HttpRequest("POST", "https://x.example"),
                             {sdk::BucketUse("all", "ignored"), sdk::BucketUse("chat", "chat:5")});
  EXPECT_EQ(
      buckets_json(platform, request),
      R"([{"bucket":"all","burst":10,"interval_ms":100,"scope":""},{"bucket":"chat","burst":10,"interval_ms":100,"scope":"chat:5"}])");
  EXPECT_EQ(take(buckets_json(platform, request)).count(), 0);
}

TEST_F(AccountsTest, NothingHangsItselfOnARetiredMasterKey) {
  crypto::MasterKeyInfo master;
  master.id = "mk_1";
  master.fingerprint = "f1";
  loop.run(keys.put_master_key(master, "active"));
  master.id = "mk_2";
  loop.run(keys.put_master_key(master, "active"));
  crypto::WrappedKey late;  // by a node that has not seen the new key file
  late.id = "dk_1";
  late.tenant_id = a.tenant_id;
  late.master_key_id = "mk_1";
  late.wrapped = "w";
  ASSERT_TRUE(loop.run(keys.add_tenant_key(late)));
  EXPECT_FALSE(loop.run(keys.retire_master_key("mk_1"))) << "something hangs on it";
  auto moved = late;
  moved.master_key_id = "mk_2";
  ASSERT_TRUE(loop.run(keys.replace_wrapping(moved)));
  EXPECT_TRUE(loop.run(keys.retire_master_key("mk_1")));
  EXPECT_FALSE(loop.run(keys.retire_master_key("mk_2"))) << "it is in use";
  late.id = "dk_2";
  EXPECT_EQ(loop.run(keys.add_tenant_key(late)).error().kind(), ErrorKind::conflict);
  late.id = "dk_1";
  EXPECT_EQ(loop.run(keys.replace_wrapping(late)).error().kind(), ErrorKind::conflict);
  EXPECT_EQ(loop.run(keys.tenant_keys())[0].key.master_key_id, "mk_2");
}

TEST_F(AccountsTest, KeysAndTheirWrapping) {
  crypto::MasterKeyInfo master;
  master.id = "mk_1";
  master.fingerprint = "f1";
  loop.run(keys.put_master_key(master, "active"));
  crypto::WrappedKey key;
  key.id = "dk_1";
  key.tenant_id = a.tenant_id;
  key.master_key_id = "mk_1";
  key.wrapped = std::string("\0w", 2);
  loop.run(keys.add_tenant_key(key));
  key.id = "dk_2";
  loop.run(keys.add_tenant_key(key));
  master.id = "mk_2";
  loop.run(keys.put_master_key(master, "active"));
  key.master_key_id = "mk_2";
  loop.run(keys.replace_wrapping(key));
  const auto masters = loop.run(keys.master_keys());
  ASSERT_EQ(masters.size(), 2u);
  EXPECT_EQ(masters[0].state, "old");
  EXPECT_EQ(masters[1].state, "active");
  const auto tenant_keys = loop.run(keys.tenant_keys());
  ASSERT_EQ(tenant_keys.size(), 2u);
  for (const auto& row : tenant_keys) {
    EXPECT_EQ(row.current, row.key.id == "dk_2");
    EXPECT_EQ(row.key.master_key_id, row.key.id == "dk_2" ? "mk_2" : "mk_1");
    EXPECT_EQ(row.key.wrapped, std::string("\0w", 2));
  }
}

TEST_F(AccountsTest, UpkeepAndFacts) {
  const auto facts = loop.run(upkeep.facts());
  EXPECT_EQ(facts.role, "easyflow_app");
  EXPECT_FALSE(facts.role_is_privileged);
  EXPECT_EQ(facts.newest_migration, embedded_migrations().back().version);
  EXPECT_EQ(loop.run(upkeep.make_partitions(facts.now)), 0);
  EXPECT_GT(loop.run(upkeep.make_partitions(facts.now + std::chrono::hours(24 * 40))), 0);
  loop.run(inbound.store({delivery(a, {message("u1", "5", "11", "one")})}));
  const auto before = [](Timestamp at) {
    PruneBefore all;
    all.ledger = all.outbox = all.sync_logs = all.outbound = at;
    return all;
  };
  EXPECT_EQ(loop.run(upkeep.prune(before(facts.now - std::chrono::hours(1)), 100)), 0);
  EXPECT_EQ(loop.run(upkeep.prune(before(facts.now + std::chrono::hours(1)), 100)), 2);
  EXPECT_GT(loop.run(upkeep.drop_inbound_bodies(facts.now + std::chrono::hours(24 * 30))), 0);
}

TEST_F(AccountsTest, FactsOfAnEmptyDatabaseAndOfAPrivilegedRole) {
  const test::TestDatabase empty{{}};
  DatabaseOptions owner;
  owner.dsn = empty.owner_dsn();
  Database other(loop.executor(), owner);
  UpkeepRepository repository(other);
  EXPECT_EQ(loop.run(repository.facts()).newest_migration, 0);
  DatabaseOptions privileged;
  privileged.dsn = database.owner_dsn();
  Database owned(loop.executor(), privileged);
  UpkeepRepository of_owner(owned);
  EXPECT_TRUE(loop.run(of_owner.facts()).role_is_privileged);
}

}  // namespace
}  // namespace easyflow::storage
