#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "connectors/sdk/tests/fixture.hpp"
#include "connectors/telegram/tests/account.hpp"
#include "connectors/telegram/updates.hpp"

namespace easyflow::connectors::telegram {
namespace {

using sdk::testing::fixture;
using std::chrono::seconds;
using testing::account;
using ::testing::HasSubstr;
using Json = nlohmann::json;

Result<sdk::PollBatch> answered(const std::string& body, int status = 200, std::string_view cursor = "") {
  auto poll = poll_updates(account(), cursor, seconds(30));
  if (auto asked = poll->next(nullptr); !asked) return asked.error();
  HttpResponse reply(status, body);
  auto step = poll->next(&reply);
  if (!step) return step.error();
  return std::get<sdk::PollBatch>(*step);
}

TEST(TelegramPolling, AsksForWhatComesAfterTheCursor) {
  auto poll = poll_updates(account(), R"({"v":1,"offset":500305})", seconds(30));
  auto step = poll->next(nullptr);
  const auto& request = std::get<sdk::Request>(*step);
  EXPECT_EQ(request.http.target, "http://api.test/bot" + testing::kToken + "/getUpdates");
  auto body = Json::parse(request.http.body);
  EXPECT_EQ(body.at("offset"), 500305);
  EXPECT_EQ(body.at("timeout"), 30);
  EXPECT_EQ(body.at("limit"), 100);
  EXPECT_EQ(body.at("allowed_updates").size(), 6U);
  EXPECT_EQ(request.timeout, seconds(45));
  EXPECT_EQ(request.buckets.at(0).bucket, "poll");

  auto first = poll_updates(account(), "", seconds(500))->next(nullptr);
  auto first_body = Json::parse(std::get<sdk::Request>(*first).http.body);
  EXPECT_FALSE(first_body.contains("offset"));
  EXPECT_EQ(first_body.at("timeout"), 50) << "the server holds no longer";
}

TEST(TelegramPolling, KeepsEveryUpdateAndConfirmsOnlyWithTheNextPoll) {
  auto batch = answered(fixture("answer_get_updates.json"));
  ASSERT_TRUE(batch) << batch.error().message();
  ASSERT_EQ(batch->events.size(), 3U);
  EXPECT_EQ(batch->events[0].events->at(0).text, "один");
  EXPECT_EQ(Json::parse(batch->events[0].body).at("update_id"), 500301);
  ASSERT_FALSE(batch->events[1].events) << "a message without a chat";
  EXPECT_EQ(batch->events[1].events.error().kind(), ErrorKind::protocol);
  EXPECT_EQ(Json::parse(batch->events[1].body).at("message").at("message_id"), 5);
  EXPECT_EQ(batch->cursor, R"({"v":1,"offset":500305})");
}

TEST(TelegramPolling, TheSameUpdateHasTheSameKeyByWebhookAndByPoll) {
  auto batch = answered(fixture("answer_get_updates.json"));
  auto by_webhook = decode_update(batch->events[0].body);
  EXPECT_EQ(by_webhook->at(0).dedup_key, batch->events[0].events->at(0).dedup_key);
}

TEST(TelegramPolling, AnEmptyAnswerLeavesTheCursor) {
  EXPECT_EQ(answered(R"({"ok":true,"result":[]})", 200, R"({"v":1,"offset":7})")->cursor, R"({"v":1,"offset":7})");
  EXPECT_EQ(answered(R"({"ok":true,"result":[]})")->cursor, "");
}

TEST(TelegramPolling, NamesTheOtherReceiver) {
  auto other = answered(fixture("error_409_other_poll.json"), 409);
  EXPECT_EQ(other.error().kind(), ErrorKind::conflict);
  EXPECT_THAT(other.error().message(), HasSubstr("another program polls this bot"));
  auto webhook = answered(fixture("error_409_webhook.json"), 409);
  EXPECT_EQ(webhook.error().kind(), ErrorKind::conflict);
  EXPECT_THAT(webhook.error().message(), HasSubstr("a webhook is set"));
}

TEST(TelegramPolling, RefusesAnswersAndCursorsItCannotRead) {
  for (const char* body : {"<html>", R"({"ok":true})", R"({"ok":true,"result":{}})", R"({"ok":true,"result":[7]})"}) {
    auto batch = answered(body);
    ASSERT_FALSE(batch) << body;
    EXPECT_EQ(batch.error().kind(), ErrorKind::protocol) << body;
  }
  for (const char* cursor : {"x", "{}", R"({"v":2,"offset":1})", R"({"v":1,"offset":-5})", R"({"v":1,"offset":"1"})"})
    EXPECT_EQ(answered("", 200, cursor).error().kind(), ErrorKind::protocol) << cursor;
}

}  // namespace
}  // namespace easyflow::connectors::telegram
