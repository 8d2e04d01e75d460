// The stand-ins as their consumers meet them: over HTTP, with a clock that only moves when told to.
#include "sandbox/sandbox.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "core/async/task_group.hpp"
#include "core/net/client.hpp"
#include "core/net/server.hpp"
#include "sandbox/fault_proxy.hpp"
#include "tests/support/run_task.hpp"

namespace easyflow::sandbox {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

class TestClock final : public Clock {
 public:
  Timestamp now() const override { return now_; }
  void advance(std::chrono::microseconds by) { now_ += by; }

 private:
  Timestamp now_ = *parse_rfc3339("2026-06-10T12:00:00Z");
};

/// Nothing happens by itself.
SandboxOptions quiet() {
  SandboxOptions options;
  options.order_every = 0ms;
  options.message_every = 0ms;
  options.initial_messages = 0;
  options.react_after = 0ms;
  return options;
}

class World {
 public:
  World(boost::asio::any_io_executor where, SandboxOptions options)
      : executor(where), sandbox(where, std::move(options), clock), client(where), tasks(where) {
    sandbox.start();
  }

  Task<net::FetchResult> try_fetch(HttpRequest request, std::chrono::milliseconds timeout) {
    return client.fetch(std::move(request), timeout, /*safe_to_repeat=*/false);
  }

  Task<HttpResponse> fetch(HttpRequest request) {
    auto result = co_await client.fetch(std::move(request), 8s, /*safe_to_repeat=*/false);
    if (!result.response) throw std::runtime_error("no answer: " + result.error->message());
    co_return std::move(*result.response);
  }

  HttpRequest wildberries(std::string method, std::string target, std::string body = {}) const {
    HttpRequest request(std::move(method), wildberries_url() + target);
    request.headers.add("Authorization", sandbox.wildberries_token());
    if (!body.empty()) request.headers.add("Content-Type", "application/json");
    request.body = std::move(body);
    return request;
  }

  HttpRequest telegram(const std::string& method, const json& params = json::object()) const {
    HttpRequest request("POST", telegram_url() + "/bot" + sandbox.telegram_token() + "/" + method);
    request.headers.add("Content-Type", "application/json");
    request.body = params.dump();
    return request;
  }

  Task<json> call_wildberries(std::string method, std::string target, std::string body = {}) {
    auto response = co_await fetch(wildberries(std::move(method), std::move(target), std::move(body)));
    co_return json::parse(response.body);
  }

  Task<json> call_telegram(std::string method, json params = json::object()) {
    auto response = co_await fetch(telegram(method, params));
    auto answer = json::parse(response.body);
    EXPECT_EQ(answer.value("error_code", 200), response.status);
    co_return answer;
  }

  Task<json> control(std::string method, std::string path, std::string body = {}) {
    HttpRequest request(std::move(method), telegram_url() + "/sandbox/" + path);
    request.body = std::move(body);
    auto response = co_await fetch(std::move(request));
    EXPECT_EQ(response.status, 200) << response.body;
    co_return json::parse(response.body);
  }

  /// Asks again until `wanted` holds of the state, for five seconds at most.
  Task<json> state_when(std::function<bool(const json&)> wanted) {
    auto end = std::chrono::steady_clock::now() + 5s;
    for (;;) {
      auto state = co_await control("GET", "state");
      if (wanted(state)) co_return state;
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the awaited state did not come");
      co_await sleep_for(5ms);
    }
  }

  std::string wildberries_url() const { return "http://127.0.0.1:" + std::to_string(sandbox.wildberries_port()); }
  std::string telegram_url() const { return "http://127.0.0.1:" + std::to_string(sandbox.telegram_port()); }

  boost::asio::any_io_executor executor;
  TestClock clock;
  Sandbox sandbox;
  net::HttpClient client;
  TaskGroup tasks;
};

using Body = Task<> (*)(World&);

Task<> run_in_world(boost::asio::any_io_executor executor, SandboxOptions options, Body body) {
  World world(executor, std::move(options));
  std::exception_ptr failure;
  try {
    co_await body(world);
  } catch (...) {
    failure = std::current_exception();  // the sandbox is stopped first
  }
  co_await world.tasks.close();
  co_await world.sandbox.stop();
  if (failure) std::rethrow_exception(failure);
}

void in_world(Body body, SandboxOptions options = quiet()) {
  test::run_task([&](boost::asio::any_io_executor executor) { return run_in_world(executor, options, body); });
}

/// A webhook receiver that answers with the statuses it is told, then with 200.
class Receiver {
 public:
  explicit Receiver(boost::asio::any_io_executor executor)
      : server_(std::move(executor), "127.0.0.1", 0, net::ServerLimits{},
                [this](HttpRequest request) { return take(std::move(request)); }) {
    server_.start();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()) + "/hook"; }
  std::vector<std::int64_t> ids() const {
    std::vector<std::int64_t> out;
    for (const auto& request : requests) out.push_back(json::parse(request.body)["update_id"].get<std::int64_t>());
    return out;
  }
  Task<> stop() { return server_.stop(100ms); }

  std::vector<HttpRequest> requests;
  std::deque<int> statuses;
  std::string answer;

 private:
  Task<HttpResponse> take(HttpRequest request) {
    requests.push_back(std::move(request));
    int status = 200;
    if (!statuses.empty()) {
      status = statuses.front();
      statuses.pop_front();
    }
    co_return HttpResponse(status, answer);
  }

  net::HttpServer server_;
};

std::vector<std::int64_t> order_ids(const json& page) {
  std::vector<std::int64_t> ids;
  for (const auto& order : page["orders"]) ids.push_back(order["id"].get<std::int64_t>());
  return ids;
}

std::vector<std::int64_t> update_ids(const json& answer) {
  std::vector<std::int64_t> ids;
  for (const auto& update : answer["result"]) ids.push_back(update["update_id"].get<std::int64_t>());
  return ids;
}

