// Connecting accounts, and the keys their credentials are sealed with.
#include "core/platforms/credentials.hpp"
#include "tests/integration/engines/engines_fixture.hpp"

namespace easyflow::test {
namespace {

using testing::HasSubstr;
using IntegrationsTest = EnginesTest;

TEST_F(IntegrationsTest, NamesTheFieldThatIsWrong) {
  platforms::NewIntegration request;
  request.user_id = user.id;
  request.platform_id = "telegramm";
  auto unknown = loop.run(service.add(user.tenant_id, request));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind(), ErrorKind::not_found);
  EXPECT_THAT(unknown.error().message(), HasSubstr("telegram"));

  request.platform_id = "telegram";
  auto missing = loop.run(service.add(user.tenant_id, request));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().field(), "credentials.bot_token");

  auto misnamed = connect("telegram", "bot_tokn", "1:a");
  ASSERT_FALSE(misnamed);
  EXPECT_EQ(misnamed.error().field(), "credentials.bot_tokn");
  EXPECT_THAT(misnamed.error().message(), HasSubstr("bot_token"));

  auto refused = connect("telegram", "bot_token", "7300112233:EXAMPLE-not-the-token-of-this-bot");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::unauthorized);
  EXPECT_THAT(refused.error().message(), testing::Not(HasSubstr("not-the-token")));
  EXPECT_EQ(ask("select count(*) from integrations"), "0");
}

TEST_F(IntegrationsTest, APlatformThatCannotBeAskedStoresNothing) {
  control("POST", "/sandbox/faults", {{"platform", "telegram"}, {"kind", "status_500"}, {"path_prefix", "/getMe"}});
  auto failed = connect("telegram", "bot_token", sandbox.telegram_token());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind(), ErrorKind::unavailable);
  EXPECT_EQ(ask("select count(*) from integrations"), "0");
}

TEST_F(IntegrationsTest, TheSameAccountTwiceIsAConflictUnlessNamed) {
  connect_telegram();
  auto twice = connect("telegram", "bot_token", sandbox.telegram_token());
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().kind(), ErrorKind::conflict);
}

TEST_F(IntegrationsTest, OneAccountIsConnectedOnceUnderWhateverName) {
  connect_telegram();
  platforms::NewIntegration request;
  request.user_id = user.id;
  request.platform_id = "telegram";
  request.account = "second";
  request.credentials["bot_token"] = Secret(sandbox.telegram_token());
  auto again = loop.run(service.add(user.tenant_id, std::move(request)));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind(), ErrorKind::conflict);
  EXPECT_EQ(again.error().field(), "credentials");
  EXPECT_THAT(again.error().message(), HasSubstr("'default'"));
}

TEST_F(IntegrationsTest, AnOwnWebhookSecretIsAdopted) {
  platforms::NewIntegration request;
  request.user_id = user.id;
  request.platform_id = "telegram";
  request.credentials["bot_token"] = Secret(sandbox.telegram_token());
  request.credentials["webhook_secret"] = Secret("moved-from-elsewhere-0123456789");
  auto added = loop.run(service.add(user.tenant_id, std::move(request)));
  ASSERT_TRUE(added) << added.error().message();
  auto account = loop.run(accounts.open(user.tenant_id, added->integration.id)).value();
  EXPECT_EQ(account->account.hub_secret("webhook_secret"), "moved-from-elsewhere-0123456789");
}

TEST_F(IntegrationsTest, AWeakWebhookSecretIsRefused) {
  platforms::NewIntegration request;
  request.user_id = user.id;
  request.platform_id = "telegram";
  request.credentials["bot_token"] = Secret(sandbox.telegram_token());
  request.credentials["webhook_secret"] = Secret("short");
  auto added = loop.run(service.add(user.tenant_id, std::move(request)));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().field(), "credentials.webhook_secret");
}

TEST_F(IntegrationsTest, SealedCredentialsOpenNowhereElse) {
  auto telegram = connect_telegram();
  auto wildberries = connect_wildberries();
  auto sealed = loop.run(integrations.credentials(user.tenant_id, telegram.id)).value();
  EXPECT_THAT(sealed.sealed, testing::Not(HasSubstr(sandbox.telegram_token())));
  sdk::Account account;
  EXPECT_TRUE(platforms::open_credentials(vault, telegram, sealed, account));
  EXPECT_FALSE(platforms::open_credentials(vault, wildberries, sealed, account)) << "another row";
  auto elsewhere = telegram;
  elsewhere.tenant_id = "00000000-0000-7000-8000-000000000000";
  EXPECT_FALSE(platforms::open_credentials(vault, elsewhere, sealed, account)) << "another tenant";
  for (std::size_t i = 0; i < sealed.sealed.size(); ++i) {
    auto bent = sealed;
    bent.sealed[i] = static_cast<char>(bent.sealed[i] ^ 1);
    ASSERT_FALSE(platforms::open_credentials(vault, telegram, bent, account)) << "byte " << i;
  }
}

