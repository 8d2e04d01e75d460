// Messages are read by a provider that is a real HTTP server: healthy, slow, broken, wrong, away.
#include "core/understanding/remote_reader.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "tests/integration/repositories/fixture.hpp"
#include "tests/support/live_server.hpp"
#include "tests/support/raw_socket.hpp"

namespace easyflow::understanding {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class HandClock final : public Clock {
 public:
  Timestamp now() const override { return time; }
  Timestamp time = SystemClock().now();
};

/// A provider's server that answers as the test says and remembers what it was asked.
class FakeService {
 public:
  using Answer = std::function<HttpResponse(const HttpRequest&, int number)>;
  explicit FakeService(Answer answer) : answer_(std::move(answer)) {}

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()); }
  std::vector<HttpRequest> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  json body(std::size_t number) const { return json::parse(requests().at(number).body); }

 private:
  Task<HttpResponse> handle(HttpRequest request) {
    int number = 0;
    {
      std::lock_guard lock(mutex_);
      number = static_cast<int>(requests_.size());
      requests_.push_back(request);
    }
    co_return answer_(request, number);
  }

  const Answer answer_;
  mutable std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  test::LiveServer server_{[this](HttpRequest request) { return handle(std::move(request)); }};
};

HttpResponse rasa_says(const std::string& intent, double confidence) {
  return HttpResponse(200, json{{"intent", {{"name", intent}, {"confidence", confidence}}}}.dump());
}

HttpResponse model_says(const std::string& intent, double confidence) {
  const auto content = json{{"intent", intent}, {"confidence", confidence}}.dump();
  json message{{"role", "assistant"}, {"content", content}};
  json choice{{"message", std::move(message)}, {"finish_reason", "stop"}};
  return HttpResponse(200, json{{"choices", json::array({std::move(choice)})},
                                {"usage", {{"prompt_tokens", 321}, {"completion_tokens", 15}}}}
                               .dump());
}

class RemoteReaderTest : public test::RepositoryTest {
 protected:
  RemoteReaderTest() {
    options.node = "n1";
    options.poll_interval = 20ms;
    options.ask_again = 0ms;
    provider.timeout = 5s;
  }
  ~RemoteReaderTest() override { end(); }

  void start(const std::string& kind, const std::string& url) {
    provider.kind = kind;
    provider.url = url;
    provider.token = Secret("t0ken");
    if (kind == "openai") provider.model = "small";
    reader = std::make_unique<RemoteReader>(loop.executor(), requests, readers, make_provider(provider, client), clock,
                                            options);
    tasks = std::make_unique<TaskGroup>(loop.executor());
    tasks->spawn("remote", reader->run());
  }
  void end() {
    if (!reader) return;
    loop.run(tasks->close());
    loop.run(reader->close());
    reader.reset();
  }

  /// A message is stored as ingest does it; gives its id.
  std::string said(const std::string& text) {
    const auto key = std::to_string(++messages);
    auto one = delivery(a, {message(key, "100", key, text)});
    one.reader = loop.run(readers.for_messages(a.tenant_id));
    loop.run(inbound.store(std::vector{std::move(one)}));
    return value(a, "select id from messages order by created_at desc, id desc limit 1");
  }
  std::string of(const std::string& id, const std::string& what) {
    return value(a, "select " + what + " from messages where id = '" + id + "'");
  }
  /// Waits until nothing waits any more.
  void settle() {
    if (reader) reader->wake();
    loop.run_until([&] { return value(a, "select count(*) from nlp_requests") == "0"; });
  }
  /// The message bears what the hub's own model said, and says why.
  void expect_fallback(const std::string& id, const std::string& reason) {
    EXPECT_EQ(of(id, "nlp_model"), nlp::Model::embedded()->version());
    EXPECT_EQ(of(id, "metadata->'nlp'->>'source'"), "model");
    EXPECT_THAT(of(id, "metadata->'nlp'->>'fallback'"), HasSubstr(reason));
    EXPECT_EQ(of(id, "metadata->'nlp'->'embedded' is null"), "t");
  }
  std::string understood_events() {
    return value(a, "select count(*) from outbox_events where type = 'message.understood'");
  }