/// Walks all windows of the last 90 days; time moves on, so that no limit is met.
Task<std::vector<std::int64_t>> walk_orders(World& world, int limit) {
  std::vector<std::int64_t> all;
  auto now = to_unix_seconds(world.clock.now());
  constexpr std::int64_t kWindow = 30 * 86'400;
  for (int window = 3; window > 0; --window) {
    auto from = now - window * kWindow + (window == 3 ? 0 : 1);
    auto to = now - (window - 1) * kWindow;
    std::int64_t next = 0;
    for (;;) {
      world.clock.advance(200ms);
      auto page = co_await world.call_wildberries(
          "GET", "/api/v3/orders?limit=" + std::to_string(limit) + "&next=" + std::to_string(next) +
                     "&dateFrom=" + std::to_string(from) + "&dateTo=" + std::to_string(to));
      auto ids = order_ids(page);
      EXPECT_LE(ids.size(), static_cast<std::size_t>(limit));
      all.insert(all.end(), ids.begin(), ids.end());
      if (ids.empty()) break;
      next = page["next"].get<std::int64_t>();
    }
  }
  co_return all;
}

// Wildberries ---------------------------------------------------------------------------------------------------------

Task<> pages_hold_every_order(World& world) {
  auto state = co_await world.control("GET", "state");
  auto expected = state["wildberries"]["order_ids"].get<std::vector<std::int64_t>>();
  EXPECT_EQ(expected.size(), 120u);
  std::set<std::string> seconds;
  for (const auto& order : state["wildberries"]["orders"]) seconds.insert(order["createdAt"].get<std::string>());
  EXPECT_LT(seconds.size(), expected.size()) << "some orders must share their second";
  for (int limit : {1, 7, 1000}) {
    auto found = co_await walk_orders(world, limit);
    EXPECT_EQ(found, expected) << "limit " << limit;
  }
}
TEST(SandboxWildberries, PagesHoldEveryOrderOnce) { in_world(pages_hold_every_order); }

Task<> orders_arrive_and_move_on(World& world) {
  auto made = co_await world.control("POST", "orders", R"({"count":30})");
  auto ids = made["order_ids"].get<std::vector<std::int64_t>>();
  EXPECT_EQ(ids.size(), 30u);
  auto fresh = co_await world.call_wildberries("GET", "/api/v3/orders/new");
  EXPECT_THAT(order_ids(fresh), testing::IsSupersetOf(ids));
  const auto& first = fresh["orders"].back();
  EXPECT_TRUE(first["price"].is_number_integer());
  EXPECT_TRUE(first["salePrice"].is_number_integer());
  EXPECT_EQ(first["deliveryType"], "fbs");

  auto body = json{{"orders", ids}}.dump();
  std::set<std::string> seen;
  for (int hour = 0; hour < 24 * 12; ++hour) {
    auto statuses = co_await world.call_wildberries("POST", "/api/v3/orders/status", body);
    EXPECT_EQ(statuses["orders"].size(), 30u);
    for (const auto& s : statuses["orders"])
      seen.insert(s["supplierStatus"].get<std::string>() + "/" + s["wbStatus"].get<std::string>());
    world.clock.advance(1h);
  }
  EXPECT_THAT(seen, testing::IsSupersetOf(
                        {"new/waiting", "confirm/waiting", "complete/waiting", "complete/sorted", "complete/sold"}));
  auto last = co_await world.call_wildberries("POST", "/api/v3/orders/status", body);
  for (const auto& s : last["orders"]) EXPECT_NE(s["supplierStatus"], "new");
  auto open = co_await world.call_wildberries("GET", "/api/v3/orders/new");
  EXPECT_THAT(open["orders"], testing::IsEmpty());
}
TEST(SandboxWildberries, OrdersArriveAndMoveOn) { in_world(orders_arrive_and_move_on); }

