#include "core/api/session.hpp"

#include <gtest/gtest.h>

#include <string>

namespace easyflow::api {
namespace {

HttpRequest with(Headers headers) { return HttpRequest("POST", "/", std::move(headers)); }

TEST(Session, FindsItsCookieAmongOthers) {
  EXPECT_EQ(session_of(with({{"Cookie", "easyflow_session=abc"}})), "abc");
  EXPECT_EQ(session_of(with({{"cookie", "a=1; easyflow_session=abc ; b=2"}})), "abc");
  EXPECT_EQ(session_of(with({{"Cookie", "not_easyflow_session=abc; easyflow_sessions=x"}})), "");
  EXPECT_EQ(session_of(with({{"Cookie", ";;=;easyflow_session"}})), "");
  EXPECT_EQ(session_of(with({})), "");
}

TEST(Session, CookieIsOutOfReachForScriptsAndOtherSites) {
  auto cookie = session_cookie(Secret("abc"), /*secure=*/false);
  EXPECT_NE(cookie.find("HttpOnly"), std::string::npos);
  EXPECT_NE(cookie.find("SameSite=Strict"), std::string::npos);
  EXPECT_NE(cookie.find("Path=/"), std::string::npos);
  EXPECT_EQ(cookie.find("Secure"), std::string::npos);
  EXPECT_NE(session_cookie(Secret("abc"), /*secure=*/true).find("Secure"), std::string::npos);
}

TEST(Session, TellsWhereARequestWasMade) {
  EXPECT_EQ(origin_of(with({{"Sec-Fetch-Site", "same-origin"}}), ""), Origin::same);
  EXPECT_EQ(origin_of(with({{"Sec-Fetch-Site", "cross-site"}, {"Host", "a"}, {"Origin", "http://a"}}), ""),
            Origin::foreign);
  EXPECT_EQ(origin_of(with({{"Sec-Fetch-Site", "same-site"}}), ""), Origin::foreign);
  EXPECT_EQ(origin_of(with({{"Host", "127.0.0.1:8080"}, {"Origin", "http://127.0.0.1:8080"}}), ""), Origin::same);
  EXPECT_EQ(origin_of(with({{"Host", "127.0.0.1:8080"}, {"Origin", "http://127.0.0.1:9090"}}), ""), Origin::foreign);
  EXPECT_EQ(origin_of(with({{"Host", "inner"}, {"Origin", "https://Hub.example"}}), "https://hub.example/"),
            Origin::same);
  EXPECT_EQ(origin_of(with({{"Host", "a"}, {"Origin", "null"}}), ""), Origin::foreign);
  EXPECT_EQ(origin_of(with({{"Host", ""}, {"Origin", "null"}}), ""), Origin::foreign);
  EXPECT_EQ(origin_of(with({{"Host", "a"}}), ""), Origin::unsaid);
}

TEST(Session, OnlyThePublicAddressIsHttps) {
  EXPECT_TRUE(came_by_https(with({{"Host", "hub.example"}}), "https://hub.example"));
  EXPECT_FALSE(came_by_https(with({{"Host", "127.0.0.1:8080"}}), "https://hub.example"));
  EXPECT_FALSE(came_by_https(with({{"Host", "hub.example"}}), "http://hub.example"));
  EXPECT_FALSE(came_by_https(with({}), ""));
}

TEST(Session, FormTokensBelongToOneSession) {
  EXPECT_EQ(form_token("one"), form_token("one"));
  EXPECT_NE(form_token("one"), form_token("two"));
  EXPECT_EQ(form_token("one").find("one"), std::string::npos);
}

}  // namespace
}  // namespace easyflow::api
