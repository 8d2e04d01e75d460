#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

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

std::vector<sdk::Page> run(FakeWildberries& platform, std::string_view cursor = "") {
  auto products = *read_products(account(), cursor);
  return all_pages(*products, [&](const sdk::Request& r) { return platform.answer(r); });
}

TEST(WildberriesProducts, BecomeRecords) {
  auto products = *read_products(account(), "");
  auto step = products->next(nullptr);
  EXPECT_EQ(std::get<sdk::Request>(*step).http.target, "http://content.test/content/v2/get/cards/list");
  EXPECT_EQ(std::get<sdk::Request>(*step).http.body,
            R"({"settings":{"cursor":{"limit":100},"filter":{"withPhoto":-1},"sort":{"ascending":true}}})");
  HttpResponse reply(200, fixture("cards_page.json"));
  step = products->next(&reply);
  const auto& page = std::get<sdk::Page>(*step);
  ASSERT_EQ(page.records.size(), 2U);
  const auto& mug = std::get<sdk::ProductRecord>(page.records[0]);
  EXPECT_EQ(mug.external_id, "310455001");
  EXPECT_EQ(mug.sku, "mug-blue-330");
  EXPECT_EQ(mug.category, "Кружки");
  EXPECT_THAT(mug.barcodes, ElementsAre("4600000000017", "4600000000024"));
  EXPECT_EQ(format_rfc3339(mug.source_updated_at), "2026-10-01T12:00:00.000001Z");
  EXPECT_EQ(page.cursor, R"({"nmID":310455002,"updatedAt":"2026-10-02T07:15:30.96577Z","v":1})");
  EXPECT_TRUE(std::holds_alternative<sdk::EndOfStream>(*products->next(nullptr)));
}

TEST(WildberriesProducts, EveryCursorResumesWithoutLosingOrDoublingACard) {
  FakeWildberries platform;
  for (std::int64_t i = 1; i <= 300; ++i)
    platform.cards.push_back({i, "2026-10-0" + std::to_string(1 + i / 60) + "T12:00:00.5Z"});
  auto pages = run(platform);
  ASSERT_EQ(pages.size(), 3U);
  for (std::size_t cut = 1; cut <= pages.size(); ++cut) {
    std::multiset<std::string> ids;
    for (std::size_t i = 0; i < cut; ++i)
      for (const auto& record : pages[i].records) ids.insert(sdk::testing::id_of(record));
    for (const auto& page : run(platform, pages[cut - 1].cursor))
      for (const auto& record : page.records) ids.insert(sdk::testing::id_of(record));
    EXPECT_EQ(ids.size(), 300U) << "cut after page " << cut;
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 300U);
  }
}

TEST(WildberriesProducts, ABadCardIsAFailureOfItsOwn) {
  auto products = *read_products(account(), "");
  (void)products->next(nullptr);
  HttpResponse reply(200, R"({"cards":[{"nmID":1,"updatedAt":"never"},{"nmID":2,"updatedAt":"2026-10-01T12:00:00Z"}],
                              "cursor":{"updatedAt":"2026-10-01T12:00:00Z","nmID":2,"total":2}})");
  auto step = products->next(&reply);
  const auto& page = std::get<sdk::Page>(*step);
  EXPECT_EQ(page.records.size(), 1U);
  ASSERT_EQ(page.failures.size(), 1U);
  EXPECT_EQ(page.failures[0].external_id, "1");
  EXPECT_THAT(page.failures[0].reason, HasSubstr("cards[0].updatedAt"));
}

TEST(WildberriesProducts, AFullPageBehindAMarkThatStandsStillIsAnError) {
  std::string cards;
  for (int i = 0; i < 100; ++i)
    cards += (i > 0 ? "," : "") + std::string(R"({"nmID":1,"updatedAt":"2026-10-01T12:00:00Z"})");
  HttpResponse reply(
      200, R"({"cards":[)" + cards + R"(],"cursor":{"updatedAt":"2026-10-01T12:00:00Z","nmID":1,"total":100}})");
  auto products = *read_products(account(), "");
  (void)products->next(nullptr);
  auto step = products->next(&reply);
  ASSERT_TRUE(step);
  EXPECT_EQ(std::get<sdk::Page>(*step).records.size(), 1U) << "one card that came a hundred times";
  (void)products->next(nullptr);
  EXPECT_EQ(products->next(&reply).error().kind(), ErrorKind::protocol);
}

TEST(WildberriesProducts, CursorsOfOthersAreRefused) {
  for (const char* wrong : {"nonsense", "{}", R"({"v":2})", R"({"v":1,"updatedAt":5,"nmID":1})"})
    EXPECT_EQ(read_products(account(), wrong).error().kind(), ErrorKind::protocol) << wrong;
}

}  // namespace
}  // namespace easyflow::connectors::wildberries
