// What the resources answer, and what they refuse.
#include <algorithm>
#include <set>

#include "tests/integration/api/hub_fixture.hpp"

namespace easyflow::test {
namespace {

using ResourcesTest = ApiTest;

struct WrongInput {
  std::string method;
  std::string target;
  std::string body;
  int status;
  std::string field;
};

TEST_F(ResourcesTest, WrongInputNamesItsField) {
  auto chat = connect("telegram", {});
  auto market = connect("wildberries", {"orders", "products"});
  auto conversation = person_writes(chat, "501", "Anna", "hello");
  ASSERT_FALSE(conversation.empty());
  auto messages = "/api/v1/conversations/" + conversation + "/messages";
  auto sync = "/api/v1/integrations/" + market.id + "/sync";
  auto credentials = "/api/v1/integrations/" + chat.id + "/credentials";
  const std::vector<WrongInput> cases{
      {"POST", "/api/v1/integrations", "{", 400, ""},
      {"POST", "/api/v1/integrations", "[]", 400, ""},
      {"POST", "/api/v1/integrations", "{}", 400, "platform"},
      {"POST", "/api/v1/integrations", R"({"platform":7})", 400, "platform"},
      {"POST", "/api/v1/integrations", R"({"platform":"telegram"})", 400, "credentials"},
      {"POST", "/api/v1/integrations", R"({"platform":"telegrm","credentials":{}})", 404, "platform"},
      {"POST", "/api/v1/integrations", R"({"platform":"telegram","credentials":{}})", 400, "credentials.bot_token"},
      {"POST", "/api/v1/integrations", R"({"platform":"telegram","credentials":{"bot_tokn":"1"}})", 400,
       "credentials.bot_tokn"},
      {"POST", "/api/v1/integrations", R"({"platform":"telegram","credentials":{},"sync_interval_minutes":0})", 400,
       "sync_interval_minutes"},
      {"POST", "/api/v1/integrations", R"({"platfrom":"telegram","credentials":{}})", 400, "platfrom"},
      {"PUT", credentials, "{}", 400, "credentials"},
      {"POST", sync, R"({"stream":"ordres"})", 400, "stream"},
      {"POST", sync, R"({"from_start":"yes"})", 400, "from_start"},
      {"POST", sync, R"({"strem":"orders"})", 400, "strem"},
      {"POST", "/api/v1/integrations/" + new_uuid() + "/sync", "{}", 404, "id"},
      {"GET", "/api/v1/integrations/not-an-id", "", 404, "id"},
      {"GET", "/api/v1/sync/runs?limit=0", "", 400, "limit"},
      {"GET", "/api/v1/sync/runs?status=done", "", 400, "status"},
      {"GET", "/api/v1/sync/runs?integration=7", "", 400, "integration"},
      {"GET", "/api/v1/sync/runs?cursor=nonsense", "", 400, "cursor"},
      {"GET", "/api/v1/orders?cursor=nonsense", "", 400, "cursor"},
      {"GET", "/api/v1/products?cursor=nonsense", "", 400, "cursor"},
      {"GET", "/api/v1/conversations?cursor=nonsense", "", 400, "cursor"},
      {"GET", "/api/v1/outbound?cursor=nonsense", "", 400, "cursor"},
      {"GET", "/api/v1/events?cursor=nonsense", "", 400, "cursor"},
      {"GET", "/api/v1/quarantine?cursor=nonsense", "", 400, "cursor"},
      {"GET", messages + "?cursor=nonsense", "", 400, "cursor"},
      {"GET", "/api/v1/conversations?platform=telegrm", "", 400, "platform"},
      {"GET", "/api/v1/orders?limt=5", "", 400, "limt"},
      {"GET", "/api/v1/orders/" + new_uuid(), "", 404, "id"},
      {"GET", "/api/v1/outbound?state=lost", "", 400, "state"},
      {"PATCH", "/api/v1/conversations/" + conversation, R"({"status":"gone"})", 400, "status"},
      {"PATCH", "/api/v1/conversations/" + new_uuid(), R"({"status":"closed"})", 404, "id"},
      {"POST", messages, "{}", 400, "text"},
      {"POST", messages, R"({"text":""})", 400, "text"},
      {"POST", messages, R"({"text":"x","keyboard":[[{"text":"a"}]]})", 400, "keyboard[0][0]"},
      {"POST", messages, R"({"text":"x","idempotency_key":"a\nb"})", 400, "idempotency_key"},
      {"POST", messages, nlohmann::json({{"text", std::string(5000, 'x')}}).dump(), 400, "text"},
      {"POST", "/api/v1/conversations/" + new_uuid() + "/messages", R"({"text":"x"})", 404, "conversation_id"},
      {"POST", "/api/v1/tokens", "{}", 400, "name"},
      {"POST", "/api/v1/tokens", R"({"name":"x","scopes":["king"]})", 400, "scopes"},
      {"POST", "/api/v1/tokens", R"({"name":"x","valid_days":0})", 400, "valid_days"},
      {"POST", "/api/v1/quarantine/" + new_uuid() + "/replay", "", 404, ""},
      {"GET", "/api/v1/quarantine/" + new_uuid() + "/body", "", 404, ""},
  };
  for (const auto& wrong : cases) {
    auto reply = send_json(wrong.method, wrong.target, wrong.body);
    SCOPED_TRACE(wrong.method + " " + wrong.target + " " + wrong.body.substr(0, 100));
    expect_problem(reply, wrong.status);
    if (!wrong.field.empty()) {
      EXPECT_EQ(reply.json().value("field", ""), wrong.field) << reply.body;
    }
  }
}

TEST_F(ResourcesTest, BodiesAreJson) {
  auto reply = hub().ask("POST", "/api/v1/tokens", bearer(token) + "Content-Type: text/plain\r\n", R"({"name":"x"})");
  expect_problem(reply, 415);
  auto charset = hub().ask("POST", "/api/v1/tokens",
                           bearer(token) + "Content-Type: Application/JSON; charset=utf-8\r\n", R"({"name":"x"})");
  EXPECT_EQ(charset.status, 201) << charset.body;
}

TEST_F(ResourcesTest, UnknownPathsAndMethodsAreProblemsToo) {
  expect_problem(get("/api/v1/nothing"), 404);
  auto reply = hub().ask("DELETE", "/api/v1/me", bearer(token));
  expect_problem(reply, 405);
  EXPECT_NE(reply.header("Allow").find("GET"), std::string::npos);
}

TEST_F(ResourcesTest, PlatformsTellWhichCredentialsTheyNeed) {
  auto items = get("/api/v1/platforms").json()["items"];
  auto telegram = std::find_if(items.begin(), items.end(), [](const auto& item) { return item["id"] == "telegram"; });
  ASSERT_NE(telegram, items.end());
  EXPECT_EQ((*telegram)["credentials"][0]["name"], "bot_token");
  EXPECT_FALSE((*telegram)["credentials"][0]["help"].get<std::string>().empty());
}

TEST_F(ResourcesTest, APlatformOutOfReachStoresNothing) {
  auto reply = send_json(
      "POST", "/api/v1/integrations",
      R"({"platform":"telegram","credentials":{"bot_token":"123456789:made-up-token-of-thirty-five-chars-"}})");
  expect_problem(reply, 503);
  EXPECT_EQ(reply.body.find("made-up-token"), std::string::npos);
  EXPECT_EQ(get("/api/v1/integrations").json()["items"].size(), 0U);
}

TEST_F(ResourcesTest, AnIntegrationIsPausedResumedAndRemoved) {
  auto market = connect("wildberries", {"orders", "products"});
  auto path = "/api/v1/integrations/" + market.id;
  EXPECT_EQ(get(path).json()["webhook_url"], "https://hub.example/hooks/wildberries/" + market.webhook_path);
  EXPECT_EQ(send_json("POST", path + "/sync", R"({"stream":"orders"})").json()["streams"], 1);
  EXPECT_EQ(send_json("POST", path + "/sync", "").json()["streams"], 2);
  EXPECT_TRUE(send_json("POST", path + "/pause", "").json()["paused"].get<bool>());
  expect_problem(send_json("POST", path + "/sync", "{}"), 409);
  EXPECT_FALSE(send_json("POST", path + "/resume", "").json()["paused"].get<bool>());
  auto streams = get("/api/v1/sync/status").json()["items"];
  EXPECT_EQ(streams.size(), 2U);
  EXPECT_EQ(hub().ask("DELETE", path, bearer(token)).status, 204);
  expect_problem(get(path), 404);
}

TEST_F(ResourcesTest, ConversationsArePagedWithoutGapOrRepetition) {
  auto chat = connect("telegram", {});
  std::set<std::string> written;
  for (int i = 0; i < 7; ++i) written.insert(person_writes(chat, std::to_string(700 + i), "Buyer", "hello"));
  std::set<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 10; ++page) {
    auto reply = get("/api/v1/conversations?platform=telegram&limit=3&cursor=" + url_encode(cursor)).json();
    for (const auto& item : reply["items"]) EXPECT_TRUE(seen.insert(item["id"].get<std::string>()).second);
    if (reply["next"].is_null()) break;
    cursor = reply["next"].get<std::string>();
  }
  EXPECT_EQ(seen, written);
}

TEST_F(ResourcesTest, AMessageIsQueuedOnceForOneKey) {
  auto chat = connect("telegram", {});
  auto conversation = person_writes(chat, "801", "Anna", "Где мой заказ?");
  auto path = "/api/v1/conversations/" + conversation;
  auto body = R"({"text":"В пути","keyboard":[[{"text":"Где?","data":"track"}]],"idempotency_key":"k-1"})";
  auto first = send_json("POST", path + "/messages", body);
  ASSERT_EQ(first.status, 202) << first.body;
  EXPECT_EQ(first.json()["state"], "queued");
  EXPECT_EQ(first.header("Location"), "/api/v1/outbound/" + first.json()["id"].get<std::string>());
  auto again = send_json("POST", path + "/messages", body);
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(again.json()["id"], first.json()["id"]);
  auto by_header = hub().ask("POST", path + "/messages",
                             bearer(token) + "Content-Type: application/json\r\nIdempotency-Key: k-1\r\n",
                             R"({"text":"something else"})");
  expect_problem(by_header, 409);
  EXPECT_EQ(by_header.json()["field"], "idempotency_key");
  expect_problem(hub().ask("POST", path + "/messages",
                           bearer(token) + "Content-Type: application/json\r\nIdempotency-Key: k-2\r\n",
                           R"({"text":"x","idempotency_key":"k-3"})"),
                 400);

  EXPECT_EQ(get("/api/v1/outbound").json()["items"].size(), 1U);
  EXPECT_EQ(get("/api/v1/outbound/" + first.json()["id"].get<std::string>()).json()["keyboard"][0][0]["data"], "track");
  auto messages = get(path + "/messages").json()["items"];
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0]["direction"], "outbound");
  EXPECT_EQ(messages[1]["content"], "Где мой заказ?");
  EXPECT_EQ(send_json("PATCH", path, R"({"status":"closed"})").json()["status"], "closed");
  EXPECT_EQ(get("/api/v1/conversations?status=closed").json()["items"].size(), 1U);
}

