#include "core/base/log.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/clock.hpp"
#include "core/base/metrics.hpp"

namespace easyflow {
namespace {

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { log::configure(log::Format::text, log::Level::info); }

  template <class Function>
  static std::string captured(Function function) {
    ::testing::internal::CaptureStderr();
    function();
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, WritesOneJsonObjectPerEventWithTypedFields) {
  log::configure(log::Format::json, log::Level::debug);
  auto text = captured([] {
    log::warn("sync.finished", {{"integration", std::string("i-1")},
                                {"records", 12},
                                {"bytes", std::size_t{5}},
                                {"ratio", 0.5},
                                {"complete", true},
                                {"stream", "orders"}});
  });
  ASSERT_EQ(text.back(), '\n');
  ASSERT_EQ(text.find('\n'), text.size() - 1);
  auto line = nlohmann::json::parse(text);
  EXPECT_EQ(line["level"], "warn");
  EXPECT_EQ(line["event"], "sync.finished");
  EXPECT_EQ(line["integration"], "i-1");
  EXPECT_EQ(line["records"], 12);
  EXPECT_EQ(line["bytes"], 5);
  EXPECT_EQ(line["ratio"], 0.5);
  EXPECT_EQ(line["complete"], true);
  EXPECT_EQ(line["stream"], "orders");
  EXPECT_TRUE(parse_rfc3339(line["ts"].get<std::string>()).has_value());
}

TEST_F(LogTest, AnOutsidersTextCannotForgeALineOrBreakTheEncoding) {
  for (auto format : {log::Format::json, log::Format::text}) {
    log::configure(format, log::Level::info);
    auto text = captured([] { log::info("chat.received", {{"text", "a\n{\"event\":\"forged\"}\xff\"=\x1b[31m"}}); });
    EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
    EXPECT_EQ(text.find('\xff'), std::string::npos) << text;
  }
}

TEST_F(LogTest, AFieldCannotReplaceTheEventsOwnKeys) {
  log::configure(log::Format::json, log::Level::info);
  auto text = captured([] { log::info("a.b", {{"event", "other"}, {"level", "none"}}); });
  auto line = nlohmann::json::parse(text);
  EXPECT_EQ(line["event"], "a.b");
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["event_"], "other");
}

TEST_F(LogTest, LeavesOutWhatIsBelowTheLowestLevel) {
  log::configure(log::Format::text, log::Level::warn);
  EXPECT_FALSE(log::enabled(log::Level::info));
  EXPECT_EQ(captured([] { log::info("a.b"); }), "");
  EXPECT_NE(captured([] { log::error("a.c"); }).find("error a.c"), std::string::npos);
}

TEST_F(LogTest, TextFormQuotesOnlyWhatNeedsIt) {
  log::configure(log::Format::text, log::Level::info);
  auto text = captured([] { log::info("a.b", {{"id", "x-1"}, {"title", "two words"}, {"empty", ""}, {"n", -3}}); });
  EXPECT_NE(text.find("a.b id=x-1 title=\"two words\" empty=\"\" n=-3\n"), std::string::npos) << text;
}

TEST_F(LogTest, ANumberThatIsNoneIsStillValidJson) {
  log::configure(log::Format::json, log::Level::info);
  auto text = captured([] { log::info("a.b", {{"x", std::numeric_limits<double>::quiet_NaN()}}); });
  EXPECT_TRUE(nlohmann::json::parse(text)["x"].is_null());
}

TEST(MetricsTest, RendersSeriesWithLabelsAndRefreshesGaugesFirst) {
  auto& requests = metrics::counter("easyflow_test_requests_total", "Requests.", {{"outcome", "ok"}});
  requests.increment();
  requests.increment(2);
  EXPECT_EQ(&requests, &metrics::counter("easyflow_test_requests_total", "Requests.", {{"outcome", "ok"}}));
  metrics::counter("easyflow_test_requests_total", "Requests.", {{"outcome", "failed"}}).increment();
  metrics::histogram("easyflow_test_duration_seconds", "Duration.", {}, {0.1, 1}).observe(0.5);
  auto hook = metrics::on_render([] { metrics::gauge("easyflow_test_depth", "Depth.").set(7); });

  auto text = metrics::render();
  EXPECT_NE(text.find("easyflow_test_requests_total{outcome=\"ok\"} 3"), std::string::npos) << text;
  EXPECT_NE(text.find("easyflow_test_requests_total{outcome=\"failed\"} 1"), std::string::npos) << text;
  EXPECT_NE(text.find("# TYPE easyflow_test_duration_seconds histogram"), std::string::npos) << text;
  EXPECT_NE(text.find("easyflow_test_depth 7"), std::string::npos) << text;

  metrics::forget(hook);
  metrics::gauge("easyflow_test_depth", "Depth.").set(1);
  EXPECT_NE(metrics::render().find("easyflow_test_depth 1"), std::string::npos);
}

TEST(MetricsTest, RefusesANameOfAnotherKindOrForm) {
  metrics::counter("easyflow_test_kind_total", "Kind.");
  EXPECT_THROW(metrics::gauge("easyflow_test_kind_total", "Kind."), std::logic_error);
  EXPECT_THROW(metrics::counter("not a name", "Bad."), std::logic_error);
}

}  // namespace
}  // namespace easyflow
