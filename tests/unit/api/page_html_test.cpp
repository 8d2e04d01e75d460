#include "core/api/page_html.hpp"

#include <gtest/gtest.h>

#include <string>

#include "core/api/html.hpp"

namespace easyflow::api {
namespace {

constexpr const char* kHostile = "<script>alert(1)</script>\"'&";

PageFrame frame() {
  PageFrame out;
  out.now = from_unix_seconds(1'795'000'000);
  out.nonce = "nonce-of-this-page";
  out.form_token = "token-of-this-form";
  out.version = "1.2.3";
  out.platform_names = {{"telegram", "Telegram"}};
  return out;
}

/// Every text that an outsider can choose is hostile.
StatusData hostile_status() {
  StatusData data;
  storage::Integration integration;
  integration.id = "0190a000-0000-7000-8000-000000000001";
  integration.platform_id = kHostile;
  integration.account = kHostile;
  integration.status = "error";
  integration.status_message = kHostile;
  integration.display_name = kHostile;
  data.integrations.push_back(integration);
  storage::StreamStatus stream;
  stream.platform_id = kHostile;
  stream.display_name = kHostile;
  stream.stream = kHostile;
  stream.state = kHostile;
  data.streams.push_back(stream);
  storage::SyncRun run;
  run.platform_id = kHostile;
  run.stream = kHostile;
  run.status = "failed";
  run.error_message = kHostile;
  data.runs.push_back(run);
  data.failed_runs.push_back(run);
  storage::Conversation conversation;
  conversation.id = kHostile;
  conversation.title = kHostile;
  conversation.last_message = kHostile;
  conversation.platform = kHostile;
  data.conversations.push_back(conversation);
  storage::Outbound outbound;
  outbound.state = "unknown";
  outbound.error = kHostile;
  data.troubled.push_back(outbound);
  return data;
}

TEST(Page, EscapesEveryTextOfTheStatus) {
  auto html = status_page(frame(), hostile_status());
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"), std::string::npos);
}

TEST(Page, EscapesEveryTextOfAConversation) {
  ConversationData data;
  data.conversation.id = kHostile;
  data.conversation.title = kHostile;
  data.conversation.platform = kHostile;
  data.conversation.status = kHostile;
  data.conversation.integration_id = "x";
  storage::Message message;
  message.content = kHostile;
  message.content_type = kHostile;
  message.intent = kHostile;
  message.direction = "outbound";
  message.metadata_json = R"({"delivery":"<script>","error":"<script>"})";
  message.entities_json =
      R"([{"type":"<script>","value":"<script>"},{"type":"sku","value":"1","order_id":"o","product_id":"p"}])";
  data.messages.push_back(message);
  data.catalog.orders.emplace_back().id = "o";
  data.catalog.orders.back().status = kHostile;
  data.catalog.products.emplace_back().id = "p";
  data.catalog.products.back().title = kHostile;
  data.conversation.tags = {kHostile};
  storage::AutomaticAct act;
  act.id = act.intent = act.state = act.reason = kHostile;
  act.acts_json =
      R"({"reply":"<script>","tag":"<script>","state":"<script>","undo":{"restored":[],"left":[{"reason":"<script>"}]}})";
  data.acts.push_back(act);
  act.state = "done";
  act.acts_json = "no json";
  data.acts.push_back(act);
  data.may_undo = true;
  data.older = kHostile;
  data.may_send = true;
  data.draft = std::string("</textarea>") + kHostile;
  data.error = kHostile;
  auto html = conversation_page(frame(), data);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("</textarea><script"), std::string::npos);
  EXPECT_EQ(login_page("n", kHostile, kHostile).find("<script"), std::string::npos);
  EXPECT_EQ(message_page("n", kHostile, kHostile, true).find("<script"), std::string::npos);
}

TEST(Page, ShowsWhatAMessageMeansAndHowItsOrderStands) {
  ConversationData data;
  storage::Message message;
  message.direction = "inbound";
  message.content_type = "text";
  message.intent = "order_status";
  message.confidence = 0.93;
  message.entities_json = R"([{"type":"order_number","value":"66102","order_id":"order-1"},
    {"type":"datetime","text":"во вторник"}])";
  data.messages.push_back(message);
  data.catalog.orders.emplace_back().id = "order-1";
  data.catalog.orders.back().status = "confirm/waiting";
  auto html = conversation_page(frame(), data);
  for (const char* tag :
       {"<span class=\"tag\">order_status 93 %</span>",
        "<span class=\"tag known\"><span class=\"kind\">order number</span> 66102 · confirm/waiting</span>",
        "<span class=\"tag\"><span class=\"kind\">datetime</span> во вторник</span>"})
    EXPECT_NE(html.find(tag), std::string::npos) << tag;
  EXPECT_EQ(html.find("<span>+"), std::string::npos);