  HandClock clock;
  net::HttpClient client{loop.executor()};
  storage::NlpRequestRepository requests{db};
  ReaderDirectory readers{loop.executor(), nlp, clock, /*enabled=*/true, /*asks_provider=*/true};
  ProviderOptions provider;
  RemoteOptions options;
  std::unique_ptr<RemoteReader> reader;
  std::unique_ptr<TaskGroup> tasks;
  int messages = 0;
};

TEST_F(RemoteReaderTest, RasasVerdictTakesThePlaceOfTheMeaning) {
  FakeService rasa([](const HttpRequest&, int) {
    json answer{{"intent", {{"name", "wholesale"}, {"confidence", 0.97}}}};
    answer["intent_ranking"] = {{{"name", "wholesale"}, {"confidence", 0.97}},
                                {{"name", "spam"}, {"confidence", 0.02}}};
    answer["entities"] = {{{"entity", "thing"}, {"start", 8}, {"end", 13}, {"value", "заказ"}},
                          {{"entity", "masked"}, {"start", 15}, {"end", 22}, {"value", "x"}},
                          {{"entity", "after"}, {"start", 24}, {"end", 29}, {"value", "звони"}}};
    return HttpResponse(200, answer.dump());
  });
  //                     0       8      15                24
  const auto id = said("Где мой заказ, +7 916 123-45-67, звони");
  const auto entities = of(id, "entities");
  const auto embedded = of(id, "intent");
  start("rasa", rasa.url());  // only now: it might answer before the two lines above have read
  settle();
  ASSERT_EQ(rasa.requests().size(), 1u);
  EXPECT_EQ(rasa.requests()[0].target, "/model/parse?token=t0ken");
  const json asked{{"text", "Где мой заказ, [phone], звони"}, {"message_id", id}};
  EXPECT_EQ(rasa.body(0), asked);

  EXPECT_EQ(of(id, "intent || ' ' || confidence || ' ' || nlp_model"), "wholesale 0.97 rasa");
  EXPECT_EQ(of(id, "entities"), entities) << "entities are the hub's own";
  EXPECT_THAT(entities, HasSubstr("+79161234567"));
  const auto details = json::parse(of(id, "metadata->'nlp'"));
  EXPECT_EQ(details["source"], "rasa");
  EXPECT_EQ(details["confidence_source"], "provider");
  EXPECT_EQ(details["embedded"]["intent"], embedded);
  EXPECT_EQ(details["embedded"]["model"], nlp::Model::embedded()->version());
  EXPECT_EQ(details["ranking"][1]["intent"], "spam");
  EXPECT_FALSE(details.contains("tokens"));
  ASSERT_EQ(details["entities"].size(), 2u) << "what lies in masked text is not taken";
  EXPECT_EQ(details["entities"][0]["start"], 8);
  const json after{{"type", "after"}, {"start", 33}, {"end", 38}, {"value", "звони"}};
  EXPECT_EQ(details["entities"][1], after) << "offsets are those of the message";
  EXPECT_EQ(understood_events(), "1");
}

TEST_F(RemoteReaderTest, ALanguageModelsConfidenceIsVerbalAndItsTokensAreCounted) {
  FakeService service([](const HttpRequest&, int) { return model_says("warranty", 0.8); });
  start("openai", service.url());
  const auto id = said("карта 4242 4242 4242 4242, почта ivan@mail.ru");
  settle();
  ASSERT_EQ(service.requests().size(), 1u);
  EXPECT_EQ(service.requests()[0].target, "/chat/completions");
  EXPECT_EQ(service.requests()[0].headers.get("Authorization"), "Bearer t0ken");
  const auto body = service.body(0);
  EXPECT_EQ(body["messages"][1]["content"], "карта [card], почта [email]");
  EXPECT_EQ(body["response_format"]["json_schema"]["schema"]["properties"]["intent"]["enum"].size(),
            nlp::Model::embedded()->intents().size());
  for (const char* secret : {"4242", "ivan", "mail.ru"})
    EXPECT_THAT(service.requests()[0].body, Not(HasSubstr(secret)));

  EXPECT_EQ(of(id, "intent || ' ' || confidence || ' ' || nlp_model"), "warranty 0.80 openai:small");
  const auto details = json::parse(of(id, "metadata->'nlp'"));
  EXPECT_EQ(details["source"], "openai");
  EXPECT_EQ(details["confidence_source"], "verbal");
  EXPECT_EQ(details["tokens"], json({{"prompt", 321}, {"completion", 15}}));
}

