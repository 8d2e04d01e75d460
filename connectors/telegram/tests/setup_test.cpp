#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "connectors/sdk/tests/fixture.hpp"
#include "connectors/sdk/tests/walks.hpp"
#include "connectors/telegram/telegram.hpp"
#include "connectors/telegram/tests/account.hpp"

namespace easyflow::connectors::telegram {
namespace {

using sdk::testing::fixture;
using testing::account;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

const sdk::Connector& telegram() {
  static const auto connector = make_telegram();
  return *connector;
}

Result<sdk::AccountInfo> check(const sdk::Account& with, const sdk::testing::Platform& platform) {
  auto exchange = telegram().credentials().check(with);
  return sdk::testing::run(*exchange, platform);
}

TEST(TelegramCheck, LearnsWhoTheBotIs) {
  auto info = check(account(), [](const sdk::Request& r) {
    EXPECT_EQ(r.http.target, "http://api.test/bot" + testing::kToken + "/getMe");
    return HttpResponse(200, fixture("answer_get_me.json"));
  });
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->external_id, "7000000001");
  EXPECT_EQ(info->display_name, "@lavka_test_bot");
}

TEST(TelegramCheck, RefusesWhatIsNoTokenBeforeAnyCall) {
  for (const char* wrong :
       {"", "abc", "123", ":abc", "0123:abc", "123:", "12a:abc", "123:a/b", "123:../x", "123:a b"}) {
    auto info = check(account(wrong), [](const sdk::Request&) -> HttpResponse { throw std::logic_error("a call"); });
    ASSERT_FALSE(info) << wrong;
    EXPECT_EQ(info.error().kind(), ErrorKind::unauthorized);
    EXPECT_EQ(info.error().field(), "credentials.bot_token");
  }
  EXPECT_FALSE(check(account("1:" + std::string(80, 'a')), nullptr));
}

TEST(TelegramCheck, SaysWhatARefusalMeans) {
  auto error = [](int status, const std::string& body) {
    return check(account(), [&](const sdk::Request&) { return HttpResponse(status, body); }).error();
  };
  EXPECT_EQ(error(401, fixture("error_401.json")).kind(), ErrorKind::unauthorized);
  EXPECT_THAT(error(401, fixture("error_401.json")).message(), HasSubstr("@BotFather"));
  EXPECT_EQ(error(404, fixture("error_404.json")).kind(), ErrorKind::unauthorized);
  EXPECT_EQ(error(400, fixture("error_400_logged_out.json")).kind(), ErrorKind::unauthorized);
  EXPECT_EQ(error(429, fixture("error_429_short.json")).retry_after()->count(), 7);
  EXPECT_EQ(error(502, fixture("error_502.html")).kind(), ErrorKind::unavailable);
  EXPECT_EQ(error(200, "{}").kind(), ErrorKind::protocol);
  EXPECT_EQ(error(200, R"({"ok":true,"result":{"id":1}})").kind(), ErrorKind::protocol);
}

TEST(TelegramCheck, NeverRepeatsTheToken) {
  auto echo = check(account(), [](const sdk::Request& r) {
    return HttpResponse(400,
                        Json{{"ok", false}, {"error_code", 400}, {"description", "bad path " + r.http.target}}.dump());
  });
  EXPECT_THAT(echo.error().message(), Not(HasSubstr("test-secret")));
  EXPECT_THAT(echo.error().message(), HasSubstr("<token>"));
}

TEST(TelegramWebhook, IsRegisteredWithItsSecretAndAllKindsNamed) {
  std::string body;
  auto exchange = telegram().webhooks()->register_webhook(account(), "https://hub.example/hooks/abc");
  auto done = sdk::testing::run(*exchange, [&](const sdk::Request& r) {
    EXPECT_THAT(r.http.target, HasSubstr("/setWebhook"));
    body = r.http.body;
    return HttpResponse(200, fixture("answer_true.json"));
  });
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(Json::parse(body), Json::parse(R"({"url":"https://hub.example/hooks/abc","secret_token":"webhook-secret_1",
      "allowed_updates":["message","edited_message","channel_post","edited_channel_post","callback_query","my_chat_member"],
      "max_connections":40,"drop_pending_updates":false})"));
}

TEST(TelegramWebhook, IsNotRegisteredWithoutASecret) {
  auto without = account();
  without.hub_secrets.clear();
  auto exchange = telegram().webhooks()->register_webhook(without, "https://hub.example/hooks/abc");
  EXPECT_EQ(exchange->next(nullptr).error().kind(), ErrorKind::internal);
  auto no_address = telegram().webhooks()->register_webhook(account(), "hub.example");
  EXPECT_EQ(no_address->next(nullptr).error().kind(), ErrorKind::invalid_input);
}

TEST(TelegramWebhook, IsRemovedKeepingWhatWaits) {
  auto exchange = telegram().webhooks()->remove_webhook(account());
  auto done = sdk::testing::run(*exchange, [&](const sdk::Request& r) {
    EXPECT_THAT(r.http.target, HasSubstr("/deleteWebhook"));
    EXPECT_EQ(r.http.body, R"({"drop_pending_updates":false})");
    return HttpResponse(200, fixture("answer_true.json"));
  });
  EXPECT_TRUE(done);
}

TEST(TelegramWebhook, IsProvenByItsSecretOnly) {
  const auto& webhooks = *telegram().webhooks();
  auto signed_with = [&](const char* secret) {
    return webhooks.authenticate(account(), HttpRequest("POST", "/", {{"x-telegram-bot-api-secret-token", secret}}));
  };
  EXPECT_TRUE(signed_with("webhook-secret_1"));
  EXPECT_FALSE(signed_with("webhook-secret_2"));
  EXPECT_FALSE(signed_with(""));
  EXPECT_FALSE(webhooks.authenticate(account(), HttpRequest("POST", "/")));
  auto without = account();
  without.hub_secrets.clear();
  auto refused = webhooks.authenticate(without, HttpRequest("POST", "/", {{"X-Telegram-Bot-Api-Secret-Token", ""}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::unauthorized);
}

}  // namespace
}  // namespace easyflow::connectors::telegram