Task<> burst_then_429(World& world) {
  for (int i = 0; i < 20; ++i) {
    auto response = co_await world.fetch(world.wildberries("GET", "/api/v3/orders/new"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.headers.get("X-Ratelimit-Limit"), "20");
    EXPECT_EQ(response.headers.get("X-Ratelimit-Remaining"), std::to_string(19 - i));
  }
  auto refused = co_await world.fetch(world.wildberries("GET", "/api/v3/orders?limit=1&next=0"));
  EXPECT_EQ(refused.status, 429) << "the methods of one group share their bucket";
  EXPECT_EQ(refused.headers.get("X-Ratelimit-Retry"), "1");
  EXPECT_EQ(refused.headers.get("X-Ratelimit-Reset"), "4");
  EXPECT_EQ(refused.headers.get("X-Ratelimit-Limit"), "20");
  EXPECT_FALSE(refused.headers.contains("X-Ratelimit-Remaining"));
  EXPECT_EQ(refused.headers.get("Content-Type"), "application/problem+json");
  auto body = json::parse(refused.body);
  EXPECT_EQ(body["status"], 429);
  EXPECT_EQ(body["title"], "too many requests");

  auto cards = co_await world.fetch(world.wildberries("POST", "/content/v2/get/cards/list", R"({"settings":{}})"));
  EXPECT_EQ(cards.status, 200) << "another group has its own bucket";
  world.clock.advance(200ms);
  auto one = co_await world.fetch(world.wildberries("GET", "/api/v3/orders/new"));
  EXPECT_EQ(one.status, 200);
  auto again = co_await world.fetch(world.wildberries("GET", "/api/v3/orders/new"));
  EXPECT_EQ(again.status, 429);
}
TEST(SandboxWildberries, AnswersThe21stCallOfABurstWith429) { in_world(burst_then_429); }

Task<> wrong_requests_cost_ten(World& world) {
  for (auto target : {"/api/v3/orders?limit=0&next=0", "/api/v3/orders?limit=10"}) {
    auto response = co_await world.fetch(world.wildberries("GET", target));
    EXPECT_EQ(response.status, 400) << target;
    EXPECT_EQ(json::parse(response.body)["code"], "IncorrectParameter");
  }
  auto third = co_await world.fetch(world.wildberries("GET", "/api/v3/orders/new"));
  EXPECT_EQ(third.status, 429);
}
TEST(SandboxWildberries, CountsA4xxAsTenRequests) { in_world(wrong_requests_cost_ten); }

Task<> checks_parameters(World& world) {
  auto now = to_unix_seconds(world.clock.now());
  auto window = [&](std::int64_t length) {
    return "/api/v3/orders?limit=5&next=0&dateFrom=" + std::to_string(now - length) + "&dateTo=" + std::to_string(now);
  };
  std::vector<std::pair<std::string, int>> cases{{"/api/v3/orders?limit=1001&next=0", 400},
                                                 {"/api/v3/orders?limit=ten&next=0", 400},
                                                 {"/api/v3/orders?limit=1&next=-1", 400},
                                                 {window(30 * 86'400), 200},
                                                 {window(30 * 86'400 + 1), 400},
                                                 {window(-10), 400},
                                                 {"/api/v3/order", 404}};
  for (const auto& [target, status] : cases) {
    world.clock.advance(10s);
    auto response = co_await world.fetch(world.wildberries("GET", target));
    EXPECT_EQ(response.status, status) << target;
  }
  std::vector<std::string> bodies{"{}", R"({"orders":[]})", R"({"orders":["1"]})", "[1]", "{"};
  for (const auto& body : bodies) {
    world.clock.advance(10s);
    auto response = co_await world.fetch(world.wildberries("POST", "/api/v3/orders/status", body));
    EXPECT_EQ(response.status, 400) << body;
  }
  std::vector<std::string> settings{R"({"cursor":{"limit":101}})", R"({"cursor":{"limit":5,"nmID":1}})",
                                    R"({"sort":{"ascending":"yes"}})"};
  for (const auto& value : settings) {
    world.clock.advance(10s);
    auto response =
        co_await world.fetch(world.wildberries("POST", "/content/v2/get/cards/list", "{\"settings\":" + value + "}"));
    EXPECT_EQ(response.status, 400) << value;
    EXPECT_EQ(json::parse(response.body)["error"], true);
  }
}
TEST(SandboxWildberries, ChecksParameters) { in_world(checks_parameters); }

Task<> refuses_wrong_tokens(World& world) {
  auto good = world.sandbox.wildberries_token();
  auto expired = co_await world.control("POST", "tokens", R"({"categories":[1,4],"expires_in_days":-1})");
  auto narrow = co_await world.control("POST", "tokens", R"({"categories":[1]})");
  auto tampered = good;
  tampered[good.find('.') + 5] = tampered[good.find('.') + 5] == 'A' ? 'B' : 'A';
  std::vector<std::pair<std::string, std::string>> cases{
      {"", "empty"},
      {"nonsense", "malformed"},
      {tampered, "signature is invalid"},
      {expired["wildberries_token"].get<std::string>(), "token expired"},
      {narrow["wildberries_token"].get<std::string>(), "token scope not allowed"}};
  for (const auto& [token, detail] : cases) {
    HttpRequest request("GET", world.wildberries_url() + "/api/v3/orders/new");
    if (!token.empty()) request.headers.add("Authorization", token);
    auto response = co_await world.fetch(std::move(request));
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(response.headers.get("Content-Type"), "application/problem+json");
    EXPECT_THAT(json::parse(response.body)["detail"].get<std::string>(), HasSubstr(detail));
  }
  for (auto prefix : {"", "Bearer "}) {
    HttpRequest request("GET", world.wildberries_url() + "/ping");
    request.headers.add("Authorization", prefix + good);
    auto response = co_await world.fetch(std::move(request));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(json::parse(response.body)["Status"], "OK");
  }
  auto info = co_await world.call_wildberries("GET", "/api/v1/seller-info");
  EXPECT_TRUE(info["name"].is_string());
  EXPECT_EQ(info["sid"].get<std::string>().size(), 36u);
}
TEST(SandboxWildberries, RefusesWrongTokens) { in_world(refuses_wrong_tokens); }

Task<> cards_resume(World& world) {
  json cursor{{"limit", 7}};
  std::set<std::int64_t> seen;
  std::size_t read = 0;
  for (;;) {
    world.clock.advance(1s);
    json settings{{"settings", {{"sort", {{"ascending", true}}}, {"filter", {{"withPhoto", -1}}}, {"cursor", cursor}}}};
    auto page = co_await world.call_wildberries("POST", "/content/v2/get/cards/list", settings.dump());
    read += page["cards"].size();
    for (const auto& card : page["cards"]) seen.insert(card["nmID"].get<std::int64_t>());
    if (!page["cards"].empty()) {
      cursor["updatedAt"] = page["cursor"]["updatedAt"];
      cursor["nmID"] = page["cursor"]["nmID"];
    }
    if (page["cursor"]["total"].get<int>() < 7) break;
  }
  EXPECT_EQ(read, 40u);
  EXPECT_EQ(seen.size(), 40u);

  auto changed = co_await world.control("POST", "products");
  json settings{{"settings", {{"sort", {{"ascending", true}}}, {"cursor", cursor}}}};
  auto page = co_await world.call_wildberries("POST", "/content/v2/get/cards/list", settings.dump());
  EXPECT_EQ(page["cards"].size(), 1u);
  EXPECT_EQ(page["cards"][0]["nmID"], changed["nm_ids"][0]);
}
TEST(SandboxWildberries, CardsResumeAfterTheCursor) { in_world(cards_resume); }

// Telegram: methods ---------------------------------------------------------------------------------------------------

Task<> addresses_methods(World& world) {
  auto me = co_await world.call_telegram("GETME");
  EXPECT_EQ(me["result"]["is_bot"], true);
  auto token = world.sandbox.telegram_token();
  std::vector<std::pair<std::string, int>> cases{
      {"/bot" + token + "/getMe", 200},      {"/bot" + token + "x/getMe", 401},
      {"/botnonsense/getMe", 401},           {"/bot" + token, 404},
      {"/bot" + token + "/getNothing", 404}, {"/other", 404}};
  for (const auto& [path, status] : cases) {
    auto response = co_await world.fetch(HttpRequest("GET", world.telegram_url() + path));
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(json::parse(response.body)["ok"], status == 200);
  }
}
TEST(SandboxTelegram, AddressesMethodsByToken) { in_world(addresses_methods); }

Task<std::int64_t> first_chat(World& world) {
  auto written = co_await world.control("POST", "messages", R"({"text":"Добрый день"})");
  EXPECT_EQ(written["update_ids"].size(), 1u);
  auto state = co_await world.control("GET", "state");
  co_return state["telegram"]["updates"].back()["chat_id"].get<std::int64_t>();
}

Task<> send_checks(World& world) {
  auto chat = co_await first_chat(world);
  auto state = co_await world.control("GET", "state");
  std::int64_t silent = 0;
  for (const auto& buyer : state["telegram"]["buyers"])
    if (!buyer["started"].get<bool>()) silent = buyer["chat_id"].get<std::int64_t>();
  auto keyboard = [](json button) {
    return json{{"inline_keyboard", json::array({json::array({std::move(button)})})}};
  };
  std::string emoji;
  for (int i = 0; i < 2048; ++i) emoji += "😀";  // two UTF-16 units each

  struct Case {
    json params;
    int status;
    std::string description;
  };
  std::vector<Case> cases;
  cases.push_back({{{"chat_id", chat}, {"text", "  "}}, 400, "message text is empty"});
  cases.push_back({{{"chat_id", chat}, {"text", emoji + "x"}}, 400, "message is too long"});
  cases.push_back({{{"chat_id", chat}, {"text", emoji}}, 200, ""});
  cases.push_back({{{"text", "x"}}, 400, "chat_id is empty"});
  cases.push_back({{{"chat_id", 42}, {"text", "x"}}, 400, "chat not found"});
  cases.push_back({{{"chat_id", silent}, {"text", "x"}}, 403, "bot can't initiate conversation"});
  cases.push_back({{{"chat_id", chat}, {"text", "x"}, {"reply_parameters", {{"message_id", 1}}}},
                   400,
                   "message to be replied not found"});
  cases.push_back({{{"chat_id", chat}, {"text", "x"}, {"reply_markup", keyboard({{"text", "A"}})}},
                   400,
                   "Text buttons are unallowed"});
  cases.push_back({{{"chat_id", chat},
                    {"text", "x"},
                    {"reply_markup", keyboard({{"text", "A"}, {"callback_data", std::string(65, 'a')}})}},
                   400,
                   "BUTTON_DATA_INVALID"});
  cases.push_back({{{"chat_id", chat}, {"text", "x"}, {"reply_markup", keyboard({{"text", "A"}, {"url", "ftp://x"}})}},
                   400,
                   "BUTTON_URL_INVALID"});
  cases.push_back({{{"chat_id", chat},
                    {"text", "x"},
                    {"reply_markup", keyboard({{"text", "A"}, {"callback_data", std::string(64, 'a')}}).dump()}},
                   200,
                   ""});
  for (const auto& c : cases) {
    auto answer = co_await world.call_telegram("sendMessage", c.params);
    EXPECT_EQ(answer.value("error_code", 200), c.status) << c.description;
    EXPECT_THAT(answer.value("description", ""), HasSubstr(c.description));
  }
  auto after = co_await world.control("GET", "state");
  EXPECT_EQ(after["telegram"]["sent"].size(), 2u) << "a refused message is not sent";

  // the same by form and by query
  auto base = world.telegram_url() + "/bot" + world.sandbox.telegram_token() + "/sendMessage";
  auto fields = "chat_id=" + std::to_string(chat) + "&text=" + url_encode("Готово & точка");
  world.clock.advance(5s);
  HttpRequest form("POST", base);
  form.headers.add("Content-Type", "application/x-www-form-urlencoded");
  form.body = fields;
  auto by_form = co_await world.fetch(std::move(form));
  EXPECT_EQ(json::parse(by_form.body)["result"]["text"], "Готово & точка");
  auto by_query = co_await world.fetch(HttpRequest("GET", base + "?" + fields));
  EXPECT_EQ(json::parse(by_query.body)["result"]["chat"]["id"], chat);
}
TEST(SandboxTelegram, ChecksWhatIsSent) { in_world(send_checks); }

Task<> floods(World& world) {
  auto chat = co_await first_chat(world);
  json params{{"chat_id", chat}, {"text", "привет"}};
  for (int i = 0; i < 3; ++i) {
    auto sent = co_await world.call_telegram("sendMessage", params);
    EXPECT_EQ(sent["ok"], true);
  }
  auto refused = co_await world.fetch(world.telegram("sendMessage", params));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.get("Retry-After"), "1");
  EXPECT_EQ(json::parse(refused.body)["parameters"]["retry_after"], 1);
  auto other = co_await first_chat(world);
  EXPECT_NE(other, chat);
  json to_other{{"chat_id", other}, {"text", "hello"}};
  auto elsewhere = co_await world.call_telegram("sendMessage", to_other);
  EXPECT_EQ(elsewhere["ok"], true);
  world.clock.advance(1s);
  auto later = co_await world.call_telegram("sendMessage", params);
  EXPECT_EQ(later["ok"], true);
}
TEST(SandboxTelegram, LimitsEachChat) { in_world(floods); }

Task<> blocked_buyer(World& world) {
  auto chat = co_await first_chat(world);
  auto path = "buyers/" + std::to_string(chat);
  co_await world.control("POST", path + "/block");
  json params{{"chat_id", chat}, {"text", "hello"}};
  auto refused = co_await world.call_telegram("sendMessage", params);
  EXPECT_EQ(refused["error_code"], 403);
  EXPECT_THAT(refused["description"].get<std::string>(), HasSubstr("bot was blocked by the user"));
  co_await world.control("POST", path + "/unblock");
  auto sent = co_await world.call_telegram("sendMessage", params);
  EXPECT_EQ(sent["ok"], true);
  auto updates = co_await world.call_telegram("getUpdates");
  EXPECT_EQ(updates["result"].size(), 3u);
  EXPECT_EQ(updates["result"][1]["my_chat_member"]["new_chat_member"]["status"], "kicked");
  EXPECT_EQ(updates["result"][2]["my_chat_member"]["new_chat_member"]["status"], "member");
}
TEST(SandboxTelegram, BuyersBlockAndUnblock) { in_world(blocked_buyer); }

Task<> buttons(World& world) {
  auto chat = co_await first_chat(world);
  json markup{{"inline_keyboard", json::array({json::array({{{"text", "Да"}, {"callback_data", "yes"}}})})}};
  json with_button{{"chat_id", chat}, {"text", "Подтвердить?"}, {"reply_markup", markup}};
  auto sent = co_await world.call_telegram("sendMessage", with_button);
  auto message_id = sent["result"]["message_id"];
  json press{{"message_id", message_id}, {"data", "yes"}};
  co_await world.control("POST", "buyers/" + std::to_string(chat) + "/press", press.dump());
  auto updates = co_await world.call_telegram("getUpdates");
  auto query = updates["result"].back()["callback_query"];
  EXPECT_EQ(query["data"], "yes");
  EXPECT_EQ(query["message"]["message_id"], message_id);
  json answer{{"callback_query_id", query["id"]}};
  auto answered = co_await world.call_telegram("answerCallbackQuery", answer);
  EXPECT_EQ(answered["result"], true);
  world.clock.advance(151s);
  auto late = co_await world.call_telegram("answerCallbackQuery", answer);
  EXPECT_THAT(late["description"].get<std::string>(), HasSubstr("query is too old"));

  json edit{{"chat_id", chat}, {"message_id", message_id}, {"text", "Подтверждено"}};
  auto edited = co_await world.call_telegram("editMessageText", edit);
  EXPECT_EQ(edited["result"]["text"], "Подтверждено");
  auto same = co_await world.call_telegram("editMessageText", edit);
  EXPECT_THAT(same["description"].get<std::string>(), HasSubstr("message is not modified"));
  auto gone = co_await world.call_telegram("deleteMessage", edit);
  EXPECT_EQ(gone["result"], true);
  auto missing = co_await world.call_telegram("deleteMessage", edit);
  EXPECT_THAT(missing["description"].get<std::string>(), HasSubstr("message to delete not found"));
  json typing{{"chat_id", chat}, {"action", "typing"}};
  auto action = co_await world.call_telegram("sendChatAction", typing);
  EXPECT_EQ(action["result"], true);
}
TEST(SandboxTelegram, ButtonsArePressedAnsweredAndEdited) { in_world(buttons); }

Task<> buyers_react(World& world) {
  auto chat = co_await first_chat(world);
  json markup{{"inline_keyboard", json::array({json::array({{{"text", "Yes"}, {"callback_data", "yes"}}})})}};
  json question{{"chat_id", chat}, {"text", "Is it the right size?"}, {"reply_markup", markup}};
  json answer{{"chat_id", chat}, {"text", "It was sent yesterday"}};
  for (int i = 0; i < 20; ++i) {  // each is answered with some probability
    world.clock.advance(3s);
    co_await world.call_telegram("sendMessage", question);
    co_await world.call_telegram("sendMessage", answer);
  }
  auto has = [](const char* kind, std::size_t least) {
    return [kind, least](const json& state) {
      std::size_t found = 0;
      for (const auto& update : state["telegram"]["updates"]) found += update["kind"] == kind;
      return found >= least;
    };
  };
  co_await world.state_when(has("callback_query", 1));
  co_await world.state_when(has("message", 2));
}
TEST(SandboxTelegram, BuyersPressButtonsAndAnswer) {
  auto options = quiet();
  options.react_after = 1ms;
  in_world(buyers_react, options);
}

// Telegram: updates ---------------------------------------------------------------------------------------------------

Task<> confirms_by_offset(World& world) {
  auto written = co_await world.control("POST", "messages", R"({"count":5})");
  auto ids = written["update_ids"].get<std::vector<std::int64_t>>();
  auto first = co_await world.call_telegram("getUpdates");
  EXPECT_EQ(update_ids(first), ids);
  json two{{"offset", ids[2]}, {"limit", 2}};
  auto second = co_await world.call_telegram("getUpdates", two);
  EXPECT_EQ(update_ids(second), (std::vector<std::int64_t>{ids[2], ids[3]}));
  auto again = co_await world.call_telegram("getUpdates");
  EXPECT_EQ(update_ids(again), (std::vector<std::int64_t>{ids[2], ids[3], ids[4]})) << "unconfirmed ones come again";
  json last{{"offset", -1}};
  auto tail = co_await world.call_telegram("getUpdates", last);
  EXPECT_EQ(update_ids(tail), (std::vector<std::int64_t>{ids[4]})) << "a negative offset forgets what lies before";
  auto state = co_await world.control("GET", "state");
  EXPECT_EQ(state["telegram"]["pending"], 1);
  json none{{"offset", ids[4] + 1}};
  auto empty = co_await world.call_telegram("getUpdates", none);
  EXPECT_TRUE(empty["result"].empty());
}
TEST(SandboxTelegram, GetUpdatesConfirmsByOffset) { in_world(confirms_by_offset); }

Task<> store_answer(World& world, HttpRequest request, json& into) {
  auto response = co_await world.fetch(std::move(request));
  into = json::parse(response.body);
}

Task<> long_poll(World& world) {
  json hold{{"timeout", 50}};
  json older, newer, during;
  auto asked = [](int times) {
    return [times](const json& state) { return state["telegram"]["polls"].get<int>() >= times; };
  };
  world.tasks.spawn("older poll", store_answer(world, world.telegram("getUpdates", hold), older));
  co_await world.state_when(asked(1));
  world.tasks.spawn("newer poll", store_answer(world, world.telegram("getUpdates", hold), newer));
  co_await world.state_when(asked(2));
  co_await world.control("POST", "messages", R"({"text":"есть кто?"})");
  co_await world.state_when([&](const json&) { return !older.is_null() && !newer.is_null(); });
  EXPECT_EQ(older["error_code"], 409);
  EXPECT_THAT(older["description"].get<std::string>(), HasSubstr("terminated by other getUpdates request"));
  EXPECT_EQ(newer["result"].size(), 1u);
  EXPECT_EQ(newer["result"][0]["message"]["text"], "есть кто?");

  json confirm{{"offset", newer["result"][0]["update_id"].get<std::int64_t>() + 1}, {"timeout", 50}};
  world.tasks.spawn("poll", store_answer(world, world.telegram("getUpdates", confirm), during));
  co_await world.state_when(asked(3));
  json hook{{"url", "http://127.0.0.1:9/hook"}};
  auto set = co_await world.call_telegram("setWebhook", hook);
  EXPECT_EQ(set["description"], "Webhook was set");
  co_await world.state_when([&](const json&) { return !during.is_null(); });
  EXPECT_THAT(during["description"].get<std::string>(), HasSubstr("terminated by setWebhook"));
  auto refused = co_await world.call_telegram("getUpdates");
  EXPECT_EQ(refused["error_code"], 409);
  EXPECT_THAT(refused["description"].get<std::string>(), HasSubstr("webhook is active"));
}
TEST(SandboxTelegram, LongPollsWakeAndGiveWay) { in_world(long_poll); }

bool nothing_pending(const json& state) { return state["telegram"]["pending"] == 0; }

Task<> delivers_by_webhook(World& world) {
  Receiver receiver(world.executor);
  receiver.statuses = {500};
  json hook{{"url", receiver.url()}, {"secret_token", "Secret_123"}, {"allowed_updates", json::array({"message"})}};
  auto set = co_await world.call_telegram("setWebhook", hook);
  EXPECT_EQ(set["description"], "Webhook was set");
  auto same = co_await world.call_telegram("setWebhook", hook);
  EXPECT_EQ(same["description"], "Webhook is already set");

  auto chat = co_await first_chat(world);
  json more{{"count", 4}, {"chat_id", chat}};
  co_await world.control("POST", "messages", more.dump());
  auto state = co_await world.state_when(nothing_pending);
  std::vector<std::int64_t> ids;
  for (const auto& update : state["telegram"]["updates"]) ids.push_back(update["update_id"].get<std::int64_t>());
  EXPECT_EQ(ids.size(), 5u);
  auto expected = ids;
  expected.insert(expected.begin(), ids[0]);  // the first came twice: its first delivery was answered 500
  EXPECT_EQ(receiver.ids(), expected);
  EXPECT_EQ(state["telegram"]["updates"][0]["deliveries"], 2);
  for (const auto& request : receiver.requests) {
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.headers.get("X-Telegram-Bot-Api-Secret-Token"), "Secret_123");
    EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
    EXPECT_THAT(request.body, HasSubstr(",\n\"message\":{"));
  }
  auto info = co_await world.call_telegram("getWebhookInfo");
  EXPECT_EQ(info["result"]["url"], receiver.url());
  EXPECT_EQ(info["result"]["pending_update_count"], 0);
  EXPECT_EQ(info["result"]["last_error_message"], "Wrong response from the webhook: 500 Internal Server Error");

  co_await world.control("POST", "buyers/" + std::to_string(chat) + "/block");
  auto filtered = co_await world.control("GET", "state");
  EXPECT_EQ(filtered["telegram"]["updates"].size(), 5u) << "kinds that are not allowed make no updates";

  auto before = receiver.requests.size();
  auto again = co_await world.control("POST", "updates/redeliver", R"({"count":2})");
  EXPECT_EQ(again["redelivered"], 2);
  co_await world.state_when([&](const json&) { return receiver.requests.size() == before + 2; });
  auto all = receiver.ids();
  EXPECT_EQ((std::vector<std::int64_t>(all.end() - 2, all.end())), (std::vector<std::int64_t>{ids[3], ids[4]}));
  co_await receiver.stop();
}
TEST(SandboxTelegram, DeliversByWebhookInOrderAndRetries) { in_world(delivers_by_webhook); }

Task<> retries_when_told(World& world) {
  Receiver receiver(world.executor);
  // after the second failure the queue would wait a second, longer than any answer here takes
  receiver.statuses = {502, 502, 502};
  json hook{{"url", receiver.url()}};
  co_await world.call_telegram("setWebhook", hook);
  co_await first_chat(world);
  co_await world.state_when([&](const json&) { return receiver.requests.size() >= 2; });
  co_await world.control("POST", "updates/retry");
  co_await world.state_when(nothing_pending);
  auto ids = receiver.ids();
  EXPECT_GE(ids.size(), 4u);
  EXPECT_EQ(std::set<std::int64_t>(ids.begin(), ids.end()).size(), 1u);
  co_await receiver.stop();
}
TEST(SandboxTelegram, RetriesAtOnceWhenTold) { in_world(retries_when_told); }

Task<> webhook_answers_with_method(World& world) {
  auto chat = co_await first_chat(world);
  Receiver receiver(world.executor);
  receiver.answer = json{{"method", "sendMessage"}, {"chat_id", chat}, {"text", "Сейчас посмотрю"}}.dump();
  json hook{{"url", receiver.url()}};
  co_await world.call_telegram("setWebhook", hook);
  auto state = co_await world.state_when(nothing_pending);
  EXPECT_EQ(state["telegram"]["sent"].size(), 1u);
  auto deleted = co_await world.call_telegram("deleteWebhook");
  EXPECT_EQ(deleted["description"], "Webhook was deleted");
  auto twice = co_await world.call_telegram("deleteWebhook");
  EXPECT_EQ(twice["description"], "Webhook is already deleted");
  co_await receiver.stop();
}
TEST(SandboxTelegram, RunsTheMethodInAWebhooksAnswer) { in_world(webhook_answers_with_method); }

Task<> duplicates(World& world) {
  Receiver receiver(world.executor);
  co_await world.control("POST", "faults", R"({"duplicate":1})");
  json hook{{"url", receiver.url()}};
  co_await world.call_telegram("setWebhook", hook);
  co_await world.control("POST", "messages", R"({"count":6})");
  co_await world.state_when([&](const json&) { return receiver.requests.size() == 12; });
  auto ids = receiver.ids();
  EXPECT_EQ((std::set<std::int64_t>(ids.begin(), ids.end()).size()), 6u);
  co_await receiver.stop();
}
TEST(SandboxTelegram, RepeatsDeliveriesOnDemand) { in_world(duplicates); }

Task<> reorders(World& world) {
  Receiver receiver(world.executor);
  auto chat = co_await first_chat(world);
  json more{{"count", 5}, {"chat_id", chat}};
  co_await world.control("POST", "messages", more.dump());
  co_await world.control("POST", "faults", R"({"reorder":1})");
  json hook{{"url", receiver.url()}};
  co_await world.call_telegram("setWebhook", hook);
  co_await world.state_when(nothing_pending);
  auto ids = receiver.ids();
  EXPECT_EQ(ids.size(), 6u);
  EXPECT_FALSE(std::is_sorted(ids.begin(), ids.end()));
  co_await receiver.stop();
}
TEST(SandboxTelegram, ReordersDeliveriesOnDemand) { in_world(reorders); }

Task<> webhook_limits(World& world) {
  std::vector<std::string> outside{"https://hub.example.com/hook", "http://10.0.0.1/hook",
                                   "http://127.0.0.1.example.com/x", "http://127.0.0.1@example.com/",
                                   "ftp://127.0.0.1/"};
  for (const auto& url : outside) {
    json hook{{"url", url}};
    auto refused = co_await world.call_telegram("setWebhook", hook);
    EXPECT_THAT(refused.value("description", ""), HasSubstr("bad webhook")) << url;
  }
  json bad_secret{{"url", "http://127.0.0.1:9/"}, {"secret_token", "with space"}};
  auto refused = co_await world.call_telegram("setWebhook", bad_secret);
  EXPECT_THAT(refused.value("description", ""), HasSubstr("secret token"));
  json first{{"url", "http://127.0.0.1:9/a"}};
  json second{{"url", "http://127.0.0.1:9/b"}};
  auto set = co_await world.call_telegram("setWebhook", first);
  EXPECT_EQ(set["ok"], true);
  auto fast = co_await world.call_telegram("setWebhook", second);
  EXPECT_EQ(fast["error_code"], 429);
  world.clock.advance(1s);
  auto slow = co_await world.call_telegram("setWebhook", second);
  EXPECT_EQ(slow["ok"], true);
}
TEST(SandboxTelegram, AcceptsOnlyLoopbackWebhooks) { in_world(webhook_limits); }

Task<> control_is_guarded(World& world) {
  HttpRequest from_page("GET", world.telegram_url() + "/sandbox/state");
  from_page.headers.add("Origin", "http://example.com");
  auto refused = co_await world.fetch(std::move(from_page));
  EXPECT_EQ(refused.status, 403);
  std::vector<std::pair<std::string, std::string>> wrong{{"orders", R"({"count":0})"},
                                                         {"messages", R"({"chat_id":42})"},
                                                         {"messages", "["},
                                                         {"buyers/x/block", ""},
                                                         {"nothing", ""}};
  for (const auto& [path, body] : wrong) {
    HttpRequest request("POST", world.wildberries_url() + "/sandbox/" + path);
    request.body = body;
    auto response = co_await world.fetch(std::move(request));
    EXPECT_GE(response.status, 400) << path;
    EXPECT_LT(response.status, 500) << path;
  }
  auto state = co_await world.fetch(HttpRequest("GET", world.wildberries_url() + "/sandbox/state"));
  EXPECT_EQ(state.body.find(world.sandbox.telegram_token()), std::string::npos);
  EXPECT_EQ(state.body.find(world.sandbox.wildberries_token()), std::string::npos);
}
TEST(SandboxControl, IsGuardedAndShowsNoTokens) { in_world(control_is_guarded); }

// Faults --------------------------------------------------------------------------------------------------------------

Task<> faults_of_answers(World& world) {
  co_await world.control(
      "POST", "faults",
      R"({"platform":"wildberries","kind":"status_429","count":1,"retry_after":7,"path_prefix":"/api/v3/"})");
  auto ping = co_await world.fetch(world.wildberries("GET", "/ping"));
  EXPECT_EQ(ping.status, 200);
  auto limited = co_await world.fetch(world.wildberries("GET", "/api/v3/orders/new"));
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.headers.get("X-Ratelimit-Retry"), "7");
  co_await world.control("POST", "faults", R"({"platform":"wildberries","kind":"status_429_global","count":1})");
  auto global = co_await world.fetch(world.wildberries("GET", "/api/v3/orders/new"));
  EXPECT_EQ(global.status, 429);
  EXPECT_FALSE(global.headers.contains("X-Ratelimit-Retry"));
  EXPECT_THAT(json::parse(global.body)["detail"].get<std::string>(), HasSubstr("global limiter"));
  co_await world.control("POST", "faults", R"({"platform":"wildberries","kind":"malformed","count":1})");
  auto malformed = co_await world.fetch(world.wildberries("GET", "/api/v3/orders/new"));
  EXPECT_EQ(malformed.status, 200);
  EXPECT_TRUE(json::parse(malformed.body, nullptr, false).is_discarded());
  auto healthy = co_await world.fetch(world.wildberries("GET", "/api/v3/orders/new"));
  EXPECT_FALSE(json::parse(healthy.body, nullptr, false).is_discarded());

  auto chat = co_await first_chat(world);
  co_await world.control(
      "POST", "faults",
      R"({"platform":"telegram","kind":"status_500","count":1,"processed":true,"path_prefix":"/sendMessage"})");
  json params{{"chat_id", chat}, {"text", "дошло?"}};
  auto failed = co_await world.call_telegram("sendMessage", params);
  EXPECT_EQ(failed["error_code"], 500);
  auto state = co_await world.control("GET", "state");
  EXPECT_EQ(state["telegram"]["sent"].size(), 1u) << "the message went out although its answer failed";
  EXPECT_TRUE(state["faults"]["faults"].empty());

  HttpRequest wrong("POST", world.telegram_url() + "/sandbox/faults");
  wrong.body = R"({"platform":"telegram","kind":"explode"})";
  auto refused = co_await world.fetch(std::move(wrong));
  EXPECT_EQ(refused.status, 400);
}
TEST(SandboxFaults, StrikeAnswers) { in_world(faults_of_answers); }

Task<> faults_of_connections(World& world) {
  auto chat = co_await first_chat(world);
  co_await world.control(
      "POST", "faults",
      R"({"platform":"telegram","kind":"cut","count":1,"after_bytes":30,"path_prefix":"/sendMessage"})");
  json params{{"chat_id", chat}, {"text", "cut"}};
  auto cut = co_await world.try_fetch(world.telegram("sendMessage", params), 5s);
  EXPECT_FALSE(cut.response);
  EXPECT_TRUE(cut.error && cut.error->kind() == ErrorKind::unavailable);
  EXPECT_TRUE(cut.may_have_arrived);
  auto state = co_await world.control("GET", "state");
  EXPECT_EQ(state["telegram"]["sent"].size(), 1u);

  co_await world.control("POST", "faults",
                         R"({"platform":"wildberries","kind":"slow","delay_ms":600000,"path_prefix":"/ping"})");
  auto slow = co_await world.try_fetch(world.wildberries("GET", "/ping"), 100ms);
  EXPECT_TRUE(slow.error && slow.error->kind() == ErrorKind::timeout);
  auto other = co_await world.fetch(world.wildberries("GET", "/api/v3/orders/new"));
  EXPECT_EQ(other.status, 200);
  co_await world.control("DELETE", "faults");
  auto ping = co_await world.fetch(world.wildberries("GET", "/ping"));
  EXPECT_EQ(ping.status, 200);
}
TEST(SandboxFaults, StrikeConnections) { in_world(faults_of_connections); }

Task<> proxy_disturbs(World& world) {
  FaultProxy proxy(world.executor, "127.0.0.1", 0, world.sandbox.wildberries_port());
  proxy.start();
  auto url = "http://127.0.0.1:" + std::to_string(proxy.port()) + "/sandbox/state";
  auto through = co_await world.fetch(HttpRequest("GET", url));
  EXPECT_EQ(through.status, 200);
  EXPECT_EQ(proxy.open_connections(), 1u) << "the client keeps its connection";
  proxy.reset_connections();
  proxy.refuse(true);
  auto refused = co_await world.try_fetch(HttpRequest("GET", url), 2s);
  EXPECT_FALSE(refused.response);
  proxy.refuse(false);
  auto back = co_await world.fetch(HttpRequest("GET", url));
  EXPECT_EQ(back.status, 200);
  co_await proxy.stop();
}
TEST(SandboxFaults, ProxyResetsAndRefuses) { in_world(proxy_disturbs); }

// The shop's life -----------------------------------------------------------------------------------------------------

Task<> life_goes_on(World& world) {
  auto state = co_await world.state_when(
      [](const json& s) { return s["wildberries"]["order_ids"].size() > 125 && s["telegram"]["updates"].size() > 12; });
  EXPECT_EQ(state["telegram"]["updates"][0]["kind"], "message");
}
TEST(SandboxShop, OrdersAndMessagesKeepComing) {
  auto options = quiet();
  options.order_every = 2ms;
  options.message_every = 2ms;
  options.initial_messages = 6;
  in_world(life_goes_on, options);
}

Task<> restart(boost::asio::any_io_executor executor, SandboxOptions options, json& state, std::string& tokens,
               bool add) {
  World world(executor, options);
  if (add) co_await world.control("POST", "orders", R"({"count":3})");
  state = co_await world.control("GET", "state");
  tokens = world.sandbox.wildberries_token() + world.sandbox.telegram_token();
  co_await world.sandbox.stop();
}

TEST(SandboxShop, RestartKeepsOrdersAndTokens) {
  auto options = quiet();
  options.state_file =
      (std::filesystem::temp_directory_path() / ("easyflow_sandbox_" + std::to_string(::getpid()) + ".json")).string();
  std::filesystem::remove(options.state_file);
  json before, after;
  std::string tokens_before, tokens_after;
  test::run_task([&](boost::asio::any_io_executor e) { return restart(e, options, before, tokens_before, true); });
  test::run_task([&](boost::asio::any_io_executor e) { return restart(e, options, after, tokens_after, false); });
  EXPECT_EQ(before["wildberries"]["order_ids"].size(), 123u);
  EXPECT_EQ(before["wildberries"]["orders"], after["wildberries"]["orders"]);
  EXPECT_EQ(tokens_before, tokens_after);
  std::filesystem::remove(options.state_file);
}

TEST(SandboxShop, PortInUseIsNamed) {
  test::run_task([](boost::asio::any_io_executor executor) -> Task<> {
    TestClock clock;
    FaultProxy first(executor, "127.0.0.1", 0, 9);
    auto options = quiet();
    options.wildberries_port = first.port();
    try {
      Sandbox second(executor, options, clock);
      ADD_FAILURE() << "the port is taken";
    } catch (const std::runtime_error& e) {
      EXPECT_THAT(e.what(), HasSubstr("127.0.0.1:" + std::to_string(first.port())));
    }
    co_return;
  });
}

}  // namespace
}  // namespace easyflow::sandbox
