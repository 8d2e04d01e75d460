#include "core/api/views.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace easyflow::api {
namespace {

TEST(Views, AMessageTellsWhoReadIt) {
  storage::Message message;
  message.entities_json = "{}";
  auto shown = view(message);
  EXPECT_EQ(shown["nlp"], nullptr);
  EXPECT_EQ(shown["entities"], nlohmann::json::array()) << "rows of older versions hold an object";
  message.nlp_model = "default-1";
  message.metadata_json =
      R"({"nlp":{"source":"model","rejected":true,"ranking":[{"intent":"spam","confidence":0.3}]}})";
  shown = view(message);
  EXPECT_EQ(shown["nlp"]["model"], "default-1");
  EXPECT_EQ(shown["nlp"]["source"], "model");
  EXPECT_EQ(shown["nlp"]["rejected"], true);
  EXPECT_EQ(shown["nlp"]["ambiguous"], false);
  EXPECT_EQ(shown["nlp"]["ranking"][0]["intent"], "spam");
  EXPECT_EQ(shown["nlp"]["before"], nullptr);
  message.metadata_json =
      R"({"nlp":{"ambiguous":true,"ranking":{"complaint":0.2,"spam":0.41,"odd":"x","thanks":0.3}}})";
  shown = view(message);
  EXPECT_EQ(shown["nlp"]["source"], "model");
  EXPECT_EQ(shown["nlp"]["ambiguous"], true);
  EXPECT_EQ(
      shown["nlp"]["ranking"].dump(),
      R"([{"confidence":0.41,"intent":"spam"},{"confidence":0.3,"intent":"thanks"},{"confidence":0.2,"intent":"complaint"}])");
  message.nlp_model = "operator";
  EXPECT_EQ(view(message)["nlp"]["source"], "operator");
  EXPECT_EQ(view(message)["nlp"]["rejected"], false) << "a person is sure";
  for (const char* odd : {"", "[]", R"({"nlp":1})"}) {
    message.metadata_json = odd;
    EXPECT_EQ(view(message)["nlp"]["ranking"], nlohmann::json::array()) << odd;
  }
}

TEST(Views, WebhookUrlNeedsAPublicAddress) {
  storage::Integration integration;
  integration.platform_id = "telegram";
  integration.webhook_path = "abc";
  EXPECT_TRUE(view(integration, "")["webhook_url"].is_null());
  EXPECT_EQ(view(integration, "")["webhook_path"], "abc");
  EXPECT_EQ(view(integration, "https://hub.example")["webhook_url"], "https://hub.example/hooks/telegram/abc");
  EXPECT_EQ(view(integration, "https://hub.example/")["webhook_url"], "https://hub.example/hooks/telegram/abc");
}

TEST(Views, WhatIsNotKnownIsNull) {
  storage::StoredOrder order;
  order.items.emplace_back();
  auto json = view(order);
  EXPECT_TRUE(json["total"].is_null());
  EXPECT_TRUE(json["status"].is_null());
  EXPECT_TRUE(json["items"][0]["price"].is_null());
  order.total_minor = 19'990;
  order.currency = "RUB";
  auto priced = view(order);
  EXPECT_EQ(priced["total"]["minor"], 19'990);
  EXPECT_EQ(priced["total"]["currency"], "RUB");
}

TEST(Views, TimesAreUtc) {
  storage::SyncRun run;
  run.started_at = from_unix_seconds(0);
  auto json = view(run);
  EXPECT_EQ(json["started_at"], "1970-01-01T00:00:00Z");
  EXPECT_TRUE(json["completed_at"].is_null());
  EXPECT_TRUE(json["errors"].is_array());
  EXPECT_TRUE(json["metadata"].is_object());
}

TEST(Views, AnOrderCarriesItsRowAsItCame) {
  storage::StoredOrder order;
  EXPECT_EQ(view(order, R"({"id":13833711})")["raw"]["id"], 13833711);
  EXPECT_TRUE(view(order, "not json")["raw"].is_null());
}

TEST(Views, AUserHasNoPasswordHash) {
  storage::User user;
  user.password_hash = "$argon2id$secret";
  EXPECT_EQ(view(user).dump().find("argon2"), std::string::npos);
}

TEST(Views, TheLastPageHasNoNext) {
  storage::Paged<storage::Conversation> page;
  page.items.resize(2);
  EXPECT_TRUE(view(page)["next"].is_null());
  EXPECT_EQ(view(page)["items"].size(), 2U);
  page.next = "c";
  EXPECT_EQ(view(page)["next"], "c");
}

}  // namespace
}  // namespace easyflow::api