  data.messages[0].entities_json = "[";
  for (int size = 40; size < 50; ++size)
    data.messages[0].entities_json += R"({"type":"size","value":")" + std::to_string(size) + R"("},)";
  data.messages[0].entities_json += R"({"type":"order_number","value":"66102","order_id":"order-1"}])";
  html = conversation_page(frame(), data);
  EXPECT_NE(html.find("66102 · confirm/waiting"), std::string::npos) << "what is known stands first";
  EXPECT_NE(html.find(" <span>+3</span>"), std::string::npos);
}

TEST(Page, HasNoScriptNoStyleAttributeAndRefreshesItself) {
  auto html = status_page(frame(), StatusData());
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find(" style=\""), std::string::npos);  // the policy would refuse them
  for (const char* handler : {" onclick=", " onload=", " onerror=", "javascript:"})
    EXPECT_EQ(html.find(handler), std::string::npos);
  EXPECT_NE(html.find("http-equiv=\"refresh\" content=\"10\""), std::string::npos);
  EXPECT_NE(html.find("<style nonce=\"nonce-of-this-page\">"), std::string::npos);
}

TEST(Page, AConversationDoesNotReloadOverAHalfWrittenReply) {
  ConversationData data;
  data.conversation.integration_id = "x";
  data.may_send = true;
  auto html = conversation_page(frame(), data);
  EXPECT_EQ(html.find("http-equiv=\"refresh\""), std::string::npos);
  EXPECT_NE(html.find("name=\"form_token\" value=\"token-of-this-form\""), std::string::npos);
  EXPECT_NE(html.find("<textarea"), std::string::npos);
}

TEST(Page, OffersNoReplyToAPersonWhoBlockedUs) {
  ConversationData data;
  data.conversation.integration_id = "x";
  data.conversation.contact_active = false;
  data.may_send = true;
  EXPECT_EQ(conversation_page(frame(), data).find("<textarea"), std::string::npos);
}

TEST(Page, SaysInWordsWhatItShowsInColour) {
  StatusData data;
  storage::Integration integration;
  integration.platform_id = "telegram";
  integration.status = "connected";
  integration.display_name = "@shop_bot";
  data.integrations.push_back(integration);
  auto fine = status_page(frame(), data);
  EXPECT_NE(fine.find("Everything is up to date"), std::string::npos);
  EXPECT_NE(fine.find("<span class=\"pill good\">connected</span>"), std::string::npos);
  EXPECT_NE(fine.find("Telegram"), std::string::npos);

  storage::StreamStatus stream;
  stream.stream = "orders";
  stream.state = "failing";
  stream.last_success_at = frame().now - std::chrono::hours(3);
  data.streams.push_back(stream);
  auto broken = status_page(frame(), data);
  EXPECT_NE(broken.find("1 stream behind"), std::string::npos);
  EXPECT_NE(broken.find(">3 h ago</time>"), std::string::npos);
}

TEST(Page, ControlCharactersDoNotReachTheDocument) {
  EXPECT_EQ(escaped(std::string("a\0b\x1b", 4)), "a\uFFFDb\uFFFD");
  EXPECT_EQ(escaped("Привет, мир"), "Привет, мир");
}

}  // namespace
}  // namespace easyflow::api