TEST_F(ResourcesTest, EventsContinueWhereTheyEnded) {
  auto chat = connect("telegram", {});
  (void)person_writes(chat, "901", "Anna", "one");
  auto first = get("/api/v1/events").json();
  ASSERT_GE(first["items"].size(), 1U);
  auto cursor = first["next"].get<std::string>();
  EXPECT_EQ(get("/api/v1/events?cursor=" + url_encode(cursor)).json()["items"].size(), 0U);
  (void)person_writes(chat, "901", "Anna", "two");
  EXPECT_GE(get("/api/v1/events?cursor=" + url_encode(cursor)).json()["items"].size(), 1U);
}

TEST_F(ResourcesTest, ABodyInQuarantineComesBackAsItWas) {
  auto chat = connect("telegram", {});
  auto broken = delivery(chat);
  broken.quarantine_reason = "update_id: missing";
  broken.quarantine_key = "body:1";
  auto id = broken.body_id;
  std::vector<storage::Delivery> deliveries;
  deliveries.push_back(std::move(broken));
  hub().run(hub().inbound.store(std::move(deliveries)));
  auto listed = get("/api/v1/quarantine").json()["items"];
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0]["reason"], "update_id: missing");
  auto body = get("/api/v1/quarantine/" + id + "/body");
  EXPECT_EQ(body.body, "{\"raw\":true}");
  EXPECT_EQ(body.header("Content-Type"), "application/octet-stream");
  EXPECT_EQ(body.header("X-Content-Type-Options"), "nosniff");
}

