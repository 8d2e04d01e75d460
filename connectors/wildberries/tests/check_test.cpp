#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/sdk/tests/fixture.hpp"
#include "connectors/sdk/tests/walks.hpp"
#include "connectors/wildberries/api.hpp"
#include "connectors/wildberries/tests/fake_wildberries.hpp"
#include "connectors/wildberries/wildberries.hpp"

namespace easyflow::connectors::wildberries {
namespace {

using sdk::testing::fixture;
using testing::account;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeWildberries;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::token;

Result<sdk::AccountInfo> check(const sdk::Account& with, const sdk::testing::Platform& platform) {
  static const auto connector = make_wildberries();
  auto exchange = connector->credentials().check(with);
  return sdk::testing::run(*exchange, platform);
}

TEST(WildberriesCheck, LearnsWhoTheSellerIs) {
  FakeWildberries platform;
  auto info = check(account(), [&](const sdk::Request& r) { return platform.answer(r); });
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->external_id, "5d1f7a90-0000-4000-8000-00000000a001");
  EXPECT_EQ(info->display_name, "Flax");
  EXPECT_EQ(to_unix_seconds(*info->expires_at), 1'810'000'000);
  EXPECT_EQ(info->attributes.at("supplier_id"), "4001002");
  EXPECT_EQ(info->attributes.at("categories"), "Content, Marketplace");
  EXPECT_THAT(info->warnings, IsEmpty());
  EXPECT_THAT(platform.calls, ElementsAre("GET /api/v1/seller-info", "GET /ping"));
}

TEST(WildberriesCheck, WarnsOfWhatTheTokenCannotDo) {
  const std::int64_t read_only_content = (std::int64_t{1} << 30) | (1 << 1);
  auto with = account(token({{"s", read_only_content}, {"t", true}, {"acc", 2}}));
  with.credentials.emplace("supplier_id", Secret("77"));
  std::string pinged;
  auto info = check(with, [&](const sdk::Request& r) {
    if (r.http.target.find("/ping") == std::string::npos) return HttpResponse(200, fixture("seller_info.json"));
    pinged = r.http.target;
    return HttpResponse(200, fixture("ping.json"));
  });
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(pinged, "http://content.test/ping");
  EXPECT_THAT(info->warnings, Contains(HasSubstr("Marketplace is missing")));
  EXPECT_THAT(info->warnings, Contains(HasSubstr("read-only")));
  EXPECT_THAT(info->warnings, Contains(HasSubstr("test token")));
  EXPECT_THAT(info->warnings, Contains(HasSubstr("supplier 4001002")));
  EXPECT_EQ(info->display_name, "Северный лён");
}

TEST(WildberriesCheck, TrustsThePingOfATestTokenWhereSellerInfoDoesNotExist) {
  auto info = check(account(token({{"t", true}})), [&](const sdk::Request& r) {
    if (r.http.target.find("/ping") == std::string::npos) return HttpResponse(401, fixture("error_401.json"));
    return HttpResponse(200, fixture("ping.json"));
  });
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->external_id, "5d1f7a90-0000-4000-8000-00000000a001");
}

TEST(WildberriesCheck, RefusesWhatIsNoTokenBeforeAnyCall) {
  const std::vector<std::string> wrong{"",
                                       "abc",
                                       "a.b",
                                       "a.b.c.d",
                                       "a b.c.d",
                                       "e30.e30.e30",
                                       token() + "\n",
                                       std::string(5000, 'a'),
                                       token({{"s", "all"}}),
                                       token({{"s", 1 << 5}})};
  for (const auto& key : wrong) {
    auto info = check(account(key), [](const sdk::Request&) -> HttpResponse { throw std::logic_error("a call"); });
    ASSERT_FALSE(info) << key;
    EXPECT_EQ(info.error().kind(), ErrorKind::unauthorized);
    EXPECT_EQ(info.error().field(), "credentials.api_key");
    if (key.size() > 5) {
      EXPECT_THAT(info.error().message(), Not(HasSubstr(key)));
    }
  }
}

TEST(WildberriesReplies, AreUnderstoodInAllTheirShapes) {
  struct Case {
    int status;
    const char* file;
    ErrorKind kind;
    const char* says;
  };
  for (const Case& c : {Case{401, "error_401.json", ErrorKind::unauthorized, "token expired"},
                        Case{402, "error_402.json", ErrorKind::unauthorized, "top it up"},
                        Case{403, "error_403_content.json", ErrorKind::unauthorized, "Access denied"},
                        Case{403, "error_403_marketplace.json", ErrorKind::unauthorized, "Доступ запрещён"},
                        Case{409, "error_409_array.json", ErrorKind::invalid_input, "The status does not fit"},
                        Case{400, "error_400_list.json", ErrorKind::invalid_input, "field required"},
                        Case{400, "error_400_text.json", ErrorKind::invalid_input, "not validated"},
                        Case{429, "error_429.json", ErrorKind::rate_limited, "limited by"},
                        Case{429, "error_429_global.json", ErrorKind::rate_limited, "global limiter"},
                        Case{200, "error_200_flag.json", ErrorKind::invalid_input, "Invalid request parameters"},
                        Case{500, "error_429.json", ErrorKind::unavailable, "HTTP 500"},
                        Case{404, "error_401.json", ErrorKind::protocol, "no such address"},
                        Case{302, "ping.json", ErrorKind::protocol, "HTTP 302"}}) {
    auto reply = read_reply(account(), HttpResponse(c.status, fixture(c.file)), "orders");
    ASSERT_FALSE(reply) << c.file;
    EXPECT_EQ(reply.error().kind(), c.kind) << c.file;
    EXPECT_THAT(reply.error().message(), HasSubstr(c.says)) << c.file;
  }
  EXPECT_EQ(read_reply(account(), HttpResponse(502, "<html>"), "orders").error().kind(), ErrorKind::unavailable);
  EXPECT_EQ(read_reply(account(), HttpResponse(200, "<html>"), "orders").error().kind(), ErrorKind::protocol);
}

TEST(WildberriesReplies, TellHowLongToWait) {
  auto wait = [](Headers headers) {
    return read_reply(account(), HttpResponse(429, "{}", std::move(headers)), "orders").error().retry_after()->count();
  };
  EXPECT_EQ(wait({{"X-Ratelimit-Retry", "12"}, {"Retry-After", "90"}}), 12);
  EXPECT_EQ(wait({{"Retry-After", "90"}}), 90);
  EXPECT_EQ(wait({{"X-Ratelimit-Retry", "0"}}), 1);
  EXPECT_EQ(wait({}), 5);
  EXPECT_EQ(wait({{"X-Ratelimit-Retry", "soon"}, {"X-Ratelimit-Reset", "60"}}), 5);
}

TEST(WildberriesReplies, NeverRepeatTheToken) {
  auto echo =
      read_reply(account(), HttpResponse(401, R"({"detail":"token )" + token() + R"( is malformed"})"), "orders");
  EXPECT_THAT(echo.error().message(), Not(HasSubstr(token())));
  EXPECT_THAT(echo.error().message(), HasSubstr("<token> is malformed"));
}

}  // namespace
}  // namespace easyflow::connectors::wildberries