TEST_F(RemoteReaderTest, AServerWithoutSchemasIsAskedForAnyJson) {
  FakeService service([](const HttpRequest& request, int) {
    const bool schema = json::parse(request.body)["response_format"]["type"] == "json_schema";
    return schema ? HttpResponse(400, R"({"error":{"message":"unsupported response_format"}})") : model_says("spam", 1);
  });
  start("openai", service.url());
  const auto first = said("привет");
  settle();
  EXPECT_EQ(of(first, "intent"), "spam");
  const auto second = said("спасибо");
  settle();
  EXPECT_EQ(of(second, "intent"), "spam");
  ASSERT_EQ(service.requests().size(), 3u) << "what was refused once is not tried again";
  EXPECT_EQ(service.body(1)["response_format"]["type"], "json_object");
  EXPECT_EQ(service.body(2)["response_format"]["type"], "json_object");
}

TEST_F(RemoteReaderTest, ARefusalOfEveryFormFallsBack) {
  FakeService service([](const HttpRequest&, int) { return HttpResponse(400, "no"); });
  start("openai", service.url());
  const auto id = said("привет");
  settle();
  expect_fallback(id, "status 400");
  EXPECT_EQ(service.requests().size(), 2u);
}

TEST_F(RemoteReaderTest, ASilentProviderEndsInTheFallback) {
  test::ScriptedServer silent([](test::RawSocket& socket, int) { socket.read_to_end(); });
  provider.timeout = 100ms;
  options.max_attempts = 2;
  start("rasa", silent.url(""));
  const auto id = said("где мой заказ 66102");
  settle();
  expect_fallback(id, "did not answer within 100 ms");
  EXPECT_EQ(silent.connections(), 2) << "a time-out is worth a second question";
}

TEST_F(RemoteReaderTest, AProviderThatIsAwayEndsInTheFallback) {
  std::string url;
  {
    FakeService gone([](const HttpRequest&, int) { return HttpResponse(200); });
    url = gone.url();
  }
  start("rasa", url);
  const auto id = said("где мой заказ 66102");
  settle();
  expect_fallback(id, "127.0.0.1");
  EXPECT_EQ(understood_events(), "0");
}

TEST_F(RemoteReaderTest, ABrokenProviderIsAskedAgainAFewTimes) {
  FakeService service(
      [](const HttpRequest&, int number) { return number == 1 ? rasa_says("spam", 1) : HttpResponse(500); });
  start("rasa", service.url());
  const auto healed = said("привет");
  settle();
  EXPECT_EQ(of(healed, "nlp_model"), "rasa");
  EXPECT_EQ(service.requests().size(), 2u);
  const auto broken = said("привет");
  settle();
  expect_fallback(broken, "status 500");
  EXPECT_EQ(service.requests().size(), 5u);
}

TEST_F(RemoteReaderTest, WhatMakesNoSenseFallsBackAtOnce) {
  std::atomic<int> turn{0};
  FakeService service([&](const HttpRequest&, int) {
    switch (turn) {
      case 0: return HttpResponse(200, "<html>welcome</html>");
      case 1: return model_says("weather", 1);
      case 2: return HttpResponse(401);
      default: return model_says("spam", 85);
    }
  });
  start("openai", service.url());
  const char* reasons[] = {"no JSON object", "does not exist", "nlp.provider_token", "not a number from 0 to 1"};
  for (const char* reason : reasons) {
    const auto id = said("привет");
    settle();
    expect_fallback(id, reason);
    ++turn;
    EXPECT_EQ(service.requests().size(), static_cast<std::size_t>(turn)) << reason;
  }
  EXPECT_EQ(value(a,
                  "select metadata->'nlp'->'tokens'->>'prompt' from messages where metadata->'nlp'->>'fallback' "
                  "like '%does not exist%'"),
            "321")
      << "what was spent is told";
}