TEST_F(IntegrationsTest, KeysRotateWhileEverythingStaysReadable) {
  auto telegram = connect_telegram();
  auto before = loop.run(integrations.credentials(user.tenant_id, telegram.id)).value();
  auto rotated = loop.run(keys.rotate());
  ASSERT_TRUE(rotated) << rotated.error().message();
  EXPECT_EQ(rotated->credentials, 1);
  auto after = loop.run(integrations.credentials(user.tenant_id, telegram.id)).value();
  EXPECT_NE(before.key_id, after.key_id);
  EXPECT_EQ(ask("select encryption_key_id from integrations"), after.key_id);
  sdk::Account account;
  EXPECT_TRUE(platforms::open_credentials(vault, telegram, before, account)) << "the old form stays readable";
  accounts.forget({});
  auto opened = loop.run(accounts.open(user.tenant_id, telegram.id));
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->account.credential("bot_token"), sandbox.telegram_token());

  // the old master key holds nothing any more
  EXPECT_EQ(loop.run(keys.retire(rotated->new_master_key_id)).error().kind(), ErrorKind::conflict);
  ASSERT_TRUE(loop.run(keys.retire(rotated->old_master_key_id)));

  // a fresh start with the same file
  crypto::Vault again(crypto::MasterKeys::load_file(folder.path() + "/master.key", false).value());
  keys::KeyService restarted(key_rows, integrations, users, again);
  EXPECT_TRUE(loop.run(restarted.open_all()));
  EXPECT_TRUE(platforms::open_credentials(again, telegram, after, account));
}

TEST_F(IntegrationsTest, AnotherKeyFileIsRefusedByName) {
  const auto mine = vault.master_keys().active_id();
  crypto::Vault stranger(crypto::MasterKeys::load_file(folder.path() + "/other.key", true).value());
  keys::KeyService wrong(key_rows, integrations, users, stranger);
  auto opened = loop.run(wrong.open_all());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind(), ErrorKind::unauthorized);
  EXPECT_THAT(opened.error().message(), HasSubstr(mine));
}

TEST_F(IntegrationsTest, RemovingKeepsConversationsAndForgetsCredentials) {
  auto telegram = connect_telegram();
  ASSERT_TRUE(loop.run(service.remove(user.tenant_id, telegram.id)));
  EXPECT_EQ(ask("select count(*) from integrations"), "0");
  auto again = loop.run(service.remove(user.tenant_id, telegram.id));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind(), ErrorKind::not_found);
}

TEST_F(IntegrationsTest, ReferencesAreResolvedOrRefused) {
  auto telegram = connect_telegram();
  EXPECT_EQ(loop.run(service.resolve(user.tenant_id, "telegram")).value().id, telegram.id);
  EXPECT_EQ(loop.run(service.resolve(user.tenant_id, "telegram/default")).value().id, telegram.id);
  EXPECT_EQ(loop.run(service.resolve(user.tenant_id, telegram.id.substr(0, 20))).value().id, telegram.id);
  EXPECT_EQ(loop.run(service.resolve(user.tenant_id, "ozon")).error().kind(), ErrorKind::not_found);
}

TEST_F(IntegrationsTest, CredentialsOfAnotherAccountDoNotReplaceThese) {
  auto telegram = connect_telegram();
  std::map<std::string, Secret> credentials;
  credentials["bot_token"] = Secret(sandbox.telegram_token());
  ASSERT_TRUE(loop.run(service.replace_credentials(user.tenant_id, telegram.id, credentials)));

  // its history, its poll position and its dedup keys belong to another bot
  ask("update integrations set external_account_id = '42' returning id");
  auto refused = loop.run(service.replace_credentials(user.tenant_id, telegram.id, credentials));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::conflict);
  EXPECT_EQ(refused.error().field(), "credentials");
  EXPECT_EQ(ask("select external_account_id from integrations"), "42");
}

TEST_F(IntegrationsTest, OnlySoManyLoginsAreCheckedAtATime) {
  int refused = 0;
  auto attempt = [](auth::AuthService& by, std::string email, int& limited) -> Task<> {
    auto issued = co_await by.log_in(std::move(email), Secret("not the password"));
    if (!issued && issued.error().kind() == ErrorKind::rate_limited) ++limited;
  };
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int i = 0; i < 24; ++i)
    outcomes.push_back(loop.spawn(attempt(auth, "somebody" + std::to_string(i) + "@shop.example", refused)));
  for (auto& outcome : outcomes) loop.finish(outcome);
  EXPECT_EQ(refused, 4) << "twenty wait for their hash, the others are sent away at once";
}

}  // namespace
}  // namespace easyflow::test
