// Tokens, scopes, and a database that is out of reach.
#include <set>

#include "tests/integration/api/hub_fixture.hpp"

namespace easyflow::test {
namespace {

/// A pattern as a request target.
std::string target_of(std::string pattern) {
  for (auto open = pattern.find('{'); open != std::string::npos; open = pattern.find('{'))
    pattern.replace(open, pattern.find('}') - open + 1, new_uuid());
  return pattern;
}

bool is_guarded(const net::RouteInfo& route) {
  return route.pattern.rfind("/api/v1/", 0) == 0 && route.pattern != "/api/v1/openapi.yaml";
}

using AccessTest = ApiTest;

TEST_F(AccessTest, EveryRouteAsksForAToken) {
  for (const auto& route : hub().router.routes()) {
    if (!is_guarded(route)) continue;
    auto reply = hub().ask(route.method, target_of(route.pattern));
    expect_problem(reply, 401);
    EXPECT_EQ(reply.header("WWW-Authenticate").substr(0, 6), "Bearer") << route.pattern;
  }
}

TEST_F(AccessTest, ATokenThatIsNoneIsRefusedAlikeForEveryReason) {
  auto unknown = "ef_" + std::string(43, 'x');
  std::set<std::string> details;
  for (const auto& wrong : {std::string("x"), std::string("ef_"), unknown, std::string(5000, 'a'), token + "x"}) {
    auto reply = hub().ask("GET", "/api/v1/me", bearer(wrong));
    expect_problem(reply, 401);
    details.insert(reply.json()["detail"].get<std::string>());
  }
  EXPECT_EQ(details.size(), 1U);
  EXPECT_EQ(hub().ask("GET", "/api/v1/me", "Authorization: Basic " + token + "\r\n").status, 401);
  EXPECT_EQ(hub().ask("GET", "/api/v1/me", "Authorization: bearer " + token + "\r\n").status, 200);
}

TEST_F(AccessTest, AReadingTokenChangesNothing) {
  auto reader = token_of(owner, {"read"});
  for (const auto& route : hub().router.routes()) {
    if (!is_guarded(route) || route.method == "GET") continue;
    auto reply = hub().ask(route.method, target_of(route.pattern), bearer(reader));
    if (route.pattern == "/api/v1/nlp/parse") {
      EXPECT_EQ(reply.status, 400) << "admitted: a POST because a text is no part of a URL, nothing is stored";
      continue;
    }
    expect_problem(reply, 403);
    EXPECT_NE(reply.json()["detail"].get<std::string>().find("scope"), std::string::npos);
  }
  EXPECT_EQ(hub().ask("GET", "/api/v1/tokens", bearer(reader)).status, 403);
  EXPECT_EQ(hub().ask("GET", "/api/v1/keys", bearer(reader)).status, 403);
  EXPECT_EQ(hub().ask("GET", "/api/v1/integrations", bearer(reader)).status, 200);
}

TEST_F(AccessTest, TheMissingScopeIsNamed) {
  auto writer = token_of(owner, {"read", "write"});
  auto reply = hub().ask("POST", "/api/v1/conversations/" + new_uuid() + "/messages", bearer(writer));
  expect_problem(reply, 403);
  EXPECT_NE(reply.json()["detail"].get<std::string>().find("\"send\""), std::string::npos);
}

TEST_F(AccessTest, AUserLivesInATimeZone) {
  const auto as_owner = bearer(token) + "Content-Type: application/json\r\n";
  EXPECT_EQ(hub().ask("GET", "/api/v1/me", bearer(token)).json()["user"]["time_zone"], "Europe/Moscow");
  auto changed = hub().ask("PATCH", "/api/v1/me", as_owner, R"({"time_zone":"Asia/Almaty"})");
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.json()["time_zone"], "Asia/Almaty");
  for (const char* wrong :
       {"", "Mars/Olympus", "../../etc/localtime", "/etc/localtime", "libc:localtime", "UTC+3:00"}) {
    auto reply = hub().ask("PATCH", "/api/v1/me", as_owner, nlohmann::json{{"time_zone", wrong}}.dump());
    expect_problem(reply, 400);
    EXPECT_EQ(reply.json()["field"], "time_zone") << reply.body;
  }
  expect_problem(hub().ask("PATCH", "/api/v1/me", as_owner, R"({"zone":"Europe/Moscow"})"), 400);
  EXPECT_EQ(hub().ask("GET", "/api/v1/me", bearer(token)).json()["user"]["time_zone"], "Asia/Almaty");
}

TEST_F(AccessTest, ATokenHandsOutNoMoreThanItHolds) {
  auto limited = token_of(owner, {"read", "admin"});
  auto as_limited = bearer(limited) + "Content-Type: application/json\r\n";
  expect_problem(hub().ask("POST", "/api/v1/tokens", as_limited, R"({"name":"x","scopes":["send"]})"), 403);
  auto made = hub().ask("POST", "/api/v1/tokens", as_limited, R"({"name":"x"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.json()["scopes"], nlohmann::json({"read", "admin"}));
}

TEST_F(AccessTest, ARoleLimitsItsTokens) {
  auto viewer = add_user("viewer", owner.tenant_id);
  auth::NewToken wanted;
  wanted.name = "x";
  wanted.scopes = {"send"};
  auto refused = hub().run(hub().auth.issue_token(viewer, std::move(wanted)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field(), "scopes");
}

TEST_F(AccessTest, ATokenIsShownOnceAndEndsAtOnce) {
  auto made = send_json("POST", "/api/v1/tokens", R"({"name":"till","scopes":["read"],"valid_days":1})");
  ASSERT_EQ(made.status, 201) << made.body;
  auto plain = made.json()["token"].get<std::string>();
  EXPECT_FALSE(made.json()["expires_at"].is_null());
  EXPECT_EQ(hub().ask("GET", "/api/v1/integrations", bearer(plain)).status, 200);

  auto listed = get("/api/v1/tokens");
  EXPECT_NE(listed.body.find("till"), std::string::npos);
  EXPECT_EQ(listed.body.find(plain), std::string::npos);
  EXPECT_EQ(listed.body.find("ef_"), std::string::npos);

  auto id = made.json()["id"].get<std::string>();
  EXPECT_EQ(hub().ask("DELETE", "/api/v1/tokens/" + id, bearer(token)).status, 204);
  EXPECT_EQ(hub().ask("GET", "/api/v1/integrations", bearer(plain)).status, 401);
  expect_problem(hub().ask("DELETE", "/api/v1/tokens/" + id, bearer(token)), 404);
}

TEST_F(AccessTest, UsersAreCheckedFieldByField) {
  struct Case {
    std::string email, name, role, password, field;
  };
  const std::vector<Case> cases{
      {"nobody", "N", "owner", "", "email"},    {"a@b@c", "N", "owner", "", "email"},
      {"a b@c", "N", "owner", "", "email"},     {"@c", "N", "owner", "", "email"},
      {"x@y.example", "", "owner", "", "name"}, {"x@y.example", "  ", "owner", "", "name"},
      {"x@y.example", "N", "king", "", "role"}, {"x@y.example", "N", "owner", "short", "password"},
      {owner.email, "N", "owner", "", "email"},
  };
  for (const auto& wrong : cases) {
    auth::NewUser user;
    user.email = wrong.email;
    user.name = wrong.name;
    user.role = wrong.role;
    user.password = Secret(wrong.password);
    auto added = hub().run(hub().auth.add_user(std::move(user)));
    ASSERT_FALSE(added) << wrong.email;
    EXPECT_EQ(added.error().field(), wrong.field) << wrong.email;
  }
}

TEST_F(AccessTest, OneTenantDoesNotSeeAnother) {
  auto integration = connect("telegram", {});
  auto other = token_of(add_user("owner", ""), {});
  EXPECT_EQ(get("/api/v1/integrations/" + integration.id).status, 200);
  expect_problem(hub().ask("GET", "/api/v1/integrations/" + integration.id, bearer(other)), 404);
  EXPECT_EQ(hub().ask("GET", "/api/v1/integrations", bearer(other)).json()["items"].size(), 0U);
}

TEST_F(AccessTest, ADatabaseOutOfReachIsA503AndThePageSaysSo) {
  TempFolder empty;
  ApiHub lonely("host=" + empty.path() + " dbname=none user=nobody connect_timeout=1");
  auto reply = lonely.ask("GET", "/api/v1/me", bearer(token));
  expect_problem(reply, 503);
  EXPECT_FALSE(reply.header("Retry-After").empty());
  EXPECT_EQ(reply.body.find(empty.path()), std::string::npos);
  EXPECT_EQ(lonely.ask("GET", "/health/live").status, 200);
  EXPECT_EQ(lonely.ask("GET", "/health/ready").status, 503);
  EXPECT_EQ(lonely.ask("GET", "/health/db").status, 503);
  EXPECT_EQ(lonely.ask("GET", "/metrics").status, 200);
  auto page = lonely.ask("GET", "/", "Cookie: easyflow_session=" + token + "\r\n");
  EXPECT_EQ(page.status, 503);
  EXPECT_NE(page.body.find("The database is out of reach"), std::string::npos);
}

TEST_F(AccessTest, HealthTellsStrangersNothingButTheStatus) {
  EXPECT_EQ(hub().ask("GET", "/health/live").json(), nlohmann::json({{"status", "ok"}}));
  EXPECT_EQ(hub().ask("GET", "/health/ready").json(), nlohmann::json({{"status", "ok"}}));
  EXPECT_EQ(hub().ask("GET", "/health/db").json(), nlohmann::json({{"status", "ok"}}));
  auto wrong = hub().ask("GET", "/health/db", bearer("ef_" + std::string(43, 'x')));
  EXPECT_EQ(wrong.json(), nlohmann::json({{"status", "ok"}}));
  auto full = hub().ask("GET", "/health/db", bearer(token)).json();
  EXPECT_TRUE(full["row_security_holds"].get<bool>());
  EXPECT_GE(full["pool"]["connections"].get<int>(), 1);
  EXPECT_GT(full["migration"].get<int>(), 0);
}

TEST_F(AccessTest, MetricsCountRequestsByRoute) {
  (void)get("/api/v1/me");
  auto reply = hub().ask("GET", "/metrics");
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.body.find("easyflow_api_requests_total"), std::string::npos);
  EXPECT_NE(reply.body.find("route=\"/api/v1/me\""), std::string::npos);
}

}  // namespace
}  // namespace easyflow::test
