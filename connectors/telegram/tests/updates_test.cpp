#include "connectors/telegram/updates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "connectors/sdk/tests/fixture.hpp"

namespace easyflow::connectors::telegram {
namespace {

using sdk::EventKind;
using sdk::testing::fixture;
using sdk::testing::fixtures;
using Json = nlohmann::json;

sdk::InboundEvent decoded(const std::string& name) {
  auto events = decode_update(fixture("update_" + name + ".json"));
  if (!events) throw std::runtime_error(name + ": " + events.error().message());
  return events->at(0);
}

Json metadata(const std::string& name) { return Json::parse(decoded(name).metadata_json); }

TEST(TelegramUpdates, ATextBecomesAMessage) {
  auto event = decoded("text");
  EXPECT_EQ(event.dedup_key, "update:500101");
  EXPECT_EQ(event.kind, EventKind::message);
  EXPECT_EQ(event.chat_id, "6000000123456");
  EXPECT_EQ(event.chat_type, "private");
  EXPECT_EQ(event.platform_message_id, "100");
  EXPECT_EQ(event.sender.platform_user_id, "6000000123456");
  EXPECT_EQ(event.sender.numeric_id, 6000000123456);
  EXPECT_EQ(event.sender.username, "maria_s");
  EXPECT_EQ(event.sender.full_name, "Мария Соколова");
  EXPECT_EQ(event.sender.language_code, "ru");
  EXPECT_EQ(event.text, "Добрый день! Когда придёт заказ 2200001?");
  EXPECT_EQ(event.content_type, "text");
  EXPECT_EQ(to_unix_seconds(*event.sent_at), 1'795'200'100);
  EXPECT_EQ(event.metadata_json, "{}");
}

TEST(TelegramUpdates, EveryFixtureHasItsKindAndContent) {
  struct Case {
    const char* name;
    EventKind kind;
    const char* content;
  };
  const std::vector<Case> cases{{"text", EventKind::message, "text"},
                                {"text_entities", EventKind::message, "text"},
                                {"reply_quote", EventKind::message, "text"},
                                {"forward", EventKind::message, "text"},
                                {"photo", EventKind::message, "photo"},
                                {"voice", EventKind::message, "voice"},
                                {"animation", EventKind::message, "animation"},
                                {"venue", EventKind::message, "venue"},
                                {"contact", EventKind::message, "contact"},
                                {"unknown_content", EventKind::message, "unsupported"},
                                {"service", EventKind::ignored, "service"},
                                {"migrate", EventKind::ignored, "service"},
                                {"group_anonymous_admin", EventKind::message, "text"},
                                {"edited", EventKind::message_edited, "text"},
                                {"channel_post", EventKind::message, "text"},
                                {"callback", EventKind::callback, "callback"},
                                {"callback_inaccessible", EventKind::callback, "callback"},
                                {"callback_inline", EventKind::callback, "callback"},
                                {"blocked", EventKind::contact_blocked, "service"},
                                {"unblocked", EventKind::contact_unblocked, "service"},
                                {"removed_from_group", EventKind::ignored, "service"},
                                {"reaction", EventKind::ignored, "unsupported"},
                                {"unknown_kind", EventKind::ignored, "unsupported"},
                                {"ephemeral", EventKind::message, "text"}};
  for (const auto& c : cases) {
    auto event = decoded(c.name);
    EXPECT_EQ(sdk::to_string(event.kind), sdk::to_string(c.kind)) << c.name;
    EXPECT_EQ(event.content_type, c.content) << c.name;
    EXPECT_TRUE(Json::accept(event.metadata_json)) << c.name;
  }
  EXPECT_EQ(fixtures("update_").size(), cases.size()) << "a fixture without a line here";
}

TEST(TelegramUpdates, KeepWhatElseIsWorthKnowing) {
  EXPECT_EQ(metadata("text_entities").at("entities").at(0).at("offset"), 12);
  EXPECT_EQ(metadata("reply_quote").at("reply_to"), 44);
  EXPECT_EQ(metadata("reply_quote").at("quote"), "товар");
  EXPECT_EQ(metadata("forward").at("forward").at("type"), "hidden_user");
  auto photo = metadata("photo");
  EXPECT_EQ(photo.at("file").at("file_id"), "large");
  EXPECT_EQ(photo.at("media_group_id"), "777000111");
  EXPECT_EQ(photo.at("entities").at(0).at("type"), "bold");
  EXPECT_EQ(decoded("photo").text, "Пришла разбитая");
  EXPECT_EQ(metadata("voice").at("file").at("mime_type"), "audio/ogg");
  EXPECT_EQ(metadata("venue").at("venue").at("title"), "Пункт");
  EXPECT_EQ(metadata("contact").at("contact").at("phone_number"), "70000000000");
  EXPECT_EQ(metadata("migrate").at("migrate_to_chat_id"), -1003000111222);
  EXPECT_EQ(metadata("edited").at("edit_date"), 1'795'300'000);
  EXPECT_EQ(metadata("channel_post").at("chat_title"), "Новости лавки");
  EXPECT_EQ(metadata("unblocked").at("status"), "member");
}

TEST(TelegramUpdates, TheChatSpeaksForAnonymousSenders) {
  auto admin = decoded("group_anonymous_admin");
  EXPECT_EQ(admin.sender.platform_user_id, "-1003000111222");
  EXPECT_EQ(admin.sender.full_name, "Заказы оптом");
  auto post = decoded("channel_post");
  EXPECT_EQ(post.sender.numeric_id, -1003000999888);
  EXPECT_EQ(post.chat_type, "channel");
}

TEST(TelegramUpdates, CallbacksCarryTheirDataAndTheirMessage) {
  auto callback = decoded("callback");
  EXPECT_EQ(callback.platform_message_id, "900800700600");
  EXPECT_EQ(callback.text, "track:2200001");
  EXPECT_EQ(callback.chat_id, "6000000123456");
  EXPECT_EQ(metadata("callback").at("message_id"), 61);
  EXPECT_FALSE(callback.sent_at);
  EXPECT_EQ(decoded("callback_inline").chat_id, "");
  EXPECT_EQ(metadata("callback_inline").at("inline_message_id"), "AgAAexample");
}

TEST(TelegramUpdates, AMessageWithoutAnIdOfItsOwnHasNone) { EXPECT_EQ(decoded("ephemeral").platform_message_id, ""); }

TEST(TelegramUpdates, TextsCannotBreakADatabase) {
  auto events = decode_update(
      R"({"update_id":1,"message":{"message_id":1,"chat":{"id":5,"type":"private"},"date":1,"text":"a\u0000b",
          "author_signature":"x\u0000"}})");
  ASSERT_TRUE(events);
  EXPECT_EQ(events->at(0).text,
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(events->at(0).metadata_json.find("\\u0000"), std::string::npos);
}

TEST(TelegramUpdates, WhatIsNoUpdateIsQuarantined) {
  for (const char* body :
       {"", "null", "[]", "7", "{}", R"({"update_id":"5"})", R"({"update_id":1,"message":7})",
        R"({"update_id":1,"message":{}})", R"({"update_id":1,"message":{"message_id":1,"chat":{"id":"x"}}})",
        R"({"update_id":1,"message":{"chat":{"id":1}}})", R"({"update_id":1,"callback_query":{"id":"a"}})",
        R"({"update_id":1,"callback_query":{"from":{"id":1}}})",
        R"({"update_id":1,"callback_query":{"id":"a","from":{"id":1},"message":{}}})",
        R"({"update_id":1,"my_chat_member":{"chat":{"id":1,"type":"private"}}})",
        "{\"update_id\":1,\"message\":", "\xFF\xFE"}) {
    auto events = decode_update(std::string_view(body));
    ASSERT_FALSE(events) << body;
    EXPECT_EQ(events.error().kind(), ErrorKind::protocol) << body;
  }
}

TEST(TelegramUpdates, MembersOfAnotherTypeAreTakenAsMissing) {
  auto events = decode_update(
      R"({"update_id":1,"message":{"message_id":1,"chat":{"id":5,"type":7,"title":1},"from":[],"date":"now","text":3,
          "caption":{},"photo":[],"reply_to_message":5,"quote":"q"}})");
  ASSERT_TRUE(events) << events.error().message();
  EXPECT_EQ(events->at(0).text, "");
  EXPECT_EQ(events->at(0).content_type, "photo");
  EXPECT_FALSE(events->at(0).sent_at);
}

}  // namespace
}  // namespace easyflow::connectors::telegram
