#include "core/net/router.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "core/net/problem.hpp"
#include "tests/support/run_task.hpp"

namespace easyflow::net {
namespace {

using test::run_task;

Task<HttpResponse> text(std::string body) { co_return HttpResponse(200, std::move(body)); }

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    router_.add("GET", "/", [](HttpRequest, PathParams) { return text("root"); });
    router_.add("GET", "/api/things/{id}", [](HttpRequest, PathParams p) { return text("show " + p.get("id")); });
    router_.add("DELETE", "/api/things/{id}", [](HttpRequest, PathParams p) { return text("drop " + p.get("id")); });
    router_.add("GET", "/api/things/mine", [](HttpRequest, PathParams) { return text("mine"); });
    router_.add("POST", "/api/things/{id}/parts/{part}",
                [](HttpRequest r, PathParams p) { return text(p.get("id") + "/" + p.get("part") + " " + r.body); });
    router_.add("PUT", "/{a}/things/x", [](HttpRequest, PathParams) { return text("loose"); });
    router_.add("PUT", "/api/{b}/x", [](HttpRequest, PathParams) { return text("tight"); });
  }

  HttpResponse ask(std::string method, std::string target, std::string body = {}) {
    return run_task(router_.handle(HttpRequest(std::move(method), std::move(target), {}, std::move(body))));
  }

  Router router_;
};

TEST_F(RouterTest, FindsTheHandlerAndDecodesParameters) {
  EXPECT_EQ(ask("GET", "/").body, "root");
  EXPECT_EQ(ask("GET", "/?a=b").body, "root");
  EXPECT_EQ(ask("GET", "/api/things/7?x=/y").body, "show 7");
  EXPECT_EQ(ask("DELETE", "/api/things/7").body, "drop 7");
  EXPECT_EQ(ask("POST", "/api/things/a%2Fb/parts/c+d%20e", "body").body, "a/b/c+d e body");
}

TEST_F(RouterTest, ALiteralWinsOverAParameterFromTheLeft) {
  EXPECT_EQ(ask("GET", "/api/things/mine").body, "mine");
  EXPECT_EQ(ask("PUT", "/api/things/x").body, "tight");
  EXPECT_EQ(ask("DELETE", "/api/things/mine").body, "drop mine");
}

TEST_F(RouterTest, HeadIsAnsweredByGet) { EXPECT_EQ(ask("HEAD", "/api/things/7").body, "show 7"); }

TEST_F(RouterTest, UnknownPathsAndMethodsAreProblems) {
  for (const auto* path : {"/api", "/api/things", "/api/things/", "/api/things/7/", "/api/things/7/parts", "//", "*"}) {
    auto response = ask("GET", path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_EQ(response.headers.get("Content-Type"), "application/problem+json");
  }
  auto response = ask("POST", "/api/things/7");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.get("Allow"), "DELETE, GET, HEAD");
}

TEST_F(RouterTest, ListsItsRoutes) {
  auto routes = router_.routes();
  ASSERT_EQ(routes.size(), 7U);
  EXPECT_EQ(routes[1].method, "GET");
  EXPECT_EQ(routes[1].pattern, "/api/things/{id}");
}

TEST_F(RouterTest, RefusesPatternsThatCannotWork) {
  auto handler = [](HttpRequest, PathParams) { return text(""); };
  EXPECT_THROW(router_.add("GET", "no/slash", handler), std::logic_error);
  EXPECT_THROW(router_.add("GET", "/a/{b", handler), std::logic_error);
  EXPECT_THROW(router_.add("GET", "/a/x{b}", handler), std::logic_error);
  EXPECT_THROW(router_.add("GET", "/api/things/{other}", handler), std::logic_error);
}

TEST(PathParamsTest, AnUnknownNameIsAProgrammingError) { EXPECT_THROW(PathParams().get("id"), std::out_of_range); }

TEST(ProblemTest, EveryKindHasItsStatus) {
  const std::vector<std::pair<ErrorKind, int>> expected{
      {ErrorKind::invalid_input, 400}, {ErrorKind::unauthorized, 401}, {ErrorKind::not_found, 404},
      {ErrorKind::conflict, 409},      {ErrorKind::rate_limited, 429}, {ErrorKind::unavailable, 503},
      {ErrorKind::timeout, 504},       {ErrorKind::protocol, 502},     {ErrorKind::internal, 500}};
  for (const auto& [kind, status] : expected) {
    auto response = problem_from(Error(kind, "the text").with_field("a.b"));
    EXPECT_EQ(response.status, status);
    auto body = nlohmann::json::parse(response.body);
    EXPECT_EQ(body["status"], status);
    EXPECT_EQ(body["field"], "a.b");
    EXPECT_EQ(body["detail"] == "the text", kind != ErrorKind::internal) << "an internal error's text stays inside";
    EXPECT_EQ(response.headers.contains("Retry-After"), status == 429 || status == 503);
    EXPECT_EQ(response.headers.contains("WWW-Authenticate"), status == 401);
  }
  EXPECT_EQ(nlohmann::json::parse(problem_from(Error(ErrorKind::rate_limited, "x")).body)["type"],
            "urn:easyflow:problem:rate-limited");
}

TEST(ProblemTest, RetryAfterIsTheErrorsOwn) {
  auto wait = [](std::chrono::seconds s) {
    return std::string(problem_from(Error(ErrorKind::rate_limited, "x", s)).headers.get("Retry-After"));
  };
  EXPECT_EQ(wait(std::chrono::seconds(42)), "42");
  EXPECT_EQ(wait(std::chrono::seconds(0)), "1");
}

TEST(ProblemTest, BrokenTextStillMakesValidJson) {
  auto body = nlohmann::json::parse(problem(400, "Bad thing", "a\xff\n\"").body);
  EXPECT_EQ(body["type"], "urn:easyflow:problem:bad-thing");
  EXPECT_FALSE(body.contains("field"));
  EXPECT_TRUE(nlohmann::json::accept(json_response(200, {{"k", "\xff"}}).body));
}

}  // namespace
}  // namespace easyflow::net
