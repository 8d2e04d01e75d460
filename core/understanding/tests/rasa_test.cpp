#include "core/understanding/rasa.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace easyflow::understanding {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kReply = R"({
  "text": "где мой заказ 66102",
  "intent": {"name": "order_status", "confidence": 0.98},
  "entities": [
    {"entity": "order", "start": 14, "end": 19, "confidence_entity": 0.91, "value": "66102", "extractor": "DIET"},
    {"entity": "number", "start": 14, "end": 19, "confidence": 1.0, "value": 66102, "extractor": "Duckling"},
    {"entity": "outside", "start": 14, "end": 20, "value": "x"},
    {"entity": "empty", "start": 3, "end": 3, "value": "x"},
    {"entity": "negative", "start": -3, "end": 3, "value": "x"},
    {"start": 0, "end": 3}, 7],
  "intent_ranking": [
    {"name": "order_status", "confidence": 0.98}, {"name": "delivery_time", "confidence": 0.01},
    {"name": "nlu_fallback", "confidence": 0.005}, {"name": "spam", "confidence": 0.001}]})";

Result<RemoteMeaning> read(int status, std::string body) {
  return rasa::read_reply(HttpResponse(status, std::move(body)), "где мой заказ 66102");
}

TEST(Rasa, AsksForTextAndMessage) {
  ProviderOptions options;
  options.url = "http://rasa:5005";
  options.token = Secret("a b&c");
  const auto request = rasa::make_request(options, "где \"заказ\"?", "0190-1");
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "http://rasa:5005/model/parse?token=a%20b%26c");
  EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
  const json expected{{"text", "где \"заказ\"?"}, {"message_id", "0190-1"}};
  EXPECT_EQ(json::parse(request.body), expected);
  options.token = Secret();
  EXPECT_EQ(rasa::make_request(options, "", "").target, "http://rasa:5005/model/parse");
}

TEST(Rasa, ReadsIntentRankingAndEntities) {
  const auto meaning = read(200, kReply);
  ASSERT_TRUE(meaning) << meaning.error().message();
  EXPECT_EQ(meaning->intent, "order_status");
  EXPECT_DOUBLE_EQ(meaning->confidence, 0.98);
  ASSERT_EQ(meaning->ranking.size(), 3u);
  EXPECT_EQ(meaning->ranking[1].intent, "delivery_time");
  EXPECT_EQ(meaning->ranking[2].intent, "out_of_scope");
  ASSERT_EQ(meaning->entities.size(), 2u) << "those with offsets inside the text";
  EXPECT_EQ(meaning->entities[0].type, "order");
  EXPECT_EQ(meaning->entities[0].start, 14u);
  EXPECT_EQ(meaning->entities[0].end, 19u);
  EXPECT_EQ(meaning->entities[0].value, "66102");
  EXPECT_DOUBLE_EQ(meaning->entities[0].confidence, 0.91);
  EXPECT_EQ(meaning->entities[1].value, "66102");
}

TEST(Rasa, ItsFallbackMeansOutOfScope) {
  const auto meaning = read(200, R"({"intent":{"name":"nlu_fallback","confidence":1.00001}})");
  ASSERT_TRUE(meaning);
  EXPECT_EQ(meaning->intent, "out_of_scope");
  EXPECT_DOUBLE_EQ(meaning->confidence, 1.0);
}

TEST(Rasa, AnswersThatAreNone) {
  const std::pair<const char*, ErrorKind> cases[] = {
      {"", ErrorKind::protocol},
      {"[]", ErrorKind::protocol},
      {"<html>", ErrorKind::protocol},
      {"{}", ErrorKind::protocol},
      {R"({"intent":"greet"})", ErrorKind::protocol},
      {R"({"intent":{"name":"greet"}})", ErrorKind::protocol},
      {R"({"intent":{"name":"greet","confidence":1.5}})", ErrorKind::protocol},
      {R"({"intent":{"name":"greet","confidence":"0.5"}})", ErrorKind::protocol},
      {R"({"intent":{"name":null,"confidence":0}})", ErrorKind::not_found},
      {R"({"intent":{"name":"","confidence":0}})", ErrorKind::not_found},
      {R"({"intent":{"name":"Заказ","confidence":0.5}})", ErrorKind::not_found},
  };
  for (const auto& [body, kind] : cases) {
    const auto meaning = read(200, body);
    ASSERT_FALSE(meaning) << body;
    EXPECT_EQ(meaning.error().kind(), kind) << body;
  }
  const auto large = read(200, "{\"intent\":\"" + std::string(2 << 20, 'x') + "\"}");
  ASSERT_FALSE(large);
  EXPECT_THAT(large.error().message(), HasSubstr("over 1 MB"));
}

TEST(Rasa, TellsWhatAStatusAsksFor) {
  const std::pair<int, ErrorKind> cases[] = {{401, ErrorKind::unauthorized}, {403, ErrorKind::unauthorized},
                                             {404, ErrorKind::protocol},     {409, ErrorKind::protocol},
                                             {429, ErrorKind::rate_limited}, {500, ErrorKind::unavailable},
                                             {503, ErrorKind::unavailable},  {302, ErrorKind::protocol}};
  for (const auto& [status, kind] : cases) {
    const auto meaning = read(status, kReply);
    ASSERT_FALSE(meaning) << status;
    EXPECT_EQ(meaning.error().kind(), kind) << status;
    EXPECT_THAT(meaning.error().message(), HasSubstr(std::to_string(status)));
  }
  EXPECT_EQ(read(401, "").error().field(), "nlp.provider_token");
  HttpResponse busy(429, "", {{"Retry-After", "7"}});
  EXPECT_EQ(rasa::read_reply(busy, "").error().retry_after(), std::chrono::seconds(7));
  HttpResponse odd(429, "", {{"Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"}});
  EXPECT_EQ(rasa::read_reply(odd, "").error().retry_after(), std::nullopt);
}

}  // namespace
}  // namespace easyflow::understanding
