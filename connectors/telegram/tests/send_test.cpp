#include "connectors/telegram/send.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "connectors/sdk/tests/fixture.hpp"
#include "connectors/telegram/tests/account.hpp"

namespace easyflow::connectors::telegram {
namespace {

using sdk::SendState;
using sdk::testing::fixture;
using std::chrono::seconds;
using testing::account;
using ::testing::HasSubstr;
using Json = nlohmann::json;

sdk::OutboundMessage message(std::string chat = "6000000123456", std::string text = "Заказ в пути") {
  sdk::OutboundMessage made;
  made.chat_id = std::move(chat);
  made.text = std::move(text);
  return made;
}

sdk::Button button(std::string text, std::string data, std::string url = {}) {
  sdk::Button made;
  made.text = std::move(text);
  made.data = std::move(data);
  made.url = std::move(url);
  return made;
}

sdk::SendOutcome outcome(int status, const std::string& file) {
  return send_outcome(HttpResponse(status, fixture(file)));
}

TEST(TelegramSending, WritesTheCall) {
  auto hello = message();
  hello.reply_to_message_id = "61";
  hello.keyboard = {{button("Где?", "track:1"), button("Сайт", "", "https://shop.example/?a=1")}};
  ASSERT_TRUE(validate_message(hello));
  auto request = send_request(account(), hello);
  EXPECT_EQ(request.http.method, "POST");
  EXPECT_EQ(request.http.target, "http://api.test/bot" + testing::kToken + "/sendMessage");
  EXPECT_EQ(Json::parse(request.http.body), Json::parse(R"({"chat_id":6000000123456,"text":"Заказ в пути",
      "reply_parameters":{"message_id":61,"allow_sending_without_reply":true},
      "reply_markup":{"inline_keyboard":[[{"text":"Где?","callback_data":"track:1"},
                                          {"text":"Сайт","url":"https://shop.example/?a=1"}]]}})"));
  EXPECT_FALSE(request.safe_to_repeat);
  EXPECT_GE(request.timeout, seconds(60));
}

TEST(TelegramSending, TakesFromTheBudgetsOfTheBotAndTheChat) {
  auto names = [](const std::string& chat) {
    std::string text;
    for (const auto& use : send_request(account(), message(chat)).buckets) text += use.bucket + "/" + use.scope + " ";
    return text;
  };
  EXPECT_EQ(names("77"), "send/ chat/chat:77 ");
  EXPECT_EQ(names("-100300"), "send/ chat/chat:-100300 group_chat/chat:-100300 ");
  EXPECT_EQ(names("@lavka_news"), "send/ chat/chat:@lavka_news group_chat/chat:@lavka_news ");
}

TEST(TelegramSending, RefusesWhatTelegramWouldRefuse) {
  auto field_of = [](const sdk::OutboundMessage& wrong) {
    auto checked = validate_message(wrong);
    return checked ? std::string("accepted") : checked.error().field();
  };
  EXPECT_EQ(field_of(message("77", std::string(4096, 'a'))), "accepted");
  EXPECT_EQ(field_of(message("77", std::string(4097, 'a'))), "text");
  std::string thumbs;
  for (int i = 0; i < 2049; ++i) thumbs += "👍";
  EXPECT_EQ(field_of(message("77", thumbs)), "text") << "each counts two";
  EXPECT_EQ(field_of(message("77", " \n ")), "text");
  EXPECT_EQ(field_of(message("77", "\xFF")), "text");
  for (const char* chat : {"", "0", "abc", "@a", "7 7", "+7", "--7", "99999999999999999999", "@new s"})
    EXPECT_EQ(field_of(message(chat)), "chat_id") << chat;
  EXPECT_EQ(field_of(message("@lavka_news")), "accepted");
  auto reply = message();
  reply.reply_to_message_id = "last";
  EXPECT_EQ(field_of(reply), "reply_to_message_id");

  auto with = [](sdk::Button wrong) {
    auto made = message();
    made.keyboard = {{button("ok", "ok"), std::move(wrong)}};
    return made;
  };
  EXPECT_EQ(field_of(with(button("b", std::string(64, 'x')))), "accepted");
  EXPECT_EQ(field_of(with(button("b", std::string(65, 'x')))), "keyboard[0][1].data");
  EXPECT_EQ(field_of(with(button("", "x"))), "keyboard[0][1].text");
  EXPECT_EQ(field_of(with(button("b", ""))), "keyboard[0][1]");
  EXPECT_EQ(field_of(with(button("b", "x", "https://a.example"))), "keyboard[0][1]");
  for (const char* url : {"javascript:alert(1)", "a.example", "https://", "https://a b"})
    EXPECT_EQ(field_of(with(button("b", "", url))), "keyboard[0][1].url") << url;
  auto empty_row = message();
  empty_row.keyboard = {{button("b", "x")}, {}};
  EXPECT_EQ(field_of(empty_row), "keyboard[1]");
  auto huge = message();
  huge.keyboard.assign(101, {button("b", "x")});
  EXPECT_EQ(field_of(huge), "keyboard");
}

TEST(TelegramSending, ASentMessageHasItsId) {
  auto sent = outcome(200, "answer_send.json");
  EXPECT_EQ(sent.state, SendState::sent);
  EXPECT_EQ(sent.platform_message_id, "8123");
}

TEST(TelegramSending, RefusalsSayWhetherTryingAgainHelps) {
  struct Case {
    int status;
    const char* file;
    SendState state;
    const char* says;
  };
  for (const Case& c : {Case{400, "error_400_chat_not_found.json", SendState::contact_blocked, "chat not found"},
                        Case{400, "error_400_too_long.json", SendState::failed, "too long"},
                        Case{400, "error_400_logged_out.json", SendState::failed, "Logged out"},
                        Case{401, "error_401.json", SendState::failed, "@BotFather"},
                        Case{403, "error_403_blocked.json", SendState::contact_blocked, "blocked by the user"},
                        Case{403, "error_403_kicked.json", SendState::contact_blocked, "kicked"},
                        Case{404, "error_404.json", SendState::failed, "Not Found"},
                        Case{500, "error_500_restart.json", SendState::unknown, "may have been sent"},
                        Case{502, "error_502.html", SendState::unknown, "may have been sent"},
                        Case{200, "error_502.html", SendState::unknown, "not one of the Bot API"},
                        Case{200, "answer_true.json", SendState::unknown, "does not name the message"},
                        Case{413, "error_502.html", SendState::failed, "HTTP 413"},
                        Case{408, "error_502.html", SendState::unknown, "may have been sent"}}) {
    auto end = outcome(c.status, c.file);
    EXPECT_EQ(static_cast<int>(end.state), static_cast<int>(c.state)) << c.file;
    EXPECT_THAT(end.reason, HasSubstr(c.says)) << c.file;
  }
}

TEST(TelegramSending, WaitsAsLongAsTold) {
  auto pause = outcome(429, "error_429_short.json");
  EXPECT_EQ(pause.state, SendState::retry_later);
  EXPECT_EQ(pause.retry_after, seconds(7));
  EXPECT_FALSE(pause.whole_account);
  auto ban = outcome(429, "error_429_long.json");
  EXPECT_EQ(ban.retry_after, seconds(1800));
  EXPECT_TRUE(ban.whole_account);
  auto proxy = send_outcome(HttpResponse(429, "busy", {{"Retry-After", "9"}}));
  EXPECT_EQ(proxy.state, SendState::retry_later);
  EXPECT_EQ(proxy.retry_after, seconds(9));
  EXPECT_EQ(send_outcome(HttpResponse(429, "busy")).retry_after, seconds(5));
}

TEST(TelegramSending, FollowsAGroupThatMoved) {
  auto moved = outcome(400, "error_400_migrate.json");
  EXPECT_EQ(moved.state, SendState::retry_later);
  EXPECT_EQ(moved.new_chat_id, "-1003000111222");
}

}  // namespace
}  // namespace easyflow::connectors::telegram
