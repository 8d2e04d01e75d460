// The page over a real server: session, forms, headers.
#include "tests/integration/api/hub_fixture.hpp"

namespace easyflow::test {
namespace {

constexpr const char* kForm = "Content-Type: application/x-www-form-urlencoded\r\n";

class PageTest : public ApiTest {
 protected:
  Reply log_in(const std::string& email, const std::string& password, const std::string& more = {}) {
    return hub().ask("POST", "/login", std::string(kForm) + more,
                     "email=" + url_encode(email) + "&password=" + url_encode(password));
  }
  /// The Cookie header of a fresh session.
  std::string session_of_owner() {
    auto cookie = log_in(owner.email, kPassword).header("Set-Cookie");
    return "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
  }
  static std::string form_token_in(const std::string& html) {
    const std::string mark = "name=\"form_token\" value=\"";
    auto begin = html.find(mark);
    if (begin == std::string::npos) return {};
    begin += mark.size();
    return html.substr(begin, html.find('"', begin) - begin);
  }
};

TEST_F(PageTest, AsksToLogInFirst) {
  auto reply = hub().ask("GET", "/");
  EXPECT_EQ(reply.status, 303);
  EXPECT_EQ(reply.header("Location"), "/login");
  EXPECT_EQ(hub().ask("GET", "/", "Cookie: easyflow_session=" + token + "\r\n").status,
            303);  // an API token is no session
}

TEST_F(PageTest, LogsInAndOut) {
  auto reply = log_in(owner.email, kPassword);
  ASSERT_EQ(reply.status, 303) << reply.body;
  auto cookie = reply.header("Set-Cookie");
  EXPECT_NE(cookie.find("HttpOnly"), std::string::npos);
  EXPECT_NE(cookie.find("SameSite=Strict"), std::string::npos);

  auto session = session_of_owner();
  auto page = hub().ask("GET", "/", session);
  ASSERT_EQ(page.status, 200);
  auto policy = page.header("Content-Security-Policy");
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(page.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(page.header("Cache-Control"), "no-store");

  EXPECT_EQ(hub().ask("POST", "/logout", session + kForm, "form_token=wrong").status, 403);
  EXPECT_EQ(hub().ask("GET", "/", session).status, 200);
  EXPECT_EQ(hub().ask("POST", "/logout", session + kForm, "form_token=" + form_token_in(page.body)).status, 303);
  EXPECT_EQ(hub().ask("GET", "/", session).status, 303);
}

TEST_F(PageTest, TellsAWrongPasswordAndAnUnknownAddressAlike) {
  auto wrong = log_in(owner.email, "not the password");
  auto unknown = log_in("nobody-" + new_uuid() + "@shop.example", "not the password");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(unknown.status, 401);
  EXPECT_TRUE(wrong.header("Set-Cookie").empty());
  EXPECT_NE(wrong.body.find("E-mail address or password is wrong."), std::string::npos);
  EXPECT_NE(unknown.body.find("E-mail address or password is wrong."), std::string::npos);
  EXPECT_EQ(wrong.body.find("not the password"), std::string::npos);
}

TEST_F(PageTest, StopsGuessing) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(log_in(owner.email, "guess number " + std::to_string(i)).status, 401);
  auto refused = log_in(owner.email, kPassword);
  EXPECT_EQ(refused.status, 429);
  EXPECT_FALSE(refused.header("Retry-After").empty());
}

TEST_F(PageTest, AnAutomaticActIsShownAndTakenBack) {
  storage::IntentAction action;
  action.intent = "order_status";
  action.reply = "We are looking into it.";
  action.tag = "order";
  hub().run(hub().nlp.put_action(owner.tenant_id, action));
  auto conversation = person_writes(connect("telegram", {}), "601", "Anna", "where is my order");
  auto act = act_asked(conversation, "order_status");
  ASSERT_EQ(carry_out(act), "done");

  auto session = session_of_owner();
  auto path = "/conversations/" + conversation;
  auto page = hub().ask("GET", path, session).body;
  EXPECT_NE(page.find("What the hub did by itself"), std::string::npos);
  EXPECT_NE(page.find("<span class=\"tag\">automatic</span>"), std::string::npos);
  EXPECT_NE(page.find("<span class=\"tag\">order</span>"), std::string::npos);
  EXPECT_NE(page.find("answered “We are looking into it.”, tagged order"), std::string::npos);
  EXPECT_NE(page.find("action=\"" + path + "/undo\""), std::string::npos);

  auto form = "act=" + act + "&form_token=";
  EXPECT_EQ(hub().ask("POST", path + "/undo", session + kForm, form + "wrong").status, 403);
  EXPECT_EQ(hub().ask("POST", path + "/undo", kForm, form + form_token_in(page)).status, 303) << "to the login";
  EXPECT_EQ(hub().run(hub().automation.find(owner.tenant_id, act))->state, "done");
  auto undone = hub().ask("POST", path + "/undo", session + kForm, form + form_token_in(page));
  EXPECT_EQ(undone.status, 303) << undone.body;
  EXPECT_EQ(undone.header("Location"), path);
  page = hub().ask("GET", path, session).body;
  EXPECT_EQ(page.find("<span class=\"tag\">order</span>"), std::string::npos);
  EXPECT_NE(page.find("taken back"), std::string::npos);
  EXPECT_EQ(page.find("/undo\""), std::string::npos) << "nothing is left to undo";
  EXPECT_EQ(hub().ask("GET", "/", session).body.find("Not sent"), std::string::npos) << "it is no trouble";
  EXPECT_EQ(
      hub()
          .ask("POST", path + "/undo", session + kForm, "act=" + new_uuid() + "&form_token=" + form_token_in(page))
          .status,
      404);
}

TEST_F(PageTest, ForgedFormsAreRefused) {
  EXPECT_EQ(log_in(owner.email, kPassword, "Sec-Fetch-Site: cross-site\r\n").status, 403);
  EXPECT_EQ(log_in(owner.email, kPassword, "Origin: https://evil.example\r\n").status, 403);
  EXPECT_EQ(hub().ask("POST", "/login", "Content-Type: text/plain\r\n", "email=a&password=b").status, 400);
  EXPECT_EQ(hub().ask("POST", "/login", kForm, "email=" + std::string(9000, 'a')).status, 400);
}

TEST_F(PageTest, ASessionChangesNothingThroughTheApiFromElsewhere) {
  auto session = session_of_owner();
  auto json = std::string("Content-Type: application/json\r\n");
  EXPECT_EQ(hub().ask("GET", "/api/v1/me", session).status, 200);
  EXPECT_EQ(hub().ask("POST", "/api/v1/tokens", session + json, R"({"name":"x"})").status, 401);
  EXPECT_EQ(hub()
                .ask("POST", "/api/v1/tokens", session + json + "Origin: https://evil.example\r\n", R"({"name":"x"})")
                .status,
            401);
  EXPECT_EQ(
      hub()
          .ask("POST", "/api/v1/tokens", session + json + "Origin: http://" + hub().host() + "\r\n", R"({"name":"x"})")
          .status,
      201);
}

TEST_F(PageTest, EscapesWhatStrangersWrite) {
  auto chat = connect("telegram", {});
  auto id = person_writes(chat, "601", "<script>alert(1)</script>", "<img src=x onerror=alert(2)>");
  auto session = session_of_owner();
  for (const auto& path : {std::string("/"), "/conversations/" + id}) {
    auto page = hub().ask("GET", path, session);
    ASSERT_EQ(page.status, 200) << page.body;
    EXPECT_EQ(page.body.find("<script"), std::string::npos) << path;
    EXPECT_EQ(page.body.find("<img"), std::string::npos) << path;
    EXPECT_NE(page.body.find("&lt;script&gt;"), std::string::npos) << path;
  }
}

TEST_F(PageTest, AMessageShowsTheOrderItNamesWhenItCameInLater) {
  auto market = connect("wildberries", {"orders", "products"});
  auto reader = hub().run(hub().readers.open(owner.tenant_id));
  auto id = person_writes(connect("telegram", {}), "603", "Anna", "где мой заказ 66102, цвет красный", reader);
  auto session = session_of_owner();
  const auto page = [&] { return hub().ask("GET", "/conversations/" + id, session).body; };
  EXPECT_NE(page().find("<span class=\"kind\">order number</span> 66102</span>"), std::string::npos);
  EXPECT_NE(page().find("<span class=\"kind\">color</span> red</span>"), std::string::npos);

  sdk::OrderRecord order;
  order.external_id = "66102";
  order.status = "confirm/waiting";
  order.ordered_at = order.source_updated_at = hub().clock.now();
  order.raw_json = "{}";
  run_stream(market, "orders", {order}, {}, "success");
  EXPECT_NE(page().find("<span class=\"kind\">order number</span> 66102 · confirm/waiting</span>"), std::string::npos);
  auto found = get("/api/v1/conversations/" + id + "/messages").json()["items"][0]["entities"][0];
  EXPECT_EQ(get("/api/v1/orders/" + found["order_id"].get<std::string>()).json()["external_id"], "66102");
}

TEST_F(PageTest, AReplyIsQueuedOnceThoughTheFormIsSentTwice) {
  auto chat = connect("telegram", {});
  auto id = person_writes(chat, "602", "Anna", "hello");
  auto session = session_of_owner();
  auto form = "form_token=" + form_token_in(hub().ask("GET", "/conversations/" + id, session).body) +
              "&idempotency_key=" + new_uuid() + "&text=" + url_encode("Добрый день & спасибо");
  EXPECT_EQ(hub().ask("POST", "/conversations/" + id, session + kForm, form).status, 303);
  EXPECT_EQ(hub().ask("POST", "/conversations/" + id, session + kForm, form).status, 303);
  auto outbound = get("/api/v1/outbound").json()["items"];
  ASSERT_EQ(outbound.size(), 1U);
  EXPECT_EQ(outbound[0]["text"], "Добрый день & спасибо");

  EXPECT_EQ(hub().ask("POST", "/conversations/" + id, session + kForm, "text=x&idempotency_key=" + new_uuid()).status,
            403);
  auto empty = hub().ask("POST", "/conversations/" + id, session + kForm,
                         form.substr(0, form.find('&')) + "&idempotency_key=" + new_uuid() + "&text=");
  EXPECT_EQ(empty.status, 422);
  EXPECT_NE(empty.body.find("role=\"alert\""), std::string::npos);
  EXPECT_EQ(hub().ask("GET", "/conversations/" + new_uuid(), session).status, 404);
  EXPECT_EQ(hub().ask("GET", "/conversations/x", session).status, 404);
}

}  // namespace
}  // namespace easyflow::test