TEST(KeysApiTest, TheOnlyTenantSeesThemWithoutTheirBytes) {
  TestDatabase database;
  ApiHub hub(database.app_dsn());
  hub.run(hub.keys.open_all()).value();
  auth::NewUser wanted;
  wanted.email = "owner@shop.example";
  wanted.name = "Shop";
  wanted.role = "owner";
  wanted.password = Secret(kPassword);
  auto owner = hub.run(hub.auth.add_user(std::move(wanted))).value();
  auth::NewToken token;
  token.name = "test";
  const auto plain = hub.run(hub.auth.issue_token(owner, std::move(token))).value().plain.reveal();
  auto reply = hub.ask("GET", "/api/v1/keys", "Authorization: Bearer " + plain + "\r\n");
  ASSERT_EQ(reply.status, 200) << reply.body;
  ASSERT_GE(reply.json()["items"].size(), 1U);
  EXPECT_EQ(reply.json()["items"][0].size(), 4U);
}

TEST_F(ResourcesTest, KeysOfSeveralTenantsAreNoTenantsBusiness) {
  add_user("owner", "");  // of another tenant
  expect_problem(get("/api/v1/keys"), 403);
  const auto refused = send_json("POST", "/api/v1/keys/rotate", "");
  expect_problem(refused, 403);
  EXPECT_NE(refused.json()["detail"].get<std::string>().find("easyflow keys rotate"), std::string::npos);
}

}  // namespace
}  // namespace easyflow::test