TEST_F(RemoteReaderTest, AProviderThatKeepsFailingIsLeftAloneUntilItHeals) {
  std::atomic<bool> healthy{false};
  FakeService service(
      [&](const HttpRequest&, int) { return healthy ? rasa_says("spam", 1) : HttpResponse(200, "broken"); });
  options.breaker_failures = 3;
  start("rasa", service.url());
  for (int i = 0; i < 3; ++i) {
    said("привет");
    settle();
  }
  EXPECT_EQ(reader->breaker(), Breaker::State::open);
  EXPECT_EQ(service.requests().size(), 3u);
  const auto unasked = said("привет");
  settle();
  expect_fallback(unasked, "left alone");
  EXPECT_EQ(service.requests().size(), 3u) << "nobody is asked, nobody waits";

  clock.time += options.breaker_pause;
  said("привет");
  settle();
  EXPECT_EQ(service.requests().size(), 4u) << "one try";
  EXPECT_EQ(reader->breaker(), Breaker::State::open);

  healthy = true;
  clock.time += options.breaker_pause;
  const auto first = said("привет");
  const auto second = said("привет");
  settle();
  EXPECT_EQ(reader->breaker(), Breaker::State::closed);
  EXPECT_EQ(of(first, "nlp_model"), "rasa");
  EXPECT_EQ(of(second, "nlp_model"), "rasa");
}

TEST_F(RemoteReaderTest, AnUnknownIntentIsNoFailureOfTheProvider) {
  FakeService service([](const HttpRequest&, int) { return model_says("weather", 1); });
  options.breaker_failures = 1;
  start("openai", service.url());
  said("привет");
  settle();
  EXPECT_EQ(reader->breaker(), Breaker::State::closed);
}

TEST_F(RemoteReaderTest, AnAnswerThatCouldNotBeStoredIsAskedForAgain) {
  const auto rename = [&](const std::string& from, const std::string& to) {
    pqxx::connection owner(database.owner_dsn());
    pqxx::nontransaction(owner).exec("alter table " + from + " rename to " + to);
  };
  FakeService service([&](const HttpRequest&, int number) {
    // the answer arrives, its transaction fails: as if the hub had died in between
    if (number == 0) rename("outbox_events", "outbox_away");
    return rasa_says("spam", 1);
  });
  options.lease = 50ms;
  const auto failures = db.stats().failures;
  const auto id = said("привет");
  start("rasa", service.url());
  loop.run_until([&] { return db.stats().failures > failures; });
  EXPECT_THAT(of(id, "nlp_model"), Not("rasa")) << "nothing of the verdict was kept";
  rename("outbox_away", "outbox_events");
  settle();
  EXPECT_EQ(of(id, "nlp_model"), "rasa");
  EXPECT_EQ(understood_events(), "1");
  EXPECT_GE(service.requests().size(), 2u);
}

TEST_F(RemoteReaderTest, AHubThatEndsGivesItsLeasesBack) {
  test::ScriptedServer silent([](test::RawSocket& socket, int) { socket.read_to_end(); });
  start("rasa", silent.url(""));
  const auto id = said("привет");
  reader->wake();
  loop.run_until([&] { return silent.connections() == 1; });
  end();
  EXPECT_EQ(value(a, "select count(*) from nlp_requests where lease_owner is null"), "1");
  FakeService service([](const HttpRequest&, int) { return rasa_says("spam", 1); });
  start("rasa", service.url());
  settle();
  EXPECT_EQ(of(id, "nlp_model"), "rasa");
}

