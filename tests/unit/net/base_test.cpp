#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/ids.hpp"
#include "core/base/secret.hpp"

namespace easyflow {
namespace {

std::string reformatted(std::string_view text) {
  auto time = parse_rfc3339(text);
  return time ? format_rfc3339(*time) : "malformed";
}

TEST(ClockTest, ReadsAndWritesRfc3339) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"2026-11-21T09:35:30Z", "2026-11-21T09:35:30Z"},
      {"2026-11-21T09:35:30.5Z", "2026-11-21T09:35:30.500000Z"},
      {"2026-11-21T09:35:30.123456789Z", "2026-11-21T09:35:30.123456Z"},
      {"2026-11-21T12:35:30+03:00", "2026-11-21T09:35:30Z"},
      {"2026-11-21T00:30:00-0930", "2026-11-21T10:00:00Z"},
      {"2026-11-21 09:35:30.1+00", "2026-11-21T09:35:30.100000Z"},
      {"2026-11-21T09:35:30", "2026-11-21T09:35:30Z"},
      {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
      {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
      {"2026-11-21", "2026-11-21T00:00:00Z"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(reformatted(text), expected) << text;
}

TEST(ClockTest, RefusesWhatIsNoTime) {
  for (const auto* text :
       {"", "2026", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T09:60:00Z",
        "2026-11-21T09:35:30.Z", "2026-11-21T09:35:30.1234567890Z", "2026-11-21T09:35:30+25:00",
        "2026-11-21T09:35:30Zx", "2026-11-21T09:35:30+03:", "2026-11-21X09:35:30Z"})
    EXPECT_EQ(reformatted(text), "malformed") << text;
}

TEST(ClockTest, TellsTheOffsetATimeIsWrittenWith) {
  using std::chrono::minutes;
  EXPECT_EQ(rfc3339_offset("2026-11-20T12:00:00+03:00"), minutes(180));
  EXPECT_EQ(rfc3339_offset("2026-11-20T12:00:00.5-09:30"), minutes(-570));
  EXPECT_EQ(rfc3339_offset("2026-11-20 12:00:00+05"), minutes(300));
  EXPECT_EQ(rfc3339_offset("2026-11-20T12:00:00Z"), minutes(0));
  EXPECT_EQ(rfc3339_offset("2026-11-20"), minutes(0)) << "the signs of a date are no offset";
}

TEST(ClockTest, ConvertsUnixSeconds) {
  EXPECT_EQ(format_rfc3339(from_unix_seconds(1'700'000'000)), "2023-11-14T22:13:20Z");
  EXPECT_EQ(to_unix_seconds(*parse_rfc3339("1969-12-31T23:59:59.5Z")), -1);
}

TEST(IdsTest, UuidsAreOrderedByTimeAndNeverRepeat) {
  std::vector<std::string> made(2000);
  std::generate(made.begin(), made.end(), new_uuid);
  EXPECT_EQ(std::set<std::string>(made.begin(), made.end()).size(), made.size());
  for (const auto& id : made) {
    ASSERT_TRUE(is_uuid(id)) << id;
    ASSERT_EQ(id[14], '7') << id;
    ASSERT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
  }
  // the first 15 digits are the time; ids of one instant may stand in any order
  for (std::size_t i = 1; i < made.size(); ++i) ASSERT_LE(made[i - 1].substr(0, 18), made[i].substr(0, 18));
}

TEST(IdsTest, KnowsAUuid) {
  EXPECT_TRUE(is_uuid("0192F3A0-0000-7000-8000-0123456789aB"));
  EXPECT_FALSE(is_uuid(""));
  EXPECT_FALSE(is_uuid("0192f3a0-0000-7000-8000-0123456789a"));
  EXPECT_FALSE(is_uuid("0192f3a0x0000-7000-8000-0123456789ab"));
  EXPECT_FALSE(is_uuid("0192f3a0-0000-7000-8000-0123456789ag"));
}

TEST(HttpMessageTest, HeaderNamesCompareWithoutCase) {
  Headers headers{{"Content-Type", "text/plain"}, {"X-A", "1"}};
  headers.add("x-a", "2");
  EXPECT_EQ(headers.get("content-TYPE"), "text/plain");
  EXPECT_EQ(headers.get("X-a"), "1");
  EXPECT_EQ(headers.all().size(), 3U);
  EXPECT_TRUE(headers.contains("x-A"));
  EXPECT_FALSE(headers.contains("x-b"));
  EXPECT_EQ(headers.get("x-b"), "");
}

TEST(HttpMessageTest, SplitsTheTarget) {
  HttpRequest request("GET", "/orders/1?limit=20&q=%D0%BC%D1%8F%D1%87+big&flag&x=1=2");
  EXPECT_EQ(request.path(), "/orders/1");
  EXPECT_EQ(request.query("limit"), "20");
  EXPECT_EQ(request.query("q"), "\u043c\u044f\u0447 big");
  EXPECT_EQ(request.query("flag", "none"), "");
  EXPECT_EQ(request.query("x"), "1=2");
  EXPECT_EQ(request.query("missing", "none"), "none");
  EXPECT_EQ(HttpRequest("GET", "/").query("a", "none"), "none");
}

TEST(HttpMessageTest, UrlCodingIsReversible) {
  std::string every;
  for (int c = 0; c < 256; ++c) every.push_back(static_cast<char>(c));
  EXPECT_EQ(url_decode(url_encode(every)), every);
  EXPECT_EQ(url_encode("a b/\xD1\x8F~"), "a%20b%2F%D1%8F~");
  EXPECT_EQ(url_decode("%zz%4%41+%"), "%zz%4A %");
}

TEST(SecretTest, ZeroesItsMemoryWhenItEnds) {
  // short, so that the text lies inside the object, whose memory this test owns
  alignas(Secret) unsigned char place[sizeof(Secret)];
  auto* secret = new (place) Secret("hunter2hunter2");
  const std::string text = "hunter2";
  ASSERT_NE(std::search(std::begin(place), std::end(place), text.begin(), text.end()), std::end(place));
  secret->~Secret();
  // read through volatile: the object is gone, and the compiler must not reason about what it left
  const volatile unsigned char* bytes = place;
  std::string after;
  for (std::size_t i = 0; i < sizeof place; ++i) after.push_back(static_cast<char>(bytes[i]));
  EXPECT_EQ(after.find("hunter"), std::string::npos);
}

TEST(SecretTest, AMovedFromSecretHoldsNothing) {
  Secret first("short");
  Secret second(std::move(first));
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(second.reveal(), "short");
  Secret third;
  third = std::move(second);
  EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(third.reveal(), "short");
}

TEST(SecretTest, ComparesInConstantTime) {
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_TRUE(equal_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_constant_time("abc", "ab"));
}

TEST(ErrorTest, CarriesKindMessageFieldAndWait) {
  auto error = Error(ErrorKind::rate_limited, "wait", std::chrono::seconds(3)).with_field("token");
  EXPECT_EQ(to_string(error.kind()), "rate_limited");
  EXPECT_EQ(error.field(), "token");
  EXPECT_EQ(error.retry_after(), std::chrono::seconds(3));
  Result<int> failed = error;
  EXPECT_THROW(failed.value(), ErrorException);
}

}  // namespace
}  // namespace easyflow
