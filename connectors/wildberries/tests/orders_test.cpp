#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "connectors/sdk/tests/fixture.hpp"
#include "connectors/sdk/tests/walks.hpp"
#include "connectors/wildberries/streams.hpp"
#include "connectors/wildberries/tests/fake_wildberries.hpp"

namespace easyflow::connectors::wildberries {
namespace {

using sdk::testing::all_pages;
using sdk::testing::fixture;
using testing::account;
using ::testing::ElementsAre;
using testing::FakeWildberries;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::int64_t kNow = 1'795'200'000;
constexpr std::int64_t kDay = 86'400;

std::unique_ptr<sdk::StreamWalk> walk(std::string_view cursor = "", std::int64_t now = kNow) {
  return *read_orders(account(), cursor, from_unix_seconds(now));
}

/// What a database would hold after these pages.
void store(const std::vector<sdk::Page>& pages, std::map<std::string, std::string>& statuses) {
  for (const auto& page : pages)
    for (const auto& record : page.records) {
      if (const auto* order = std::get_if<sdk::OrderRecord>(&record)) statuses[order->external_id] = order->status;
      if (const auto* status = std::get_if<sdk::OrderStatusRecord>(&record)) {
        ASSERT_EQ(statuses.count(status->external_id), 1U) << "a status of an order never delivered";
        statuses[status->external_id] = status->status;
      }
    }
}

std::vector<sdk::Page> run(FakeWildberries& platform, std::string_view cursor = "", std::int64_t now = kNow) {
  auto orders = walk(cursor, now);
  return all_pages(*orders, [&](const sdk::Request& r) { return platform.answer(r); });
}

/// The request or page a walk gives, for walks answered by hand.
const sdk::Request& request(const Result<sdk::StreamWalk::Step>& step) { return std::get<sdk::Request>(*step); }

TEST(WildberriesOrders, BecomeRecordsWithTheirStatus) {
  auto orders = walk();
  auto step = orders->next(nullptr);
  EXPECT_EQ(request(step).http.target, "http://marketplace.test/api/v3/orders/new");
  EXPECT_EQ(request(step).buckets.at(0).bucket, "marketplace");
  HttpResponse nothing(200, R"({"orders":[]})");
  step = orders->next(&nothing);
  EXPECT_THAT(request(step).http.target,
              StartsWith("http://marketplace.test/api/v3/orders?limit=1000&next=0&dateFrom="));
  HttpResponse page(200, fixture("orders_page.json"));
  step = orders->next(&page);
  EXPECT_EQ(request(step).http.method, "POST");
  EXPECT_EQ(request(step).http.body, R"({"orders":[2200001,2200002,2200003]})");
  HttpResponse statuses(200, fixture("orders_status.json"));
  step = orders->next(&statuses);
  const auto& records = std::get<sdk::Page>(*step).records;
  ASSERT_EQ(records.size(), 3U);
  const auto& first = std::get<sdk::OrderRecord>(records[0]);
  EXPECT_EQ(first.external_id, "2200001");
  EXPECT_EQ(first.status, "complete/sorted");
  EXPECT_EQ(first.total->minor, 129'900);
  EXPECT_EQ(first.total->currency, "RUB");
  EXPECT_EQ(first.items.at(0).sku, "mug-blue-330");
  EXPECT_EQ(first.items.at(0).external_product_id, "310455001");
  EXPECT_EQ(format_rfc3339(first.ordered_at), "2026-11-18T06:10:05Z");
  EXPECT_EQ(to_unix_seconds(first.source_updated_at), kNow);
  EXPECT_EQ(nlohmann::json::parse(first.raw_json).at("rid"), "r2200001.0.0");
  EXPECT_EQ(std::get<sdk::OrderRecord>(records[2]).total->currency, "BYN");
  auto cursor = nlohmann::json::parse(std::get<sdk::Page>(*step).cursor);
  EXPECT_EQ(cursor.at("open"), nlohmann::json({2200001, 2200002}));
}

TEST(WildberriesOrders, AFirstRunReadsThreeMonthsInAllowedWindows) {
  FakeWildberries platform;
  for (std::int64_t i = 1; i <= 88; ++i) platform.orders.push_back({i, kNow - (89 - i) * kDay, "complete", "sold"});
  std::map<std::string, std::string> stored;
  auto pages = run(platform);
  store(pages, stored);
  EXPECT_EQ(stored.size(), 88U);
  auto cursor = nlohmann::json::parse(pages.back().cursor);
  EXPECT_EQ(cursor.at("read"), kNow);
  EXPECT_EQ(cursor.at("to"), 0);
  EXPECT_THAT(cursor.at("open"), IsEmpty());
}

TEST(WildberriesOrders, AnEmptyShopIsReadOnceAndThenInOneWindow) {
  FakeWildberries platform;
  auto pages = run(platform);
  ASSERT_EQ(pages.size(), 1U) << "the end of the walk must be kept";
  platform.calls.clear();
  EXPECT_THAT(run(platform, pages.back().cursor, kNow + 300), Not(IsEmpty()));
  EXPECT_THAT(platform.calls, ElementsAre("GET /api/v3/orders/new", "GET /api/v3/orders"));
}

TEST(WildberriesOrders, ManyOrdersOfOneSecondAreReadOnceEach) {
  FakeWildberries platform;
  for (std::int64_t i = 1; i <= 2500; ++i) platform.orders.push_back({i, kNow - kDay, "confirm", "waiting"});
  std::map<std::string, int> seen;
  for (const auto& page : run(platform))
    for (const auto& record : page.records) ++seen[sdk::testing::id_of(record)];
  EXPECT_EQ(seen.size(), 2500U);
}

TEST(WildberriesOrders, EveryCursorResumesWithoutLosingAnOrder) {
  FakeWildberries platform;
  for (std::int64_t i = 1; i <= 2300; ++i)
    platform.orders.push_back(
        {i, kNow - 80 * kDay + i * 3000, i % 3 == 0 ? "new" : "complete", i % 2 == 0 ? "sold" : "sorted"});
  auto pages = run(platform);
  ASSERT_GT(pages.size(), 3U);
  for (std::size_t cut = 0; cut <= pages.size(); ++cut) {
    std::map<std::string, std::string> stored;
    store({pages.begin(), pages.begin() + static_cast<std::ptrdiff_t>(cut)}, stored);
    store(run(platform, cut == 0 ? "" : pages[cut - 1].cursor, kNow + 600), stored);
    EXPECT_EQ(stored.size(), 2300U) << "cut after page " << cut;
  }
}

TEST(WildberriesOrders, OrdersListedLateAreFound) {
  FakeWildberries platform;
  platform.orders.push_back({10, kNow - 600, "confirm", "waiting"});
  auto cursor = run(platform).back().cursor;
  // made before the newest one already seen, no longer "new", and listed only now
  platform.orders.insert(platform.orders.begin(), {5, kNow - 3600, "confirm", "waiting"});
  std::map<std::string, std::string> stored{{"10", ""}};
  store(run(platform, cursor, kNow + 300), stored);
  EXPECT_EQ(stored.count("5"), 1U);

  // and one that is later than every overlap is found by the daily reading of the whole window
  platform.orders.insert(platform.orders.begin(), {3, kNow - 10 * kDay, "complete", "sorted"});
  store(run(platform, cursor, kNow + 300), stored);
  EXPECT_EQ(stored.count("3"), 0U);
  store(run(platform, cursor, kNow + kDay), stored);
  EXPECT_EQ(stored.count("3"), 1U);
}

TEST(WildberriesOrders, AnOrderFoundInTwoPlacesIsDeliveredOnce) {
  FakeWildberries platform;
  platform.orders = {{1, kNow - 600, "new", "waiting"}, {2, kNow - 500, "confirm", "waiting"}};
  std::vector<std::string> delivered;
  for (const auto& page : run(platform))
    for (const auto& record : page.records) delivered.push_back(sdk::testing::id_of(record));
  EXPECT_THAT(delivered, ElementsAre("1", "2"));
}

TEST(WildberriesOrders, StatusesOfOpenOrdersAreAskedUntilFinal) {
  FakeWildberries platform;
  platform.orders = {{1, kNow - 40 * kDay, "confirm", "waiting"}, {2, kNow - 40 * kDay, "complete", "sold"}};
  std::map<std::string, std::string> stored;
  auto pages = run(platform);
  store(pages, stored);
  EXPECT_EQ(stored["1"], "confirm/waiting");

  platform.orders[0].supplier_status = "complete";
  platform.orders[0].platform_status = "sold";
  platform.asked_statuses.clear();
  pages = run(platform, pages.back().cursor, kNow + 300);
  store(pages, stored);
  EXPECT_EQ(stored["1"], "complete/sold");
  EXPECT_THAT(platform.asked_statuses, ElementsAre(1)) << "a final status is not asked again";

  platform.asked_statuses.clear();
  run(platform, pages.back().cursor, kNow + 600);
  EXPECT_THAT(platform.asked_statuses, IsEmpty());
}

TEST(WildberriesOrders, TheListOfOpenOrdersStaysBounded) {
  FakeWildberries platform;
  for (std::int64_t i = 1; i <= 5400; ++i) platform.orders.push_back({i, kNow - kDay + i, "confirm", "waiting"});
  auto cursor = nlohmann::json::parse(run(platform).back().cursor);
  EXPECT_EQ(cursor.at("open").size(), 5000U);
  EXPECT_EQ(cursor.at("open").front(), 401);
}

TEST(WildberriesOrders, BadRowsAreFailuresOfTheirOwn) {
  auto orders = walk();
  HttpResponse nothing(200, R"({"orders":[]})"), page(200, fixture("orders_bad_rows.json"));
  (void)orders->next(nullptr);
  (void)orders->next(&nothing);
  auto step = orders->next(&page);
  EXPECT_EQ(request(step).http.body, R"({"orders":[2200011,2200015]})");
  HttpResponse statuses(
      200,
      R"({"orders":[{"id":2200011,"supplierStatus":"new"},{"id":2200015,"supplierStatus":"new","wbStatus":"waiting"}]})");
  step = orders->next(&statuses);
  const auto& delivered = std::get<sdk::Page>(*step);
  ASSERT_EQ(delivered.records.size(), 2U);
  EXPECT_EQ(std::get<sdk::OrderRecord>(delivered.records[0]).status, "");
  EXPECT_FALSE(std::get<sdk::OrderRecord>(delivered.records[1]).total);
  ASSERT_EQ(delivered.failures.size(), 5U);
  EXPECT_EQ(delivered.failures[0].external_id, "2200012");
  EXPECT_THAT(delivered.failures[0].reason, HasSubstr("orders[1].createdAt: not a time"));
  EXPECT_THAT(delivered.failures[1].reason, HasSubstr("unknown currency 999"));
  EXPECT_EQ(delivered.failures[2].raw_json, "\"not a row\"");
  EXPECT_THAT(delivered.failures[3].reason, HasSubstr("orders[4].price: expected an integer"));
  EXPECT_THAT(delivered.failures[4].reason, HasSubstr("status: orders[0].wbStatus: missing"));
}

TEST(WildberriesOrders, ARefusedRequestIsRepeatedAndThePageIsNotLost) {
  auto orders = walk();
  HttpResponse nothing(200, R"({"orders":[]})"), page(200, fixture("orders_page.json")), slow_down(429, "{}");
  (void)orders->next(nullptr);
  (void)orders->next(&nothing);
  auto asked = orders->next(&page);
  auto refused = orders->next(&slow_down);
  EXPECT_EQ(refused.error().kind(), ErrorKind::rate_limited);
  auto again = orders->next(nullptr);
  EXPECT_EQ(request(again).http.body, request(asked).http.body);
  HttpResponse statuses(200, fixture("orders_status.json"));
  auto step = orders->next(&statuses);
  EXPECT_EQ(std::get<sdk::Page>(*step).records.size(), 3U);
}

TEST(WildberriesOrders, StopWhenThePageMarkStandsStill) {
  std::string rows;
  for (int i = 1; i <= 1000; ++i)
    rows += (i > 1 ? "," : "") + std::string(R"({"createdAt":"2026-11-18T06:10:05Z","id":)") + std::to_string(i) + "}";
  int lists = 0;
  auto orders = walk();
  auto pages = all_pages(*orders, [&](const sdk::Request& r) {
    if (r.http.method == "POST" || r.http.target.find("/new") != std::string::npos)
      return HttpResponse(200, R"({"orders":[]})");
    ++lists;
    return HttpResponse(200, R"({"next":1000,"orders":[)" + rows + "]}");
  });
  EXPECT_LE(lists, 8) << "two answers in each of the four windows";
  EXPECT_FALSE(pages.empty());
}

TEST(WildberriesOrders, CursorsOfOthersAreRefused) {
  for (const char* wrong :
       {"nonsense", "{}", R"({"v":2})", R"({"v":1,"from":5,"to":1,"next":0,"seen":0,"read":0,"swept":0,"open":[]})",
        R"({"v":1,"from":0,"to":0,"next":0,"seen":0,"read":0,"swept":0,"open":["x"]})",
        R"({"v":1,"from":0,"to":9000000,"next":0,"seen":0,"read":0,"swept":0,"open":[]})",
        R"({"v":1,"from":-1,"to":0,"next":0,"seen":0,"read":0,"swept":0,"open":[]})"}) {
    auto refused = read_orders(account(), wrong, from_unix_seconds(kNow));
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().kind(), ErrorKind::protocol);
  }
}

TEST(WildberriesOrders, AWindowOlderThanThePlatformKeepsIsLeft) {
  FakeWildberries platform;
  platform.orders = {{1, kNow - 5 * kDay, "new", "waiting"}};
  std::string old = R"({"v":1,"from":1000000000,"to":1000086400,"next":77,"seen":0,"read":0,"swept":0,"open":[]})";
  std::map<std::string, std::string> stored;
  store(run(platform, old), stored);
  EXPECT_EQ(stored.size(), 1U);
}

}  // namespace
}  // namespace easyflow::connectors::wildberries