TEST_F(RemoteReaderTest, ANodeThatDiedAndCameBackTakesUpWhatItHeld) {
  const auto id = said("привет");
  ASSERT_EQ(loop.run(requests.claim("n1", 10, 10min)).size(), 1u);
  FakeService service([](const HttpRequest&, int) { return rasa_says("spam", 1); });
  start("rasa", service.url());
  settle();
  EXPECT_EQ(of(id, "nlp_model"), "rasa");
}

TEST_F(RemoteReaderTest, WhatWaitedTooLongIsNotAskedAnyMore) {
  FakeService service([](const HttpRequest&, int) { return rasa_says("spam", 1); });
  const auto id = said("привет");
  clock.time += options.expire_after + 10s;
  start("rasa", service.url());
  settle();
  expect_fallback(id, "too long");
  EXPECT_TRUE(service.requests().empty());
}

TEST_F(RemoteReaderTest, WithoutAProviderWhatWaitedIsEnded) {
  const auto id = said("привет");
  start("embedded", "");
  settle();
  expect_fallback(id, "No provider");
}

TEST_F(RemoteReaderTest, TheActOfAMessageFollowsFromTheVerdict) {
  storage::IntentAction action;
  action.intent = "wholesale";
  action.min_confidence = 0.9;
  action.tag = "opt";
  loop.run(nlp.put_action(a.tenant_id, action));
  FakeService service([](const HttpRequest&, int) { return rasa_says("wholesale", 0.95); });
  const auto id = said("спасибо");
  EXPECT_EQ(value(a, "select count(*) from automatic_acts"), "0");
  start("rasa", service.url());
  settle();
  EXPECT_EQ(value(a, "select intent || ' ' || state from automatic_acts where message_id = '" + id + "'"),
            "wholesale pending");
}

TEST_F(RemoteReaderTest, NoMoreAreAskedAtOnceThanAllowed) {
  // four connections, each answered only when all four have asked
  std::atomic<int> now{0}, most{0}, arrived{0};
  constexpr int kMessages = 8;
  std::unique_ptr<test::LiveServer> server;
  auto handle = [&](HttpRequest) -> Task<HttpResponse> {
    ++arrived;
    most = std::max<int>(most, ++now);
    while (arrived < 4) co_await sleep_for(1ms);
    --now;
    co_return rasa_says("spam", 1);
  };
  server = std::make_unique<test::LiveServer>(handle);
  std::vector<std::string> ids;
  for (int i = 0; i < kMessages; ++i) ids.push_back(said("привет"));
  start("rasa", "http://127.0.0.1:" + std::to_string(server->port()));
  settle();
  EXPECT_EQ(arrived, kMessages);
  EXPECT_EQ(most, 4);
  for (const auto& id : ids) EXPECT_EQ(of(id, "nlp_model"), "rasa");
}

TEST_F(RemoteReaderTest, ChecksReachAndToken) {
  std::atomic<int> status{200};
  FakeService service([&](const HttpRequest&, int) { return HttpResponse(status, "{}"); });
  provider.kind = "rasa";
  provider.url = service.url();
  provider.token = Secret("t0ken");
  const auto rasa = make_provider(provider, client);
  EXPECT_TRUE(loop.run(rasa->check()));
  provider.kind = "openai";
  const auto model = make_provider(provider, client);
  EXPECT_TRUE(loop.run(model->check()));
  EXPECT_EQ(service.requests()[0].target, "/status?token=t0ken");
  EXPECT_EQ(service.requests()[1].target, "/models");
  EXPECT_EQ(service.requests()[1].headers.get("Authorization"), "Bearer t0ken");
  status = 401;
  for (const auto* one : {rasa.get(), model.get()}) {
    const auto checked = loop.run(const_cast<Provider*>(one)->check());
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().kind(), ErrorKind::unauthorized);
    EXPECT_THAT(checked.error().message(), Not(HasSubstr("t0ken")));
  }
}

}  // namespace
}  // namespace easyflow::understanding
